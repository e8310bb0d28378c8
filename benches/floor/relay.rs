//! The relay: what a broker cannot do without.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::rc::Rc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{spawn_local, yield_now};

use crate::frame::{Frame, Kind, filter_of, topic_of};

/// One read at most, as the broker's.
const READ_BYTES: usize = 64 * 1024;

/// Connections that are written before others may read again, as the broker's.
const FLUSHES_PER_TURN: usize = 256;

/// Output of one connection at which it is closed: a subscriber that reads nothing must not take all memory.
const OUTPUT_BYTES_MAX: usize = 256 << 20;

/// A Network Connection.
struct Connection {
    stream: TcpStream,
    output: RefCell<Vec<u8>>,
    is_dirty: Cell<bool>,
    /// A task waits for the socket to take more.
    is_blocked: Cell<bool>,
    is_closed: Cell<bool>,
}

/// Connections by what they subscribe to.
type Subscribers = HashMap<Vec<u8>, Vec<Rc<Connection>>>;

/// Everything there is.
#[derive(Default)]
pub(crate) struct Relay {
    by_name: RefCell<Subscribers>,
    /// By what stands before `/+`.
    by_parent: RefCell<Subscribers>,
    dirty: RefCell<Vec<Rc<Connection>>>,
    work: Notify,
    scratch: RefCell<Vec<u8>>,
}

impl Relay {
    /// Serves whoever comes.
    pub(crate) async fn serve(self: Rc<Self>, listener: TcpListener) -> io::Result<()> {
        self.scratch.replace(vec![0; READ_BYTES]);
        spawn_local(Rc::clone(&self).flush_when_due());
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let connection = Rc::new(Connection {
                stream,
                output: RefCell::default(),
                is_dirty: Cell::default(),
                is_blocked: Cell::default(),
                is_closed: Cell::default(),
            });
            spawn_local(Rc::clone(&self).read(connection));
        }
    }

    /// Reads until the connection ends, and lets nobody wait who is ready.
    async fn read(self: Rc<Self>, connection: Rc<Connection>) {
        let mut partial = Vec::new();
        while !connection.is_closed.get() && connection.stream.readable().await.is_ok() {
            let mut scratch = self.scratch.borrow_mut();
            let length = match connection.stream.try_read(&mut scratch) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(_) => break,
            };
            let bytes = &scratch[..length];
            if partial.is_empty() {
                let taken = self.take(&connection, bytes);
                partial.extend_from_slice(&bytes[taken..]);
            } else {
                partial.extend_from_slice(bytes);
                let taken = self.take(&connection, &partial);
                partial.drain(..taken);
            }
            if partial.is_empty() {
                partial = Vec::new();
            }
        }
        self.forget(&connection);
    }

    /// Handles every whole frame; answers how many bytes they were.
    fn take(&self, connection: &Rc<Connection>, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while let Some(frame) = Frame::first(&bytes[taken..]) {
            taken += frame.bytes.len();
            self.handle(connection, &frame);
        }
        taken
    }

    fn handle(&self, connection: &Rc<Connection>, frame: &Frame<'_>) {
        let identifier = frame.body.get(..2).unwrap_or(&[0, 0]);
        match frame.kind {
            Kind::Connect => self.answer(connection, &[0x20, 2, 0, 0]),
            Kind::Subscribe => {
                let Some(filter) = filter_of(frame.body) else {
                    return;
                };
                let (subscribers, key) = match filter.strip_suffix(b"/+") {
                    Some(parent) => (&self.by_parent, parent),
                    None => (&self.by_name, filter),
                };
                let mut subscribers = subscribers.borrow_mut();
                subscribers.entry(key.to_vec()).or_default().push(Rc::clone(connection));
                let granted = frame.body.last().copied().unwrap_or(0);
                self.answer(connection, &[0x90, 3, identifier[0], identifier[1], granted]);
            }
            Kind::Publish { qos } => self.publish(connection, frame, qos),
            Kind::PubRec => self.answer(connection, &[0x62, 2, identifier[0], identifier[1]]),
            Kind::PubRel => self.answer(connection, &[0x70, 2, identifier[0], identifier[1]]),
            Kind::PingReq => self.answer(connection, &[0xd0, 0]),
            Kind::Other => {}
        }
    }

    /// Appends the frame to the output of every subscriber as it came, Packet Identifier and all.
    fn publish(&self, publisher: &Rc<Connection>, frame: &Frame<'_>, qos: u8) {
        let Some((topic, rest)) = topic_of(frame.body) else {
            return;
        };
        if let (1 | 2, [first, second, ..]) = (qos, rest) {
            let answer = if qos == 1 { 0x40 } else { 0x50 };
            self.answer(publisher, &[answer, 2, *first, *second]);
        }
        if let Some(subscribers) = self.by_name.borrow().get(topic) {
            self.deliver(subscribers, frame);
        }
        let by_parent = self.by_parent.borrow();
        if !by_parent.is_empty()
            && let Some(slash) = topic.iter().rposition(|byte| *byte == b'/')
            && let Some(subscribers) = by_parent.get(&topic[..slash])
        {
            self.deliver(subscribers, frame);
        }
    }

    fn deliver(&self, subscribers: &[Rc<Connection>], frame: &Frame<'_>) {
        for subscriber in subscribers {
            let mut output = subscriber.output.borrow_mut();
            let start = output.len();
            output.extend_from_slice(frame.bytes);
            // RETAIN is 0 towards a subscription that was there before [MQTT-3.3.1-9].
            output[start] &= !1;
            self.mark(subscriber);
        }
    }

    fn answer(&self, connection: &Rc<Connection>, bytes: &[u8]) {
        connection.output.borrow_mut().extend_from_slice(bytes);
        self.mark(connection);
    }

    fn mark(&self, connection: &Rc<Connection>) {
        if !connection.is_dirty.replace(true) {
            self.dirty.borrow_mut().push(Rc::clone(connection));
            self.work.notify_one();
        }
    }

    /// Writes each connection that has something, once, after all tasks that were ready have run.
    async fn flush_when_due(self: Rc<Self>) {
        let mut turn = Vec::new();
        loop {
            self.work.notified().await;
            yield_now().await;
            loop {
                std::mem::swap(&mut turn, &mut *self.dirty.borrow_mut());
                for (index, connection) in turn.drain(..).enumerate() {
                    if index % FLUSHES_PER_TURN == FLUSHES_PER_TURN - 1 {
                        yield_now().await;
                    }
                    connection.is_dirty.set(false);
                    connection.flush();
                }
                if self.dirty.borrow().is_empty() {
                    break;
                }
                yield_now().await;
            }
        }
    }

    fn forget(&self, connection: &Rc<Connection>) {
        connection.is_closed.set(true);
        for subscribers in [&self.by_name, &self.by_parent] {
            subscribers.borrow_mut().retain(|_, all| {
                all.retain(|one| !Rc::ptr_eq(one, connection));
                !all.is_empty()
            });
        }
    }
}

impl Connection {
    fn flush(self: &Rc<Self>) {
        if self.is_blocked.get() || self.write() {
            return;
        }
        self.is_blocked.set(true);
        let connection = Rc::clone(self);
        spawn_local(async move {
            while connection.stream.writable().await.is_ok() && !connection.write() {}
            connection.is_blocked.set(false);
        });
    }

    /// Answers whether nothing is left to write.
    fn write(&self) -> bool {
        let mut output = self.output.borrow_mut();
        if output.is_empty() {
            return true;
        }
        match self.stream.try_write(&output) {
            Ok(written) if written == output.len() => output.clear(),
            Ok(written) => drop(output.drain(..written)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => {
                self.is_closed.set(true);
                output.clear();
            }
        }
        if output.len() > OUTPUT_BYTES_MAX {
            self.is_closed.set(true);
            output.clear();
        }
        output.is_empty()
    }
}
