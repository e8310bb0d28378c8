//! How many publications the schedule calls for.

use super::timing::{Cursor, Timing};
use super::{Plan, Schedule};

/// Counts the publications that are due, up to a time that only grows.
#[derive(Debug)]
pub(crate) struct Offered {
    /// Offset and period of those at equal distances: they are counted by a formula.
    even: Box<[(u64, u64)]>,
    /// The others, one by one.
    others: Vec<(Timing, Cursor)>,
    /// Publications of the others that were due.
    counted: u64,
}

impl Offered {
    /// Of all publishers.
    pub(crate) fn new(plan: &Plan) -> Self {
        let entries = (0..plan.entries()).flat_map(|entry| {
            (0..plan.clients_of_entry(entry)).map(move |number| plan.timing(entry, number))
        });
        Self::of(entries)
    }

    pub(super) fn of(timings: impl IntoIterator<Item = Timing>) -> Self {
        let mut even = Vec::new();
        let mut others = Vec::new();
        for timing in timings {
            if let Some(offset_and_period) = timing.even() {
                even.push(offset_and_period);
            } else {
                let first = timing.first();
                others.push((timing, first));
            }
        }
        Self { even: even.into(), others, counted: 0 }
    }

    /// Publications that are due before `time_ns`, since the load began. Times must not go back.
    pub(crate) fn before(&mut self, schedule: &Schedule, time_ns: u64) -> u64 {
        let planned_ns = schedule.planned(time_ns.min(schedule.end_ns));
        for (timing, cursor) in &mut self.others {
            while cursor.due_ns < planned_ns {
                self.counted += 1;
                *cursor = timing.after(*cursor);
            }
        }
        let even = self.even.iter().map(|(offset_ns, period_ns)| {
            planned_ns.saturating_sub(*offset_ns).div_ceil(*period_ns)
        });
        self.counted + even.sum::<u64>()
    }
}
