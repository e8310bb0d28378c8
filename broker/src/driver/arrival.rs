//! What is known of a connection on its way to the shard of its Client.

use std::sync::Arc;

use broker_core::Time;

use super::permit::ConnectionPermit;
use crate::transport::{Origin, Peer};

/// Who comes, by which way, since when.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) peer: Peer,
    pub(crate) permit: ConnectionPermit,
    pub(crate) origin: Arc<Origin>,
    /// When the time for its CONNECT began.
    pub(crate) since: Time,
}
