//! When to publish: publications in the order of their due times, a bounded number at a turn.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::rc::Rc;

use super::Worker;
use crate::plan::{Cursor, NEVER, Plan, Schedule, Timing};
use crate::recorder::FlowPlace;

/// Writes of one turn at most, before another socket is read: a worker that is behind its schedule
/// must still take in what arrives. 16 writes are about 0.1 ms.
const WRITES_PER_TURN: u32 = 16;

/// Publications of one publisher in one turn: a publisher that was blocked long must not hold up
/// the others.
const PUBLICATIONS_PER_WRITE: u32 = 512;

/// Which publication of this worker is due next.
#[derive(Debug)]
pub(super) struct Pacer {
    /// When the parts of the load are.
    pub schedule: Schedule,
    order: Order,
}

#[derive(Debug)]
enum Order {
    /// All have one period and are never away, so their due times come in one order again and again:
    /// a position in this order and a round are enough to know the next, whatever their number.
    Rotating {
        period_ns: u64,
        /// Offset of each, in ascending order.
        flows: Box<[(u64, FlowPlace)]>,
        position: usize,
        round: u64,
    },
    /// Any others: a heap of the next publication of each.
    Calendar { next: BinaryHeap<Reverse<(u64, usize)>>, flows: Box<[Paced]> },
}

#[derive(Debug)]
struct Paced {
    place: FlowPlace,
    timing: Timing,
    cursor: Cursor,
}

impl Pacer {
    /// Of the clients of a worker, in the order of their places.
    pub(super) fn new(plan: &Plan, clients: &[u32]) -> Self {
        let mut flows = Vec::new();
        for (place, client) in clients.iter().enumerate() {
            let (group, number) = plan.group_of(*client);
            for (flow, entry) in plan.entries_of_group(group).enumerate() {
                let place = FlowPlace { client: place, flow };
                flows.push((place, plan.timing(entry, number)));
            }
        }
        Self { schedule: Schedule::default(), order: Order::new(flows) }
    }

    /// Due time and place of the next publication; `None` when no more are due.
    fn next(&self) -> Option<(u64, FlowPlace)> {
        let (planned_ns, place) = match &self.order {
            Order::Rotating { period_ns, flows, position, round } => {
                let (offset_ns, place) = flows.get(*position)?;
                (offset_ns + round * period_ns, *place)
            }
            Order::Calendar { next, flows } => {
                let Reverse((planned_ns, number)) = *next.peek()?;
                (planned_ns, flows.get(number)?.place)
            }
        };
        // One late in the period may be past the end while an earlier one is not: then all after it
        // are past the end too.
        let due_ns = self.schedule.at(planned_ns);
        (due_ns < self.schedule.end_ns).then_some((due_ns, place))
    }

    fn advance(&mut self) {
        match &mut self.order {
            Order::Rotating { flows, position, round, .. } => {
                *position += 1;
                if *position == flows.len() {
                    *position = 0;
                    *round += 1;
                }
            }
            Order::Calendar { next, flows } => {
                let Some(mut top) = next.peek_mut() else {
                    return;
                };
                if let Some(flow) = flows.get_mut(top.0.1) {
                    flow.cursor = flow.timing.after(flow.cursor);
                    // The heap sifts it down when `top` goes.
                    top.0.0 = flow.cursor.due_ns;
                }
            }
        }
    }
}

impl Order {
    fn new(flows: Vec<(FlowPlace, Timing)>) -> Self {
        let mut periods = flows.iter().map(|(_, timing)| timing.even().map(|(_, period)| period));
        let period_ns = periods.next().flatten();
        let within = |(_, timing): &(FlowPlace, Timing)| {
            timing.even().is_some_and(|(offset_ns, period_ns)| offset_ns < period_ns)
        };
        match period_ns {
            Some(period_ns)
                if periods.all(|period| period == Some(period_ns)) && flows.iter().all(within) =>
            {
                let offset = |(place, timing): &(FlowPlace, Timing)| {
                    (timing.even().map_or(0, |(offset_ns, _)| offset_ns), *place)
                };
                let mut flows: Box<[_]> = flows.iter().map(offset).collect();
                flows.sort_unstable();
                Self::Rotating { period_ns, flows, position: 0, round: 0 }
            }
            _ => Self::calendar(flows),
        }
    }

    fn calendar(flows: Vec<(FlowPlace, Timing)>) -> Self {
        let paced = |(place, timing): (FlowPlace, Timing)| {
            let cursor = timing.first();
            Paced { place, timing, cursor }
        };
        let flows: Box<[_]> = flows.into_iter().map(paced).collect();
        let all = flows.iter().enumerate();
        let next = all
            .filter(|(_, flow)| flow.cursor.due_ns != NEVER)
            .map(|(number, flow)| Reverse((flow.cursor.due_ns, number)))
            .collect();
        Self::Calendar { next, flows }
    }
}

impl Worker {
    /// Begins to publish by `schedule`.
    pub(super) fn schedule(&self, schedule: Schedule) -> io::Result<()> {
        self.recorder.borrow_mut().start(schedule);
        let mut pacer = self.pacer.borrow_mut();
        pacer.schedule = schedule;
        self.load.set(Some(schedule));
        self.started.notify_waiters();
        self.next_due_ns.set(pacer.next().map_or(u64::MAX, |(due_ns, _)| due_ns));
        self.set_alarm(self.setup.clock.now_ns())
    }

    /// Nothing is due any more from `now_ns` on.
    pub(super) fn cut_schedule(&self, now_ns: u64) {
        let mut pacer = self.pacer.borrow_mut();
        pacer.schedule.end_ns = pacer.schedule.end_ns.min(now_ns);
    }

    /// Publishes what is due, if anything is. Called after every read as well, because a turn of
    /// thousands of reads is far longer than the time between two publications.
    #[inline]
    pub(super) fn catch_up(self: &Rc<Self>, now_ns: u64) {
        if now_ns >= self.next_due_ns.get() {
            self.publish_turn(now_ns);
        }
    }

    fn publish_turn(self: &Rc<Self>, mut now_ns: u64) {
        let mut writes = 0;
        loop {
            let next = self.pacer.borrow().next();
            let Some((due_ns, place)) = next else {
                self.next_due_ns.set(u64::MAX);
                return;
            };
            self.next_due_ns.set(due_ns);
            if due_ns > now_ns || writes >= WRITES_PER_TURN {
                return;
            }
            let reached_ns = now_ns;
            // One that is gone or blocked is passed over: what it owes stays due.
            let sent = self.connection(place.client).map_or(0, |connection| {
                self.publish_due(&connection, place.flow, PUBLICATIONS_PER_WRITE)
            });
            if sent > 0 {
                writes += 1;
                now_ns = self.setup.clock.now_ns();
            }
            if sent < PUBLICATIONS_PER_WRITE {
                self.recorder.borrow_mut().reached(due_ns, reached_ns);
                self.pacer.borrow_mut().advance();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Steps;

    fn flows(timings: Vec<Timing>) -> Vec<(FlowPlace, Timing)> {
        let place = |client| FlowPlace { client, flow: 0 };
        timings.into_iter().enumerate().map(|(client, timing)| (place(client), timing)).collect()
    }

    fn dues(order: Order) -> Vec<(u64, usize)> {
        let schedule = Schedule { start_ns: 100, measure_ns: 100, end_ns: 135 };
        let mut pacer = Pacer { schedule, order };
        let mut all = Vec::new();
        while let Some((due_ns, place)) = pacer.next() {
            all.push((due_ns, place.client));
            pacer.advance();
        }
        all
    }

    fn even(offset_ns: u64, period_ns: u64) -> Timing {
        Timing::new(offset_ns, period_ns, Steps::Even, None)
    }

    #[test]
    fn publications_come_in_the_order_of_their_due_times_until_the_end() {
        let timings = || vec![even(10, 20), even(0, 20), even(15, 20)];
        let expected = [(100, 1), (110, 0), (115, 2), (120, 1), (130, 0)];
        let rotating = Order::new(flows(timings()));
        assert!(matches!(rotating, Order::Rotating { .. }));
        assert_eq!(dues(rotating), expected);
        assert_eq!(dues(Order::calendar(flows(timings()))), expected);
    }

    #[test]
    fn different_periods_need_a_calendar() {
        let order = Order::new(flows(vec![even(0, 20), even(1, 7)]));
        assert!(matches!(order, Order::Calendar { .. }));
        let expected = [(100, 0), (101, 1), (108, 1), (115, 1), (120, 0), (122, 1), (129, 1)];
        assert_eq!(dues(order), expected);
        let burst = Timing::new(0, 10, Steps::Burst { size: 2 }, None);
        assert_eq!(dues(Order::new(flows(vec![burst]))), [(100, 0), (100, 0), (120, 0), (120, 0)]);
    }

    #[test]
    fn a_worker_without_publishers_has_nothing_to_do() {
        assert_eq!(dues(Order::new(Vec::new())), []);
    }
}
