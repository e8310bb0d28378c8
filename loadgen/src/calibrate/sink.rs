//! A broker that does next to nothing: it accepts everybody, grants everything, and hands on frames as they
//! are, to all subscribers alike.
//!
//! What it handed to a subscriber that does not read is dropped by the batch, so that it never waits and never
//! grows.

use std::cell::RefCell;
use std::io;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::thread;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};

/// Bytes of one read.
const READ_BYTES: usize = 64 * 1024;

/// What the sink does with publications.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Each goes to every subscriber.
    FanOut,
    /// They vanish.
    Swallow,
}

/// A running sink. It ends with this value.
#[derive(Debug)]
pub(super) struct Sink {
    port: u16,
    /// The thread ends when this is dropped.
    _stop: oneshot::Sender<()>,
}

impl Sink {
    pub(super) fn start(mode: Mode) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        thread::Builder::new().name("kelvin-sink".to_owned()).spawn(move || {
            let local = tokio::task::LocalSet::new();
            local.block_on(&runtime, async {
                tokio::select! {
                    // Dropped, not sent: either way it is the end.
                    _ = stopped => {}
                    _ = serve(listener, mode) => {}
                }
            });
        })?;
        Ok(Self { port, _stop: stop })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }
}

/// What its connections share.
struct Shared {
    mode: Mode,
    /// Frames that no subscriber has got yet.
    batch: RefCell<Vec<u8>>,
    subscribers: RefCell<Vec<Subscriber>>,
    filled: Notify,
}

struct Subscriber {
    stream: Rc<TcpStream>,
    /// The end of a batch of which the socket took the beginning.
    rest: Vec<u8>,
}

async fn serve(listener: std::net::TcpListener, mode: Mode) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let shared = Rc::new(Shared {
        mode,
        batch: RefCell::default(),
        subscribers: RefCell::default(),
        filled: Notify::new(),
    });
    tokio::task::spawn_local(hand_out(Rc::clone(&shared)));
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::task::spawn_local(connection(Rc::new(stream), Rc::clone(&shared)));
    }
}

/// Hands each batch to every subscriber.
async fn hand_out(shared: Rc<Shared>) {
    loop {
        shared.filled.notified().await;
        // Whoever else is ready adds to the batch first.
        tokio::task::yield_now().await;
        let batch = shared.batch.take();
        shared.subscribers.borrow_mut().retain_mut(|subscriber| subscriber.take(&batch).is_ok());
    }
}

impl Subscriber {
    fn take(&mut self, batch: &[u8]) -> io::Result<()> {
        if !self.rest.is_empty() {
            let taken = written(&self.stream, &self.rest)?;
            self.rest.drain(..taken);
        }
        if self.rest.is_empty() {
            let taken = written(&self.stream, batch)?;
            // A batch of which nothing was taken is dropped, and one that was begun is finished.
            if taken > 0 {
                self.rest.extend_from_slice(&batch[taken..]);
            }
        }
        Ok(())
    }
}

fn written(stream: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
    match stream.try_write(bytes) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        other => other,
    }
}

/// One client, until it goes.
async fn connection(stream: Rc<TcpStream>, shared: Rc<Shared>) {
    let mut buffer = vec![0; READ_BYTES];
    let mut filled = 0;
    loop {
        if stream.readable().await.is_err() {
            return;
        }
        match stream.try_read(&mut buffer[filled..]) {
            Ok(0) => return,
            Ok(length) => filled += length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(_) => return,
        }
        let mut taken = 0;
        while let Some(length) = frame_length(&buffer[taken..filled]) {
            let frame = &buffer[taken..taken + length];
            if !handle(frame, &stream, &shared) {
                return;
            }
            taken += length;
        }
        buffer.copy_within(taken..filled, 0);
        filled -= taken;
        if filled == buffer.len() {
            // A frame that does not fit: nothing here sends one.
            return;
        }
    }
}

/// Answers a Control Packet; whether the connection goes on.
fn handle(frame: &[u8], stream: &Rc<TcpStream>, shared: &Shared) -> bool {
    let answer = |bytes: &[u8]| written(stream, bytes).is_ok_and(|taken| taken == bytes.len());
    match frame[0] >> 4 {
        1 => answer(b"\x20\x02\x00\x00"),
        3 if shared.mode == Mode::Swallow => true,
        3 => {
            shared.batch.borrow_mut().extend_from_slice(frame);
            shared.filled.notify_one();
            true
        }
        8 => {
            let subscriber = Subscriber { stream: Rc::clone(stream), rest: Vec::new() };
            shared.subscribers.borrow_mut().push(subscriber);
            match frame {
                [_, _, high, low, ..] => answer(&[0x90, 3, *high, *low, 0]),
                _ => false,
            }
        }
        12 => answer(b"\xd0\x00"),
        _ => false,
    }
}

/// The length of the first frame, when it is whole.
fn frame_length(bytes: &[u8]) -> Option<usize> {
    let mut length = 0;
    for (place, byte) in bytes.iter().skip(1).take(4).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            let whole = 2 + place + length;
            return (bytes.len() >= whole).then_some(whole);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn frames_are_cut_where_they_end() {
        assert_eq!(frame_length(b""), None);
        assert_eq!(frame_length(b"\x30\x02a"), None);
        assert_eq!(frame_length(b"\x30\x02ab\x30"), Some(4));
        let mut long = vec![0x30, 0x80, 0x01];
        long.resize(3 + 128, 0);
        assert_eq!(frame_length(&long), Some(131));
        assert_eq!(frame_length(&long[..130]), None);
    }

    #[test]
    fn what_one_publishes_the_other_gets_as_it_is() {
        let sink = Sink::start(Mode::FanOut).unwrap();
        let connect = || {
            let mut stream = TcpStream::connect(("127.0.0.1", sink.port())).unwrap();
            stream.write_all(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00").unwrap();
            expect(&mut stream, b"\x20\x02\x00\x00");
            stream
        };
        let (mut publisher, mut subscriber) = (connect(), connect());
        subscriber.write_all(b"\x82\x06\x00\x01\x00\x01t\x00").unwrap();
        expect(&mut subscriber, b"\x90\x03\x00\x01\x00");
        let publish = b"\x30\x05\x00\x01t23";
        publisher.write_all(publish).unwrap();
        expect(&mut subscriber, publish);
        publisher.write_all(b"\xc0\x00").unwrap();
        expect(&mut publisher, b"\xd0\x00");
    }

    fn expect(stream: &mut TcpStream, bytes: &[u8]) {
        let mut got = vec![0; bytes.len()];
        stream.read_exact(&mut got).unwrap();
        assert_eq!(got, bytes);
    }
}
