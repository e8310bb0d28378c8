//! What a Client speaks on a connection: MQTT 3.1.1 by mqttbytes, 5.0 by a writer and a reader of
//! these tests. Either way packets are those of 3.1.1, with what 5.0 adds beside them.

use std::collections::HashMap;

use bytes::BytesMut;
use mqttbytes::check;
use mqttbytes::v4::{
    self, ConnAck, Connect, ConnectReturnCode, Packet, PubAck, PubComp, PubRec, PubRel, Publish,
    SubAck, Subscribe, SubscribeReasonCode, UnsubAck,
};

use crate::client::to_qos;
use crate::wire;

/// Above any packet of a run.
const PACKET_BYTES_MAX: usize = 1 << 20;

/// A version, with what a CONNECT of 5.0 says besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    V4,
    V5 {
        receive_maximum: u16,
        /// Seconds.
        session_expiry: u32,
        alias_maximum: u16,
        /// Aliases that the Client uses itself.
        aliases: u16,
    },
}

impl Dialect {
    pub(crate) const fn is_v5(self) -> bool {
        matches!(self, Self::V5 { .. })
    }

    /// QoS 1 and 2 messages in flight at most.
    pub(crate) const fn receive_maximum(self) -> u16 {
        match self {
            Self::V4 => u16::MAX,
            Self::V5 { receive_maximum, .. } => receive_maximum,
        }
    }

    /// Seconds that the session outlives its connection; `u32::MAX` for ever.
    pub(crate) const fn session_expiry(self, clean: bool) -> u32 {
        match self {
            Self::V5 { session_expiry, .. } => session_expiry,
            Self::V4 if clean => 0,
            Self::V4 => u32::MAX,
        }
    }
}

/// What a SUBSCRIBE of 5.0 says besides the QoS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) no_local: bool,
    pub(crate) retain_as_published: bool,
    /// Subscription Identifier; 0 for none.
    pub(crate) identifier: u32,
}

/// A packet of a Client.
#[derive(Clone, Debug)]
pub(crate) enum Request {
    Connect(Connect, Dialect),
    Subscribe(Subscribe, Options),
    Plain(Packet),
}

/// A packet of the broker.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) packet: Packet,
    /// Subscription Identifiers of a PUBLISH, sorted.
    pub(crate) identifiers: Vec<u32>,
}

/// The topics that have got an alias on a connection, by a Client that uses them.
pub(crate) type Aliases = HashMap<String, u16>;

/// The bytes of a packet.
pub(crate) fn encode(request: &Request, dialect: Dialect, aliases: &mut Aliases) -> Vec<u8> {
    match (dialect, request) {
        (Dialect::V4, Request::Connect(connect, _)) => encode_v4(&Packet::Connect(connect.clone())),
        (Dialect::V4, Request::Subscribe(subscribe, _)) => {
            encode_v4(&Packet::Subscribe(subscribe.clone()))
        }
        (Dialect::V4, Request::Plain(packet)) => encode_v4(packet),
        (Dialect::V5 { .. }, Request::Connect(connect, dialect)) => {
            encode_connect(connect, *dialect)
        }
        (Dialect::V5 { .. }, Request::Subscribe(subscribe, options)) => {
            encode_subscribe(subscribe, *options)
        }
        (Dialect::V5 { aliases: max, .. }, Request::Plain(packet)) => {
            encode_v5(packet, max, aliases)
        }
    }
}

fn encode_v4(packet: &Packet) -> Vec<u8> {
    let mut buffer = BytesMut::new();
    let written = match packet {
        Packet::Connect(packet) => packet.write(&mut buffer),
        Packet::Publish(packet) => packet.write(&mut buffer),
        Packet::PubAck(packet) => packet.write(&mut buffer),
        Packet::PubRec(packet) => packet.write(&mut buffer),
        Packet::PubRel(packet) => packet.write(&mut buffer),
        Packet::PubComp(packet) => packet.write(&mut buffer),
        Packet::Subscribe(packet) => packet.write(&mut buffer),
        Packet::Unsubscribe(packet) => packet.write(&mut buffer),
        Packet::PingReq => v4::PingReq.write(&mut buffer),
        Packet::Disconnect => v4::Disconnect.write(&mut buffer),
        other => panic!("a Client does not send {other:?}"),
    };
    written.expect("the packet is a good one");
    buffer.to_vec()
}

fn encode_connect(connect: &Connect, dialect: Dialect) -> Vec<u8> {
    let Dialect::V5 { receive_maximum, session_expiry, alias_maximum, .. } = dialect else {
        panic!("{dialect:?} is not of 5.0")
    };
    let properties = [
        wire::seconds(wire::SESSION_EXPIRY, session_expiry),
        wire::two_bytes(wire::RECEIVE_MAXIMUM, receive_maximum),
        wire::two_bytes(wire::ALIAS_MAXIMUM, alias_maximum),
    ];
    let mut flags = u8::from(connect.clean_session) << 1;
    let mut payload = wire::string(connect.client_id.as_bytes());
    if let Some(will) = &connect.last_will {
        flags |= 4 | (will.qos as u8) << 3 | u8::from(will.retain) << 5;
        payload.push(0);
        payload.extend(wire::string(will.topic.as_bytes()));
        payload.extend(wire::string(&will.message));
    }
    let head = [&b"\x00\x04MQTT\x05"[..], &[flags, 0, 0]].concat();
    wire::packet(0x10, &[head, wire::encode_properties(&properties), payload].concat())
}

fn encode_subscribe(subscribe: &Subscribe, options: Options) -> Vec<u8> {
    let filter = &subscribe.filters[0];
    let identifier = wire::variable(wire::SUBSCRIPTION_IDENTIFIER, options.identifier);
    let properties = if options.identifier > 0 { vec![identifier] } else { vec![] };
    let flags = u8::from(options.no_local) << 2 | u8::from(options.retain_as_published) << 3;
    let body = [
        subscribe.pkid.to_be_bytes().to_vec(),
        wire::encode_properties(&properties),
        wire::string(filter.path.as_bytes()),
        vec![filter.qos as u8 | flags],
    ];
    wire::packet(0x82, &body.concat())
}

fn encode_v5(packet: &Packet, aliases_max: u16, aliases: &mut Aliases) -> Vec<u8> {
    let acknowledgement = |first, identifier: u16| wire::packet(first, &identifier.to_be_bytes());
    match packet {
        Packet::Publish(publish) => encode_publish(publish, aliases_max, aliases),
        Packet::PubAck(PubAck { pkid }) => acknowledgement(0x40, *pkid),
        Packet::PubRec(PubRec { pkid }) => acknowledgement(0x50, *pkid),
        Packet::PubRel(PubRel { pkid }) => acknowledgement(0x62, *pkid),
        Packet::PubComp(PubComp { pkid }) => acknowledgement(0x70, *pkid),
        Packet::Unsubscribe(unsubscribe) => {
            let head = [&unsubscribe.pkid.to_be_bytes()[..], &[0]].concat();
            let filter = wire::string(unsubscribe.topics[0].as_bytes());
            wire::packet(0xa2, &[head, filter].concat())
        }
        Packet::PingReq => wire::packet(0xc0, &[]),
        Packet::Disconnect => wire::packet(0xe0, &[]),
        other => panic!("a Client does not send {other:?}"),
    }
}

/// The first topics get an alias, and are left out from then on.
fn encode_publish(publish: &Publish, aliases_max: u16, aliases: &mut Aliases) -> Vec<u8> {
    let mut packet = wire::Publish {
        qos: publish.qos as u8,
        identifier: publish.pkid,
        retain: publish.retain,
        duplicate: publish.dup,
        ..wire::publish(&publish.topic, &publish.payload)
    };
    let count = u16::try_from(aliases.len()).expect("few aliases");
    if let Some(&alias) = aliases.get(&publish.topic) {
        packet.topic.clear();
        packet.properties.push(wire::two_bytes(wire::ALIAS, alias));
    } else if count < aliases_max {
        aliases.insert(publish.topic.clone(), count + 1);
        packet.properties.push(wire::two_bytes(wire::ALIAS, count + 1));
    }
    packet.encode(5)
}

/// Reads what the broker sends on a connection.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    buffer: BytesMut,
    is_v5: bool,
    /// What the broker's aliases stand for.
    aliases: HashMap<u16, String>,
}

impl Reader {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self { is_v5: dialect.is_v5(), ..Self::default() }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// The packet at the front, if all of it is there.
    pub(crate) fn next(&mut self) -> Option<Answer> {
        let header = match check(self.buffer.iter(), PACKET_BYTES_MAX) {
            Ok(header) => header,
            Err(mqttbytes::Error::InsufficientBytes(_)) => return None,
            Err(error) => panic!("the broker sent something that is no packet: {error:?}"),
        };
        let bytes = self.buffer.split_to(header.frame_length());
        Some(if self.is_v5 { self.read_v5(&bytes) } else { read_v4(bytes) })
    }

    fn read_v5(&mut self, bytes: &[u8]) -> Answer {
        let packet = wire::read_all(bytes, 5).pop();
        self.translate(packet.expect("a whole packet"))
    }

    fn translate(&mut self, packet: wire::Packet) -> Answer {
        let mut identifiers = Vec::new();
        let packet = match packet {
            wire::Packet::Connack { present, code, .. } => {
                assert_eq!(code, 0);
                Packet::ConnAck(ConnAck::new(ConnectReturnCode::Success, present))
            }
            wire::Packet::Publish(publish) => {
                let small = publish.all(wire::SUBSCRIPTION_IDENTIFIER);
                identifiers.extend(small.into_iter().flatten().copied().map(u32::from));
                identifiers.sort_unstable();
                Packet::Publish(self.resolve(publish))
            }
            wire::Packet::Acknowledgement(first, pkid, _) => match first {
                0x40 => Packet::PubAck(PubAck { pkid }),
                0x50 => Packet::PubRec(PubRec { pkid }),
                0x62 => Packet::PubRel(PubRel { pkid }),
                0x70 => Packet::PubComp(PubComp { pkid }),
                other => panic!("{other:#04x} begins no acknowledgement"),
            },
            wire::Packet::Suback(identifier, codes) => {
                assert!(matches!(codes[..], [0..=2]), "{codes:?}");
                let code = SubscribeReasonCode::Success(to_qos(codes[0]));
                Packet::SubAck(SubAck::new(identifier, vec![code]))
            }
            wire::Packet::Unsuback(identifier, _) => Packet::UnsubAck(UnsubAck::new(identifier)),
            wire::Packet::Pingresp => Packet::PingResp,
            wire::Packet::Disconnect(reason) => {
                assert_eq!(reason, 0x8e, "only a take-over ends a connection of a run");
                Packet::Disconnect
            }
        };
        Answer { packet, identifiers }
    }

    /// The PUBLISH with its topic, which an alias may stand for.
    fn resolve(&mut self, publish: wire::Publish) -> Publish {
        let alias = publish
            .all(wire::ALIAS)
            .first()
            .map(|bytes| u16::from_be_bytes((*bytes).try_into().expect("two bytes")));
        let topic = match alias {
            Some(alias) if publish.topic.is_empty() => self.aliases[&alias].clone(),
            Some(alias) => {
                self.aliases.insert(alias, publish.topic.clone());
                publish.topic
            }
            None => publish.topic,
        };
        let mut message = Publish::new(topic, to_qos(publish.qos), publish.payload);
        message.pkid = publish.identifier;
        message.retain = publish.retain;
        message.dup = publish.duplicate;
        message
    }
}

fn read_v4(mut bytes: BytesMut) -> Answer {
    let packet = v4::read(&mut bytes, PACKET_BYTES_MAX).expect("the broker sends good packets");
    Answer { packet, identifiers: vec![] }
}
