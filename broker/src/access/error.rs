//! What can be wrong with a file of passwords or of rules.

use std::io;
use std::path::PathBuf;

use broker_core::topic::TopicError;

/// Why a password file or an ACL file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessFileError {
    /// It could not be read.
    #[error("cannot read {}: {error}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It could not be written.
    #[error("cannot write {}: {error}", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A line is wrong.
    #[error("{}, line {line}: {problem}", path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, the first is 1.
        line: usize,
        /// What is wrong.
        problem: Problem,
    },
    /// An ACL file that names users, and no way to prove to be one.
    #[error("{} has rules for users: give a password file too, or anybody could claim a name", path.display())]
    NoPasswords {
        /// The ACL file.
        path: PathBuf,
    },
    /// A password could not be hashed.
    #[error("cannot hash the password: {0}")]
    Hash(String),
    /// A user name that a password file cannot hold.
    #[error("a user name has at least one character, no ':', no line break and no '#' in front")]
    UserName,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A line of a password file without a colon.
    #[error("expected USER:HASH")]
    NoColon,
    /// A line of a password file without a user name.
    #[error("the user name is missing")]
    NoUserName,
    /// A user that had a line before.
    #[error("the user has a line already")]
    DuplicateUser,
    /// A password that is not hashed.
    #[error("the password is not hashed; set it again with `broker passwd`")]
    PlainPassword,
    /// A kind of hash that is not read.
    #[error("unknown kind of hash: $argon2…, $7$ and $6$ are read")]
    UnknownHash,
    /// A damaged hash.
    #[error("the hash is damaged: {0}")]
    DamagedHash(&'static str),
    /// A line of an ACL file that begins with something else.
    #[error("expected `user`, `topic` or `pattern`, not {0:?}")]
    UnknownRule(String),
    /// `topic` with something else than a right.
    #[error("expected `read`, `write`, `readwrite` or `deny`, not {0:?}")]
    UnknownRight(String),
    /// `user`, `topic` or `pattern` without anything behind.
    #[error("`{0}` needs something behind it")]
    Incomplete(&'static str),
    /// A rule whose topic is no Topic Filter.
    #[error("not a Topic Filter: {0}")]
    Topic(TopicError),
}
