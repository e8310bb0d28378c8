//! Properties, MQTT 5.0 2.2.2: read by borrowed views that allocate nothing, fully checked.

mod error;
mod forwarded;
mod identifier;
mod message;
mod read;
mod reason;
mod user;
mod write;

pub use error::PropertyError;
pub use forwarded::Forwarded;
pub use identifier::PropertyIdentifier;
pub use message::{PublishProperties, WillProperties};
pub use read::PayloadFormat;
pub use reason::ReasonProperties;
pub use user::{UserProperties, UserPropertiesIter};

pub(super) use identifier::PropertySet;
pub(super) use read::{Property, PropertyReader, check_payload_format};
pub(super) use write::{PropertyWriter, write_packet, write_with_length};
