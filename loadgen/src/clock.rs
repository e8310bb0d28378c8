//! The one clock of a run: `CLOCK_MONOTONIC`, in nanoseconds since the run's epoch.

use std::time::{Duration, Instant};

use crate::units::nanoseconds;

/// Counts from the moment it was made. Copies agree with each other, on every thread.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    epoch: Instant,
}

impl Clock {
    /// Starts the epoch now.
    pub fn start() -> Self {
        Self {
            epoch: Instant::now(),
        }
    }

    /// Nanoseconds since the epoch.
    #[inline]
    pub fn now_ns(self) -> u64 {
        nanoseconds(self.epoch.elapsed())
    }

    /// The moment that lies `since_epoch_ns` after the epoch.
    pub fn instant(self, since_epoch_ns: u64) -> Instant {
        self.epoch + Duration::from_nanos(since_epoch_ns)
    }
}
