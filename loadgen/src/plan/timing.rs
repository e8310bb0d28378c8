//! When the publications of one client are due, one after the other.

use super::life::{Life, NEVER};
use crate::payload::scramble;
use crate::units::{fraction, nearest};

/// When publications are due: a pure function from each to the next, so that a moment that was
/// passed over can be come back to, and several may follow the same one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Timing {
    /// When the first is due, if the client is there.
    first_ns: u64,
    /// Mean time between two.
    period_ns: u64,
    pattern: Steps,
    /// When the client is away, nothing is due; `None` for one that stays.
    life: Option<Box<Life>>,
}

/// How far it is from one publication to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Steps {
    /// A period.
    Even,
    /// At random with the period as mean, as the seed says.
    Poisson {
        /// Of this client and entry.
        seed: u64,
    },
    /// So many at once, then as many periods.
    Burst {
        /// At least one.
        size: u32,
    },
    /// The first and no other: a window says when the others are.
    Once,
}

/// A publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// Its number among all that would be due if the client never were away.
    pub tick: u32,
    /// When it is due, in nanoseconds since the load began; [`NEVER`] when none is any more.
    pub due_ns: u64,
}

impl Timing {
    /// Publications from `first_ns` on.
    pub(crate) fn new(first_ns: u64, period_ns: u64, pattern: Steps, life: Option<Life>) -> Self {
        let period_ns = period_ns.max(1);
        Self { first_ns, period_ns, pattern, life: life.map(Box::new) }
    }

    /// Offset and period, where all publications are at equal distances and none is left out.
    pub(crate) fn even(&self) -> Option<(u64, u64)> {
        let is_even = self.pattern == Steps::Even && self.life.is_none();
        is_even.then_some((self.first_ns, self.period_ns))
    }

    /// The first publication.
    pub(crate) fn first(&self) -> Cursor {
        let start = Cursor { tick: 0, due_ns: self.first_ns };
        let first = match self.pattern {
            Steps::Even | Steps::Burst { .. } | Steps::Once => start,
            // Else all clients would begin at once.
            Steps::Poisson { seed } => {
                let gap_ns = self.gap(scramble(seed), u32::MAX);
                Cursor { due_ns: start.due_ns.saturating_add(gap_ns), ..start }
            }
        };
        self.present(first)
    }

    /// The publication after this one.
    #[inline]
    pub(crate) fn after(&self, cursor: Cursor) -> Cursor {
        let next = self.step(cursor);
        match self.life {
            None => next,
            Some(_) => self.present(next),
        }
    }

    #[inline]
    fn step(&self, cursor: Cursor) -> Cursor {
        let gap_ns = match self.pattern {
            Steps::Even => self.period_ns,
            Steps::Poisson { seed } => self.gap(seed, cursor.tick),
            Steps::Burst { size } if (cursor.tick + 1).is_multiple_of(size) => {
                self.period_ns.saturating_mul(u64::from(size))
            }
            Steps::Burst { .. } => 0,
            Steps::Once => NEVER,
        };
        Cursor { tick: cursor.tick.wrapping_add(1), due_ns: cursor.due_ns.saturating_add(gap_ns) }
    }

    /// An exponential variate with the period as mean: by inversion, of the 53 bits of a fraction.
    fn gap(&self, seed: u64, tick: u32) -> u64 {
        let random = scramble(seed ^ scramble(u64::from(tick))) >> 11;
        // In (0, 1], so that the logarithm is finite.
        let uniform = fraction(random + 1) / fraction(1 << 53);
        nearest(-uniform.ln() * fraction(self.period_ns))
    }

    /// The first publication from this one on for which the client is there.
    fn present(&self, mut cursor: Cursor) -> Cursor {
        let Some(life) = &self.life else {
            return cursor;
        };
        while let Some(back_ns) = life.absent_until(cursor.due_ns) {
            if back_ns == NEVER {
                return Cursor { due_ns: NEVER, ..cursor };
            }
            if self.pattern == Steps::Even {
                let steps = (back_ns - cursor.due_ns).div_ceil(self.period_ns);
                cursor.due_ns = cursor.due_ns.saturating_add(steps.saturating_mul(self.period_ns));
                cursor.tick = cursor.tick.wrapping_add(u32::try_from(steps).unwrap_or(u32::MAX));
            }
            while cursor.due_ns < back_ns {
                cursor = self.step(cursor);
            }
        }
        cursor
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::tests_group;

    fn dues(timing: &Timing, until_ns: u64) -> Vec<u64> {
        let all = std::iter::successors(Some(timing.first()), |cursor| Some(timing.after(*cursor)));
        all.map(|cursor| cursor.due_ns).take_while(|due| *due < until_ns).collect()
    }

    #[test]
    fn even_and_burst_have_the_same_rate() {
        let even = Timing::new(5, 10, Steps::Even, None);
        assert_eq!(dues(&even, 40), [5, 15, 25, 35]);
        let burst = Timing::new(5, 10, Steps::Burst { size: 3 }, None);
        assert_eq!(dues(&burst, 70), [5, 5, 5, 35, 35, 35, 65, 65, 65]);
        assert_eq!((even.even(), burst.even()), (Some((5, 10)), None));
    }

    #[test]
    fn poisson_has_the_mean_that_was_asked_for_and_is_of_the_seed() {
        let timing = |seed| Timing::new(0, 1000, Steps::Poisson { seed }, None);
        let dues_of = |seed| dues(&timing(seed), 10_000_000);
        let count = dues_of(7).len();
        assert!((9_700..10_300).contains(&count), "{count}");
        assert_eq!(dues_of(7), dues_of(7));
        assert_ne!(dues_of(7), dues_of(8));
        // The coefficient of variation of the gaps is one.
        let dues = dues_of(7);
        let short = dues.windows(2).filter(|pair| pair[1] - pair[0] < 693).count();
        assert!((4_700..5_300).contains(&short), "half of the gaps are below ln 2: {short}");
    }

    #[test]
    fn nothing_is_due_while_the_client_is_away() {
        let life = Life::new(&tests_group("churn = { stay = '60ns', away = '40ns' }", 0), 0, 0);
        // Away from 100 to 140, from 200 to 240, ….
        let even = Timing::new(0, 30, Steps::Even, Some(life.clone()));
        assert_eq!(dues(&even, 300), [0, 30, 60, 90, 150, 180, 240, 270]);
        assert_eq!(even.even(), None);
        let stops = Life::new(&tests_group("stop = '0s'", 100), 0, 0);
        let ending = Timing::new(0, 30, Steps::Even, Some(stops));
        assert_eq!(dues(&ending, u64::MAX), [0, 30, 60, 90]);
        let poisson = Timing::new(0, 3, Steps::Poisson { seed: 1 }, Some(life));
        assert!(dues(&poisson, 1000).iter().all(|due| *due < 100 || due % 100 >= 40));
    }
}
