//! When a client is connected, in nanoseconds since the load began.

use std::sync::Arc;

use crate::payload::scramble;
use crate::scenario::{Absence, Group, Presence};

/// Never again.
pub(crate) const NEVER: u64 = u64::MAX;

/// When one client is connected. A pure function of the scenario, its seed and the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Life {
    /// Its first moment; 0 for one that is connected before the load.
    start_ns: u64,
    /// The first moment without it; [`NEVER`] for one that outlasts the load.
    stop_ns: u64,
    absence: Away,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Away {
    Never,
    /// Away for `away_ns` from `first_ns` after the start on, and again each `cycle_ns`.
    Churn {
        first_ns: u64,
        cycle_ns: u64,
        away_ns: u64,
    },
    /// Away for `away_ns` from each of these moments on.
    Storm {
        at_ns: Arc<[u64]>,
        away_ns: u64,
    },
}

impl Life {
    /// The life of a client; `place` is its place among the `group.clients` in an order of the
    /// seed, and `random` a number that the seed gives this client.
    pub(crate) fn new(group: &Group, place: u32, random: u64) -> Self {
        let Presence { start_ns, stop_ns, absence, .. } = &group.presence;
        let absence = match absence {
            Absence::Never => Away::Never,
            Absence::Churn { stay_ns, away_ns } => {
                let cycle_ns = stay_ns + away_ns;
                // Spread over a cycle, and nobody goes at once.
                let first_ns = scaled(cycle_ns, u64::from(place) + 1, u64::from(group.clients));
                Away::Churn { first_ns: first_ns.max(1), cycle_ns, away_ns: *away_ns }
            }
            Absence::Storm { at_ns, away_ns, back_over_ns } => Away::Storm {
                at_ns: Arc::clone(at_ns),
                away_ns: away_ns + scramble(random) % back_over_ns.saturating_add(1),
            },
        };
        Self { start_ns: start_ns.unwrap_or(0), stop_ns: stop_ns.unwrap_or(NEVER), absence }
    }

    /// `None` when the client is connected at this time, or when it will be again; [`NEVER`] when it
    /// will not.
    pub(crate) fn absent_until(&self, time_ns: u64) -> Option<u64> {
        if time_ns < self.start_ns {
            // A storm may be on when it would begin.
            return self.absent_until(self.start_ns).or(Some(self.start_ns));
        }
        if time_ns >= self.stop_ns {
            return Some(NEVER);
        }
        match &self.absence {
            Away::Never => None,
            Away::Churn { first_ns, cycle_ns, away_ns } => {
                let since_ns = (time_ns - self.start_ns).checked_sub(*first_ns)?;
                let gone_ns = since_ns % cycle_ns;
                (gone_ns < *away_ns).then(|| self.back(time_ns + (away_ns - gone_ns)))
            }
            Away::Storm { at_ns, away_ns } => {
                let before = at_ns.partition_point(|at| *at <= time_ns);
                let mut back_ns = before.checked_sub(1).map(|last| at_ns[last] + away_ns)?;
                if back_ns <= time_ns {
                    return None;
                }
                // Another storm may come before it is back, or at that moment.
                for at in at_ns.iter().skip(before) {
                    if *at > back_ns {
                        break;
                    }
                    back_ns = at + away_ns;
                }
                Some(self.back(back_ns))
            }
        }
    }

    fn back(&self, time_ns: u64) -> u64 {
        if time_ns < self.stop_ns { time_ns } else { NEVER }
    }

    /// When a client that is connected at this time goes next; [`NEVER`] when it does not.
    pub(crate) fn leaves_after(&self, time_ns: u64) -> u64 {
        let leaves_ns = match &self.absence {
            Away::Never => NEVER,
            Away::Churn { first_ns, cycle_ns, .. } => {
                let first_ns = self.start_ns + first_ns;
                match time_ns.checked_sub(first_ns) {
                    None => first_ns,
                    Some(since_ns) => first_ns + (since_ns / cycle_ns + 1) * cycle_ns,
                }
            }
            Away::Storm { at_ns, .. } => {
                let next = at_ns.partition_point(|at| *at <= time_ns);
                at_ns.get(next).copied().unwrap_or(NEVER)
            }
        };
        leaves_ns.min(self.stop_ns)
    }
}

/// `whole * part / parts`, rounded down.
pub(super) fn scaled(whole: u64, part: u64, parts: u64) -> u64 {
    let scaled = u128::from(whole) * u128::from(part) / u128::from(parts.max(1));
    u64::try_from(scaled).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn churn(start_ns: u64, stop_ns: u64) -> Life {
        let absence = Away::Churn { first_ns: 30, cycle_ns: 100, away_ns: 20 };
        Life { start_ns, stop_ns, absence }
    }

    #[test]
    fn one_that_churns_is_away_at_the_end_of_each_cycle() {
        let life = churn(1000, 1300);
        assert_eq!(life.absent_until(0), Some(1000));
        assert_eq!(life.absent_until(1029), None);
        assert_eq!(life.absent_until(1030), Some(1050));
        assert_eq!(life.absent_until(1049), Some(1050));
        assert_eq!(life.absent_until(1050), None);
        assert_eq!(life.absent_until(1135), Some(1150));
        assert_eq!(life.absent_until(1300), Some(NEVER));
        assert_eq!(life.leaves_after(1000), 1030);
        assert_eq!(life.leaves_after(1050), 1130);
        assert_eq!(life.leaves_after(1250), 1300, "at the end of the group");
    }

    #[test]
    fn a_storm_takes_everybody_and_a_second_one_those_that_are_not_back() {
        let absence = Away::Storm { at_ns: Arc::from([100, 150, 500]), away_ns: 60 };
        let life = Life { start_ns: 0, stop_ns: NEVER, absence };
        assert_eq!(life.absent_until(99), None);
        assert_eq!(life.absent_until(100), Some(210));
        assert_eq!(life.absent_until(209), Some(210));
        assert_eq!(life.absent_until(210), None);
        assert_eq!(life.leaves_after(0), 100);
        assert_eq!(life.leaves_after(210), 500);
        assert_eq!(life.leaves_after(560), NEVER);
        let absence = Away::Storm { at_ns: Arc::from([200, 230]), away_ns: 30 };
        let life = Life { start_ns: 0, stop_ns: NEVER, absence };
        assert_eq!(life.absent_until(200), Some(260), "the second comes as it would be back");
    }

    proptest! {
        #[test]
        fn absences_end_when_they_say_so(
            storm: bool, away_ns in 0..60_u64, start_ns in 0..50_u64, time_ns in 0..1000_u64,
        ) {
            let absence = if storm {
                Away::Storm { at_ns: Arc::from([40, 200, 230, 600]), away_ns }
            } else {
                Away::Churn { first_ns: 7, cycle_ns: 90, away_ns }
            };
            let life = Life { start_ns, stop_ns: 800, absence };
            match life.absent_until(time_ns) {
                Some(NEVER) => {}
                Some(back_ns) => {
                    prop_assert!(back_ns > time_ns);
                    prop_assert_eq!(life.absent_until(back_ns), None);
                    prop_assert!((time_ns..back_ns).all(|time| life.absent_until(time) == Some(back_ns)));
                }
                None => {
                    let leaves_ns = life.leaves_after(time_ns);
                    prop_assert!(leaves_ns > time_ns);
                    let until = (time_ns..leaves_ns).all(|time| life.absent_until(time).is_none());
                    prop_assert!(until);
                }
            }
        }
    }
}
