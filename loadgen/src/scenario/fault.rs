//! What can be wrong with a group.

use super::PatternError;
use crate::payload::PAYLOAD_BYTES_MIN;
use crate::rate::RateError;

/// What is wrong with a group of a scenario. Each message says what to write instead.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum GroupError {
    /// No name.
    #[error("it has no name; write name = \"sensors\"")]
    NoName,
    /// A name that another group has.
    #[error("another group has this name too; give each its own")]
    SameName,
    /// No clients.
    #[error("it has no clients; write clients = 1 or more")]
    NoClients,
    /// A placeholder that is none.
    #[error("{key}: {error}")]
    Pattern {
        /// Where.
        key: &'static str,
        /// Why.
        error: PatternError,
    },
    /// A placeholder where it means nothing.
    #[error("{key}: {placeholder} cannot stand here: {reason}")]
    Placeholder {
        /// Where.
        key: &'static str,
        /// Which.
        placeholder: &'static str,
        /// Why.
        reason: &'static str,
    },
    /// One Client Identifier for several clients.
    #[error(
        "identifier: '{0}' is the same for all its clients, and each would take the connection of \
         the one before over; write %i into it"
    )]
    SameIdentifier(String),
    /// A text that MQTT has no room for.
    #[error("{0} is longer than the 65,535 bytes that MQTT allows, or holds the character U+0000")]
    Text(&'static str),
    /// Not a Topic Name.
    #[error("'{topic}' is not a Topic Name: {reason}")]
    Topic {
        /// What was written.
        topic: String,
        /// Why.
        reason: &'static str,
    },
    /// Too many Topic Names.
    #[error(
        "topic '{0}' has more names than one client may publish to, 1,000,000; lower N of %rand_N"
    )]
    Names(String),
    /// Not a Topic Filter.
    #[error("'{filter}' is not a Topic Filter: {reason}")]
    Filter {
        /// What was written.
        filter: String,
        /// Why.
        reason: &'static str,
    },
    /// Not a Share Name.
    #[error("share: '{0}' is not a Share Name: it is empty or holds one of /, + and #")]
    Share(String),
    /// The embedded broker has one door.
    #[error(
        "{0} needs a broker that listens there, and the embedded one speaks TCP alone; name one with --broker"
    )]
    OneDoor(&'static str),
    /// No such door.
    #[error(
        "transport = \"unix\" needs path, that of the socket, and no port; path = \"/mqtt\" is for ws and wss"
    )]
    Door,
    /// Not a QoS.
    #[error("qos: there is no QoS {0}; write 0, 1 or 2")]
    QoS(u8),
    /// A key of MQTT 5.
    #[error("{0} needs MQTT 5; write version = 5 or leave it out")]
    NeedsVersion5(&'static str),
    /// A password without a user.
    #[error("password needs user before MQTT 5; write user, or version = 5")]
    PasswordAlone,
    /// Something that must be more than nothing.
    #[error("{0} must be more than zero; leave it out for the default")]
    Zero(&'static str),
    /// Two keys of which one is enough.
    #[error("{0} and {1} exclude each other; leave one out")]
    Both(&'static str, &'static str),
    /// A key that needs another.
    #[error("{0} needs {1}")]
    Needs(&'static str, &'static str),
    /// The stamp does not fit.
    #[error(
        "size {0} is too small for a temperature and the stamp; the smallest is \
         {PAYLOAD_BYTES_MIN}"
    )]
    SizeTooSmall(u32),
    /// Too large.
    #[error("a payload of {0} bytes is more than loadgen sends, 16 MiB")]
    SizeTooLarge(u64),
    /// A file that cannot be read.
    #[error("file {path} cannot be read: {reason}")]
    File {
        /// Which.
        path: String,
        /// Why.
        reason: String,
    },
    /// The rate makes no period.
    #[error(transparent)]
    Rate(#[from] RateError),
    /// More publications than sequence numbers.
    #[error("each client would publish more than 4,294,967,295 times; lower rate or duration")]
    Sequences,
    /// It ends before it begins.
    #[error("stop is not after start")]
    Order,
    /// Too many storms.
    #[error("storm.at has more than 10,000 times")]
    Storms,
}
