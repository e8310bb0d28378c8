//! `broker passwd`: the password file.

use std::io::{self, IsTerminal, Read, Write};
use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use broker::PasswordFile;
use clap::Args;
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios};
use rustix::termios::{tcgetattr, tcsetattr};

/// End of text: what Ctrl-C types.
const ETX: u8 = 3;

/// Create, update or delete the password of a user
///
/// The file is made if it is not there. Passwords are hashed with argon2id; lines that mosquitto
/// made stay as they are. A running broker reads the file again on SIGHUP.
#[derive(Debug, Args)]
pub(crate) struct Passwd {
    /// Delete the user
    #[arg(short = 'D', long)]
    delete: bool,

    /// Take the password from the first line of standard input
    #[arg(long, conflicts_with = "delete")]
    stdin: bool,

    /// The password file
    file: PathBuf,

    /// The user name
    user: String,
}

impl Passwd {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let exists = self.file.try_exists().unwrap_or(true);
        let mut passwords =
            if exists { PasswordFile::load(&self.file)? } else { PasswordFile::default() };
        let (user, file) = (&self.user, self.file.display());
        let done = if self.delete {
            ensure!(passwords.remove(user), "{file} has no user {user:?}");
            "deleted"
        } else {
            let is_new = passwords.set(user, &self.password()?)?;
            if is_new { "added" } else { "updated" }
        };
        passwords.store(&self.file)?;
        writeln!(io::stdout(), "user {user:?} {done} in {file}").context("cannot write")
    }

    fn password(&self) -> anyhow::Result<Vec<u8>> {
        if self.stdin {
            return read_line(b"\n");
        }
        if !io::stdin().is_terminal() {
            bail!("standard input is no terminal: use --stdin to take the password from it");
        }
        let password = ask("Password: ")?;
        ensure!(password == ask("Again: ")?, "the passwords differ, nothing was changed");
        Ok(password)
    }
}

/// Asks on the terminal without showing what is typed.
fn ask(question: &str) -> anyhow::Result<Vec<u8>> {
    write!(io::stderr(), "{question}").context("cannot write")?;
    let silence = Silence::new().context("cannot silence the terminal")?;
    // Without signals, Ctrl-C is a character that ends the line.
    let line = read_line(&[b'\n', ETX]);
    drop(silence);
    writeln!(io::stderr()).context("cannot write")?;
    line.context("nothing was changed")
}

/// Reads up to one of `ends`, which is not part of the password.
fn read_line(ends: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut line = Vec::new();
    for byte in io::stdin().lock().bytes() {
        let byte = byte.context("cannot read the password")?;
        ensure!(byte != ETX || !ends.contains(&ETX), "given up");
        if ends.contains(&byte) {
            break;
        }
        line.push(byte);
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    ensure!(!line.is_empty(), "the password is empty, nothing was changed");
    Ok(line)
}

/// A terminal that shows nothing, until this is dropped. Ctrl-C is read as a character meanwhile,
/// so that it cannot end the process and leave the terminal mute.
struct Silence(Termios);

impl Silence {
    fn new() -> rustix::io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut mute = before.clone();
        mute.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
        mute.special_codes[SpecialCodeIndex::VEOL] = ETX;
        tcsetattr(io::stdin(), OptionalActions::Flush, &mute)?;
        Ok(Self(before))
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        if let Err(error) = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0) {
            tracing::error!("the terminal stays silent, `stty sane` mends it: {error}");
        }
    }
}
