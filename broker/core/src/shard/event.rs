//! What an embedder can watch.

use std::net::SocketAddr;
use std::ops::BitOr;

use super::connection::{CloseCause, ConnectionKey, Violation};
use crate::codec::ReasonCode;
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
    /// A Client broke the protocol. [`ClientDisconnected`](Self::ClientDisconnected) follows.
    ClientError {
        /// Who.
        client: Client<'a>,
        /// What it did, with the clause.
        violation: Violation,
    },
    /// Nothing came from a Client for one and a half times its Keep Alive, [MQTT-3.1.2-24].
    /// [`ClientDisconnected`](Self::ClientDisconnected) follows.
    KeepAliveTimeout {
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
    /// A message was published; one of [`EventKinds::PUBLISHED`].
    Published {
        /// What, where, how.
        publication: Publication<'a>,
        /// Who; `None` when the embedder did, or a Will.
        client: Option<Client<'a>>,
    },
    /// A message was put into the output of a subscriber's Network Connection, for the first time
    /// or again; one of [`EventKinds::DELIVERED`]. At QoS 1 and 2
    /// [`Acknowledged`](Self::Acknowledged) tells that the subscriber has it.
    Delivered {
        /// To whom.
        client: Client<'a>,
        /// What, as it was published.
        publication: Publication<'a>,
        /// The QoS that it is delivered at.
        qos: QoS,
    },
    /// A subscriber acknowledged a message: with PUBACK at QoS 1, with the first PUBREC at QoS 2,
    /// after which the message is the subscriber's, [MQTT-4.3.3-1]; one of
    /// [`EventKinds::ACKNOWLEDGED`].
    Acknowledged {
        /// Who.
        client: Client<'a>,
        /// What, as it was published.
        publication: Publication<'a>,
        /// The QoS that it was delivered at.
        qos: QoS,
        /// What the subscriber says of it; before MQTT 5.0 always a success.
        reason: ReasonCode,
    },
    /// A PINGREQ came; one of [`EventKinds::PING`].
    Ping {
        /// From whom.
        client: Client<'a>,
    },
}

/// Kinds of events that come once for each packet or delivery, and so only to whom asks for them.
/// All other events come always.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventKinds(u8);

impl EventKinds {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// [`Event::Published`].
    pub const PUBLISHED: Self = Self(1);
    /// [`Event::Delivered`].
    pub const DELIVERED: Self = Self(1 << 1);
    /// [`Event::Acknowledged`].
    pub const ACKNOWLEDGED: Self = Self(1 << 2);
    /// [`Event::Ping`].
    pub const PING: Self = Self(1 << 3);
    /// All of them.
    pub const ALL: Self = Self(0b1111);

    /// Whether all of `kinds` are among these.
    pub const fn contains(self, kinds: Self) -> bool {
        self.0 & kinds.0 == kinds.0
    }
}

impl Default for EventKinds {
    /// [`EventKinds::PUBLISHED`] alone.
    fn default() -> Self {
        Self::PUBLISHED
    }
}

impl BitOr for EventKinds {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A connected Client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client<'a> {
    /// Its Client Identifier.
    pub identifier: &'a str,
    /// Its Network Connection.
    pub connection: ConnectionKey,
}

/// Hears of the [`Event`]s of a shard, on the shard's thread and before the next packet.
pub type Observer = Box<dyn FnMut(&Event<'_>)>;
