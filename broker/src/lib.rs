//! An MQTT broker to embed or to run.
//!
//! ```
//! use broker::{Broker, Event, Listener};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let broker = Broker::builder()
//!     .listen("mqtt://127.0.0.1:0".parse::<Listener>()?)
//!     .on_event(|publisher, event| match event {
//!         Event::ClientConnected { client } => eprintln!("connected: {}", client.identifier),
//!         Event::Published { publication, client: Some(client) } => {
//!             eprintln!("{} says {:?}", client.identifier, publication.payload);
//!         }
//!         _ => {}
//!     })
//!     .start()?;
//! eprintln!("listening on {}", broker.local_urls()[0]);
//! broker.publisher().publish("other", "from inside")?;
//! broker.stop();
//! # Ok(())
//! # }
//! ```
//!
//! The broker itself is [`broker_core`], a machine without I/O. This package drives it: one thread
//! and one tokio runtime per shard, sockets in `transport`, the loop of a shard in `driver`.

mod access;
mod broker;
mod builder;
mod driver;
mod publisher;
mod sys;
mod transport;

pub use access::{
    Access, AccessFileError, AccessFiles, Credentials, Dismissal, FileAccess, PasswordFile, Refusal,
};
pub use broker::Broker;
pub use broker_core::{
    Authenticator, Client, CloseCause, ConnectionKey, Event, EventKinds, Features, Identity,
    Limits, Principal, Publication, QoS, Rights, Statistics, Step, Violation, codec::ReasonCode,
    topic,
};
pub use builder::{Builder, StartError};
pub use publisher::{DismissError, PublishError, Publisher};
pub use transport::{ClientCertificates, Listener, ListenerError, Tls, TlsError, TlsVersion};
