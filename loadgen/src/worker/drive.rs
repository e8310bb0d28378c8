//! The loop of a worker: publish what is due, read what came, sleep until there is either.
//!
//! Whoever sleeps in the runtime is woken through two queues, the runtime's and this one, some 5 us later than by one
//! (docs/performance.md). While the load is on and no task has anything to do the loop sleeps in its own queue, and looks after
//! the runtime now and then.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::yield_now;

use super::Worker;
use super::probe::Probe;
use super::readiness::{Happening, Queue, Sleeper};
use super::timer::Timer;

/// Waiting for less than this costs more than it spares: the worker looks again instead.
const SPIN_BELOW_NS: u64 = 20_000;

/// How long the commands and timers of the runtime may wait while the loop sleeps in its own queue, or has enough to do.
const NAP_NS: u64 = 5_000_000;

/// Wakes the worker when the next publication is due.
#[derive(Debug)]
pub(super) struct Alarm {
    timer: Timer,
    /// When it will, unless it has.
    due_ns: Cell<u64>,
}

impl Alarm {
    pub(super) fn new(queue: &Queue) -> io::Result<Self> {
        let timer = Timer::new()?;
        queue.watch_due(&timer)?;
        Ok(Self { timer, due_ns: Cell::new(u64::MAX) })
    }

    /// Sets it; `u64::MAX` for never.
    fn set(&self, due_ns: u64, now_ns: u64) -> io::Result<()> {
        if due_ns == u64::MAX || self.due_ns.replace(due_ns) == due_ns {
            return Ok(());
        }
        self.timer.set(Duration::from_nanos(due_ns.saturating_sub(now_ns)))
    }
}

impl Worker {
    /// Publishes and reads for as long as the worker lives; what it answers is why it cannot go on.
    pub(super) async fn drive(self: Rc<Self>, mut probe: Probe) -> io::Error {
        let mut sleeper = match self.queue.sleeper() {
            Ok(sleeper) => sleeper,
            Err(error) => return error,
        };
        let mut runtime_ns = 0;
        loop {
            let turn = self.turn(&mut sleeper, &mut probe, &mut runtime_ns);
            if let Err(error) = turn.await {
                return error;
            }
        }
    }

    /// What is due, and one read of each socket that has something. Sleeps if there is neither.
    ///
    /// `runtime_ns` is when the runtime last had its turn.
    async fn turn(
        self: &Rc<Self>,
        sleeper: &mut Sleeper,
        probe: &mut Probe,
        runtime_ns: &mut u64,
    ) -> io::Result<()> {
        self.catch_up(self.setup.clock.now_ns());
        // Read anew: the alarm would be late by as long as it took to write what was due.
        let begun_ns = self.setup.clock.now_ns();
        let owes_reads = !self.owed_reads.borrow().is_empty();
        let free_ns = self.next_due_ns.get().saturating_sub(begun_ns);
        let is_alone = self.is_alone();
        let mut must_yield = !is_alone || begun_ns - *runtime_ns >= NAP_NS;
        if owes_reads || free_ns < SPIN_BELOW_NS {
            sleeper.look()?;
            if sleeper.is_empty() && !owes_reads {
                self.recorder.borrow_mut().counters.spun_ns += self.setup.clock.now_ns() - begun_ns;
            }
        } else {
            self.alarm.set(self.next_due_ns.get(), begun_ns)?;
            if is_alone {
                sleeper.sleep(Duration::from_nanos(NAP_NS))?;
            } else {
                sleeper.wait().await?;
                must_yield = sleeper.is_full();
            }
        }
        for event in sleeper.events() {
            self.handle_event(event, probe)?;
        }
        self.read_owed();
        if must_yield {
            // Connections that are being opened, timers and commands have their turn.
            yield_now().await;
            *runtime_ns = self.setup.clock.now_ns();
        }
        Ok(())
    }

    /// Whether the runtime has nothing that cannot wait for a moment: the load is on, and no task is there but those that are
    /// there for good.
    fn is_alone(&self) -> bool {
        self.load.get().is_some()
            && !self.finishing.get()
            && Handle::current().metrics().num_alive_tasks() <= self.lasting_tasks.get()
    }

    /// Has the loop woken when the next publication is due.
    pub(super) fn set_alarm(&self, now_ns: u64) -> io::Result<()> {
        self.alarm.set(self.next_due_ns.get(), now_ns)
    }

    fn handle_event(self: &Rc<Self>, event: Happening, probe: &mut Probe) -> io::Result<()> {
        let Happening::Socket { place, is_readable, has_ended, is_writable } = event else {
            // What is due is looked for at every turn and after every read.
            return match event {
                Happening::Sample => {
                    probe.sample(self.setup.clock.now_ns(), &mut self.recorder.borrow_mut())
                }
                _ => Ok(()),
            };
        };
        let Some(connection) = self.connection(place) else { return Ok(()) };
        if has_ended {
            connection.has_ended.set(true);
        }
        if is_writable && connection.blocked.get() {
            self.resume(&connection);
        }
        if is_readable {
            self.receive(place, &connection);
        }
        Ok(())
    }

    /// One more read of each socket that may still have something, in turn with the others.
    fn read_owed(self: &Rc<Self>) {
        let turns = self.owed_reads.borrow().len();
        for _ in 0..turns {
            let Some(place) = self.owed_reads.borrow_mut().pop_front() else { return };
            if let Some(connection) = self.connection(place) {
                connection.is_owed.set(false);
                self.receive(place, &connection);
            }
        }
    }
}
