//! Turns that are slow on purpose: see [`broker_core::slow_down`].
//!
//! What a broker spends differs from load to load, so that no fixed amount of work is five per cent of it. The
//! thread looks at its own CPU time instead, and wastes the share of it that it was built to waste.

use std::cell::Cell;
use std::hint::black_box;
use std::time::Duration;

use broker_core::slow_down::{PART, Paid, owe, percent, take_paid, waste};
use rustix::time::{ClockId, clock_gettime};

/// Share to be wasted in the program.
const TURN: u32 = percent("turn");
/// Share to be wasted in the system.
const FLUSH: u32 = percent("flush");

/// Share to be wasted in broker-core, where a PUBLISH is read or where its subscribers are looked up.
const CORE: u32 = percent("read") + percent("route");

/// Turns between two looks at the clock, which cost something themselves.
const TURNS_PER_LOOK: u32 = 16;

/// Rounds of the program between two looks: about half a microsecond.
const ROUNDS_PER_LOOK: u32 = 1_000;

/// Rounds that are timed to know what one takes: about 50 microseconds.
const ROUNDS_TIMED: u32 = 100_000;

/// How often they are timed. The median counts.
const TIMINGS: usize = 9;

/// How far a thread has paid.
#[derive(Debug)]
pub(super) struct SlowDown {
    turns: Cell<u32>,
    paid_until: Cell<Duration>,
    core: Account,
}

impl SlowDown {
    pub(super) fn new() -> Self {
        let timed = if CORE == 0 { Duration::ZERO } else { time_rounds() };
        Self {
            turns: Cell::new(0),
            paid_until: Cell::new(thread_cpu_time()),
            core: Account::new(timed),
        }
    }

    /// To be called once for each turn of the flusher.
    pub(super) fn pay(&self) {
        if TURN + FLUSH + CORE == 0 {
            return;
        }
        self.turns.set(self.turns.get() + 1);
        if self.turns.get() < TURNS_PER_LOOK {
            return;
        }
        self.turns.set(0);
        let now = thread_cpu_time();
        let passed = now.saturating_sub(self.paid_until.get());
        if CORE != 0 {
            let paid = take_paid();
            owe(self.core.settle(passed, paid, CORE), paid.calls);
        }
        let owed = passed * (TURN + FLUSH) / 100;
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

/// What broker-core is to waste for a thread, in rounds. It cannot look at a clock, so what a round takes is known
/// beforehand.
#[derive(Debug)]
struct Account {
    /// What [`ROUNDS_TIMED`] took.
    timed: Duration,
    owed: Cell<u32>,
}

impl Account {
    const fn new(timed: Duration) -> Self {
        Self { timed, owed: Cell::new(0) }
    }

    /// The rounds that are owed after a time in which `paid` was wasted: `percent` of the rest of it, and what was
    /// owed before and not paid. A time without a publication, in which Clients come and go, owes nothing: the first
    /// publications after it would have to pay for it all.
    fn settle(&self, passed: Duration, paid: Paid, percent: u32) -> u32 {
        if paid.calls > 0 {
            let rounds =
                passed.as_nanos() * u128::from(ROUNDS_TIMED) / self.timed.as_nanos().max(1);
            let own = rounds.saturating_sub(u128::from(paid.rounds));
            let share = u32::try_from(own * u128::from(percent) / 100).unwrap_or(u32::MAX);
            self.owed.set(self.owed.get().saturating_sub(paid.rounds).saturating_add(share));
        }
        self.owed.get()
    }
}

/// CPU time of [`ROUNDS_TIMED`], here and now.
fn time_rounds() -> Duration {
    let mut timings = [Duration::ZERO; TIMINGS];
    for timing in &mut timings {
        let begun = thread_cpu_time();
        for _ in 0..ROUNDS_TIMED / PART {
            waste(PART);
        }
        *timing = thread_cpu_time().saturating_sub(begun);
    }
    timings.sort_unstable();
    timings[TIMINGS / 2]
}

fn thread_cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A round takes a nanosecond.
    fn account() -> Account {
        Account::new(Duration::from_nanos(u64::from(ROUNDS_TIMED)))
    }

    #[test]
    fn a_share_of_the_time_that_was_not_wasted_is_owed() {
        let account = account();
        let owed = account.settle(Duration::from_micros(100), Paid { calls: 9, rounds: 0 }, 5);
        assert_eq!(owed, 5_000);
        let paid = Paid { calls: 9, rounds: 4_000 };
        assert_eq!(account.settle(Duration::from_micros(104), paid, 5), 1_000 + 5_000);
    }

    #[test]
    fn a_time_without_a_publication_owes_nothing() {
        let account = account();
        assert_eq!(account.settle(Duration::from_secs(1), Paid::default(), 5), 0);
        assert_eq!(account.settle(Duration::from_micros(1), Paid { calls: 1, rounds: 0 }, 5), 50);
        assert_eq!(account.settle(Duration::from_secs(1), Paid::default(), 5), 50);
    }

    proptest! {
        /// Whatever a turn takes and however many publications it has, what is wasted in the end is the share of the rest,
        /// but for what the last turns did not pay yet.
        #[test]
        fn the_share_is_kept(
            turns in prop::collection::vec((1_000..1_000_000_u64, 1..500_u32), 1..200),
            percent in 1..20_u32,
        ) {
            let account = account();
            let (mut own, mut wasted, mut owed, mut each) = (0, 0, 0_u32, 0_u32);
            for &(nanoseconds, calls) in &turns {
                let rounds = owed.min(each.saturating_mul(calls));
                own += nanoseconds;
                wasted += u64::from(rounds);
                let passed = Duration::from_nanos(nanoseconds + u64::from(rounds));
                owed = account.settle(passed, Paid { calls, rounds }, percent);
                each = owed.div_ceil(calls);
            }
            let due = own * u64::from(percent) / 100;
            prop_assert!(due.abs_diff(wasted + u64::from(owed)) <= turns.len() as u64);
        }
    }
}
