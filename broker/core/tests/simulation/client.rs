//! A Client as MQTT wants it: it keeps what is not acknowledged, and takes QoS 2 messages once.

use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;

use mqttbytes::QoS;
use mqttbytes::v4::{
    Connect, LastWill, Packet, PubAck, PubComp, PubRec, PubRel, Publish, Subscribe, Unsubscribe,
};

use crate::dialect::{Aliases, Dialect, Options, Reader, Request, encode};

/// An Application Message. Topic and payload tell it apart from all others, unless it is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
}

/// A message that a Client has got.
#[derive(Clone, Debug)]
pub(crate) struct Receipt {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    /// The connection on which it came.
    pub(crate) connection: usize,
}

/// A publication that the broker has not acknowledged.
#[derive(Clone, Debug)]
enum Outgoing {
    Publish(u16, Rc<Message>),
    Pubrel(u16),
}

#[derive(Debug, Default)]
pub(crate) struct Client {
    /// Its connection, if it has one.
    pub(crate) connection: Option<usize>,
    /// Acknowledgements that it owes on that connection.
    pub(crate) owed: VecDeque<Packet>,
    /// Whether its session ends with the connection.
    clean: bool,
    outgoing: Vec<Outgoing>,
    /// Payloads that it has sent again and that the broker may have published again, which may come after newer ones.
    pub(crate) sent_again: BTreeSet<Vec<u8>>,
    received: BTreeSet<u16>,
    identifier: u16,
    /// What it speaks on that connection.
    dialect: Option<Dialect>,
    aliases: Aliases,
    reader: Reader,
}

pub(crate) fn to_qos(qos: u8) -> QoS {
    match qos {
        0 => QoS::AtMostOnce,
        1 => QoS::AtLeastOnce,
        _ => QoS::ExactlyOnce,
    }
}

impl Client {
    /// Takes a new connection; returns what it sends first.
    pub(crate) fn connect(
        &mut self,
        connection: usize,
        name: &str,
        clean: bool,
        will: Option<&Message>,
        dialect: Dialect,
    ) -> Vec<Request> {
        self.leave();
        self.connection = Some(connection);
        self.dialect = Some(dialect);
        self.reader = Reader::new(dialect);
        // Nothing of a clean session is used in another one, [MQTT-3.1.2-6].
        let ends = dialect.session_expiry(clean) == 0;
        if std::mem::replace(&mut self.clean, ends) || clean {
            self.outgoing.clear();
            self.received.clear();
        }
        let sent_again = self.outgoing.iter().filter_map(|outgoing| match outgoing {
            Outgoing::Publish(_, message) if message.qos == 1 => Some(message.payload.clone()),
            _ => None,
        });
        self.sent_again.extend(sent_again);
        let mut connect = Connect::new(name);
        connect.clean_session = clean;
        connect.keep_alive = 0;
        connect.last_will = will.map(|will| {
            LastWill::new(will.topic.clone(), will.payload.clone(), to_qos(will.qos), will.retain)
        });
        let again = self.outgoing.iter().map(|outgoing| match outgoing {
            Outgoing::Publish(identifier, message) => publish(*identifier, message, true),
            Outgoing::Pubrel(identifier) => Packet::PubRel(PubRel::new(*identifier)),
        });
        let connect = std::iter::once(Request::Connect(connect, dialect));
        connect.chain(again.map(Request::Plain)).collect()
    }

    /// The bytes of what it sends next on its connection.
    pub(crate) fn encode(&mut self, request: &Request) -> Vec<u8> {
        let dialect = self.dialect.expect("it has connected");
        encode(request, dialect, &mut self.aliases)
    }

    /// Its connection is gone.
    pub(crate) fn leave(&mut self) {
        self.connection = None;
        self.owed.clear();
        self.aliases.clear();
    }

    fn next_identifier(&mut self) -> u16 {
        loop {
            self.identifier = self.identifier % 1000 + 1;
            let used = self.outgoing.iter().any(|outgoing| match outgoing {
                Outgoing::Publish(other, _) | Outgoing::Pubrel(other) => *other == self.identifier,
            });
            if !used {
                return self.identifier;
            }
        }
    }

    pub(crate) fn publish(&mut self, message: &Rc<Message>) -> Packet {
        if message.qos == 0 {
            return publish(0, message, false);
        }
        let identifier = self.next_identifier();
        self.outgoing.push(Outgoing::Publish(identifier, Rc::clone(message)));
        publish(identifier, message, false)
    }

    pub(crate) fn subscribe(&mut self, filter: &str, qos: u8, options: Options) -> Request {
        let mut subscribe = Subscribe::new(filter, to_qos(qos));
        subscribe.pkid = self.next_identifier();
        let is_v5 = self.dialect.is_some_and(Dialect::is_v5);
        Request::Subscribe(subscribe, if is_v5 { options } else { Options::default() })
    }

    pub(crate) fn unsubscribe(&mut self, filter: &str) -> Packet {
        let mut unsubscribe = Unsubscribe::new(filter);
        unsubscribe.pkid = self.next_identifier();
        Packet::Unsubscribe(unsubscribe)
    }

    /// Whether everything that it has published is acknowledged.
    pub(crate) fn is_settled(&self) -> bool {
        self.outgoing.is_empty() && self.owed.is_empty()
    }

    /// Takes bytes of the broker in; returns the messages that they complete.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> Vec<Receipt> {
        self.reader.push(bytes);
        let connection = self.connection.expect("bytes come on a connection");
        let mut receipts = Vec::new();
        while let Some(answer) = self.reader.next() {
            if let Some(message) = self.handle(answer.packet) {
                receipts.push(Receipt {
                    topic: message.topic,
                    payload: message.payload.to_vec(),
                    qos: message.qos as u8,
                    retain: message.retain,
                    connection,
                });
            }
        }
        receipts
    }

    /// The broker knows nothing of an older session: what came in it is past, and what was sent
    /// again is new to it.
    fn begin_session(&mut self) {
        self.received.clear();
        let sent_again = self.outgoing.iter().filter_map(|outgoing| match outgoing {
            Outgoing::Publish(_, message) => Some(message.payload.clone()),
            Outgoing::Pubrel(_) => None,
        });
        self.sent_again.extend(sent_again);
    }

    /// Notes what it owes for a packet; returns the message if it is one that is new.
    fn handle(&mut self, packet: Packet) -> Option<Publish> {
        match packet {
            Packet::Publish(message) => {
                let identifier = message.pkid;
                match message.qos {
                    QoS::AtMostOnce => {}
                    QoS::AtLeastOnce => {
                        self.owed.push_back(Packet::PubAck(PubAck::new(identifier)));
                    }
                    QoS::ExactlyOnce => {
                        self.owed.push_back(Packet::PubRec(PubRec::new(identifier)));
                        if !self.received.insert(identifier) {
                            return None;
                        }
                    }
                }
                return Some(message);
            }
            Packet::PubRel(PubRel { pkid }) => {
                self.received.remove(&pkid);
                self.owed.push_back(Packet::PubComp(PubComp::new(pkid)));
            }
            Packet::PubAck(PubAck { pkid }) => {
                self.outgoing.retain(|o| !matches!(o, Outgoing::Publish(id, _) if *id == pkid));
            }
            Packet::PubRec(PubRec { pkid }) => {
                for outgoing in &mut self.outgoing {
                    if matches!(outgoing, Outgoing::Publish(id, _) if *id == pkid) {
                        *outgoing = Outgoing::Pubrel(pkid);
                    }
                }
                self.owed.push_back(Packet::PubRel(PubRel::new(pkid)));
            }
            Packet::PubComp(PubComp { pkid }) => {
                self.outgoing.retain(|o| !matches!(o, Outgoing::Pubrel(id) if *id == pkid));
            }
            Packet::ConnAck(connack) if !connack.session_present => self.begin_session(),
            Packet::ConnAck(_)
            | Packet::SubAck(_)
            | Packet::UnsubAck(_)
            | Packet::PingResp
            | Packet::Disconnect => {}
            other => panic!("a broker does not send {other:?}"),
        }
        None
    }
}

fn publish(identifier: u16, message: &Message, duplicate: bool) -> Packet {
    let mut publish = Publish::new(&message.topic, to_qos(message.qos), message.payload.clone());
    publish.pkid = identifier;
    publish.retain = message.retain;
    publish.dup = duplicate;
    Packet::Publish(publish)
}
