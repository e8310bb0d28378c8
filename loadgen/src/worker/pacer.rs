//! When to publish: publications in the order of their due times, a bounded number at a turn.

use std::rc::Rc;
use std::time::Duration;

use super::Worker;
use super::timer::Timer;
use crate::plan::{Plan, Schedule};

/// Writes of one turn at most, before another socket is read: a worker that is behind its schedule
/// must still take in what arrives. 16 writes are about 0.1 ms.
const WRITES_PER_TURN: u32 = 16;

/// Publications of one publisher in one turn: a publisher that was blocked long must not hold up
/// the others.
const PUBLICATIONS_PER_WRITE: u32 = 512;

/// Waiting for less than this costs more than it spares: the pacer looks again instead.
const SPIN_BELOW_NS: u64 = 20_000;

/// A turn of the runtime that is shorter did nothing but look at the clock and at the sockets: one read
/// takes longer.
const TURN_NS: u64 = 4_000;

/// Which publication of this worker is due next.
///
/// All publishers have one period, so their due times come in one order again and again: a position
/// in this order and a round are enough to know the next, whatever their number.
#[derive(Debug)]
pub(super) struct Pacer {
    /// When publications are due.
    pub schedule: Schedule,
    /// Offset and place of each publisher, by offset.
    order: Box<[(u64, usize)]>,
    position: usize,
    round: u32,
}

impl Pacer {
    pub(super) fn new(plan: &Plan, publishers: &[u32]) -> Self {
        let mut order: Box<[_]> = publishers
            .iter()
            .enumerate()
            .map(|(place, &publisher)| (plan.offset_ns(publisher), place))
            .collect();
        order.sort_unstable();
        Self { schedule: Schedule::default(), order, position: 0, round: 0 }
    }

    /// Due time and place of the next publication; `None` when no more are due.
    fn next(&self) -> Option<(u64, usize)> {
        let &(offset_ns, place) = self.order.get(self.position)?;
        let due_ns = self.schedule.due_ns(offset_ns, self.round);
        // A publisher late in the period may be past the end while an earlier one is not: then all
        // after it in this round are past the end too, and so is the next round.
        (due_ns < self.schedule.end_ns).then_some((due_ns, place))
    }

    fn advance(&mut self) {
        self.position += 1;
        if self.position == self.order.len() {
            self.position = 0;
            self.round += 1;
        }
    }
}

impl Worker {
    /// Begins to publish by `schedule`.
    pub(super) fn schedule(&self, schedule: Schedule) {
        self.recorder.borrow_mut().start(schedule);
        let mut pacer = self.pacer.borrow_mut();
        pacer.schedule = schedule;
        self.next_due_ns.set(pacer.next().map_or(u64::MAX, |(due_ns, _)| due_ns));
        self.scheduled.notify_one();
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
            let sent = self
                .connection(place)
                .map_or(0, |connection| self.publish_due(&connection, PUBLICATIONS_PER_WRITE));
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

    /// Publishes what nobody else does, until the worker ends.
    pub(super) async fn pace(self: Rc<Self>, timer: Timer) {
        loop {
            let due_ns = self.next_due_ns.get();
            let now_ns = self.setup.clock.now_ns();
            if due_ns == u64::MAX {
                self.scheduled.notified().await;
            } else if due_ns <= now_ns {
                self.publish_turn(now_ns);
                tokio::task::yield_now().await;
            } else if due_ns - now_ns < SPIN_BELOW_NS
                || timer.sleep(Duration::from_nanos(due_ns - now_ns)).await.is_err()
            {
                tokio::task::yield_now().await;
                let spun_ns = self.setup.clock.now_ns() - now_ns;
                if spun_ns < TURN_NS {
                    self.recorder.borrow_mut().counters.spun_ns += spun_ns;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pacer(offsets_ns: &[u64]) -> Pacer {
        let mut order: Box<[_]> =
            offsets_ns.iter().enumerate().map(|(place, &offset_ns)| (offset_ns, place)).collect();
        order.sort_unstable();
        Pacer {
            schedule: Schedule { start_ns: 100, measure_ns: 100, end_ns: 135, period_ns: 20 },
            order,
            position: 0,
            round: 0,
        }
    }

    #[test]
    fn publications_come_in_the_order_of_their_due_times_until_the_end() {
        let mut pacer = pacer(&[10, 0, 15]);
        let mut all = Vec::new();
        while let Some(next) = pacer.next() {
            all.push(next);
            pacer.advance();
        }
        assert_eq!(all, [(100, 1), (110, 0), (115, 2), (120, 1), (130, 0)]);
    }

    #[test]
    fn a_worker_without_publishers_has_nothing_to_do() {
        assert_eq!(pacer(&[]).next(), None);
    }
}
