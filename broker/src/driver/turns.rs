//! The turns of a shard: what is there is taken in, and what came of it is written.
//!
//! One loop does both. While no task lives on its runtime but this loop it sleeps in the shard's own
//! queue, one wait between a packet and who reads it; mail rings a bell there, and the clock is looked
//! at when it says so. Handshakes, the lobby and connections with layers are tasks: while there are
//! any, the runtime sleeps and watches the queue for the loop.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use mio::event::Event;
use tokio::runtime::{Handle, RuntimeMetrics};
use tokio::task::yield_now;
use tokio::time::{Instant, Sleep};

use super::accept::Doors;
use super::figures::Figures;
use super::flusher::Batch;
use super::mailbox::Inbox;
use super::readiness::{Place, Readiness};
use super::{Driver, Duties};

/// How often timers are looked at and statistics published.
const TICK: Duration = Duration::from_millis(100);

/// Mail that is taken before sockets have their turn again.
const MAIL_PER_TURN: usize = 128;

/// Tasks of a runtime that has nothing else to do: the loop.
const LASTING_TASKS: usize = 1;

/// The loop of a shard.
pub(super) struct Turns {
    driver: Rc<Driver>,
    readiness: Readiness,
    inbox: Inbox,
    doors: Doors,
    figures: Option<Figures>,
    batch: Batch,
    /// When timers are looked at next.
    tick: Instant,
    /// Wakes the loop while the runtime sleeps.
    alarm: Pin<Box<Sleep>>,
    /// `None` where others use the thread: they would stand still.
    runtime: Option<RuntimeMetrics>,
    /// Whether the loop sleeps by itself.
    is_alone: bool,
    /// Whether the queue or the mailbox may have more than was taken.
    has_more: bool,
    access_changes: u64,
}

impl Turns {
    /// Needs the runtime of this thread. `is_own`: nobody else uses that.
    pub(super) fn new(
        driver: Rc<Driver>,
        readiness: Readiness,
        inbox: Inbox,
        duties: Duties,
        is_own: bool,
    ) -> Self {
        let tick = Instant::now() + TICK;
        Self {
            figures: duties.sys_interval.map(|interval| Figures::start(&driver, interval)),
            doors: Doors::open(duties.listeners, &driver.registrar),
            batch: Batch::default(),
            tick,
            alarm: Box::pin(tokio::time::sleep_until(tick)),
            runtime: is_own.then(|| Handle::current().metrics()),
            is_alone: is_own,
            has_more: false,
            access_changes: 0,
            driver,
            readiness,
            inbox,
        }
    }

    /// Has one turn after the other until the broker stops.
    pub(super) async fn run(mut self) {
        while !self.driver.shared.is_stopping() {
            match self.wait().await {
                Ok(has_slept) => self.turn(has_slept).await,
                Err(error) => {
                    tracing::error!("cannot see which connections have sent, trying on: {error}");
                    tokio::time::sleep(TICK).await;
                }
            }
        }
    }

    async fn turn(&mut self, has_slept: bool) {
        self.driver.read_due();
        self.doors.accept(&self.driver);
        self.take_mail();
        let has_ticked = self.keep_time();
        if !self.is_alone && self.is_busy() || has_ticked {
            // Tasks that are ready now run first and add to the batch.
            yield_now().await;
        } else if !has_slept && self.batch.is_empty() && self.driver.call.is_due() {
            // Under load, what has come meanwhile is written with the rest.
            self.look_again();
        }
        self.driver.write_some(&mut self.batch);
    }

    /// Waits until there is something to do, and notes what the queue tells. Whether there was nothing before.
    async fn wait(&mut self) -> io::Result<bool> {
        let is_busy = self.is_busy();
        self.is_alone = self.is_alone && self.has_no_tasks();
        let Self { driver, doors, inbox, readiness, .. } = self;
        let next = [Some(self.tick), doors.next(), self.figures.as_ref().map(Figures::next)];
        let next = next.into_iter().flatten().min().unwrap_or(self.tick);
        let note = |place, event: &Event| note(driver, doors, place, event);
        let saw_all = if is_busy {
            readiness.look(note)?
        } else if self.is_alone {
            let longest = next.saturating_duration_since(Instant::now());
            readiness.sleep(longest, || !inbox.is_empty(), note)?
        } else {
            if self.alarm.deadline() != next {
                self.alarm.as_mut().reset(next);
            }
            tokio::select! {
                biased;
                saw_all = readiness.wait(note) => saw_all?,
                Some(mail) = inbox.receive() => {
                    driver.handle_mail(mail);
                    true
                }
                () = poll_fn(|context| driver.call.poll_due(context)) => true,
                () = &mut self.alarm => true,
            }
        };
        self.has_more = !saw_all;
        Ok(!is_busy)
    }

    /// Whether there is something to do without waiting.
    fn is_busy(&self) -> bool {
        self.has_more
            || self.driver.call.is_due()
            || !self.batch.is_empty()
            || self.doors.are_ready()
            || self.driver.has_turns_to_give()
    }

    fn has_no_tasks(&self) -> bool {
        self.runtime.as_ref().is_some_and(|runtime| runtime.num_alive_tasks() <= LASTING_TASKS)
    }

    fn take_mail(&mut self) {
        for _ in 0..MAIL_PER_TURN {
            let Some(mail) = self.inbox.take() else { return };
            self.driver.handle_mail(mail);
        }
        self.has_more = true;
    }

    /// Does what is due by the clock. Whether that was the regular look at it.
    fn keep_time(&mut self) -> bool {
        let now = Instant::now();
        self.doors.unlock(now);
        if let Some(figures) = &mut self.figures {
            figures.publish_when_due(&self.driver, now);
        }
        let is_due = now >= self.tick;
        if is_due {
            self.tick = now + TICK;
            self.driver.tick(&mut self.access_changes);
            // Who has tasks now and then does not change for each of them.
            self.is_alone = self.has_no_tasks();
        }
        is_due
    }

    fn look_again(&mut self) {
        let Self { driver, doors, readiness, .. } = self;
        match readiness.look(|place, event| note(driver, doors, place, event)) {
            Ok(saw_all) => self.has_more |= !saw_all,
            // The next turn says so.
            Err(_) => self.has_more = true,
        }
        self.driver.read_due();
    }
}

/// Notes what the queue tells.
fn note(driver: &Rc<Driver>, doors: &mut Doors, place: Place, event: &Event) {
    match place {
        Place::Connection(key) => driver.handle_event(key, event),
        Place::Listener(number) => doors.knock(number),
    }
}
