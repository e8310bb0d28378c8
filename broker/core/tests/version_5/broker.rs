//! Shards driven by hand, with simulated time, and Clients that do what a test says.

use std::io::IoSlice;
use std::sync::Arc;
use std::time::Duration;

use broker_core::{CloseCause, ConnectionKey, Limits, Shard, ShardGroup, Statistics, Time};

use crate::wire::{self, Packet, Property, Publish, packet, string};

pub(crate) struct Broker {
    pub(crate) shards: Vec<Shard>,
    group: Arc<ShardGroup>,
    now: Time,
}

/// A Network Connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) shard: usize,
    key: ConnectionKey,
    version: u8,
}

/// What a CONNECT says.
#[derive(Clone, Debug)]
pub(crate) struct Connect {
    name: String,
    version: u8,
    clean: bool,
    properties: Vec<Property>,
    will: Option<Publish>,
}

/// A Client of MQTT 5.0 that starts clean and whose session ends with its connection.
pub(crate) fn client(name: &str) -> Connect {
    Connect { name: name.to_owned(), version: 5, clean: true, properties: vec![], will: None }
}

impl Connect {
    /// Of MQTT 3.1.1.
    pub(crate) fn of_3_1_1(self) -> Self {
        Self { version: 4, ..self }
    }

    /// Goes on with the session that is there.
    pub(crate) fn going_on(self) -> Self {
        Self { clean: false, ..self }
    }

    pub(crate) fn with(mut self, property: Property) -> Self {
        self.properties.push(property);
        self
    }

    /// Keeps its session for so many seconds.
    pub(crate) fn kept(self, seconds: u32) -> Self {
        self.with(wire::seconds(wire::SESSION_EXPIRY, seconds))
    }

    pub(crate) fn will(self, will: Publish) -> Self {
        Self { will: Some(will), ..self }
    }

    fn encode(&self) -> Vec<u8> {
        let mut flags = u8::from(self.clean) << 1;
        let mut payload = string(self.name.as_bytes());
        if let Some(will) = &self.will {
            flags |= 4 | will.qos << 3 | u8::from(will.retain) << 5;
            if self.version == 5 {
                payload.extend(wire::encode_properties(&will.properties));
            }
            payload.extend(string(will.topic.as_bytes()));
            payload.extend(string(&will.payload));
        }
        let mut body = [&b"\x00\x04MQTT"[..], &[self.version, flags, 0, 0]].concat();
        if self.version == 5 {
            body.extend(wire::encode_properties(&self.properties));
        }
        body.extend(payload);
        packet(0x10, &body)
    }
}

impl Broker {
    pub(crate) fn new(shards: usize) -> Self {
        Self::with_limits(shards, &Limits::default())
    }

    pub(crate) fn with_limits(shards: usize, limits: &Limits) -> Self {
        let group = Arc::new(ShardGroup::new(shards, 42));
        let shard = |index| Shard::new(Arc::clone(&group), index, limits.clone(), None);
        Self { shards: (0..shards).map(shard).collect(), group, now: Time::ZERO }
    }

    /// A Client Identifier of a session, or a name of a shared subscription, of this shard.
    pub(crate) fn shard_of(&self, name: &str) -> usize {
        self.group.shard_of(name)
    }

    pub(crate) fn name_on(&self, shard: usize, prefix: &str) -> String {
        let mut names = (0..1000).map(|number| format!("{prefix}{number}"));
        names.find(|name| self.group.shard_of(name) == shard).expect("one of a thousand")
    }

    /// Connects; returns the connection and whether a session was present.
    pub(crate) fn connect(&mut self, connect: &Connect) -> (Link, bool) {
        let shard = self.group.shard_of(&connect.name);
        let key = self.shards[shard].open(self.now);
        let link = Link { shard, key, version: connect.version };
        self.send(link, &connect.encode());
        // Later packets wait for the test to look at them.
        let bytes = self.output(link, Some(1));
        match &wire::read_all(&bytes, link.version)[..] {
            [Packet::Connack { present, code: 0, .. }] => (link, *present),
            other => panic!("{other:?} is no CONNACK of success"),
        }
    }

    /// A connection to the first shard on which nothing was sent yet.
    pub(crate) fn open(&mut self) -> Link {
        Link { shard: 0, key: self.shards[0].open(self.now), version: 5 }
    }

    /// Connects without a Client Identifier; returns the properties of
    /// the CONNACK.
    pub(crate) fn begin_unnamed(&mut self) -> Vec<Property> {
        let link = self.open();
        self.send(link, &client("").kept(100).encode());
        match self.take(link).pop() {
            Some(Packet::Connack { present: false, code: 0, properties }) => properties,
            other => panic!("{other:?} is no CONNACK of success"),
        }
    }

    /// A connection with a session that is new.
    pub(crate) fn begin(&mut self, connect: &Connect) -> Link {
        let (link, present) = self.connect(connect);
        assert!(!present, "the session is new");
        link
    }

    /// Sends bytes to the broker and lets all shards do what follows.
    pub(crate) fn send(&mut self, link: Link, bytes: &[u8]) {
        self.shards[link.shard].handle_bytes(self.now, link.key, bytes);
        self.settle();
    }

    pub(crate) fn publish(&mut self, link: Link, publish: &Publish) {
        self.send(link, &publish.encode(link.version));
    }

    /// The embedder publishes.
    pub(crate) fn embed(&mut self, shard: usize, message: &broker_core::Message) {
        self.shards[shard].publish(self.now, message);
        self.settle();
    }

    /// Publishes without a look at the acknowledgement.
    pub(crate) fn publish_all(&mut self, link: Link, publications: &[Publish]) {
        for publication in publications {
            self.publish(link, publication);
        }
        self.take(link);
    }

    /// Subscribes with options and perhaps a Subscription Identifier; returns the code.
    pub(crate) fn subscribe(&mut self, link: Link, filter: &str, options: u8, id: u32) -> u8 {
        let mut body = vec![0, 9];
        if link.version == 5 {
            let identifier = wire::variable(wire::SUBSCRIPTION_IDENTIFIER, id);
            let properties = if id == 0 { vec![] } else { vec![identifier] };
            body.extend(wire::encode_properties(&properties));
        }
        body.extend(string(filter.as_bytes()));
        body.push(options);
        self.send(link, &packet(0x82, &body));
        let bytes = self.output(link, Some(1));
        match &wire::read_all(&bytes, link.version)[..] {
            [Packet::Suback(9, codes)] => codes[0],
            other => panic!("{other:?} is no SUBACK"),
        }
    }

    pub(crate) fn unsubscribe(&mut self, link: Link, filter: &str) {
        let properties: &[u8] = if link.version == 5 { &[0] } else { &[] };
        let body = [&[0, 8], properties, &string(filter.as_bytes())].concat();
        self.send(link, &packet(0xa2, &body));
        let packets = self.take(link);
        assert!(matches!(packets[..], [Packet::Unsuback(8, _)]), "{packets:?}");
    }

    /// PUBACK, PUBREC, PUBREL or PUBCOMP of a Client.
    pub(crate) fn acknowledge(&mut self, link: Link, first: u8, identifier: u16) {
        self.send(link, &packet(first, &identifier.to_be_bytes()));
    }

    /// DISCONNECT with a Reason Code and properties.
    pub(crate) fn disconnect(&mut self, link: Link, reason: u8, properties: &[Property]) {
        let body = [&[reason][..], &wire::encode_properties(properties)].concat();
        self.send(link, &packet(0xe0, if link.version == 5 { &body } else { &[] }));
    }

    /// The connection breaks.
    pub(crate) fn lose(&mut self, link: Link) {
        self.shards[link.shard].handle_closed(self.now, link.key, CloseCause::Lost);
        self.settle();
    }

    /// Lets time pass; the driver looks again whenever the broker asks for it.
    pub(crate) fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            let next = self.shards.iter().filter_map(Shard::poll_timeout).min();
            self.now = next.map_or(end, |next| next.min(end).max(self.now));
            for shard in &mut self.shards {
                shard.handle_timeout(self.now);
            }
            self.settle();
            if self.now == end {
                return;
            }
        }
    }

    /// What has come to a Client since the last look.
    pub(crate) fn take(&mut self, link: Link) -> Vec<Packet> {
        let bytes = self.output(link, None);
        wire::read_all(&bytes, link.version)
    }

    /// [`take`](Self::take) on a connection of another version than it was thought.
    pub(crate) fn take_as(&mut self, link: Link, version: u8) -> Vec<Packet> {
        self.take(Link { version, ..link })
    }

    /// What has come to a Client since the last look: messages and nothing else.
    pub(crate) fn messages(&mut self, link: Link) -> Vec<Publish> {
        let message = |packet| match packet {
            Packet::Publish(publish) => publish,
            other => panic!("{other:?} is no PUBLISH"),
        };
        self.take(link).into_iter().map(message).collect()
    }

    pub(crate) fn payloads(&mut self, link: Link) -> Vec<Vec<u8>> {
        self.messages(link).into_iter().map(|message| message.payload).collect()
    }

    pub(crate) fn statistics(&self) -> Statistics {
        let mut all = Statistics::default();
        self.shards.iter().for_each(|shard| all += shard.statistics());
        all
    }

    /// Takes so many packets from the front of an output, or all.
    fn output(&mut self, link: Link, packets: Option<usize>) -> Vec<u8> {
        let shard = &mut self.shards[link.shard];
        let Some(output) = shard.output(link.key) else { return Vec::new() };
        let mut slices = vec![IoSlice::new(&[]); 1000];
        let count = output.slices(&mut slices);
        let mut bytes: Vec<u8> =
            slices[..count].iter().flat_map(|slice| slice.iter()).copied().collect();
        assert_eq!(bytes.len(), output.pending());
        if let Some(packets) = packets {
            bytes.truncate(wire::length(&bytes, packets));
        }
        shard.advance(link.key, bytes.len());
        shard.handle_replays(self.now);
        bytes
    }

    /// Lets the shards hand over what they have for each other. Connections that have ended stay,
    /// so that a test may look at what was written last.
    fn settle(&mut self) {
        loop {
            let mut idle = true;
            for from in 0..self.shards.len() {
                self.shards[from].handle_replays(self.now);
                while self.shards[from].poll_closed().is_some() {}
                for to in 0..self.shards.len() {
                    for forward in self.shards[from].take_forwards(to).unwrap_or_default() {
                        assert_ne!(from, to);
                        self.shards[to].handle_forward(self.now, forward);
                        idle = false;
                    }
                }
            }
            if idle {
                return;
            }
        }
    }
}
