//! What an embedder can watch.

use std::net::SocketAddr;

use super::connection::{CloseCause, ConnectionKey};
use crate::message::Publication;
use crate::qos::QoS;
use crate::topic::TopicFilter;

/// Something that happened in a shard. Views are borrowed: nothing is copied for an event.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The broker listens. Comes from the driver, before any event of a shard.
    Ready {
        /// Where, with the ports that the system chose.
        addresses: &'a [SocketAddr],
    },
    /// A CONNECT was accepted.
    ClientConnected {
        /// Who.
        client: Client<'a>,
    },
    /// The Network Connection of an accepted Client ended.
    ClientDisconnected {
        /// Who.
        client: Client<'a>,
        /// Why.
        cause: CloseCause,
    },
    /// A subscription was granted.
    Subscribed {
        /// Who.
        client: Client<'a>,
        /// To what.
        filter: TopicFilter<'a>,
        /// The QoS that was granted.
        qos: QoS,
    },
    /// A subscription was given up by UNSUBSCRIBE.
    Unsubscribed {
        /// Who.
        client: Client<'a>,
        /// From what.
        filter: TopicFilter<'a>,
    },
    /// A message was published.
    Published {
        /// What, where, how.
        publication: Publication<'a>,
        /// Who; `None` when the embedder did, or a Will.
        client: Option<Client<'a>>,
    },
}

/// A connected Client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client<'a> {
    /// Its Client Identifier.
    pub identifier: &'a str,
    /// Its Network Connection.
    pub connection: ConnectionKey,
}

/// Hears of every [`Event`] of a shard, on the shard's thread and before the next packet.
pub type Observer = Box<dyn FnMut(&Event<'_>)>;
