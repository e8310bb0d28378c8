//! The loop of a worker: publish what is due, read what came, sleep until there is either.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use tokio::task::yield_now;

use super::Worker;
use super::probe::Probe;
use super::readiness::{Events, Happening, Queue};
use super::timer::Timer;

/// Waiting for less than this costs more than it spares: the worker looks again instead.
const SPIN_BELOW_NS: u64 = 20_000;

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
        let mut events = Events::new();
        loop {
            if let Err(error) = self.turn(&mut events, &mut probe).await {
                return error;
            }
        }
    }

    /// What is due, and one read of each socket that has something. Sleeps if there is neither.
    async fn turn(self: &Rc<Self>, events: &mut Events, probe: &mut Probe) -> io::Result<()> {
        let begun_ns = self.setup.clock.now_ns();
        self.catch_up(begun_ns);
        let owes_reads = !self.owed_reads.borrow().is_empty();
        let free_ns = self.next_due_ns.get().saturating_sub(begun_ns);
        let must_hurry = owes_reads || free_ns < SPIN_BELOW_NS;
        if must_hurry {
            self.queue.look(events)?;
        } else {
            self.set_alarm(begun_ns)?;
            self.queue.wait(events).await?;
        }
        for event in events.iter() {
            self.handle_event(event, probe)?;
        }
        self.read_owed();
        if must_hurry || events.is_full() {
            if events.is_empty() && !owes_reads {
                self.recorder.borrow_mut().counters.spun_ns += self.setup.clock.now_ns() - begun_ns;
            }
            // Connections that are being opened, timers and commands have their turn.
            yield_now().await;
        }
        Ok(())
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
