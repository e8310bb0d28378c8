//! One hostile connection over a real socket.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use fastrand::Rng;
use socket2::{Domain, SockRef, Socket, Type};

use crate::DEADLINE;
use crate::mutation::change_bytes;
use crate::script::{End, Frames, Script};

/// Where the broker listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listeners {
    pub(crate) tcp: [SocketAddr; 2],
    pub(crate) web_socket: SocketAddr,
}

pub(crate) struct Stream {
    script: Script,
    socket: TcpStream,
    /// What is to be sent, in order.
    pieces: Vec<Vec<u8>>,
    /// How many of them are.
    sent: usize,
}

const UPGRADE: &[u8] = b"GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";

impl Stream {
    /// Connects, over WebSocket with its handshake.
    pub(crate) fn open(script: Script, listeners: &Listeners) -> Self {
        let index = usize::from(script.address % 2);
        let to =
            if script.web_socket.is_some() { listeners.web_socket } else { listeners.tcp[index] };
        // From many addresses, so that there are ports for all.
        let from = Ipv4Addr::new(127, 0, 1, 1 + script.address / 8);
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::from((from, 0)).into()).expect("a free port");
        let number = script.number;
        socket.connect(&to.into()).unwrap_or_else(|error| panic!("stream {number}: {error}"));
        let socket = TcpStream::from(socket);
        socket.set_nodelay(true).expect("a socket has this option");
        socket.set_read_timeout(Some(DEADLINE)).expect("a socket has this option");
        socket.set_write_timeout(Some(DEADLINE)).expect("a socket has this option");
        let bytes = match script.web_socket {
            None | Some(Frames::NoHandshake) => script.bytes.clone(),
            Some(Frames::Good) => frames(&script.bytes, number),
            Some(Frames::Mutated(seed)) => {
                let mut bytes = frames(&script.bytes, number);
                change_bytes(&mut bytes, &script.bytes, &mut Rng::with_seed(seed));
                bytes
            }
        };
        let size = bytes.len().div_ceil(script.pieces).max(1);
        let pieces = bytes.chunks(size).map(<[u8]>::to_vec).collect();
        let mut stream = Self { script, socket, pieces, sent: 0 };
        if stream.script.web_socket.is_some() && stream.reaches_mqtt() {
            stream.shake_hands();
        }
        stream
    }

    /// Whether the broker gets to read MQTT from it.
    pub(crate) const fn reaches_mqtt(&self) -> bool {
        !matches!(self.script.web_socket, Some(Frames::NoHandshake))
    }

    fn shake_hands(&mut self) {
        let Self { socket, script, .. } = self;
        let fails = |error| panic!("stream {}: the handshake fails: {error}", script.number);
        socket.write_all(UPGRADE).unwrap_or_else(fails);
        let mut answer = Vec::new();
        let mut byte = [0];
        while !answer.ends_with(b"\r\n\r\n") {
            socket.read_exact(&mut byte).unwrap_or_else(fails);
            answer.push(byte[0]);
        }
        assert!(answer.starts_with(b"HTTP/1.1 101 "), "stream {}", script.number);
    }

    /// Sends the next piece; false when that was all.
    pub(crate) fn send_piece(&mut self) -> bool {
        let Some(piece) = self.pieces.get(self.sent) else { return false };
        self.sent += 1;
        if let Err(error) = self.socket.write_all(piece) {
            self.must_be_over(&error);
            return false;
        }
        if self.sent < self.pieces.len() && self.script.address == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.sent < self.pieces.len()
    }

    /// Ends the connection; panics when the broker does not close its side in time.
    pub(crate) fn end(mut self) {
        if self.script.end == End::Read {
            if let Err(error) = self.socket.shutdown(std::net::Shutdown::Write) {
                self.must_be_over(&error);
            }
            let mut answers = [0; 4096];
            loop {
                match self.socket.read(&mut answers) {
                    Ok(0) => break,
                    Ok(_) => {}
                    Err(error) => {
                        self.must_be_over(&error);
                        break;
                    }
                }
            }
        }
        // A reset leaves no port in TIME_WAIT.
        let lingering = SockRef::from(&self.socket).set_linger(Some(Duration::ZERO));
        lingering.expect("a socket has this option");
    }

    /// The broker may close at any time; what else goes wrong is a failure.
    fn must_be_over(&self, error: &std::io::Error) {
        let over = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe, ErrorKind::NotConnected];
        let script = &self.script;
        assert!(over.contains(&error.kind()), "{script:02x?}: {error}");
    }
}

/// `bytes` in masked binary frames of different lengths.
fn frames(bytes: &[u8], number: u64) -> Vec<u8> {
    let mut random = Rng::with_seed(number);
    let mut frames = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (part, after) = rest.split_at(random.usize(1..=rest.len().min(100)));
        rest = after;
        let mask = random.u32(..).to_be_bytes();
        frames.extend([0x82, 0x80 | u8::try_from(part.len()).unwrap_or_default()]);
        frames.extend(mask);
        frames.extend(part.iter().zip(mask.into_iter().cycle()).map(|(byte, mask)| byte ^ mask));
    }
    frames
}
