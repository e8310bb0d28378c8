//! What all sessions of a shard hold for their Clients, summed up while it changes: to look through
//! a million sessions for a figure would hold everybody up.

use super::Shard;
use crate::session::{Held, Outbound, SessionKey};

impl Shard {
    /// Changes what a session holds for its Client; `None` when there is no such session.
    pub(super) fn change_outbound<R>(
        &mut self,
        key: SessionKey,
        change: impl FnOnce(&mut Outbound) -> R,
    ) -> Option<R> {
        let outbound = &mut self.sessions.get_mut(key)?.outbound;
        let before = outbound.held();
        let result = change(outbound);
        self.held.replace(before, outbound.held());
        Some(result)
    }

    /// The sums, which [`statistics`](Self::statistics) reports.
    pub(super) fn held(&self) -> Held {
        debug_assert_eq!(self.held, self.count_held(), "a change of a session is not in the sums");
        self.held
    }

    fn count_held(&self) -> Held {
        let mut sum = Held::default();
        for session in self.sessions.values() {
            sum.replace(Held::default(), session.outbound.held());
        }
        sum
    }
}

impl Held {
    /// Counts one session's `after` in place of its `before`.
    pub(super) const fn replace(&mut self, before: Self, after: Self) {
        self.inflight = self.inflight - before.inflight + after.inflight;
        self.queued = self.queued - before.queued + after.queued;
        self.queued_bytes = self.queued_bytes - before.queued_bytes + after.queued_bytes;
    }
}
