//! What shards send each other.

use std::sync::Arc;

use super::connection::ConnectionKey;
use crate::access::{Identity, SessionAccess};
use crate::codec::PacketIdentifier;
use crate::message::Message;
use crate::session::SessionKey;
use crate::topic::DeliveryOptions;

/// What one shard sends to another, in order.
#[derive(Clone, Debug)]
pub struct Forward(pub(super) Forwarded);

#[derive(Clone, Debug)]
pub(super) enum Forwarded {
    /// For the subscribers there.
    Publication {
        message: Arc<Message>,
        /// Settles which of two retained messages is the last; 0 when it is not retained.
        retained_version: u64,
        /// Who answers for it when it is retained, under a policy.
        origin: Option<Arc<Identity>>,
    },
    /// For one member of a shared subscription, picked by the group's home.
    Member { session: SessionKey, options: DeliveryOptions, message: Arc<Message> },
    /// To the home of a shared subscription.
    Group(GroupChange),
    /// Back from there: the member has come in.
    Joined(Subscribing),
}

/// A session somewhere in the group of shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Member {
    pub(super) shard: usize,
    pub(super) session: SessionKey,
}

/// A SUBSCRIBE on its Network Connection: its SUBACK waits for the homes of shared subscriptions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Subscribing {
    pub(super) connection: ConnectionKey,
    pub(super) packet_identifier: PacketIdentifier,
}

/// What changes in a group.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    /// Comes in, or changes its options.
    Join {
        options: DeliveryOptions,
        online: bool,
        subscribing: Subscribing,
    },
    /// Its Client connects or disconnects.
    Online(bool),
    /// It may have other messages than before.
    Access,
    Leave,
}

/// A [`Change`] on its way to the home shard of a group.
#[derive(Clone, Debug)]
pub(super) struct GroupChange {
    /// With its `$share`.
    pub(super) filter: Box<str>,
    pub(super) member: Member,
    pub(super) change: Change,
    /// What the member may do, under a policy; said when it joins and when that changes.
    pub(super) access: Option<SessionAccess>,
}
