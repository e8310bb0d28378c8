//! What is said of connections that end. Peers cannot flood the log: warnings are counted out.

use std::cell::Cell;
use std::fmt::Display;
use std::time::{Duration, Instant};

use broker_core::CloseCause;

use super::permit::NoPermit;
use crate::transport::Peer;

/// Warnings per shard and second; the rest is counted and said in one line.
const WARNINGS_PER_SECOND: u32 = 10;

#[derive(Debug)]
pub(super) struct CloseLog {
    second: Cell<Instant>,
    said: Cell<u32>,
    kept_back: Cell<u64>,
}

impl Default for CloseLog {
    fn default() -> Self {
        Self { second: Cell::new(Instant::now()), said: Cell::new(0), kept_back: Cell::new(0) }
    }
}

impl CloseLog {
    pub(super) fn closed(&self, peer: Peer, cause: CloseCause, client: Option<&str>) {
        let client = client.unwrap_or("-");
        match cause {
            CloseCause::Violation(_)
            | CloseCause::Refused(_)
            | CloseCause::KeepAliveTimeout
            | CloseCause::AuthenticationFailed(_)
            | CloseCause::ConnectTimeout => {
                if self.may_warn() {
                    tracing::warn!("closed {peer} (client {client:?}): {cause}");
                }
            }
            CloseCause::TakenOver | CloseCause::Dismissed(_) => {
                tracing::info!("closed {peer} (client {client:?}): {cause}");
            }
            _ => tracing::debug!("closed {peer} (client {client:?}): {cause}"),
        }
    }

    pub(super) fn no_connect(&self, peer: Peer) {
        self.closed(peer, CloseCause::ConnectTimeout, None);
    }

    pub(super) fn refused_connection(&self, peer: Peer, limit: NoPermit) {
        if self.may_warn() {
            tracing::warn!("closed {peer}: {limit}");
        }
    }

    pub(super) fn failed_handshake(&self, peer: Peer, cause: &dyn Display) {
        if self.may_warn() {
            tracing::warn!("closed {peer}: {cause}");
        }
    }

    fn may_warn(&self) -> bool {
        if self.second.get().elapsed() >= Duration::from_secs(1) {
            self.second.set(Instant::now());
            self.said.set(0);
            let kept_back = self.kept_back.replace(0);
            if kept_back > 0 {
                tracing::warn!("{kept_back} more connections were closed with a warning");
            }
        }
        let may = self.said.get() < WARNINGS_PER_SECOND;
        if may {
            self.said.set(self.said.get() + 1);
        } else {
            self.kept_back.set(self.kept_back.get() + 1);
        }
        may
    }
}
