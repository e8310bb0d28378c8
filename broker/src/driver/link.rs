//! What the driver keeps of a Network Connection: where to read and write, whom to name, whose turn
//! it is. Every idle connection has one: what few need is boxed.

use std::cell::RefCell;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::rc::Rc;
use std::task::Waker;

use mio::net::{TcpStream, UnixStream};
use rustix::buffer::spare_capacity;
use tokio::task::AbortHandle;

use super::permit::ConnectionPermit;
use super::share::{IN_PLACE_BYTES, Room};
use crate::transport::{Duplex, Peer};

/// The driver's half of a Network Connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) transport: Transport,
    pub(super) peer: Peer,
    pub(super) reading: Reading,
    pub(super) room: Room,
    /// Whether the socket took no more: it is not written until it does again.
    pub(super) is_blocked: bool,
    pub(super) _permit: ConnectionPermit,
}

/// Where the bytes come from and go to.
#[derive(Debug)]
pub(super) enum Transport {
    Tcp(TcpStream),
    Unix(UnixStream),
    Duplex(Box<Layers>),
}

impl Transport {
    /// Reads once. Layers are read by a task of their own.
    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => (&*stream).read(buffer),
            Self::Unix(stream) => (&*stream).read(buffer),
            Self::Duplex(_) => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    /// Reads once into the room that a buffer has behind its bytes. Answers how many came, and how
    /// many there was room for.
    pub(super) fn append_to(&self, buffer: &mut Vec<u8>) -> (io::Result<usize>, usize) {
        match self {
            Self::Tcp(stream) => append(stream, buffer),
            Self::Unix(stream) => append(stream, buffer),
            Self::Duplex(_) => (Err(io::ErrorKind::WouldBlock.into()), 0),
        }
    }
}

fn append<S: AsFd>(stream: &S, buffer: &mut Vec<u8>) -> (io::Result<usize>, usize)
where
    for<'a> &'a S: Read,
{
    let (length, mut stream) = (buffer.len(), stream);
    let room = buffer.capacity() - length;
    if room <= IN_PLACE_BYTES {
        // Bytes that are not there yet need not be made zeros first.
        return (rustix::io::read(stream, spare_capacity(buffer)).map_err(Into::into), room);
    }
    buffer.resize(length + IN_PLACE_BYTES, 0);
    let received = buffer.get_mut(length..).map_or(Ok(0), |room| stream.read(room));
    buffer.truncate(length + received.as_ref().map_or(0, |&count| count));
    (received, IN_PLACE_BYTES)
}

/// A connection that its reading task and the flusher share. Never borrowed across a wait.
pub(super) type SharedDuplex = Rc<RefCell<Box<dyn Duplex>>>;

/// The layers of a connection with their tasks, which end with it.
#[derive(Debug)]
pub(super) struct Layers {
    pub(super) duplex: SharedDuplex,
    reader: AbortHandle,
    /// The task that waits until a full socket takes bytes again.
    waiter: Option<AbortHandle>,
    /// The reader, while too much output waits.
    held_up: Option<Waker>,
}

impl Layers {
    pub(super) fn new(duplex: SharedDuplex, reader: AbortHandle) -> Self {
        Self { duplex, reader, waiter: None, held_up: None }
    }

    /// Notes who waits until the socket takes bytes again.
    pub(super) fn note_waiter(&mut self, waiter: Option<AbortHandle>) {
        self.waiter = waiter;
    }

    /// Has the reader woken when output moves.
    pub(super) fn hold_up(&mut self, reader: Waker) {
        self.held_up = Some(reader);
    }

    /// Ends its tasks.
    pub(super) fn abort_tasks(&self) {
        self.reader.abort();
        if let Some(waiter) = &self.waiter {
            waiter.abort();
        }
    }

    /// Lets the reader go on, if it waits for some output to be written.
    pub(super) fn note_output_moves(&mut self) {
        if let Some(waker) = self.held_up.take() {
            waker.wake();
        }
    }
}

impl Drop for Layers {
    fn drop(&mut self) {
        self.abort_tasks();
    }
}

/// Whether a socket is to be read. Its events are edges: what one of them said is not said again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reading {
    /// There is, or may be, something to read: it has a turn, or will have one once it is not held
    /// up any more.
    is_owed: bool,
    /// Too much output waits, see [`Driver::is_backlogged`](super::Driver::is_backlogged).
    is_held_up: bool,
    /// The peer has closed its side, or the socket has failed: it is read until that is found.
    has_ended: bool,
}

impl Reading {
    /// Notes that there is something to read. Whether a turn is to be given.
    pub(super) fn note_event(&mut self, has_ended: bool) -> bool {
        self.has_ended |= has_ended;
        !std::mem::replace(&mut self.is_owed, true) && !self.is_held_up
    }

    /// The turn has come.
    pub(super) fn begin(&mut self) {
        self.is_owed = false;
    }

    /// Notes that bytes were read, whether as many as there was room for, and whether too much
    /// output waits now. Whether another turn is to be given.
    ///
    /// A read that did not fill its room has emptied the socket, and what comes then is a new event;
    /// but the end of the stream may be told together with its last bytes.
    pub(super) fn note_read(&mut self, is_full: bool, is_backlogged: bool) -> bool {
        self.is_held_up = is_backlogged;
        self.is_owed = is_full || self.has_ended;
        self.is_owed && !is_backlogged
    }

    /// Notes that some output was written. Whether a turn is to be given.
    pub(super) fn note_output_moves(&mut self) -> bool {
        std::mem::replace(&mut self.is_held_up, false) && self.is_owed
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    #[test]
    fn a_read_in_place_stays_where_it_is_and_within_its_share() {
        let (socket, peer) = UnixStream::pair().unwrap();
        let transport = Transport::Unix(socket);
        for capacity in [100_000, IN_PLACE_BYTES, IN_PLACE_BYTES + 1, 4 * IN_PLACE_BYTES] {
            let mut buffer = Vec::with_capacity(capacity);
            let place = buffer.as_ptr();
            let mut expected = Vec::new();
            while expected.len() < capacity {
                let piece: Vec<u8> =
                    (0..=u8::MAX).cycle().skip(expected.len()).take(9_999).collect();
                (&peer).write_all(&piece).unwrap();
                expected.extend(piece);
                let left = capacity - buffer.len();
                let (received, room) = transport.append_to(&mut buffer);
                assert_eq!(room, left.min(IN_PLACE_BYTES));
                assert_eq!(received.unwrap(), room.min(9_999));
                assert_eq!((buffer.as_ptr(), buffer.capacity()), (place, capacity));
            }
            assert_eq!(buffer, expected[..capacity]);
            let mut behind = vec![0; expected.len() - capacity];
            assert_eq!(transport.read(&mut behind).unwrap_or(0), behind.len());
            buffer.truncate(10);
            let (received, _) = transport.append_to(&mut buffer);
            assert_eq!(received.unwrap_err().kind(), io::ErrorKind::WouldBlock);
            assert_eq!(buffer.len(), 10, "nothing came");
        }
    }

    /// Bytes that one turn reads.
    const ROOM: usize = 4;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Arrive(usize),
        End,
        Event,
        Turn { is_backlogged: bool },
        OutputMoves,
    }

    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    enum End {
        #[default]
        Open,
        Closed,
        Found,
    }

    /// A socket that tells of a change once, and who reads it.
    #[derive(Debug, Default)]
    struct Model {
        bytes: usize,
        end: End,
        has_event: bool,
        reading: Reading,
        is_due: bool,
    }

    impl Model {
        fn take(&mut self, step: Step) {
            let gets_turn = match step {
                Step::Arrive(count) if self.end == End::Open => {
                    self.bytes += count;
                    self.has_event = true;
                    false
                }
                Step::End if self.end == End::Open => {
                    self.end = End::Closed;
                    self.has_event = true;
                    false
                }
                Step::Event if std::mem::take(&mut self.has_event) => {
                    self.reading.note_event(self.end != End::Open)
                }
                Step::Turn { is_backlogged } if std::mem::take(&mut self.is_due) => {
                    self.read(is_backlogged)
                }
                Step::OutputMoves => self.reading.note_output_moves(),
                Step::Arrive(_) | Step::End | Step::Event | Step::Turn { .. } => false,
            };
            assert!(!(gets_turn && self.is_due), "two turns at once");
            self.is_due |= gets_turn;
        }

        fn read(&mut self, is_backlogged: bool) -> bool {
            self.reading.begin();
            let count = self.bytes.min(ROOM);
            self.bytes -= count;
            if count == 0 {
                if self.end == End::Closed {
                    self.end = End::Found;
                }
                return false;
            }
            self.reading.note_read(count == ROOM, is_backlogged)
        }
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (1..=2 * ROOM).prop_map(Step::Arrive),
            1 => Just(Step::End),
            4 => Just(Step::Event),
            6 => any::<bool>().prop_map(|is_backlogged| Step::Turn { is_backlogged }),
            2 => Just(Step::OutputMoves),
        ]
    }

    proptest! {
        #[test]
        fn nothing_that_came_is_forgotten_and_the_end_is_found(steps in vec(step(), 0..60)) {
            let mut model = Model::default();
            for step in steps {
                model.take(step);
            }
            model.take(Step::OutputMoves);
            while model.has_event || model.is_due {
                model.take(Step::Event);
                model.take(Step::Turn { is_backlogged: false });
            }
            prop_assert!(model.bytes == 0 && model.end != End::Closed, "{:?}", model);
        }
    }
}
