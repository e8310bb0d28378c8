//! A Client that sends what it is told and says what it got.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::DEADLINE;
use super::packets::{
    PINGREQ, PINGRESP, Publish, puback, pubcomp, pubrec, pubrel, suback, subscribe, unsuback,
    unsubscribe,
};

/// One Network Connection.
#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    received: Vec<u8>,
    identifier: u16,
}

impl Client {
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the broker listens");
        stream.set_nodelay(true).expect("a socket has this option");
        stream.set_read_timeout(Some(DEADLINE)).expect("a socket has this option");
        stream.set_write_timeout(Some(DEADLINE)).expect("a socket has this option");
        Self { stream, received: Vec::new(), identifier: 0 }
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends bytes, whatever they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the broker takes bytes");
    }

    /// Sends bytes to a broker that may close the connection before it has taken all of them.
    pub(crate) fn send_in_vain(&mut self, bytes: &[u8]) {
        if let Err(error) = self.stream.write_all(bytes) {
            assert!(is_end(error.kind()), "cannot send: {error}");
        }
    }

    /// The next packet, whole; `None` when the broker has closed the connection.
    pub(crate) fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(size) = packet_size(&self.received) {
                let rest = self.received.split_off(size);
                return Some(std::mem::replace(&mut self.received, rest));
            }
            let mut bytes = [0; 4096];
            match self.stream.read(&mut bytes) {
                Ok(0) => return None,
                Ok(count) => self.received.extend_from_slice(&bytes[..count]),
                Err(error) if is_end(error.kind()) => return None,
                Err(error) => panic!("nothing came within the deadline: {error}"),
            }
        }
    }

    /// The next packet.
    pub(crate) fn receive(&mut self) -> Vec<u8> {
        self.next().expect("the broker keeps the connection open")
    }

    /// The next packet, which must be a PUBLISH.
    pub(crate) fn receive_publish(&mut self) -> Publish {
        Publish::parse(&self.receive())
    }

    /// Receives exactly this packet.
    #[track_caller]
    pub(crate) fn expect(&mut self, packet: &[u8]) {
        let received = self.receive();
        assert_eq!(received, packet, "received {received:02x?}, not {packet:02x?}");
    }

    /// Receives this message at QoS 0.
    #[track_caller]
    pub(crate) fn expect_message(&mut self, topic: &str, payload: impl AsRef<[u8]>) {
        assert_eq!(self.receive_publish(), Publish::new(topic, payload));
    }

    /// Receives the end of the connection and nothing before it.
    #[track_caller]
    pub(crate) fn expect_closed(&mut self) {
        let packet = self.next();
        assert_eq!(packet, None, "the broker sent {packet:02x?} instead of closing");
    }

    /// Makes sure that the connection is open and that nothing but the answer has come on it.
    #[track_caller]
    pub(crate) fn expect_silence(&mut self) {
        self.send(&PINGREQ);
        self.expect(&PINGRESP);
    }

    pub(crate) fn next_identifier(&mut self) -> u16 {
        self.identifier += 1;
        self.identifier
    }

    /// Subscribes to one filter; is granted what it asks for.
    #[track_caller]
    pub(crate) fn subscribe(&mut self, filter: &str, qos: u8) {
        let identifier = self.next_identifier();
        self.send(&subscribe(identifier, &[(filter, qos)]));
        self.expect(&suback(identifier, &[qos]));
    }

    #[track_caller]
    pub(crate) fn unsubscribe(&mut self, filter: &str) {
        let identifier = self.next_identifier();
        self.send(&unsubscribe(identifier, &[filter]));
        self.expect(&unsuback(identifier));
    }

    /// Publishes at QoS 0.
    pub(crate) fn publish(&mut self, topic: &str, payload: impl AsRef<[u8]>) {
        self.send(&Publish::new(topic, payload).bytes());
    }

    /// Publishes at any QoS and goes through the acknowledgements. At QoS 0 a ping tells that the
    /// broker has taken the message.
    #[track_caller]
    pub(crate) fn publish_surely(&mut self, message: &Publish) {
        let identifier = self.next_identifier();
        self.send(&Publish { identifier, ..message.clone() }.bytes());
        match message.qos {
            0 => self.expect_silence(),
            1 => self.expect(&puback(identifier)),
            _ => {
                self.expect(&pubrec(identifier));
                self.send(&pubrel(identifier));
                self.expect(&pubcomp(identifier));
            }
        }
    }

    /// Retains a message and waits until the broker has taken it.
    #[track_caller]
    pub(crate) fn retain(&mut self, topic: &str, payload: impl AsRef<[u8]>) {
        self.publish_surely(&Publish::new(topic, payload).retain());
    }

    /// Receives a message at QoS 1 or 2 and goes through the acknowledgements.
    #[track_caller]
    pub(crate) fn receive_surely(&mut self) -> Publish {
        let message = self.receive_publish();
        let identifier = message.identifier;
        match message.qos {
            0 => {}
            1 => self.send(&puback(identifier)),
            _ => {
                self.send(&pubrec(identifier));
                self.expect(&pubrel(identifier));
                self.send(&pubcomp(identifier));
            }
        }
        message
    }
}

fn is_end(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted
    )
}

/// The size of the packet at the front, if all of it is there.
fn packet_size(bytes: &[u8]) -> Option<usize> {
    let mut length = 0;
    for (index, &byte) in bytes.iter().enumerate().skip(1).take(4) {
        length |= usize::from(byte & 0x7f) << (7 * (index - 1));
        if byte & 0x80 == 0 {
            let size = index + 1 + length;
            return (bytes.len() >= size).then_some(size);
        }
    }
    None
}
