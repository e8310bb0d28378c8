//! A broker in plain lists: who is to get what, in which order, and what each connection is to
//! carry next.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use broker_core::Time;
use mqttbytes::v4::{
    ConnAck, Connect, ConnectReturnCode, Packet, PubAck, PubComp, PubRec, PubRel, Publish, SubAck,
    SubscribeReasonCode, UnsubAck,
};

use crate::client::{Message, to_qos};
use crate::dialect::{Answer, Dialect, Options, Request};
use crate::steps::matches;

/// A message that a session or a connection is to get.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    pub(crate) message: Rc<Message>,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    /// Subscription Identifiers, sorted; they go to a Client of 5.0 alone.
    identifiers: Vec<u32>,
    /// Those of one group, the retained messages of one subscription, come in any order.
    group: usize,
}

impl Expected {
    fn is(&self, packet: &Publish, identifiers: &[u32], is_v5: bool) -> bool {
        let Publish { topic, payload, qos, retain, .. } = packet;
        let expected = if is_v5 { &*self.identifiers } else { &[] };
        identifiers == expected
            && *topic == self.message.topic
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
    /// Seconds that it outlives its connection; `u32::MAX` for ever.
    expiry: u32,
    /// When it ends, while nobody is connected.
    ends: Option<Time>,
    subscriptions: Vec<Subscription>,
    /// Not yet sent, in order.
    expected: VecDeque<Expected>,
    inflight: Vec<Inflight>,
    inbound: BTreeSet<u16>,
    online: Option<usize>,
    /// What subscriptions are still to get of what was retained before them.
    replays: Vec<Replay>,
}

/// Retained messages that a subscription has not got, in any order.
#[derive(Debug)]
struct Replay {
    subscription: Subscription,
    messages: Vec<Expected>,
}

#[derive(Clone, Debug)]
struct Subscription {
    filter: String,
    qos: u8,
    options: Options,
}

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) client: usize,
    pub(crate) epoch: Option<usize>,
    pub(crate) closed: bool,
    will: Option<Rc<Message>>,
    acknowledged: bool,
    is_v5: bool,
    /// QoS 1 and 2 messages that may be in flight.
    window: usize,
    answers: VecDeque<Packet>,
    again: VecDeque<Inflight>,
    at_most_once: VecDeque<Expected>,
}

impl Connection {
    /// Whether the next thing to be sent again is this PUBREL.
    fn is_next_again(&self, identifier: u16) -> bool {
        let again = self.again.front();
        again.is_some_and(|again| again.received && again.identifier == identifier)
    }
}

/// A message that was routed on one shard and is on its way to others.
#[derive(Clone, Debug)]
pub(crate) struct Routed {
    pub(crate) message: Rc<Message>,
    version: u64,
    /// The Client that published it, unless it is a Will.
    publisher: Option<usize>,
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
    pub(crate) now: Time,
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
            now: Time::ZERO,
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
            is_v5: false,
            window: self.window,
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
    pub(crate) fn process(&mut self, connection: usize, request: &Request) -> Vec<Routed> {
        let client = self.connections[connection].client;
        match request {
            Request::Connect(connect, dialect) => self.begin(connection, connect, *dialect),
            Request::Subscribe(subscribe, options) => {
                let filter = &subscribe.filters[0];
                let code = SubscribeReasonCode::Success(filter.qos);
                let suback = Packet::SubAck(SubAck::new(subscribe.pkid, vec![code]));
                self.connections[connection].answers.push_back(suback);
                let (filter, qos) = (filter.path.clone(), filter.qos as u8);
                self.subscribe(client, Subscription { filter, qos, options: *options });
                Vec::new()
            }
            Request::Plain(packet) => self.process_plain(connection, client, packet),
        }
    }

    fn begin(&mut self, connection: usize, connect: &Connect, dialect: Dialect) -> Vec<Routed> {
        let will = connect.last_will.as_ref().map(|will| {
            Rc::new(Message {
                topic: will.topic.clone(),
                payload: will.message.to_vec(),
                qos: will.qos as u8,
                retain: will.retain,
            })
        });
        let taken = &mut self.connections[connection];
        taken.will = will;
        taken.is_v5 = dialect.is_v5();
        taken.window = self.window.min(dialect.receive_maximum().into());
        let clean = connect.clean_session;
        self.connect(connection, clean, dialect.session_expiry(clean))
    }

    fn process_plain(&mut self, connection: usize, client: usize, packet: &Packet) -> Vec<Routed> {
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
            Packet::Unsubscribe(unsubscribe) => {
                session.subscriptions.retain(|other| other.filter != unsubscribe.topics[0]);
                session
                    .replays
                    .retain(|replay| replay.subscription.filter != unsubscribe.topics[0]);
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

    fn connect(&mut self, connection: usize, clean: bool, expiry: u32) -> Vec<Routed> {
        let client = self.connections[connection].client;
        let older = self.sessions.get(&client).and_then(|session| session.online);
        let routed = older.map(|older| self.take_over(older)).unwrap_or_default();
        if clean {
            self.sessions.remove(&client);
        }
        let present = self.sessions.contains_key(&client);
        let offers = &mut self.offers;
        let session = self.sessions.entry(client).or_insert_with(|| {
            offers.push(Vec::new());
            Session { epoch: offers.len() - 1, ..Session::default() }
        });
        (session.online, session.expiry, session.ends) = (Some(connection), expiry, None);
        let connection = &mut self.connections[connection];
        connection.epoch = Some(session.epoch);
        connection.again.extend(session.inflight.iter().cloned());
        let connack = ConnAck::new(ConnectReturnCode::Success, present);
        connection.answers.push_back(Packet::ConnAck(connack));
        routed
    }

    fn take_over(&mut self, older: usize) -> Vec<Routed> {
        if self.connections[older].is_v5 {
            self.connections[older].answers.push_back(Packet::Disconnect);
        }
        self.close(older)
    }

    /// Sessions end whose time is over.
    pub(crate) fn expire(&mut self) {
        let now = self.now;
        self.sessions.retain(|_, session| session.ends.is_none_or(|ends| ends > now));
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
            match session.expiry {
                0 => drop(self.sessions.remove(&client)),
                u32::MAX => {}
                expiry => session.ends = Some(self.now + Duration::from_secs(expiry.into())),
            }
        }
        will.map(|will| self.route(self.shards[client], will, None)).into_iter().collect()
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
        let route = || self.route(self.shards[client], message, Some(client));
        is_new.then(route).into_iter().collect()
    }

    fn subscribe(&mut self, client: usize, subscription: Subscription) {
        let session = self.sessions.get_mut(&client).expect("it is connected");
        session.subscriptions.retain(|other| other.filter != subscription.filter);
        session.subscriptions.push(subscription.clone());
        session.replays.retain(|replay| replay.subscription.filter != subscription.filter);
        let identifier = Some(subscription.options.identifier).filter(|id| *id > 0);
        let messages = self.retained[self.shards[client]]
            .values()
            .filter_map(|(_, message)| message.clone())
            .filter(|message| matches(&subscription.filter, &message.topic))
            .map(|message| Expected {
                qos: subscription.qos.min(message.qos),
                message,
                retain: true,
                identifiers: identifier.into_iter().collect(),
                group: 0,
            })
            .collect();
        session.replays.push(Replay { subscription, messages });
    }

    /// A message takes the place of what is retained under its topic, or goes before it: a Client
    /// that is still to get the older one gets it first, or never.
    fn pass_by_replays(&mut self, shard: usize, message: &Message) {
        for client in 0..self.shards.len() {
            if self.shards[client] != shard {
                continue;
            }
            let Some(session) = self.sessions.get_mut(&client) else { continue };
            let mut older = Vec::new();
            for replay in &mut session.replays {
                let is_older = |other: &mut Expected| other.message.topic == message.topic;
                older.extend(replay.messages.extract_if(.., is_older));
            }
            for expected in older.into_iter().filter(|_| !message.retain) {
                self.groups += 1;
                self.offer(client, Expected { group: self.groups, ..expected });
            }
        }
    }

    /// Whether anybody is still to get retained messages.
    pub(crate) fn has_replays(&self) -> bool {
        self.sessions.values().any(|session| session.replays.iter().any(|r| !r.messages.is_empty()))
    }

    /// A message was published on a shard.
    fn route(&mut self, shard: usize, message: Rc<Message>, publisher: Option<usize>) -> Routed {
        self.versions += 1;
        let routed = Routed { message, version: self.versions, publisher };
        self.arrive(shard, &routed);
        routed
    }

    /// A message has come to a shard.
    pub(crate) fn arrive(&mut self, shard: usize, routed: &Routed) {
        let Routed { message, version, publisher } = routed;
        if message.retain {
            let kept = (!message.payload.is_empty()).then(|| Rc::clone(message));
            let store = &mut self.retained[shard];
            if store.get(&message.topic).is_none_or(|(older, _)| older < version) {
                store.insert(message.topic.clone(), (*version, kept));
                self.pass_by_replays(shard, message);
            }
        } else {
            self.pass_by_replays(shard, message);
        }
        for client in 0..self.shards.len() {
            if self.shards[client] != shard {
                continue;
            }
            if let Some(expected) = self.expect(client, message, *publisher == Some(client)) {
                self.offer(client, expected);
            }
        }
    }

    /// What a Client is to get of a message, by all of its subscriptions that match: one delivery
    /// at the highest QoS, [MQTT-3.3.5-1].
    fn expect(&mut self, client: usize, message: &Rc<Message>, own: bool) -> Option<Expected> {
        let subscriptions = &self.sessions.get(&client)?.subscriptions;
        let matching = subscriptions.iter().filter(|subscription| {
            matches(&subscription.filter, &message.topic) && !(own && subscription.options.no_local)
        });
        let qos = matching.clone().map(|subscription| subscription.qos).max()?;
        let as_published = matching.clone().any(|s| s.options.retain_as_published);
        let identifiers = matching.map(|s| s.options.identifier).filter(|id| *id > 0);
        let mut identifiers: Vec<u32> = identifiers.collect();
        identifiers.sort_unstable();
        self.groups += 1;
        Some(Expected {
            message: Rc::clone(message),
            qos: qos.min(message.qos),
            retain: as_published && message.retain,
            identifiers,
            group: self.groups,
        })
    }

    /// Whether a shard must hear of a message.
    pub(crate) fn wants(&self, shard: usize, message: &Message) -> bool {
        let here = self.sessions.iter().filter(|(client, _)| self.shards[**client] == shard);
        let mut filters = here.flat_map(|(_, session)| &session.subscriptions);
        message.retain || filters.any(|other| matches(&other.filter, &message.topic))
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
    pub(crate) fn sent(&mut self, index: usize, answer: &Answer) {
        let Answer { packet, identifiers } = answer;
        let connection = &mut self.connections[index];
        let is_v5 = connection.is_v5;
        let first = !std::mem::replace(&mut connection.acknowledged, true);
        let is_connack = matches!(packet, Packet::ConnAck(_));
        assert_eq!(first, is_connack, "CONNACK comes first [MQTT-3.2.0-1]: {packet:?}");
        match packet {
            Packet::Publish(publish) if publish.dup => {
                let again = connection.again.pop_front();
                let again = again.unwrap_or_else(|| panic!("sent again for no reason: {packet:?}"));
                let as_before = again.identifier == publish.pkid
                    && again.expected.is(publish, identifiers, is_v5);
                assert!(as_before && !again.received, "{packet:?} is not {again:?}");
            }
            Packet::Publish(publish) if publish.qos == to_qos(0) => {
                let queue = &mut connection.at_most_once;
                if find(queue, publish, identifiers, is_v5).is_ok() {
                    take(queue, publish, identifiers, is_v5);
                } else {
                    self.replayed(index, publish, identifiers);
                }
            }
            Packet::Publish(publish) => self.sent_to_be_acknowledged(index, publish, identifiers),
            Packet::PubRel(PubRel { pkid }) if connection.is_next_again(*pkid) => {
                connection.again.pop_front();
            }
            answer => assert_eq!(connection.answers.pop_front().as_ref(), Some(answer)),
        }
    }

    fn sent_to_be_acknowledged(&mut self, connection: usize, publish: &Publish, ids: &[u32]) {
        let Connection { client, epoch, window, is_v5, ref again, .. } =
            self.connections[connection];
        assert!(again.is_empty(), "{publish:?} overtakes {again:?} [MQTT-4.6.0-1]");
        let session = self.sessions.get_mut(&client).filter(|s| Some(s.epoch) == epoch);
        // Ended in the meantime, by a packet that came with the one which caused this.
        let Some(session) = session else { return };
        let expected = if session.expected.is_empty() {
            self.replayed(connection, publish, ids)
        } else {
            take(&mut session.expected, publish, ids, is_v5)
        };
        let session = self.sessions.get_mut(&client).expect("it is there");
        let identifier = publish.pkid;
        assert!(session.inflight.len() < window, "the window is closed: {publish:?}");
        let in_use = session.inflight.iter().any(|other| other.identifier == identifier);
        assert!(!in_use && identifier != 0, "{identifier} is in use [MQTT-2.3.1-4]");
        session.inflight.push(Inflight { identifier, expected, received: false });
    }

    /// A retained message was sent for a subscription.
    fn replayed(&mut self, index: usize, publish: &Publish, identifiers: &[u32]) -> Expected {
        let Connection { client, is_v5, .. } = self.connections[index];
        let session = self.sessions.get_mut(&client).expect("it has subscriptions");
        for replay in &mut session.replays {
            let is_it = |expected: &Expected| expected.is(publish, identifiers, is_v5);
            if let Some(position) = replay.messages.iter().position(is_it) {
                let expected = replay.messages.swap_remove(position);
                let connection = Some(index).filter(|_| expected.qos == 0);
                self.offers[session.epoch].push(Offer { expected: expected.clone(), connection });
                return expected;
            }
            assert!(replay.messages.is_empty(), "{publish:?} before {replay:?}");
        }
        panic!("{publish:?} with {identifiers:?} is not expected");
    }

    /// All that was to be sent has been sent. Retained messages wait for an output that is not
    /// `drained`.
    pub(crate) fn check_that_nothing_is_due(&self, drained: impl Fn(usize) -> bool) {
        for (index, connection) in self.connections.iter().enumerate() {
            let Connection { answers, at_most_once, .. } = connection;
            assert!(answers.is_empty(), "connection {index} misses {answers:?}");
            assert!(at_most_once.is_empty(), "connection {index} misses {at_most_once:?}");
        }
        for (client, session) in &self.sessions {
            let Some(online) = session.online else { continue };
            let Connection { again, window, .. } = &self.connections[online];
            // What was sent before counts when it is sent again.
            let sent = session.inflight.len() - again.len();
            assert!(sent <= *window, "client {client} takes {window} messages, not {sent}");
            if sent < *window {
                assert!(again.is_empty(), "client {client} misses {again:?} again");
                let expected = &session.expected;
                assert!(expected.is_empty(), "client {client} misses {expected:?}");
            }
            let mut replays = session.replays.iter();
            if drained(online)
                && (sent < *window || session.replays.iter().all(|r| r.subscription.qos == 0))
            {
                assert!(replays.all(|r| r.messages.is_empty()), "client {client}: {session:?}");
            }
        }
    }

    /// Whether a Client has got and acknowledged all that it is to get.
    pub(crate) fn is_settled(&self, client: usize) -> bool {
        let session = self.sessions.get(&client);
        session.is_none_or(|s| {
            let replays = s.replays.iter().all(|replay| replay.messages.is_empty());
            replays && s.expected.is_empty() && s.inflight.is_empty()
        })
    }
}

/// Takes what was sent out of what is expected next.
fn take(
    queue: &mut VecDeque<Expected>,
    publish: &Publish,
    identifiers: &[u32],
    is_v5: bool,
) -> Expected {
    let index = find(queue, publish, identifiers, is_v5).unwrap_or_else(|next| {
        panic!("{publish:?} with {identifiers:?} is not expected, but {next:?}")
    });
    queue.remove(index).expect("its index was found")
}

/// Where it is among what is expected next, or what that is.
fn find(
    queue: &VecDeque<Expected>,
    publish: &Publish,
    identifiers: &[u32],
    is_v5: bool,
) -> Result<usize, Vec<Expected>> {
    let group = queue.front().map(|front| front.group);
    let next = queue.iter().take_while(|expected| Some(expected.group) == group);
    let position = next.clone().position(|expected| expected.is(publish, identifiers, is_v5));
    position.ok_or_else(|| next.cloned().collect())
}
