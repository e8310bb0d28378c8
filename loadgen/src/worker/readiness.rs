//! Which sockets of a worker have bytes or take some, and which timers are up: one queue of its own.
//!
//! The runtime would wake, schedule and poll a task for each message that arrives alone: a tenth of what its reading costs, and the
//! last of a thousand subscribers would seem to get theirs that much later.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use tokio::io::unix::AsyncFd;

use super::timer::{Timer, timespec};

/// Events that are taken at once: as many reads may come before whatever else the thread has to do.
const EVENTS_MAX: usize = 256;

/// Stand for no client.
const DUE: u64 = u64::MAX;
const SAMPLE: u64 = u64::MAX - 1;

/// A queue of sockets and timers.
#[derive(Debug)]
pub(super) struct Queue(OwnedFd);

/// Who sleeps until something happens in a queue.
pub(super) struct Sleeper {
    queue: OwnedFd,
    /// The queue, while the runtime watches it: each event then costs whoever sends it a second wake-up, whether anybody waits for
    /// that or not.
    watched: Option<AsyncFd<OwnedFd>>,
    events: Vec<Event>,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    /// The timer of what is due.
    Due,
    /// The timer of the samples.
    Sample,
    /// Something about the socket of the client in this place.
    Socket {
        place: usize,
        /// It has bytes, or its end.
        is_readable: bool,
        /// It will not have more than it has now.
        has_ended: bool,
        /// It takes bytes, or tells why not.
        is_writable: bool,
    },
}

impl Queue {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self(epoll::create(CreateFlags::CLOEXEC)?))
    }

    pub(super) fn sleeper(&self) -> io::Result<Sleeper> {
        let queue = self.0.try_clone()?;
        Ok(Sleeper { queue, watched: None, events: Vec::with_capacity(EVENTS_MAX) })
    }

    /// Watches a socket for good, for changes: what it has at first is one. Closing it ends this; an event that is on its way then
    /// names its place, where another client's may be that has nothing.
    pub(super) fn watch(&self, socket: impl AsFd, place: usize) -> io::Result<()> {
        let changes = EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET;
        Ok(epoll::add(&self.0, socket, EventData::new_u64(place as u64), changes)?)
    }

    /// Watches the timer of what is due.
    pub(super) fn watch_due(&self, timer: &Timer) -> io::Result<()> {
        self.watch_timer(timer, DUE)
    }

    /// Watches the timer of the samples.
    pub(super) fn watch_samples(&self, timer: &Timer) -> io::Result<()> {
        self.watch_timer(timer, SAMPLE)
    }

    fn watch_timer(&self, timer: &Timer, name: u64) -> io::Result<()> {
        let changes = EventFlags::IN | EventFlags::ET;
        Ok(epoll::add(&self.0, timer, EventData::new_u64(name), changes)?)
    }
}

impl Sleeper {
    /// Takes the events that are there.
    pub(super) fn look(&mut self) -> io::Result<()> {
        self.take(Duration::ZERO)
    }

    /// Waits until there are events, or for so long, and takes them; the runtime stands still meanwhile.
    pub(super) fn sleep(&mut self, longest: Duration) -> io::Result<()> {
        self.watched = None;
        self.take(longest)
    }

    /// Waits until there are events, and takes them, while the runtime does what it has to. May find none.
    pub(super) async fn wait(&mut self) -> io::Result<()> {
        let mut watched = match self.watched.take() {
            Some(watched) => watched,
            None => watch(self.queue.try_clone()?)?,
        };
        let mut ready = watched.readable_mut().await?;
        self.take(Duration::ZERO)?;
        if !self.is_full() {
            // These were all: what comes from now on is a change for the runtime.
            ready.clear_ready();
        }
        self.watched = Some(watched);
        Ok(())
    }

    fn take(&mut self, longest: Duration) -> io::Result<()> {
        self.events.clear();
        let events = rustix::buffer::spare_capacity(&mut self.events);
        match epoll::wait(&self.queue, events, Some(&timespec(longest))) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether nothing happened.
    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Whether there may be more.
    pub(super) fn is_full(&self) -> bool {
        self.events.len() >= EVENTS_MAX
    }

    /// What happened.
    pub(super) fn events(&self) -> impl Iterator<Item = Happening> {
        self.events.iter().map(happening)
    }
}

/// Needs the runtime of this thread.
fn watch(queue: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    #[expect(
        deprecated,
        reason = "its successor is unsafe for types that may close what they lend; OwnedFd cannot"
    )]
    AsyncFd::with_interest(queue, tokio::io::Interest::READABLE)
}

fn happening(event: &Event) -> Happening {
    // Copies: the struct is packed.
    let (flags, data) = (event.flags, event.data.u64());
    match data {
        DUE => Happening::Due,
        SAMPLE => Happening::Sample,
        place => {
            let has_failed = flags.intersects(EventFlags::ERR | EventFlags::HUP);
            let has_ended = has_failed || flags.contains(EventFlags::RDHUP);
            Happening::Socket {
                place: usize::try_from(place).unwrap_or(usize::MAX),
                is_readable: has_ended || flags.contains(EventFlags::IN),
                has_ended,
                is_writable: has_failed || flags.contains(EventFlags::OUT),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    async fn next(sleeper: &mut Sleeper) -> Vec<Happening> {
        loop {
            sleeper.wait().await.unwrap();
            let all: Vec<_> = sleeper.events().collect();
            if !all.is_empty() {
                return all;
            }
        }
    }

    fn socket(place: usize, is_readable: bool, has_ended: bool) -> Happening {
        Happening::Socket { place, is_readable, has_ended, is_writable: true }
    }

    #[tokio::test]
    async fn bytes_that_were_there_before_and_each_change_are_told() {
        let queue = Queue::new().unwrap();
        let (here, mut there) = UnixStream::pair().unwrap();
        here.set_nonblocking(true).unwrap();
        there.write_all(b"early").unwrap();
        queue.watch(&here, 7).unwrap();
        let mut sleeper = queue.sleeper().unwrap();
        assert_eq!(next(&mut sleeper).await, [socket(7, true, false)]);
        assert_eq!((&here).read(&mut [0; 9]).unwrap(), 5);
        there.write_all(b"late").unwrap();
        assert_eq!(next(&mut sleeper).await, [socket(7, true, false)]);
        drop(there);
        assert!(matches!(
            next(&mut sleeper).await[..],
            [Happening::Socket { has_ended: true, .. }]
        ));
    }

    #[tokio::test]
    async fn whoever_sleeps_beside_the_runtime_and_then_in_it_misses_nothing() {
        let queue = Queue::new().unwrap();
        let (here, mut there) = UnixStream::pair().unwrap();
        here.set_nonblocking(true).unwrap();
        queue.watch(&here, 7).unwrap();
        let mut sleeper = queue.sleeper().unwrap();
        for _ in 0..3 {
            // That it can be written.
            while sleeper.events().next().is_none() {
                sleeper.sleep(Duration::from_secs(1)).unwrap();
            }
            there.write_all(b"beside").unwrap();
            sleeper.sleep(Duration::from_mins(1)).unwrap();
            assert_eq!(sleeper.events().collect::<Vec<_>>(), [socket(7, true, false)]);
            assert_eq!((&here).read(&mut [0; 9]).unwrap(), 6);
            there.write_all(b"within").unwrap();
            assert_eq!(next(&mut sleeper).await, [socket(7, true, false)]);
            assert_eq!((&here).read(&mut [0; 9]).unwrap(), 6);
        }
    }

    #[tokio::test]
    async fn timers_tell_without_being_read() {
        let queue = Queue::new().unwrap();
        let (due, samples) = (Timer::new().unwrap(), Timer::new().unwrap());
        queue.watch_due(&due).unwrap();
        queue.watch_samples(&samples).unwrap();
        let mut sleeper = queue.sleeper().unwrap();
        for _ in 0..2 {
            due.set(Duration::from_micros(100)).unwrap();
            assert_eq!(next(&mut sleeper).await, [Happening::Due]);
            samples.set(Duration::from_micros(100)).unwrap();
            assert_eq!(next(&mut sleeper).await, [Happening::Sample]);
        }
    }
}
