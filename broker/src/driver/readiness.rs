//! Which sockets of a shard take or have bytes: one queue of the shard's own.
//!
//! The runtime would keep a task and a registration for each connection, 560 bytes of an idle one.
//! Here the system's queue (epoll, kqueue) hands out the connections' keys, and the runtime watches
//! nothing but that queue's descriptor.

use std::io;
use std::time::Duration;

use broker_core::ConnectionKey;
use mio::event::{Event, Source};
use mio::{Events, Interest, Poll, Registry, Token};
use slotmap::{Key, KeyData};
use tokio::io::unix::AsyncFd;

/// Events that are taken at once, and so the connections that have a turn before others may come.
const EVENTS_MAX: usize = 1024;

// A key that lost its generation in a token could stand for another connection later.
const _: () = assert!(size_of::<usize>() >= size_of::<u64>(), "a token holds a connection's key");

/// A queue that no runtime watches yet.
#[derive(Debug)]
pub(crate) struct ReadinessQueue {
    poll: Poll,
    registrar: Registrar,
}

/// Puts sockets on the queue.
#[derive(Debug)]
pub(super) struct Registrar(Registry);

/// The queue, watched by the runtime.
#[derive(Debug)]
pub(super) struct Readiness {
    poll: AsyncFd<Poll>,
    events: Events,
}

impl ReadinessQueue {
    pub(crate) fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let registrar = Registrar(poll.registry().try_clone()?);
        Ok(Self { poll, registrar })
    }

    /// Needs the runtime of this thread.
    #[expect(
        deprecated,
        reason = "what replaces it is unsafe and asks that the descriptor stays open and the same; a `Poll` owns its own"
    )]
    pub(super) fn attach(self) -> io::Result<(Registrar, Readiness)> {
        let poll = AsyncFd::with_interest(self.poll, tokio::io::Interest::READABLE)?;
        Ok((self.registrar, Readiness { poll, events: Events::with_capacity(EVENTS_MAX) }))
    }
}

impl Registrar {
    /// Registers a socket for good. One that has bytes already is reported at once. Closing it is
    /// all that it takes to end this; events that are on their way then name a key that is gone.
    pub(super) fn register(&self, socket: &mut impl Source, key: ConnectionKey) -> io::Result<()> {
        self.0.register(socket, token(key)?, Interest::READABLE | Interest::WRITABLE)
    }
}

impl Readiness {
    /// Waits until there is an event, then [looks](Self::look).
    pub(super) async fn wait(
        &mut self,
        note: impl FnMut(ConnectionKey, &Event),
    ) -> io::Result<bool> {
        let Self { poll, events } = self;
        let mut guard = poll.readable_mut().await?;
        let is_empty = look(guard.get_inner_mut(), events, note)?;
        if is_empty {
            // What comes from now on is a new edge for the runtime.
            guard.clear_ready();
        }
        Ok(is_empty)
    }

    /// Takes the events that are there; whether these were all.
    pub(super) fn look(&mut self, note: impl FnMut(ConnectionKey, &Event)) -> io::Result<bool> {
        look(self.poll.get_mut(), &mut self.events, note)
    }
}

fn look(
    poll: &mut Poll,
    events: &mut Events,
    mut note: impl FnMut(ConnectionKey, &Event),
) -> io::Result<bool> {
    match poll.poll(events, Some(Duration::ZERO)) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(false),
        Err(error) => return Err(error),
    }
    let mut count = 0;
    for event in &*events {
        note(key(event.token()), event);
        count += 1;
    }
    Ok(count < EVENTS_MAX)
}

fn token(key: ConnectionKey) -> io::Result<Token> {
    let token = usize::try_from(key.data().as_ffi());
    token.map(Token).map_err(|_| io::ErrorKind::Unsupported.into())
}

fn key(Token(token): Token) -> ConnectionKey {
    KeyData::from_ffi(token as u64).into()
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use slotmap::SlotMap;

    use super::*;

    fn attached() -> (Registrar, Readiness) {
        ReadinessQueue::new().unwrap().attach().unwrap()
    }

    /// A socket as a connection has it, and its other end.
    fn pair() -> (mio::net::UnixStream, UnixStream) {
        let (here, there) = UnixStream::pair().unwrap();
        here.set_nonblocking(true).unwrap();
        (mio::net::UnixStream::from_std(here), there)
    }

    #[tokio::test]
    async fn bytes_that_came_before_the_registration_are_an_event() {
        let (registrar, mut readiness) = attached();
        let (mut socket, mut peer) = pair();
        peer.write_all(b"CONNECT").unwrap();
        let key = SlotMap::<ConnectionKey, ()>::with_key().insert(());
        registrar.register(&mut socket, key).unwrap();
        let mut seen = Vec::new();
        readiness.wait(|key, event| seen.push((key, event.is_readable()))).await.unwrap();
        assert_eq!(seen, [(key, true)]);
    }

    #[tokio::test]
    async fn each_change_wakes_once_more() {
        let (registrar, mut readiness) = attached();
        let (mut socket, mut peer) = pair();
        let key = SlotMap::<ConnectionKey, ()>::with_key().insert(());
        registrar.register(&mut socket, key).unwrap();
        for _ in 0..3 {
            peer.write_all(b"PINGREQ").unwrap();
            let mut is_readable = false;
            while !is_readable {
                readiness.wait(|_, event| is_readable |= event.is_readable()).await.unwrap();
            }
        }
    }

    #[test]
    fn the_place_of_a_connection_that_is_gone_has_another_token() {
        let mut keys = SlotMap::<ConnectionKey, ()>::with_key();
        let gone = keys.insert(());
        keys.remove(gone);
        let next = keys.insert(());
        assert_ne!(token(gone).unwrap(), token(next).unwrap());
        assert_eq!(key(token(next).unwrap()), next);
    }
}
