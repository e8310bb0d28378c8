//! A broker in plain lists: who is to get what, in which order, and what each connection is to
//! carry next.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use mqttbytes::v4::{
    ConnAck, ConnectReturnCode, Packet, PubAck, PubComp, PubRec, PubRel, Publish, SubAck,
    SubscribeReasonCode, UnsubAck,
};

use crate::client::{Message, to_qos};

/// A message that a session or a connection is to get.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    pub(crate) message: Rc<Message>,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    /// Those of one group, the retained messages of one subscription, come in any order.
    group: usize,
}

impl Expected {
    fn is(&self, packet: &Publish) -> bool {
        let Publish { topic, payload, qos, retain, .. } = packet;
        *topic == self.message.topic
            && *payload == self.message.payload
            && *qos as u8 == self.qos
            && *retain == self.retain
    }
}

#[derive(Clone, Debug)]
struct Inflight {
    identifier: u16,
    expected: Expected,
    /// Whether a PUBREC came.
    received: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Session {
    /// Tells it apart from other sessions of the Client.
    pub(crate) epoch: usize,
    clean: bool,
    subscriptions: Vec<(String, u8)>,
    /// Not yet sent, in order.
    expected: VecDeque<Expected>,
    inflight: Vec<Inflight>,
    inbound: BTreeSet<u16>,
    online: Option<usize>,
}

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) client: usize,
    pub(crate) epoch: Option<usize>,
    pub(crate) closed: bool,
    will: Option<Rc<Message>>,
    acknowledged: bool,
    answers: VecDeque<Packet>,
    again: VecDeque<Inflight>,
    at_most_once: VecDeque<Expected>,
}

/// A message that was routed on one shard and is on its way to others.
#[derive(Clone, Debug)]
pub(crate) struct Routed {
    pub(crate) message: Rc<Message>,
    version: u64,
}

/// A message that was put into a session's or a connection's way.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    pub(crate) expected: Expected,
    /// The connection that it went to at once, at QoS 0.
    pub(crate) connection: Option<usize>,
}

type RetainedStore = BTreeMap<String, (u64, Option<Rc<Message>>)>;

pub(crate) struct Model {
    window: usize,
    /// The shard of each Client.
    shards: Vec<usize>,
    pub(crate) sessions: BTreeMap<usize, Session>,
    pub(crate) connections: Vec<Connection>,
    /// What was offered in each epoch.
    pub(crate) offers: Vec<Vec<Offer>>,
    retained: Vec<RetainedStore>,
    versions: u64,
    groups: usize,
}

impl Model {
    pub(crate) fn new(shards: Vec<usize>, shard_count: usize, window: u16) -> Self {
        Self {
            window: usize::from(window),
            shards,
            sessions: BTreeMap::new(),
            connections: Vec::new(),
            offers: Vec::new(),
            retained: vec![BTreeMap::new(); shard_count],
            versions: 0,
            groups: 0,
        }
    }

    pub(crate) fn open(&mut self, client: usize) {
        self.connections.push(Connection {
            client,
            epoch: None,
            closed: false,
            will: None,
            acknowledged: false,
            answers: VecDeque::new(),
            again: VecDeque::new(),
            at_most_once: VecDeque::new(),
        });
    }

    /// What is retained on a shard, by topic.
    pub(crate) fn retained(&self, shard: usize) -> BTreeMap<String, Vec<u8>> {
        let message = |(topic, (_, message)): (&String, &(u64, Option<Rc<Message>>))| {
            message.as_ref().map(|message| (topic.clone(), message.payload.clone()))
        };
        self.retained[shard].iter().filter_map(message).collect()
    }

    /// A packet of a Client has come to its shard; returns what was routed by it.
    pub(crate) fn process(&mut self, connection: usize, packet: &Packet) -> Vec<Routed> {
        let client = self.connections[connection].client;
        if let Packet::Connect(connect) = packet {
            let will = connect.last_will.as_ref().map(|will| {
                Rc::new(Message {
                    topic: will.topic.clone(),
                    payload: will.message.to_vec(),
                    qos: will.qos as u8,
                    retain: will.retain,
                })
            });
            return self.connect(connection, client, connect.clean_session, will);
        }
        let session = self.sessions.get_mut(&client).expect("it is connected");
        let answers = &mut self.connections[connection].answers;
        match packet {
            Packet::Publish(publish) => return self.publish(connection, client, publish),
            Packet::PubAck(PubAck { pkid }) => {
                session.inflight.retain(|i| i.identifier != *pkid || i.expected.qos != 1);
            }
            Packet::PubRec(PubRec { pkid }) => {
                let mut inflight = session.inflight.iter_mut();
                if let Some(inflight) = inflight.find(|i| i.identifier == *pkid) {
                    inflight.received = inflight.expected.qos == 2;
                }
                answers.push_back(Packet::PubRel(PubRel::new(*pkid)));
            }
            Packet::PubComp(PubComp { pkid }) => {
                session.inflight.retain(|i| i.identifier != *pkid || !i.received);
            }
            Packet::PubRel(PubRel { pkid }) => {
                session.inbound.remove(pkid);
                answers.push_back(Packet::PubComp(PubComp::new(*pkid)));
            }
            Packet::Subscribe(subscribe) => {
                let filter = &subscribe.filters[0];
                let code = SubscribeReasonCode::Success(filter.qos);
                answers.push_back(Packet::SubAck(SubAck::new(subscribe.pkid, vec![code])));
                self.subscribe(client, &filter.path, filter.qos as u8);
            }
            Packet::Unsubscribe(unsubscribe) => {
                session.subscriptions.retain(|(filter, _)| *filter != unsubscribe.topics[0]);
                answers.push_back(Packet::UnsubAck(UnsubAck::new(unsubscribe.pkid)));
            }
            Packet::PingReq => answers.push_back(Packet::PingResp),
            Packet::Disconnect => {
                self.connections[connection].will = None;
                return self.close(connection);
            }
            other => panic!("the Clients of a run do not send {other:?}"),
        }
        Vec::new()
    }

    fn connect(
        &mut self,
        connection: usize,
        client: usize,
        clean: bool,
        will: Option<Rc<Message>>,
    ) -> Vec<Routed> {
        let older = self.sessions.get(&client).and_then(|session| session.online);
        let routed = older.map(|older| self.close(older)).unwrap_or_default();
        if clean {
            self.sessions.remove(&client);
        }
        let present = self.sessions.contains_key(&client);
        let offers = &mut self.offers;
        let session = self.sessions.entry(client).or_insert_with(|| {
            offers.push(Vec::new());
            Session { epoch: offers.len() - 1, clean, ..Session::default() }
        });
        session.online = Some(connection);
        let connection = &mut self.connections[connection];
        connection.epoch = Some(session.epoch);
        connection.will = will;
        connection.again.extend(session.inflight.iter().cloned());
        let connack = ConnAck::new(ConnectReturnCode::Success, present);
        connection.answers.push_back(Packet::ConnAck(connack));
        routed
    }

    /// A connection ended; its Will goes out if it has one.
    pub(crate) fn close(&mut self, connection: usize) -> Vec<Routed> {
        let Connection { client, epoch, closed, will, .. } = &mut self.connections[connection];
        let (client, epoch, will) = (*client, *epoch, will.take());
        assert!(!std::mem::replace(closed, true), "a connection ends once");
        if let Some(epoch) = epoch {
            let session = self.sessions.get_mut(&client).expect("it is connected");
            assert_eq!(session.epoch, epoch);
            session.online = None;
            if session.clean {
                self.sessions.remove(&client);
            }
        }
        will.map(|will| self.route(self.shards[client], will)).into_iter().collect()
    }

    fn publish(&mut self, connection: usize, client: usize, publish: &Publish) -> Vec<Routed> {
        let message = Rc::new(Message {
            topic: publish.topic.clone(),
            payload: publish.payload.to_vec(),
            qos: publish.qos as u8,
            retain: publish.retain,
        });
        let session = self.sessions.get_mut(&client).expect("it is connected");
        let identifier = publish.pkid;
        let is_new = message.qos < 2 || session.inbound.insert(identifier);
        let answers = &mut self.connections[connection].answers;
        match message.qos {
            0 => {}
            1 => answers.push_back(Packet::PubAck(PubAck::new(identifier))),
            _ => answers.push_back(Packet::PubRec(PubRec::new(identifier))),
        }
        is_new.then(|| self.route(self.shards[client], message)).into_iter().collect()
    }

    fn subscribe(&mut self, client: usize, filter: &str, qos: u8) {
        let session = self.sessions.get_mut(&client).expect("it is connected");
        session.subscriptions.retain(|(other, _)| other != filter);
        session.subscriptions.push((filter.to_owned(), qos));
        self.groups += 1;
        let retained: Vec<Rc<Message>> = self.retained[self.shards[client]]
            .values()
            .filter_map(|(_, message)| message.clone())
            .filter(|message| matches(filter, &message.topic))
            .collect();
        for message in retained {
            let qos = qos.min(message.qos);
            self.offer(client, Expected { message, qos, retain: true, group: self.groups });
        }
    }

    /// A message was published on a shard.
    fn route(&mut self, shard: usize, message: Rc<Message>) -> Routed {
        self.versions += 1;
        let routed = Routed { message, version: self.versions };
        self.arrive(shard, &routed);
        routed
    }

    /// A message has come to a shard.
    pub(crate) fn arrive(&mut self, shard: usize, routed: &Routed) {
        let Routed { message, version } = routed;
        if message.retain {
            let kept = (!message.payload.is_empty()).then(|| Rc::clone(message));
            let store = &mut self.retained[shard];
            if store.get(&message.topic).is_none_or(|(older, _)| older < version) {
                store.insert(message.topic.clone(), (*version, kept));
            }
        }
        for client in 0..self.shards.len() {
            if let (true, Some(granted)) =
                (self.shards[client] == shard, self.granted(client, message))
            {
                self.groups += 1;
                let (message, qos) = (Rc::clone(message), message.qos.min(granted));
                self.offer(client, Expected { message, qos, retain: false, group: self.groups });
            }
        }
    }

    /// The highest QoS among the subscriptions of a Client that match.
    fn granted(&self, client: usize, message: &Message) -> Option<u8> {
        let subscriptions = &self.sessions.get(&client)?.subscriptions;
        let matching = subscriptions.iter().filter(|(filter, _)| matches(filter, &message.topic));
        matching.map(|(_, qos)| *qos).max()
    }

    /// Whether a shard must hear of a message.
    pub(crate) fn wants(&self, shard: usize, message: &Message) -> bool {
        let mut here = (0..self.shards.len()).filter(|client| self.shards[*client] == shard);
        message.retain || here.any(|client| self.granted(client, message).is_some())
    }

    fn offer(&mut self, client: usize, expected: Expected) {
        let session = self.sessions.get_mut(&client).expect("it has subscriptions");
        let connection = session.online.filter(|_| expected.qos == 0);
        if expected.qos > 0 {
            session.expected.push_back(expected.clone());
        } else if let Some(connection) = connection {
            self.connections[connection].at_most_once.push_back(expected.clone());
        } else {
            return;
        }
        self.offers[session.epoch].push(Offer { expected, connection });
    }

    /// The broker has put a packet into the output of a connection.
    pub(crate) fn sent(&mut self, index: usize, packet: &Packet) {
        let connection = &mut self.connections[index];
        let first = !std::mem::replace(&mut connection.acknowledged, true);
        let is_connack = matches!(packet, Packet::ConnAck(_));
        assert_eq!(first, is_connack, "CONNACK comes first [MQTT-3.2.0-1]: {packet:?}");
        match packet {
            Packet::Publish(publish) if publish.dup => {
                let again = connection.again.pop_front();
                let again = again.unwrap_or_else(|| panic!("sent again for no reason: {packet:?}"));
                let as_before = again.identifier == publish.pkid && again.expected.is(publish);
                assert!(as_before && !again.received, "{packet:?} is not {again:?}");
            }
            Packet::Publish(publish) if publish.qos == to_qos(0) => {
                take(&mut connection.at_most_once, publish);
            }
            Packet::Publish(publish) => self.sent_to_be_acknowledged(index, publish),
            Packet::PubRel(PubRel { pkid }) if connection.again.front().is_some() => {
                let again = connection.again.pop_front().expect("there is one");
                assert!(again.received && again.identifier == *pkid, "{packet:?} is not {again:?}");
            }
            answer => assert_eq!(connection.answers.pop_front().as_ref(), Some(answer)),
        }
    }

    fn sent_to_be_acknowledged(&mut self, connection: usize, publish: &Publish) {
        let Connection { client, epoch, .. } = self.connections[connection];
        let session = self.sessions.get_mut(&client).filter(|s| Some(s.epoch) == epoch);
        // Ended in the meantime, by a packet that came with the one which caused this.
        let Some(session) = session else { return };
        let expected = take(&mut session.expected, publish);
        let identifier = publish.pkid;
        assert!(session.inflight.len() < self.window, "the window is closed: {publish:?}");
        let in_use = session.inflight.iter().any(|other| other.identifier == identifier);
        assert!(!in_use && identifier != 0, "{identifier} is in use [MQTT-2.3.1-4]");
        session.inflight.push(Inflight { identifier, expected, received: false });
    }

    /// All that was to be sent has been sent.
    pub(crate) fn check_that_nothing_is_due(&self) {
        for (index, connection) in self.connections.iter().enumerate() {
            let Connection { answers, again, at_most_once, .. } = connection;
            assert!(answers.is_empty(), "connection {index} misses {answers:?}");
            assert!(again.is_empty(), "connection {index} misses {again:?} again");
            assert!(at_most_once.is_empty(), "connection {index} misses {at_most_once:?}");
        }
        for (client, session) in &self.sessions {
            let waits = session.online.is_none() || session.inflight.len() >= self.window;
            assert!(
                waits || session.expected.is_empty(),
                "client {client} misses {:?}",
                session.expected
            );
        }
    }

    /// Whether a Client has got and acknowledged all that it is to get.
    pub(crate) fn is_settled(&self, client: usize) -> bool {
        let session = self.sessions.get(&client);
        session.is_none_or(|s| s.expected.is_empty() && s.inflight.is_empty())
    }
}

/// Takes what was sent out of what is expected next.
fn take(queue: &mut VecDeque<Expected>, publish: &Publish) -> Expected {
    let group = queue.front().map(|front| front.group);
    let next = queue.iter().take_while(|expected| Some(expected.group) == group);
    let position = next.clone().position(|expected| expected.is(publish));
    let index = position.unwrap_or_else(|| {
        panic!("{publish:?} is not expected, but {:?}", next.collect::<Vec<_>>())
    });
    queue.remove(index).expect("its index was found")
}

/// Whether a filter matches a topic, MQTT 4.7, level by level.
fn matches(filter: &str, topic: &str) -> bool {
    fn levels(filter: &[&str], topic: &[&str]) -> bool {
        match (filter, topic) {
            (["#"], _) | ([], []) => true,
            ([first, filter @ ..], [level, topic @ ..]) => {
                (*first == "+" || first == level) && levels(filter, topic)
            }
            _ => false,
        }
    }
    let hidden = topic.starts_with('$') && filter.starts_with(['#', '+']);
    let filter: Vec<&str> = filter.split('/').collect();
    let topic: Vec<&str> = topic.split('/').collect();
    !hidden && levels(&filter, &topic)
}
