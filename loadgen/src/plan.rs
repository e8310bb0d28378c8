//! Who does what, and when: pure, and the same whenever the scenario is.

use std::ops::Range;

use crate::cli::Topology;
use crate::payload::scramble;
use crate::scenario::{CLIENT_NUMBER, Scenario};
use crate::units::SECOND_NS;

/// How long after the end publications that were due before it are still sent.
pub(crate) const SEND_GRACE_NS: u64 = SECOND_NS;

/// The plan of a run. Cheap to read from every worker.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    topology: Topology,
    topic: String,
    publishers: u32,
    subscribers: u32,
    /// Place in the period of each publisher: publisher `i` is the `places[i]`-th to publish.
    places: Box<[u32]>,
    /// When publications are due.
    pub schedule: Schedule,
}

/// When publications are due, in nanoseconds since the run's epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "the unit of every field")]
pub(crate) struct Schedule {
    /// When the first period begins.
    pub start_ns: u64,
    /// When the measured part begins.
    pub measure_ns: u64,
    /// When nothing more is due.
    pub end_ns: u64,
    /// Time between two publications of one publisher.
    pub period_ns: u64,
}

impl Schedule {
    /// When publication `sequence` of a publisher with this offset is due.
    #[inline]
    pub(crate) fn due_ns(&self, offset_ns: u64, sequence: u32) -> u64 {
        self.start_ns + offset_ns + u64::from(sequence) * self.period_ns
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

    /// Publications of one publisher that are due in `window`.
    pub(crate) fn publications(&self, offset_ns: u64, window: &Range<u64>) -> u64 {
        let before = |time_ns: u64| {
            let time_ns = time_ns.min(self.end_ns);
            time_ns.saturating_sub(self.start_ns + offset_ns).div_ceil(self.period_ns.max(1))
        };
        before(window.end).saturating_sub(before(window.start))
    }
}

/// From whom a subscriber is owed publications.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owed {
    /// From every publisher.
    All,
    /// From the publisher with its own number.
    Own,
}

impl Plan {
    /// Plans a scenario. The schedule starts when [`Plan::schedule_at`] has said so.
    pub(crate) fn new(scenario: &Scenario) -> Self {
        Self {
            topology: scenario.topology,
            topic: scenario.topic.clone(),
            publishers: scenario.publishers,
            subscribers: scenario.subscribers,
            places: shuffled(scenario.publishers, scenario.seed),
            schedule: Schedule { period_ns: scenario.period_ns, ..Schedule::default() },
        }
    }

    /// The schedule that starts at `start_ns`.
    pub(crate) fn schedule_at(&self, start_ns: u64, warmup_ns: u64, duration_ns: u64) -> Schedule {
        Schedule {
            start_ns,
            measure_ns: start_ns + warmup_ns,
            end_ns: start_ns + warmup_ns + duration_ns,
            period_ns: self.schedule.period_ns,
        }
    }

    /// Publishers.
    pub(crate) fn publishers(&self) -> u32 {
        self.publishers
    }

    /// How far into the period a publisher publishes: spread evenly, in an order of the seed.
    pub(crate) fn offset_ns(&self, publisher: u32) -> u64 {
        let place = self.places.get(publisher as usize).copied().unwrap_or(0);
        let offset = u128::from(self.schedule.period_ns) * u128::from(place)
            / u128::from(self.publishers.max(1));
        u64::try_from(offset).unwrap_or(0)
    }

    /// Topic Name of a publisher.
    pub(crate) fn topic_name(&self, publisher: u32) -> String {
        self.topic.replace(CLIENT_NUMBER, &publisher.to_string())
    }

    /// Whether all publishers publish to one topic.
    pub(crate) fn has_one_topic(&self) -> bool {
        !self.topic.contains(CLIENT_NUMBER)
    }

    /// Topic Filter of a subscriber.
    pub(crate) fn topic_filter(&self, subscriber: u32) -> String {
        match self.topology {
            Topology::Pairs => self.topic_name(subscriber),
            // The one publisher is number 0.
            Topology::FanOut => self.topic_name(0),
            Topology::Shared | Topology::FanIn => self.topic.replace(CLIENT_NUMBER, "+"),
        }
    }

    /// From whom subscribers are owed publications.
    pub(crate) fn owed(&self) -> Owed {
        match self.topology {
            Topology::Pairs => Owed::Own,
            Topology::Shared | Topology::FanIn | Topology::FanOut => Owed::All,
        }
    }

    /// Deliveries that one publication owes.
    pub(crate) fn deliveries_per_publication(&self) -> u32 {
        match self.owed() {
            Owed::All => self.subscribers,
            Owed::Own => 1,
        }
    }

    /// Publishers of worker `worker` out of `workers`: every `workers`-th.
    pub(crate) fn publishers_of(&self, worker: u32, workers: u32) -> Vec<u32> {
        share(self.publishers, worker, workers)
    }

    /// Subscribers of worker `worker` out of `workers`: every `workers`-th.
    pub(crate) fn subscribers_of(&self, worker: u32, workers: u32) -> Vec<u32> {
        share(self.subscribers, worker, workers)
    }

    /// Publications of all publishers that `schedule` calls for in `window`.
    pub(crate) fn offered(&self, schedule: &Schedule, window: &Range<u64>) -> u64 {
        (0..self.publishers)
            .map(|publisher| schedule.publications(self.offset_ns(publisher), window))
            .sum()
    }
}

fn share(count: u32, worker: u32, workers: u32) -> Vec<u32> {
    (worker..count).step_by(workers.max(1) as usize).collect()
}

/// The numbers below `count` in an order that the seed decides (Fisher and Yates).
fn shuffled(count: u32, seed: u64) -> Box<[u32]> {
    let mut places: Box<[u32]> = (0..count).collect();
    for last in (1..places.len()).rev() {
        let random = scramble(seed ^ scramble(last as u64));
        let other = usize::try_from(random % (last as u64 + 1)).unwrap_or(0);
        places.swap(last, other);
    }
    places
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use proptest::prelude::*;

    use super::*;
    use crate::cli::Cli;

    fn plan(arguments: &str) -> Plan {
        let words = ["loadgen"].into_iter().chain(arguments.split_whitespace());
        let cli = Cli::try_parse_from(words).unwrap();
        Plan::new(&Scenario::resolve(&cli, String::new()).unwrap())
    }

    #[test]
    fn publishers_are_spread_evenly_over_the_period() {
        let plan = plan("--clients 8 --rate 1s");
        let mut offsets: Vec<_> = (0..4).map(|publisher| plan.offset_ns(publisher)).collect();
        offsets.sort_unstable();
        assert_eq!(offsets, [0, 250_000_000, 500_000_000, 750_000_000]);
    }

    #[test]
    fn the_order_is_of_the_seed() {
        let order = |arguments| plan(arguments).places;
        assert_eq!(order("--clients 200 --seed 4"), order("--clients 200 --seed 4"));
        assert_ne!(order("--clients 200 --seed 4"), order("--clients 200 --seed 5"));
    }

    #[test]
    fn topics_and_filters_belong_together() {
        let shared = plan("--clients 10");
        assert_eq!(shared.topic_name(3), "temperature");
        assert_eq!(shared.topic_filter(3), "temperature");
        assert_eq!(shared.deliveries_per_publication(), 5);
        assert!(shared.has_one_topic());

        let pairs = plan("--topology pairs --clients 10 --topic t%i/x");
        assert_eq!(pairs.topic_name(3), "t3/x");
        assert_eq!(pairs.topic_filter(3), "t3/x");
        assert_eq!((pairs.owed(), pairs.deliveries_per_publication()), (Owed::Own, 1));

        let fan_in = plan("--topology fan-in --clients 10");
        assert_eq!(fan_in.topic_name(8), "temperature/8");
        assert_eq!(fan_in.topic_filter(0), "temperature/+");
        assert_eq!(fan_in.deliveries_per_publication(), 1);

        let fan_out = plan("--topology fan-out --clients 10 --topic x%i");
        assert_eq!(fan_out.topic_name(0), "x0");
        assert_eq!(fan_out.topic_filter(5), "x0");
        assert_eq!(fan_out.deliveries_per_publication(), 9);
    }

    #[test]
    fn the_main_job_offers_25000_publications_in_30_seconds() {
        let plan = plan("--clients 5000 --rate 3s");
        let schedule = plan.schedule_at(77, 5_000_000_000, 30_000_000_000);
        assert_eq!(plan.offered(&schedule, &(schedule.measure_ns..schedule.end_ns)), 25_000);
    }

    #[test]
    fn workers_share_everybody() {
        let plan = plan("--publishers 7 --subscribers 5");
        let mut all: Vec<_> = (0..3).flat_map(|worker| plan.publishers_of(worker, 3)).collect();
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(plan.subscribers_of(1, 3), [1, 4]);
    }

    proptest! {
        #[test]
        fn counting_by_formula_is_counting_one_by_one(
            start_ns in 0..1000_u64,
            offset_ns in 0..50_u64,
            period_ns in 1..60_u64,
            warmup_ns in 0..300_u64,
            duration_ns in 1..300_u64,
            stop_ns in 0..2000_u64,
        ) {
            let schedule = Schedule {
                start_ns,
                measure_ns: start_ns + warmup_ns,
                end_ns: start_ns + warmup_ns + duration_ns,
                period_ns,
            };
            let window = schedule.measure_ns..stop_ns;
            let one_by_one = (0..1000)
                .map(|sequence| schedule.due_ns(offset_ns, sequence))
                .filter(|due| window.contains(due) && *due < schedule.end_ns)
                .count();
            prop_assert_eq!(schedule.publications(offset_ns, &window), one_by_one as u64);
        }
    }
}
