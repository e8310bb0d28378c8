//! The parts of the load, on the clock of the run.

use crate::units::SECOND_NS;

/// How long after the end publications that were due before it are still sent.
pub(crate) const SEND_GRACE_NS: u64 = SECOND_NS;

/// When the parts of the load begin, in nanoseconds since the run's epoch. What the plan says is in
/// nanoseconds since the load began: `start_ns` is added to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "the unit of every field")]
pub(crate) struct Schedule {
    /// When the load begins, with the warm-up.
    pub start_ns: u64,
    /// When the measured part begins.
    pub measure_ns: u64,
    /// When nothing more is due.
    pub end_ns: u64,
}

impl Schedule {
    /// The schedule of a load that begins at `start_ns`.
    pub(crate) fn new(start_ns: u64, warmup_ns: u64, duration_ns: u64) -> Self {
        let measure_ns = start_ns + warmup_ns;
        Self { start_ns, measure_ns, end_ns: measure_ns + duration_ns }
    }

    /// The moment `planned_ns` of the plan; `u64::MAX` is never.
    #[inline]
    pub(crate) fn at(&self, planned_ns: u64) -> u64 {
        self.start_ns.saturating_add(planned_ns)
    }

    /// The moment of the plan that it is at `now_ns`.
    #[inline]
    pub(crate) fn planned(&self, now_ns: u64) -> u64 {
        now_ns.saturating_sub(self.start_ns)
    }

    /// Whether what was due can still be sent: a worker that is a little late finishes, one that is
    /// far behind does not turn the drain into load.
    pub(crate) fn may_send(&self, now_ns: u64) -> bool {
        now_ns <= self.end_ns + SEND_GRACE_NS
    }

    /// Whether a publication that is due at this time counts.
    #[inline]
    pub(crate) fn is_measured(&self, due_ns: u64) -> bool {
        (self.measure_ns..self.end_ns).contains(&due_ns)
    }
}
