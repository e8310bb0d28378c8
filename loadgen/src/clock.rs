//! The one clock of a run: `CLOCK_MONOTONIC`, in nanoseconds since the run's epoch.

use std::time::Instant;

use crate::units::nanoseconds;

/// Counts from the moment it was made. Copies agree with each other, on every thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    epoch: Instant,
}

impl Clock {
    /// Starts the epoch now.
    pub(crate) fn start() -> Self {
        Self { epoch: Instant::now() }
    }

    /// Nanoseconds since the epoch.
    #[inline]
    pub(crate) fn now_ns(self) -> u64 {
        nanoseconds(self.epoch.elapsed())
    }
}
