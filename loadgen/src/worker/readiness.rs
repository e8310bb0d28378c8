//! Which sockets of a worker have bytes or take some: one queue of its own.
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

/// A queue that the runtime watches.
#[derive(Debug)]
pub(super) struct Queue(AsyncFd<OwnedFd>);

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

/// Events that were taken.
pub(super) struct Events(Vec<Event>);

impl Queue {
    /// Needs the runtime of this thread.
    pub(super) fn new() -> io::Result<Self> {
        let queue = epoll::create(CreateFlags::CLOEXEC)?;
        #[expect(
            deprecated,
            reason = "its successor is unsafe for types that may close what they lend; OwnedFd cannot"
        )]
        let queue = AsyncFd::with_interest(queue, tokio::io::Interest::READABLE)?;
        Ok(Self(queue))
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

    /// Takes the events that are there.
    pub(super) fn look(&self, events: &mut Events) -> io::Result<()> {
        self.sleep(events, Duration::ZERO)
    }

    /// Waits until there are events, or for so long, and takes them; the runtime stands still meanwhile.
    pub(super) fn sleep(&self, events: &mut Events, longest: Duration) -> io::Result<()> {
        events.0.clear();
        let longest = timespec(longest);
        match epoll::wait(&self.0, rustix::buffer::spare_capacity(&mut events.0), Some(&longest)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until there are events, and takes them. May find none.
    pub(super) async fn wait(&self, events: &mut Events) -> io::Result<()> {
        let mut ready = self.0.readable().await?;
        self.look(events)?;
        if !events.is_full() {
            // These were all: what comes from now on is a change for the runtime.
            ready.clear_ready();
        }
        Ok(())
    }
}

impl Events {
    pub(super) fn new() -> Self {
        Self(Vec::with_capacity(EVENTS_MAX))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there may be more.
    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= EVENTS_MAX
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Happening> {
        self.0.iter().map(happening)
    }
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

    async fn next(queue: &Queue) -> Vec<Happening> {
        let mut events = Events::new();
        loop {
            queue.wait(&mut events).await.unwrap();
            let all: Vec<_> = events.iter().collect();
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
        assert_eq!(next(&queue).await, [socket(7, true, false)]);
        assert_eq!((&here).read(&mut [0; 9]).unwrap(), 5);
        there.write_all(b"late").unwrap();
        assert_eq!(next(&queue).await, [socket(7, true, false)]);
        drop(there);
        assert!(matches!(next(&queue).await[..], [Happening::Socket { has_ended: true, .. }]));
    }

    #[tokio::test]
    async fn timers_tell_without_being_read() {
        let queue = Queue::new().unwrap();
        let (due, samples) = (Timer::new().unwrap(), Timer::new().unwrap());
        queue.watch_due(&due).unwrap();
        queue.watch_samples(&samples).unwrap();
        for _ in 0..2 {
            due.set(Duration::from_micros(100)).unwrap();
            assert_eq!(next(&queue).await, [Happening::Due]);
            samples.set(Duration::from_micros(100)).unwrap();
            assert_eq!(next(&queue).await, [Happening::Sample]);
        }
    }
}
