//! A Network Connection that comes to its shard, and when to read one or any.

use std::io;
use std::rc::Rc;

use broker_core::{Admission, CloseCause, ConnectionKey, Output, Shard, Violation};

use super::Driver;
use super::arrival::Arrival;
use super::link::{Link, Reading, Transport};
use super::mailbox::HandedOver;
use super::share::{Room, Share, Work};
use crate::transport::Detached;

/// Output of one turn above which reading pauses until it is written: one publication may become
/// thousands of deliveries, and memory must not run ahead of the sockets.
const FRESH_OUTPUT_MAX: usize = 64 << 20;

impl Driver {
    /// Makes a connection this shard's own. `received` is what has been read from it, `admission`
    /// what was made of the credentials in there.
    pub(super) fn adopt(
        self: &Rc<Self>,
        stream: Detached,
        arrival: Arrival,
        received: &[u8],
        admission: Option<Admission>,
    ) {
        let Arrival { peer, permit, since, .. } = arrival;
        let key = self.core.borrow_mut().open(since);
        if let Some(admission) = admission {
            self.core.borrow_mut().admit(key, admission);
        }
        let transport = match self.attach(key, stream) {
            Ok(transport) => transport,
            Err(error) => {
                tracing::error!("connection from {peer} got lost: {error}");
                return self.lose(key, CloseCause::Lost);
            }
        };
        let reading = Reading::default();
        let room = Room::Scratch(Share::WHOLE);
        let link = Link { transport, peer, reading, room, is_blocked: false, _permit: permit };
        self.links.borrow_mut().insert(key, link);
        if !received.is_empty() {
            let room = self.take_in_bytes(key, received);
            if let Some(link) = self.links.borrow_mut().get_mut(key) {
                link.room = room;
            }
        }
    }

    /// Has the socket watched. What it holds already is an event.
    fn attach(self: &Rc<Self>, key: ConnectionKey, stream: Detached) -> io::Result<Transport> {
        Ok(match stream {
            Detached::Tcp(mut stream) => {
                self.registrar.register(&mut stream, key)?;
                Transport::Tcp(stream)
            }
            Detached::Unix(mut stream) => {
                self.registrar.register(&mut stream, key)?;
                Transport::Unix(stream)
            }
            Detached::Duplex(mut duplex) => {
                duplex.socket().attach()?;
                Transport::Duplex(Box::new(self.start_duplex(key, duplex)))
            }
        })
    }

    pub(super) fn receive_connection(self: &Rc<Self>, handed_over: HandedOver) {
        let HandedOver { stream, arrival, received, admission } = handed_over;
        self.adopt(stream, arrival, &received, admission);
    }

    /// Hands what was read to the core. Where, and how much at once, is to be read from now on.
    pub(super) fn take_in_bytes(&self, key: ConnectionKey, received: &[u8]) -> Room {
        let mut core = self.core.borrow_mut();
        let before = work(&core);
        let room = if core.handle_bytes(self.now(), key, received) {
            Room::Packet
        } else {
            Room::Scratch(Share::next(received.len(), before, work(&core)))
        };
        drop(core);
        self.wake_flusher();
        room
    }

    /// Tells the core of so many bytes that were read into its buffer. Where to read from now on.
    pub(super) fn take_in_appended(&self, key: ConnectionKey, count: usize) -> Room {
        let is_in_packet = self.core.borrow_mut().handle_appended(self.now(), key, count);
        self.wake_flusher();
        if is_in_packet { Room::Packet } else { Room::Scratch(Share::FRONT) }
    }

    /// Whether a full socket holds up more output than the limit. That is no delivery at QoS 0: its
    /// Client asks and does not read the answers, or has a window of large messages. One read for
    /// each time that the socket takes bytes lets it go on, and its keep alive too.
    pub(super) fn is_backlogged(&self, key: ConnectionKey) -> bool {
        let core = self.core.borrow();
        let pending = core.output(key).map_or(0, Output::pending);
        pending > self.shared.limits().output_bytes_max
            && self.links.borrow().get(key).is_some_and(|link| link.is_blocked)
    }

    /// Goes on with a connection whose socket takes bytes again.
    pub(super) fn resume(self: &Rc<Self>, key: ConnectionKey) {
        if let Some(link) = self.links.borrow_mut().get_mut(key) {
            link.is_blocked = false;
        }
        self.flush(key);
        self.note_output_moves(key);
    }

    /// To be called when the socket of a connection has taken bytes after it had been full. There
    /// may be room for more retained messages.
    pub(super) fn note_output_moves(&self, key: ConnectionKey) {
        self.wake_flusher();
        let mut links = self.links.borrow_mut();
        let Some(link) = links.get_mut(key) else { return };
        if let Transport::Duplex(layers) = &mut link.transport {
            layers.note_output_moves();
        } else if link.reading.note_output_moves() {
            self.due.borrow_mut().push_back(key);
        }
    }

    /// Whether connections should stop reading until the flusher has run.
    pub(super) fn is_congested(&self) -> bool {
        self.blocked_forwards.get() || self.core.borrow().fresh_output() > FRESH_OUTPUT_MAX
    }
}

fn work(core: &Shard) -> Work {
    Work { publications: core.publications_received(), output: core.fresh_output() }
}

/// A socket alone never finds fault with what it reads.
pub(super) fn cause_of(error: &io::Error) -> CloseCause {
    if error.kind() == io::ErrorKind::InvalidData {
        tracing::debug!("protocol violation below MQTT: {error}");
        return Violation::Transport.into();
    }
    CloseCause::Lost
}
