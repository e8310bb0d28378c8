//! A broker with files in a folder of its own.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use broker::{AccessFileError, AccessFiles, FileAccess};

use crate::support::Server;
use crate::support::client::Client;
use crate::support::packets::Connect;

/// `alice:secret`, `bob:hunter2` as `mosquitto_passwd` 2.0.11 hashes them.
pub(crate) const USERS: &str = "\
alice:$7$101$CcftMdjrQH1Nj8C+$EW7wzAFIxFn8ytztqX/vlTEwC+9qj78tqrR9rUvUp8Hw/Ta8+10Hs+vaunRag29WWsOdzeTvP4c7bngzuuhDMQ==
bob:$7$101$N5UwiWT6NBRT0VVr$ifZ4SZsXyjncvNQBvZDBWmF3FogLtUCr3eM9NDnSr13xnU54VZTkV/KN5JbxpxQH0Aj6LT8tbdm1TPbkydro+A==
";

/// A running broker with its access files.
pub(crate) struct Guarded {
    pub(crate) server: Server,
    access: Arc<FileAccess>,
    folder: PathBuf,
}

/// Runs a test against guarded brokers of 1, 2 and 4 shards. Anonymous Clients may come in.
pub(crate) fn guarded(acl: &str, test: impl Fn(&Guarded)) {
    for shards in [1, 2, 4] {
        test(&Guarded::start(shards, true, acl));
    }
}

impl Guarded {
    pub(crate) fn start(shards: usize, allow_anonymous: bool, acl: &str) -> Self {
        static FOLDERS: AtomicUsize = AtomicUsize::new(0);
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let name = format!("kelvin-access-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("there is a folder for temporary files");
        let (users, rules) = (folder.join("users"), folder.join("acl"));
        fs::write(&users, USERS).expect("it can be written");
        fs::write(&rules, acl).expect("it can be written");
        let files = AccessFiles {
            allow_anonymous,
            password_file: Some(users),
            acl_file: Some(rules),
            ..AccessFiles::default()
        };
        let access = Arc::new(FileAccess::load(files).expect("good files"));
        let shared = Arc::clone(&access);
        let server = Server::start(shards, |builder| builder.shared_access(shared));
        Self { server, access, folder }
    }

    /// A CONNECT with a user name that is also the start of the Client Identifier.
    pub(crate) fn connect(&self, user: &str) -> Connect {
        let password = if user == "alice" { "secret" } else { "hunter2" };
        let connect = self.server.connect(user);
        Connect {
            user_name: Some(user.to_owned()),
            password: Some(password.as_bytes().to_vec()),
            ..connect
        }
    }

    pub(crate) fn client(&self, user: &str) -> Client {
        self.server.accepted(&self.connect(user), false)
    }

    /// Sends a CONNECT that is refused with this code.
    #[track_caller]
    pub(crate) fn refused(&self, connect: &Connect, code: u8) {
        let mut client = self.server.open();
        client.send(&connect.bytes());
        client.expect(&[0x20, 2, 0, code]);
        client.expect_closed();
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.folder.join(file), text).expect("it can be written");
    }

    /// Replaces a file and reads both again.
    pub(crate) fn change(&self, file: &str, text: &str) -> Result<(), AccessFileError> {
        self.write(file, text);
        self.access.reload()?;
        self.server.broker().recheck_access();
        Ok(())
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            assert!(std::thread::panicking(), "cannot tidy up: {error}");
        }
    }
}
