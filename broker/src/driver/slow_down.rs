//! Turns that are slow on purpose: see [`broker_core::slow_down`].
//!
//! What a broker spends differs from load to load, so that no fixed amount of work is five per cent of it. The
//! thread looks at its own CPU time instead, and wastes the share of it that it was built to waste.

use std::cell::Cell;
use std::hint::black_box;
use std::time::Duration;

use broker_core::slow_down::percent;
use rustix::time::{ClockId, clock_gettime};

/// Share to be wasted in the program.
const TURN: u32 = percent("turn");
/// Share to be wasted in the system.
const FLUSH: u32 = percent("flush");

/// Turns between two looks at the clock, which cost something themselves.
const TURNS_PER_LOOK: u32 = 16;

/// Rounds of the program between two looks: about half a microsecond.
const ROUNDS_PER_LOOK: u32 = 1_000;

/// How far a thread has paid.
#[derive(Debug, Default)]
pub(super) struct SlowDown {
    turns: Cell<u32>,
    paid_until: Cell<Duration>,
}

impl SlowDown {
    /// To be called once for each turn of the flusher.
    pub(super) fn pay(&self) {
        if TURN + FLUSH == 0 {
            return;
        }
        self.turns.set(self.turns.get() + 1);
        if self.turns.get() < TURNS_PER_LOOK {
            return;
        }
        self.turns.set(0);
        let now = thread_cpu_time();
        let owed = now.saturating_sub(self.paid_until.get()) * (TURN + FLUSH) / 100;
        let mut paid_until = now;
        while paid_until < now + owed {
            if TURN != 0 {
                for round in 0..ROUNDS_PER_LOOK {
                    black_box(round);
                }
            }
            // This clock is a system call, so that the loop without the work is system time.
            paid_until = thread_cpu_time();
        }
        self.paid_until.set(paid_until);
    }
}

fn thread_cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}
