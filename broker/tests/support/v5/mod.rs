//! What the tests of MQTT 5.0 have besides: its packets, and Clients that speak it.

pub(crate) mod packets;
pub(crate) mod properties;

use crate::support::Server;
use crate::support::client::Client;
use crate::support::packets::{puback, pubcomp, pubrec, pubrel};
use packets::{
    Connack, Connect, Publish, body, parse_disconnect, suback, subscribe, unsuback, unsubscribe,
};
use properties::{Properties, id};

/// The Session Expiry Interval of a session that does not end.
pub(crate) const NEVER: u32 = u32::MAX;

impl Server {
    /// The CONNECT of a name: Clean Start, no keep alive, no properties.
    pub(crate) fn connect5(&self, name: &str) -> Connect {
        Connect::new(&self.identifier(name))
    }

    /// A connected Client whose session begins and ends with the Network Connection.
    pub(crate) fn client5(&self, name: &str) -> Client {
        self.accepted5(&self.connect5(name), false)
    }

    /// A connected Client whose session is kept, and had not been there.
    pub(crate) fn begin5(&self, name: &str) -> Client {
        self.accepted5(&self.connect5(name).resume().expiry(NEVER), false)
    }

    /// A connected Client that goes on with its session.
    pub(crate) fn resume5(&self, name: &str) -> Client {
        self.accepted5(&self.connect5(name).resume().expiry(NEVER), true)
    }

    /// A Client whose CONNECT is accepted, with or without Session Present.
    #[track_caller]
    pub(crate) fn accepted5(&self, connect: &Connect, session_present: bool) -> Client {
        let (client, connack) = self.connacked5(connect);
        let flags = u8::from(session_present);
        assert_eq!((connack.flags, connack.reason), (flags, 0), "{connack:02x?}");
        client
    }

    /// A Client with the answer to its CONNECT.
    #[track_caller]
    pub(crate) fn connacked5(&self, connect: &Connect) -> (Client, Connack) {
        let mut client = self.open();
        client.send(&connect.bytes());
        let connack = Connack::parse(&client.receive());
        (client, connack)
    }

    /// Sends bytes to be refused with a CONNACK of this Reason Code.
    #[track_caller]
    pub(crate) fn refuses5(&self, connect: &[u8], reason: u8) {
        let mut client = self.open();
        client.send(connect);
        let connack = Connack::parse(&client.receive());
        assert_eq!((connack.flags, connack.reason), (0, reason), "to {connect:02x?}");
        client.expect_closed();
    }

    /// Sends a packet on a new Network Connection, to be answered by DISCONNECT with this Reason
    /// Code.
    #[track_caller]
    pub(crate) fn disconnects5(&self, packet: &[u8], reason: u8) {
        let mut client = self.client5("offender");
        client.send(packet);
        client.expect_disconnect(reason);
    }
}

impl Client {
    /// Receives a DISCONNECT with this Reason Code and the end of the connection.
    #[track_caller]
    pub(crate) fn expect_disconnect(&mut self, reason: u8) -> Properties {
        let packet = self.receive();
        let (received, properties) = parse_disconnect(&packet);
        assert_eq!(received, reason, "the Reason Code of {packet:02x?}");
        self.expect_closed();
        properties
    }

    /// The next packet, which must be a PUBLISH.
    #[track_caller]
    pub(crate) fn receive5(&mut self) -> Publish {
        Publish::parse(&self.receive())
    }

    /// Receives this message at QoS 0 without properties.
    #[track_caller]
    pub(crate) fn expect_message5(&mut self, topic: &str, payload: impl AsRef<[u8]>) {
        assert_eq!(self.receive5(), Publish::new(topic, payload));
    }

    /// Subscribes to one filter; is granted the QoS it asks for.
    #[track_caller]
    pub(crate) fn subscribe5(&mut self, filter: &str, options: u8) {
        self.subscribe5_with(filter, options, &Properties::new());
    }

    /// Subscribes with a Subscription Identifier.
    #[track_caller]
    pub(crate) fn subscribe5_as(&mut self, number: usize, filter: &str, options: u8) {
        let properties = Properties::new().variable(id::SUBSCRIPTION_IDENTIFIER, number);
        self.subscribe5_with(filter, options, &properties);
    }

    #[track_caller]
    pub(crate) fn subscribe5_with(&mut self, filter: &str, options: u8, properties: &Properties) {
        let identifier = self.next_identifier();
        self.send(&subscribe(identifier, properties, &[(filter, options)]));
        self.expect(&suback(identifier, &[options & 3]));
    }

    #[track_caller]
    pub(crate) fn unsubscribe5(&mut self, filter: &str) {
        let identifier = self.next_identifier();
        self.send(&unsubscribe(identifier, &Properties::new(), &[filter]));
        self.expect(&unsuback(identifier, &[0]));
    }

    /// Publishes at QoS 0.
    pub(crate) fn publish5(&mut self, topic: &str, payload: impl AsRef<[u8]>) {
        self.send(&Publish::new(topic, payload).bytes());
    }

    /// Publishes at any QoS and goes through the acknowledgements. At QoS 0 a ping tells that the
    /// broker has taken the message.
    #[track_caller]
    pub(crate) fn publish5_surely(&mut self, message: &Publish) {
        let identifier = self.next_identifier();
        self.send(&Publish { identifier, ..message.clone() }.bytes());
        match message.qos {
            0 => self.expect_silence(),
            1 => self.expect_taken(0x40, identifier),
            _ => {
                self.expect_taken(0x50, identifier);
                self.send(&pubrel(identifier));
                self.expect(&pubcomp(identifier));
            }
        }
    }

    /// Receives a PUBACK or PUBREC that says Success or No Matching Subscribers.
    #[track_caller]
    fn expect_taken(&mut self, first: u8, identifier: u16) {
        let packet = self.receive();
        let [high, low] = identifier.to_be_bytes();
        assert_eq!((packet[0], &body(&packet)[..2]), (first, &[high, low][..]), "{packet:02x?}");
        assert!(matches!(body(&packet)[2..], [] | [0x10]), "{packet:02x?}");
    }

    /// Retains a message and waits until the broker has taken it.
    #[track_caller]
    pub(crate) fn retain5(&mut self, topic: &str, payload: impl AsRef<[u8]>) {
        self.publish5_surely(&Publish::new(topic, payload).retain());
    }

    /// Receives a message at any QoS and goes through the acknowledgements.
    #[track_caller]
    pub(crate) fn receive5_surely(&mut self) -> Publish {
        let message = self.receive5();
        self.complete5(&message);
        message
    }

    /// Goes through the acknowledgements of a message.
    #[track_caller]
    pub(crate) fn complete5(&mut self, message: &Publish) {
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
    }
}

/// Waits until all that `from` has sent has come to the shard of `to`, and has been handled there.
#[track_caller]
pub(crate) fn settle5(from: &mut Client, to: &mut Client) {
    to.subscribe5("settle", 0);
    from.publish5("settle", "all is there");
    to.expect_message5("settle", "all is there");
    to.unsubscribe5("settle");
}

/// Runs a test against a broker of one shard, for what has nothing to do with routing.
pub(crate) fn on_one_shard(test: impl FnOnce(&Server)) {
    test(&Server::start(1, |builder| builder));
}
