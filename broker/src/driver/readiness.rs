//! Which sockets of a shard take or have bytes: one queue of the shard's own.
//!
//! The runtime would keep a task and a registration for each connection, 560 bytes of an idle one.
//! Here the system's queue (epoll, kqueue) hands out the connections' keys. A shard whose runtime has
//! no task sleeps in the queue itself; else the runtime watches the queue's descriptor, and nothing
//! of what is in there: two queues between a packet and who reads it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::time::Duration;

use broker_core::ConnectionKey;
use mio::event::{Event, Source};
use mio::{Events, Interest, Poll, Registry, Token, Waker};
use slotmap::{Key, KeyData};
use tokio::io::unix::AsyncFd;

/// Events that are taken at once, and so the connections that have a turn before others may come.
const EVENTS_MAX: usize = 1024;

// A key that lost its generation in a token could stand for another connection later.
const _: () = assert!(size_of::<usize>() >= size_of::<u64>(), "a token holds a connection's key");

/// Stands for the [`Bell`]. A key with that many generations and that place does not come up: the place is that
/// of the null key.
const BELL: Token = Token(usize::MAX);

/// Tokens below this stand for listeners. The generation of a key is above these bits, and never 0.
const LISTENERS_END: usize = 1 << 32;

/// A queue on its way to the shard that sleeps in it.
#[derive(Debug)]
pub(crate) struct ReadinessQueue {
    poll: Poll,
    bell: Arc<Bell>,
}

/// Wakes a shard that sleeps in its queue, from any thread.
#[derive(Debug)]
pub(crate) struct Bell {
    waker: Waker,
    is_asleep: AtomicBool,
}

/// Puts sockets on the queue.
#[derive(Debug)]
pub(super) struct Registrar(Registry);

/// Who waits for what the queue tells.
#[derive(Debug)]
pub(super) struct Readiness {
    poll: Poll,
    events: Events,
    bell: Arc<Bell>,
    /// The queue's descriptor, while the runtime watches it: each event then costs whoever sends it a second
    /// wake-up, whether anybody waits for that or not.
    watched: Option<AsyncFd<OwnedFd>>,
}

/// What has something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Connection(ConnectionKey),
    /// By the number that it was registered with.
    Listener(usize),
}

impl ReadinessQueue {
    pub(crate) fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), BELL)?;
        Ok(Self { poll, bell: Arc::new(Bell { waker, is_asleep: AtomicBool::new(false) }) })
    }

    pub(crate) fn bell(&self) -> Arc<Bell> {
        Arc::clone(&self.bell)
    }

    pub(super) fn open(self) -> io::Result<(Registrar, Readiness)> {
        let Self { poll, bell } = self;
        let registrar = Registrar(poll.registry().try_clone()?);
        let events = Events::with_capacity(EVENTS_MAX);
        Ok((registrar, Readiness { poll, events, bell, watched: None }))
    }
}

impl Bell {
    /// To be called when something was left where the shard looks before it sleeps. Costs a system call when
    /// it sleeps in its queue, and else next to nothing.
    pub(crate) fn ring(&self) {
        // Either the shard sees what was left, or this sees that it sleeps.
        fence(Ordering::SeqCst);
        if self.is_asleep.load(Ordering::Relaxed)
            && self.is_asleep.swap(false, Ordering::Relaxed)
            && let Err(error) = self.waker.wake()
        {
            // It wakes by itself when it looks at the clock.
            tracing::warn!("a shard was not woken: {error}");
        }
    }
}

impl Registrar {
    /// Registers a socket for good. One that has bytes already is reported at once. Closing it is
    /// all that it takes to end this; events that are on their way then name a key that is gone.
    pub(super) fn register(&self, socket: &mut impl Source, key: ConnectionKey) -> io::Result<()> {
        self.0.register(socket, token(key)?, Interest::READABLE | Interest::WRITABLE)
    }

    /// Registers a listener for good, by a number of its own.
    pub(super) fn register_listener(
        &self,
        listener: &mut (impl Source + ?Sized),
        number: usize,
    ) -> io::Result<()> {
        if number >= LISTENERS_END {
            return Err(io::ErrorKind::Unsupported.into());
        }
        self.0.register(listener, Token(number), Interest::READABLE)
    }
}

impl Readiness {
    /// Takes the events that are there; whether these were all.
    pub(super) fn look(&mut self, note: impl FnMut(Place, &Event)) -> io::Result<bool> {
        take(&mut self.poll, &mut self.events, Duration::ZERO, note)
    }

    /// Waits for events, for so long at most, and takes them; whether these were all. The runtime stands still
    /// meanwhile. Does not wait if `is_wanted`, which is asked when the [`Bell`] works already.
    pub(super) fn sleep(
        &mut self,
        longest: Duration,
        is_wanted: impl FnOnce() -> bool,
        note: impl FnMut(Place, &Event),
    ) -> io::Result<bool> {
        self.watched = None;
        self.bell.is_asleep.store(true, Ordering::Relaxed);
        // See `Bell::ring`.
        fence(Ordering::SeqCst);
        let longest = if is_wanted() { Duration::ZERO } else { longest };
        let taken = take(&mut self.poll, &mut self.events, longest, note);
        self.bell.is_asleep.store(false, Ordering::Relaxed);
        taken
    }

    /// Waits for events while the runtime does what it has to, and takes them; whether these were all. Whoever
    /// gives up waiting misses nothing.
    pub(super) async fn wait(&mut self, note: impl FnMut(Place, &Event)) -> io::Result<bool> {
        let Self { poll, events, watched, .. } = self;
        let watched = match watched {
            Some(watched) => watched,
            None => watched.insert(watch(poll.registry().as_fd().try_clone_to_owned()?)?),
        };
        let mut ready = watched.readable_mut().await?;
        let saw_all = take(poll, events, Duration::ZERO, note)?;
        if saw_all {
            // What comes from now on is a new edge for the runtime.
            ready.clear_ready();
        }
        Ok(saw_all)
    }
}

fn take(
    poll: &mut Poll,
    events: &mut Events,
    longest: Duration,
    mut note: impl FnMut(Place, &Event),
) -> io::Result<bool> {
    match poll.poll(events, Some(longest)) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(false),
        Err(error) => return Err(error),
    }
    let mut count = 0;
    for event in &*events {
        if let Some(place) = place(event.token()) {
            note(place, event);
        }
        count += 1;
    }
    Ok(count < EVENTS_MAX)
}

/// Needs the runtime of this thread.
#[expect(
    deprecated,
    reason = "what replaces it is unsafe and asks that the descriptor stays open and the same; an `OwnedFd` is its own"
)]
fn watch(queue: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::with_interest(queue, tokio::io::Interest::READABLE)
}

fn token(key: ConnectionKey) -> io::Result<Token> {
    let token = usize::try_from(key.data().as_ffi());
    token.map(Token).map_err(|_| io::ErrorKind::Unsupported.into())
}

fn key(Token(token): Token) -> ConnectionKey {
    KeyData::from_ffi(token as u64).into()
}

/// Whom a token stands for; `None` for the bell, which has done its work.
fn place(token: Token) -> Option<Place> {
    match token {
        BELL => None,
        Token(number) if number < LISTENERS_END => Some(Place::Listener(number)),
        token => Some(Place::Connection(key(token))),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    use std::sync::mpsc;
    use std::time::Instant;

    use slotmap::SlotMap;

    use super::*;

    const LONG: Duration = Duration::from_mins(1);

    fn open() -> (Registrar, Readiness) {
        ReadinessQueue::new().unwrap().open().unwrap()
    }

    /// A socket as a connection has it, and its other end.
    fn pair() -> (mio::net::UnixStream, UnixStream) {
        let (here, there) = UnixStream::pair().unwrap();
        here.set_nonblocking(true).unwrap();
        (mio::net::UnixStream::from_std(here), there)
    }

    fn some_key() -> ConnectionKey {
        SlotMap::<ConnectionKey, ()>::with_key().insert(())
    }

    #[tokio::test]
    async fn bytes_that_came_before_the_registration_are_an_event() {
        let (registrar, mut readiness) = open();
        let (mut socket, mut peer) = pair();
        peer.write_all(b"CONNECT").unwrap();
        let key = some_key();
        registrar.register(&mut socket, key).unwrap();
        let mut seen = Vec::new();
        readiness.wait(|place, event| seen.push((place, event.is_readable()))).await.unwrap();
        assert_eq!(seen, [(Place::Connection(key), true)]);
    }

    #[tokio::test]
    async fn whoever_sleeps_beside_the_runtime_and_then_in_it_misses_no_change() {
        let (registrar, mut readiness) = open();
        let (mut socket, mut peer) = pair();
        registrar.register(&mut socket, some_key()).unwrap();
        for round in 0..6 {
            peer.write_all(b"PINGREQ").unwrap();
            let mut is_readable = false;
            while !is_readable {
                let note = |_, event: &Event| is_readable |= event.is_readable();
                if round % 3 == 0 {
                    readiness.sleep(LONG, || false, note).unwrap();
                } else {
                    readiness.wait(note).await.unwrap();
                }
            }
            assert_eq!((&socket).read(&mut [0; 9]).unwrap(), 7);
        }
    }

    #[tokio::test]
    async fn whoever_gave_up_waiting_misses_nothing() {
        let (registrar, mut readiness) = open();
        let (mut socket, mut peer) = pair();
        registrar.register(&mut socket, some_key()).unwrap();
        // That it can be written.
        readiness.wait(|_, _| {}).await.unwrap();
        for _ in 0..3 {
            tokio::select! {
                biased;
                _ = readiness.wait(|_, _| panic!("nothing came")) => {}
                () = tokio::task::yield_now() => {}
            }
        }
        peer.write_all(b"PINGREQ").unwrap();
        let mut is_readable = false;
        while !is_readable {
            readiness.wait(|_, event| is_readable |= event.is_readable()).await.unwrap();
        }
    }

    #[test]
    fn the_bell_wakes_who_sleeps() {
        let queue = ReadinessQueue::new().unwrap();
        let bell = queue.bell();
        let (rung, ringing) = mpsc::sync_channel(0);
        let ringer = std::thread::spawn(move || {
            while let Ok(()) = ringing.recv() {
                while !bell.is_asleep.load(Ordering::Relaxed) {
                    std::thread::yield_now();
                }
                bell.ring();
            }
        });
        let (_registrar, mut readiness) = queue.open().unwrap();
        let begun = Instant::now();
        for _ in 0..3 {
            rung.send(()).unwrap();
            readiness.sleep(LONG, || false, |_, _| panic!("the bell is nobody's")).unwrap();
        }
        assert!(begun.elapsed() < LONG);
        drop(rung);
        ringer.join().unwrap();
    }

    #[test]
    fn nobody_sleeps_who_finds_something_on_lying_down() {
        let (_registrar, mut readiness) = open();
        let begun = Instant::now();
        readiness.sleep(LONG, || true, |_, _| {}).unwrap();
        assert!(begun.elapsed() < LONG);
    }

    #[test]
    fn a_bell_rung_while_nobody_sleeps_says_nothing() {
        let queue = ReadinessQueue::new().unwrap();
        let bell = queue.bell();
        let (_registrar, mut readiness) = queue.open().unwrap();
        bell.ring();
        let mut events = Events::with_capacity(1);
        readiness.poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
        assert!(events.is_empty());
    }

    #[test]
    fn the_place_of_a_connection_that_is_gone_has_another_token() {
        let mut keys = SlotMap::<ConnectionKey, ()>::with_key();
        let gone = keys.insert(());
        keys.remove(gone);
        let next = keys.insert(());
        assert_ne!(token(gone).unwrap(), token(next).unwrap());
        assert_eq!(place(token(next).unwrap()), Some(Place::Connection(next)));
    }

    #[test]
    fn a_listener_is_no_connection() {
        assert_eq!(place(Token(0)), Some(Place::Listener(0)));
        assert_eq!(place(Token(7)), Some(Place::Listener(7)));
        assert!(token(some_key()).unwrap().0 >= LISTENERS_END);
        assert_eq!(place(BELL), None);
    }
}
