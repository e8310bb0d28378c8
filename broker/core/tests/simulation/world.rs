//! The shards, the Clients, and all that is on its way between them.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::io::IoSlice;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use broker_core::{CloseCause, ConnectionKey, Forward, Limits, Shard, ShardGroup, Time};
use mqttbytes::v4::Packet;

use crate::client::{Client, Message, Receipt};
use crate::dialect::{Dialect, Options, Reader, Request};
use crate::model::{Model, Offer, Routed};
use crate::steps::{CLIENTS, Draft, Payload, Step, TOPICS};

/// One Network Connection, as the Client and the wire see it.
struct Link {
    client: usize,
    key: ConnectionKey,
    /// What the Client has sent and the broker has not got, with how far the first has come.
    outbox: VecDeque<(Request, Vec<u8>)>,
    arrived: usize,
    /// How much of the broker's output the model has seen.
    seen: usize,
    wire: Reader,
    gone: bool,
}

pub(crate) struct World {
    shards: Vec<Shard>,
    shard_of: Vec<usize>,
    names: Vec<String>,
    now: Time,
    clients: Vec<Client>,
    links: Vec<Link>,
    keys: HashMap<(usize, ConnectionKey), usize>,
    /// From each shard to each.
    between: Vec<Vec<VecDeque<(Forward, Routed)>>>,
    model: Model,
    /// What Clients got, by epoch.
    receipts: BTreeMap<usize, Vec<Receipt>>,
    messages: usize,
    replay_bytes_max: usize,
}

impl World {
    pub(crate) fn new(shards: usize, window: u16, replay_bytes_max: usize) -> Self {
        let group = Arc::new(ShardGroup::new(shards, 42));
        let mut limits = Limits::default();
        limits.inflight_max = window;
        limits.replay_bytes_max = replay_bytes_max;
        // Time passes while a CONNECT is on its way.
        limits.connect_timeout = Duration::from_secs(100_000);
        // Those of the run, then one on each shard for the end.
        let mut names: Vec<String> = (0..CLIENTS).map(|number| format!("client{number}")).collect();
        for shard in 0..shards {
            let name = (0..1000).map(|number| format!("probe{number}"));
            names.extend(name.into_iter().find(|name| group.shard_of(name) == shard));
        }
        let shard_of: Vec<usize> = names.iter().map(|name| group.shard_of(name)).collect();
        let shard = |index| Shard::new(Arc::clone(&group), index, limits.clone(), None);
        Self {
            model: Model::new(shard_of.clone(), shards, window),
            shards: (0..shards).map(shard).collect(),
            clients: names.iter().map(|_| Client::default()).collect(),
            shard_of,
            names,
            now: Time::ZERO,
            links: Vec::new(),
            keys: HashMap::new(),
            between: (0..shards).map(|_| (0..shards).map(|_| VecDeque::new()).collect()).collect(),
            receipts: BTreeMap::new(),
            messages: 0,
            replay_bytes_max,
        }
    }

    pub(crate) fn take(&mut self, step: Step) {
        self.pass(Duration::from_millis(1));
        match step {
            Step::Connect { client, clean, will, dialect } => {
                self.connect(client, clean, will, dialect);
            }
            Step::Subscribe { client, filter, qos, options } => {
                let request = self.clients[client].subscribe(filter, qos, options);
                self.send(client, request);
            }
            Step::Unsubscribe { client, filter } => {
                let packet = self.clients[client].unsubscribe(filter);
                self.send_plain(client, packet);
            }
            Step::Publish { client, draft } => {
                if self.clients[client].connection.is_some() {
                    let message = Rc::new(self.message('p', client, draft));
                    let packet = self.clients[client].publish(&message);
                    self.send_plain(client, packet);
                }
            }
            Step::Wait(duration) => self.wait(duration),
            Step::Ping { client } => self.send_plain(client, Packet::PingReq),
            Step::Disconnect { client } => self.send_plain(client, Packet::Disconnect),
            Step::Break { client } => {
                if let Some(link) = self.clients[client].connection {
                    self.lose(link);
                }
            }
            Step::Arrive { client, bytes } => self.arrive(client, bytes),
            Step::Receive { client, bytes } => self.receive(client, bytes),
            Step::Acknowledge { client, count } => self.acknowledge(client, count),
            Step::Forward { from, to, count } => {
                let shards = self.shards.len();
                self.forward(from % shards, to % shards, count);
            }
        }
    }

    /// A message whose payload says who published it, at which QoS, and its number.
    fn message(&mut self, kind: char, client: usize, draft: Draft) -> Message {
        self.messages += 1;
        let Draft { topic, qos, retain, payload } = draft;
        let mut text = format!("{kind}{client}/{qos} {} ", self.messages).into_bytes();
        match payload {
            Payload::Empty => text.clear(),
            Payload::Small => {}
            Payload::Large => text.resize(broker_core::SHARED_PAYLOAD_MIN + client, b'.'),
        }
        Message { topic: topic.to_owned(), payload: text, qos, retain }
    }

    fn connect(&mut self, client: usize, clean: bool, will: Option<Draft>, dialect: Dialect) {
        let key = self.shards[self.shard_of[client]].open(self.now);
        let index = self.links.len();
        self.keys.insert((self.shard_of[client], key), index);
        self.links.push(Link {
            client,
            key,
            outbox: VecDeque::new(),
            arrived: 0,
            seen: 0,
            wire: Reader::new(dialect),
            gone: false,
        });
        self.model.open(client);
        let will = will.map(|draft| self.message('w', client, draft));
        let name = &self.names[client];
        let will = will.as_ref();
        for request in self.clients[client].connect(index, name, clean, will, dialect) {
            self.send(client, request);
        }
        if clean || dialect.session_expiry(clean) == 0 {
            // The Client forgets its session, now or next time; the broker has to know of it.
            self.arrive(client, usize::MAX);
        }
    }

    fn send(&mut self, client: usize, request: Request) {
        if let Some(link) = self.clients[client].connection {
            let bytes = self.clients[client].encode(&request);
            self.links[link].outbox.push_back((request, bytes));
        }
    }

    fn send_plain(&mut self, client: usize, packet: Packet) {
        self.send(client, Request::Plain(packet));
    }

    fn pass(&mut self, duration: Duration) {
        self.now = self.now + duration;
        self.model.now = self.now;
    }

    /// Time passes, and the shards look at what is due.
    fn wait(&mut self, duration: Duration) {
        self.pass(duration);
        self.model.expire();
        for shard in 0..self.shards.len() {
            self.shards[shard].handle_timeout(self.now);
            self.settle(shard, &[]);
        }
    }

    /// Bytes come to the broker: packet by packet with several shards, so that it is clear which
    /// of them was forwarded, and so while retained messages are replayed, which is between them;
    /// else all at once.
    fn arrive(&mut self, client: usize, mut bytes: usize) {
        while let Some(index) = self.clients[client].connection {
            let one_by_one = self.shards.len() > 1 || self.model.has_replays();
            let packets_max = if one_by_one { 1 } else { usize::MAX };
            let (chunk, packets) = self.links[index].take_bytes(bytes, packets_max);
            if chunk.is_empty() {
                return;
            }
            bytes -= chunk.len();
            let shard = self.shard_of[client];
            let key = self.links[index].key;
            self.shards[shard].handle_bytes(self.now, key, &chunk);
            let mut routed = Vec::new();
            for packet in packets {
                if !self.model.connections[index].closed {
                    routed.extend(self.model.process(index, &packet));
                }
            }
            self.settle(shard, &routed);
        }
    }

    /// A connection ends from outside.
    fn lose(&mut self, index: usize) {
        let shard = self.shard_of[self.links[index].client];
        self.shards[shard].handle_closed(self.now, self.links[index].key, CloseCause::Lost);
        let routed = self.model.close(index);
        self.settle(shard, &routed);
    }

    /// Holds all that a shard has done in one step against the model.
    fn settle(&mut self, shard: usize, routed: &[Routed]) {
        // Debug builds compare the sums in there with the sessions.
        let figures = self.shards[shard].statistics();
        assert!(figures.clients_connected <= figures.sessions);
        for to in (0..self.shards.len()).filter(|to| *to != shard) {
            assert!(routed.len() <= 1, "one step publishes one message at most");
            let forwards = self.shards[shard].take_forwards(to).unwrap_or_default();
            assert!(forwards.len() <= routed.len(), "forwarded more than was published");
            if let Some(routed) = routed.first() {
                let wanted = self.model.wants(to, &routed.message);
                assert!(!wanted || !forwards.is_empty(), "shard {to} did not hear of {routed:?}");
                self.between[shard][to]
                    .extend(forwards.into_iter().map(|forward| (forward, routed.clone())));
            }
        }
        while self.shards[shard].has_work() {
            self.shards[shard].handle_replays(self.now);
            self.look_at_outputs(shard);
            self.look_at_closed(shard);
        }
        let drained = |index: usize| self.links[index].seen <= self.replay_bytes_max / 2;
        self.model.check_that_nothing_is_due(drained);
    }

    fn look_at_outputs(&mut self, shard: usize) {
        let mut dirty = Vec::new();
        self.shards[shard].take_dirty(&mut dirty);
        for key in dirty {
            self.look_at_output(shard, self.keys[&(shard, key)]);
        }
    }

    fn look_at_closed(&mut self, shard: usize) {
        while let Some(closed) = self.shards[shard].poll_closed() {
            let index = self.keys[&(shard, closed.key)];
            assert!(self.model.connections[index].closed, "closed for no reason: {closed:?}");
            self.shards[shard].remove(closed.key);
            self.links[index].gone = true;
            let client = &mut self.clients[self.links[index].client];
            if client.connection == Some(index) {
                client.leave();
            }
        }
    }

    /// Shows the model what a connection's output has got.
    fn look_at_output(&mut self, shard: usize, index: usize) {
        let link = &mut self.links[index];
        let bytes = output(&self.shards[shard], link.key);
        link.wire.push(&bytes[link.seen..]);
        link.seen = bytes.len();
        while let Some(answer) = link.wire.next() {
            self.model.sent(index, &answer);
        }
        assert!(link.wire.is_empty(), "the output ends within a packet");
    }

    fn receive(&mut self, client: usize, bytes: usize) {
        let Some(index) = self.clients[client].connection else { return };
        let link = &mut self.links[index];
        let shard = &mut self.shards[self.shard_of[client]];
        let mut output = output(shard, link.key);
        output.truncate(bytes);
        shard.advance(link.key, output.len());
        link.seen -= output.len();
        let receipts = self.clients[client].receive(&output);
        if let Some(epoch) = self.model.connections[index].epoch {
            self.receipts.entry(epoch).or_default().extend(receipts);
        }
        // There may be room for more.
        self.settle(self.shard_of[client], &[]);
    }

    fn acknowledge(&mut self, client: usize, count: usize) {
        for _ in 0..count {
            let Some(packet) = self.clients[client].owed.pop_front() else { return };
            self.send_plain(client, packet);
        }
    }

    fn forward(&mut self, from: usize, to: usize, count: usize) {
        for _ in 0..count {
            let Some((forward, routed)) = self.between[from][to].pop_front() else { return };
            self.shards[to].handle_forward(self.now, forward);
            self.model.arrive(to, &routed);
            self.settle(to, &[]);
        }
    }

    /// Lets all Clients of the run be there, and all that is on its way arrive.
    pub(crate) fn let_everything_arrive(&mut self) {
        for index in 0..self.links.len() {
            let link = &self.links[index];
            if !link.gone && self.clients[link.client].connection != Some(index) {
                self.lose(index);
            }
        }
        for _ in 0..10_000 {
            for client in 0..CLIENTS {
                if self.clients[client].connection.is_none() {
                    self.connect(client, false, None, Dialect::V4);
                }
            }
            self.advance_everything();
            let connected = self.clients[..CLIENTS].iter().all(|c| c.connection.is_some());
            if connected && self.is_settled() {
                return;
            }
        }
        panic!("it does not come to rest");
    }

    fn advance_everything(&mut self) {
        for client in 0..self.clients.len() {
            self.arrive(client, usize::MAX);
            self.receive(client, usize::MAX);
            self.acknowledge(client, usize::MAX);
        }
        for from in 0..self.shards.len() {
            for to in 0..self.shards.len() {
                self.forward(from, to, usize::MAX);
            }
        }
    }

    fn is_settled(&self) -> bool {
        let clients = (0..self.clients.len())
            .all(|client| self.clients[client].is_settled() && self.model.is_settled(client));
        let links =
            self.links.iter().all(|link| link.gone || (link.outbox.is_empty() && link.seen == 0));
        clients && links && self.between.iter().flatten().all(VecDeque::is_empty)
    }

    /// Holds what the Clients got against what was meant for them.
    pub(crate) fn check_deliveries(&self) {
        let living: BTreeSet<usize> = self.model.sessions.values().map(|s| s.epoch).collect();
        for (epoch, offers) in self.model.offers.iter().enumerate() {
            let receipts = self.receipts.get(&epoch).map_or(&[][..], Vec::as_slice);
            self.check_counts(offers, receipts, living.contains(&epoch));
            self.check_order(receipts);
        }
    }

    fn check_counts(&self, offers: &[Offer], receipts: &[Receipt], living: bool) {
        type Counts<'a> = BTreeMap<(u8, &'a str, &'a [u8]), (usize, usize)>;
        let mut counts: Counts<'_> = BTreeMap::new();
        // At QoS 0 what went to the connection that is there at the end.
        let mut present: Counts<'_> = BTreeMap::new();
        for Offer { expected, connection } in offers {
            let key = (expected.qos, &*expected.message.topic, &*expected.message.payload);
            counts.entry(key).or_default().0 += 1;
            if connection.is_some_and(|index| !self.links[index].gone) {
                present.entry(key).or_default().0 += 1;
            }
        }
        for receipt in receipts {
            let key = (receipt.qos, &*receipt.topic, &*receipt.payload);
            counts.entry(key).or_default().1 += 1;
            if receipt.qos == 0 && !self.links[receipt.connection].gone {
                present.entry(key).or_default().1 += 1;
            }
        }
        for (key, (offered, received)) in counts {
            match key.0 {
                1 => assert!(received >= offered || !living, "{key:?}: {received} of {offered}"),
                2 if living => assert_eq!(received, offered, "{key:?}"),
                _ => assert!(received <= offered, "{key:?}: {received} of {offered}"),
            }
        }
        for (key, (offered, received)) in present {
            assert_eq!(offered, received, "{key:?} at QoS 0 on a connection that was kept");
        }
    }

    /// Messages of one publisher, at one topic and at one QoS on either side, come in the order in
    /// which they were published, each counted where it came first, [MQTT-4.6.0-6].
    fn check_order(&self, receipts: &[Receipt]) {
        let mut last: HashMap<(&str, &str, u8), u64> = HashMap::new();
        let mut seen = BTreeSet::new();
        for Receipt { topic, payload, qos, retain, .. } in receipts {
            let sent_again = self.clients.iter().any(|client| client.sent_again.contains(payload));
            if *retain || sent_again || !seen.insert((payload, *qos)) {
                continue;
            }
            let text = std::str::from_utf8(payload).expect("payloads of a run are text");
            let mut words = text.split(' ');
            let (Some(publisher), Some(number)) = (words.next(), words.next()) else { continue };
            let number: u64 = number.parse().expect("a number");
            if let Some(last) = last.insert((topic, publisher, *qos), number) {
                assert!(last < number, "{publisher} at {topic}: {number} after {last}");
            }
        }
    }

    /// Asks each shard for what is retained: all give the same answer.
    pub(crate) fn check_retained_messages_agree(&mut self) {
        for shard in 0..self.shards.len() {
            let probe = CLIENTS + shard;
            self.connect(probe, true, None, Dialect::V4);
            for filter in ["#", "$s/#"] {
                let request = self.clients[probe].subscribe(filter, 0, Options::default());
                self.send(probe, request);
            }
            while !self.is_settled() {
                self.advance_everything();
            }
            let epoch = self.model.sessions[&probe].epoch;
            let receipts = self.receipts.remove(&epoch).unwrap_or_default();
            assert!(receipts.iter().all(|receipt| receipt.retain));
            let found: BTreeMap<_, _> =
                receipts.into_iter().map(|receipt| (receipt.topic, receipt.payload)).collect();
            assert_eq!(found, self.model.retained(shard), "shard {shard}");
            assert_eq!(found, self.model.retained(0), "shard {shard} and shard 0");
        }
    }

    /// Every Client ends its session.
    pub(crate) fn end_all_sessions(&mut self) {
        for client in 0..self.clients.len() {
            self.connect(client, true, None, Dialect::V4);
            self.send_plain(client, Packet::Disconnect);
            self.arrive(client, usize::MAX);
        }
    }

    pub(crate) fn check_that_nothing_is_left(&mut self) {
        self.advance_everything();
        for shard in &self.shards {
            let statistics = shard.statistics();
            assert_eq!(statistics.connections, 0);
            assert_eq!(statistics.sessions, 0);
            assert_eq!(statistics.subscriptions, 0);
            assert_eq!(statistics.clients_connected, 0);
            assert_eq!(statistics.messages_inflight + statistics.messages_queued, 0);
            assert_eq!(statistics.bytes_queued, 0);
            assert_eq!(statistics.protocol_violations, 0);
            assert_eq!(statistics.dropped_output_full + statistics.dropped_queue_full, 0);
        }
        let forwarded = |world: &Self| -> u64 {
            world.shards.iter().map(|shard| shard.statistics().forwarded).sum()
        };
        let before = forwarded(self);
        for shard in 0..self.shards.len() {
            let probe = CLIENTS + shard;
            self.connect(probe, true, None, Dialect::V4);
            for topic in TOPICS {
                let draft = Draft { topic, qos: 0, retain: false, payload: Payload::Small };
                self.take(Step::Publish { client: probe, draft });
            }
            self.send_plain(probe, Packet::Disconnect);
            self.arrive(probe, usize::MAX);
        }
        assert_eq!(forwarded(self), before, "nobody wants anything any more");
        for shard in &mut self.shards {
            shard.handle_timeout(self.now + Duration::from_secs(1_000_000));
            assert_eq!(shard.poll_timeout(), None, "no timer is left");
        }
    }
}

impl Link {
    /// Takes some of what was sent; returns the bytes and the packets that they complete.
    fn take_bytes(&mut self, bytes: usize, packets_max: usize) -> (Vec<u8>, Vec<Request>) {
        let (mut chunk, mut packets) = (Vec::new(), Vec::new());
        while packets.len() < packets_max
            && let Some((_, front)) = self.outbox.front()
        {
            let count = (front.len() - self.arrived).min(bytes - chunk.len());
            chunk.extend_from_slice(&front[self.arrived..self.arrived + count]);
            self.arrived += count;
            if self.arrived < front.len() {
                break;
            }
            self.arrived = 0;
            packets.extend(self.outbox.pop_front().map(|(packet, _)| packet));
            if matches!(packets.last(), Some(Request::Subscribe(..))) {
                break;
            }
        }
        (chunk, packets)
    }
}

/// All that waits to be written to a connection.
fn output(shard: &Shard, key: ConnectionKey) -> Vec<u8> {
    let Some(output) = shard.output(key) else { return Vec::new() };
    if let Some(bytes) = output.as_slice() {
        return bytes.to_vec();
    }
    let mut slices = vec![IoSlice::new(&[]); 2_000];
    let count = output.slices(&mut slices);
    let bytes: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.iter()).copied().collect();
    assert_eq!(bytes.len(), output.pending());
    bytes
}
