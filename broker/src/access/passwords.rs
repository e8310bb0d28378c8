//! The password file: `USER:HASH`, a line each.

use std::collections::HashMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use super::error::{AccessFileError, Problem};
use super::stored_hash::{StoredHash, hash_password};

/// Mode of a new password file: its owner's alone.
const MODE: u32 = 0o600;

/// A password file as it can be changed: every line is kept as it was.
#[derive(Clone, Debug, Default)]
pub struct PasswordFile {
    lines: Vec<String>,
}

impl PasswordFile {
    /// Reads a file and checks each line.
    pub fn load(path: &Path) -> Result<Self, AccessFileError> {
        let text = read(path)?;
        Passwords::parse(path, &text)?;
        Ok(Self { lines: text.lines().map(str::to_owned).collect() })
    }

    /// Sets the password of a user, hashed with argon2id. True when the user is new.
    pub fn set(&mut self, user_name: &str, password: &[u8]) -> Result<bool, AccessFileError> {
        let bad = |c: char| c == ':' || c.is_control();
        if user_name.is_empty() || user_name.starts_with('#') || user_name.contains(bad) {
            return Err(AccessFileError::UserName);
        }
        let line = format!("{user_name}:{}", hash_password(password)?);
        if let Some(old) = self.lines.iter_mut().find(|line| is_of(line, user_name)) {
            *old = line;
            return Ok(false);
        }
        self.lines.push(line);
        Ok(true)
    }

    /// Removes a user. False when there was none.
    pub fn remove(&mut self, user_name: &str) -> bool {
        let before = self.lines.len();
        self.lines.retain(|line| !is_of(line, user_name));
        self.lines.len() < before
    }

    /// Replaces the file at once: a broker that reads it finds the old one or the new one. An
    /// existing file keeps its mode, a new one is its owner's alone.
    pub fn store(&self, path: &Path) -> Result<(), AccessFileError> {
        let mut name = path.as_os_str().to_owned();
        name.push(".new");
        let temporary = Path::new(&name);
        self.write(path, temporary).map_err(|error| {
            // It may not have come to exist; the first error is the one to tell.
            drop(fs::remove_file(temporary));
            AccessFileError::Write { path: path.to_owned(), error }
        })
    }

    fn write(&self, path: &Path, temporary: &Path) -> io::Result<()> {
        let mode = fs::metadata(path).map_or(MODE, |known| known.permissions().mode() & 0o777);
        let mut options = fs::OpenOptions::new();
        let mut file =
            options.write(true).create(true).truncate(true).mode(MODE).open(temporary)?;
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        for line in &self.lines {
            writeln!(file, "{line}")?;
        }
        file.sync_all()?;
        fs::rename(temporary, path)
    }
}

fn is_of(line: &str, user_name: &str) -> bool {
    line.split_once(':').is_some_and(|(user, _)| user == user_name)
}

/// What a broker needs of a password file.
#[derive(Clone, Debug, Default)]
pub(super) struct Passwords {
    users: HashMap<Box<str>, User>,
}

#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) hash: StoredHash,
    /// Changes with the line, so that who came in by an older password is known.
    pub(super) mark: u64,
}

impl Passwords {
    pub(super) fn load(path: &Path) -> Result<Self, AccessFileError> {
        Self::parse(path, &read(path)?)
    }

    pub(super) fn parse(path: &Path, text: &str) -> Result<Self, AccessFileError> {
        let mut users = HashMap::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            add_line(&mut users, line).map_err(|problem| AccessFileError::Line {
                path: path.to_owned(),
                line: index + 1,
                problem,
            })?;
        }
        Ok(Self { users })
    }

    pub(super) fn user(&self, user_name: &str) -> Option<&User> {
        self.users.get(user_name)
    }

    /// Some user: who does not exist is to take as long as who does.
    pub(super) fn anyone(&self) -> Option<&User> {
        self.users.values().next()
    }
}

fn add_line(users: &mut HashMap<Box<str>, User>, line: &str) -> Result<(), Problem> {
    let (user_name, hash) = line.split_once(':').ok_or(Problem::NoColon)?;
    if user_name.is_empty() {
        return Err(Problem::NoUserName);
    }
    let mut hasher = DefaultHasher::new();
    hash.hash(&mut hasher);
    let user = User { hash: StoredHash::parse(hash)?, mark: hasher.finish() };
    match users.insert(user_name.into(), user) {
        None => Ok(()),
        Some(_) => Err(Problem::DuplicateUser),
    }
}

pub(super) fn read(path: &Path) -> Result<String, AccessFileError> {
    fs::read_to_string(path).map_err(|error| AccessFileError::Read { path: path.to_owned(), error })
}
