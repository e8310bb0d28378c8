//! Control Packets by hand.

/// PINGREQ.
pub(crate) const PINGREQ: [u8; 2] = [0xc0, 0];
/// PINGRESP.
pub(crate) const PINGRESP: [u8; 2] = [0xd0, 0];
/// DISCONNECT.
pub(crate) const DISCONNECT: [u8; 2] = [0xe0, 0];

/// A packet of a first byte and the parts of its body.
pub(crate) fn packet(first: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let mut bytes = vec![first];
    let mut length = body.len();
    loop {
        let digit = u8::try_from(length % 128).expect("below 128");
        length /= 128;
        bytes.push(if length > 0 { digit | 0x80 } else { digit });
        if length == 0 {
            break;
        }
    }
    bytes.extend(body);
    bytes
}

/// Bytes behind their length.
pub(crate) fn field(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).expect("a field has at most 65,535 bytes");
    [&length.to_be_bytes()[..], bytes].concat()
}

/// A packet of a first byte and a Packet Identifier.
pub(crate) fn acknowledgement(first: u8, identifier: u16) -> Vec<u8> {
    packet(first, &[&identifier.to_be_bytes()])
}

pub(crate) fn puback(identifier: u16) -> Vec<u8> {
    acknowledgement(0x40, identifier)
}

pub(crate) fn pubrec(identifier: u16) -> Vec<u8> {
    acknowledgement(0x50, identifier)
}

pub(crate) fn pubrel(identifier: u16) -> Vec<u8> {
    acknowledgement(0x62, identifier)
}

pub(crate) fn pubcomp(identifier: u16) -> Vec<u8> {
    acknowledgement(0x70, identifier)
}

pub(crate) fn unsuback(identifier: u16) -> Vec<u8> {
    acknowledgement(0xb0, identifier)
}

pub(crate) fn subscribe(identifier: u16, filters: &[(&str, u8)]) -> Vec<u8> {
    let entries: Vec<u8> = filters
        .iter()
        .flat_map(|(filter, qos)| [field(filter.as_bytes()), vec![*qos]].concat())
        .collect();
    packet(0x82, &[&identifier.to_be_bytes(), &entries])
}

pub(crate) fn suback(identifier: u16, codes: &[u8]) -> Vec<u8> {
    packet(0x90, &[&identifier.to_be_bytes(), codes])
}

pub(crate) fn unsubscribe(identifier: u16, filters: &[&str]) -> Vec<u8> {
    let entries: Vec<u8> = filters.iter().flat_map(|filter| field(filter.as_bytes())).collect();
    packet(0xa2, &[&identifier.to_be_bytes(), &entries])
}

/// A PUBLISH to send, or as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Publish {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) duplicate: bool,
    /// Goes on the wire above QoS 0 only.
    pub(crate) identifier: u16,
}

impl Publish {
    /// A message at QoS 0.
    pub(crate) fn new(topic: &str, payload: impl AsRef<[u8]>) -> Self {
        Self {
            topic: topic.to_owned(),
            payload: payload.as_ref().to_vec(),
            qos: 0,
            retain: false,
            duplicate: false,
            identifier: 0,
        }
    }

    pub(crate) fn qos(self, qos: u8, identifier: u16) -> Self {
        Self { qos, identifier, ..self }
    }

    pub(crate) fn retain(self) -> Self {
        Self { retain: true, ..self }
    }

    pub(crate) fn duplicate(self) -> Self {
        Self { duplicate: true, ..self }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let flags = u8::from(self.duplicate) << 3 | self.qos << 1 | u8::from(self.retain);
        let identifier = self.identifier.to_be_bytes();
        let identifier = if self.qos > 0 { &identifier[..] } else { &[] };
        packet(0x30 | flags, &[&field(self.topic.as_bytes()), identifier, &self.payload])
    }

    /// Reads a packet that must be a PUBLISH.
    pub(crate) fn parse(packet: &[u8]) -> Self {
        let first = packet[0];
        assert_eq!(first >> 4, 3, "not a PUBLISH: {packet:02x?}");
        let body = &packet[1 + packet[1..].iter().take_while(|byte| **byte & 0x80 != 0).count()..];
        let body = &body[1..];
        let length = usize::from(u16::from_be_bytes([body[0], body[1]]));
        let (topic, mut rest) = body[2..].split_at(length);
        let qos = first >> 1 & 3;
        let mut identifier = 0;
        if qos > 0 {
            identifier = u16::from_be_bytes([rest[0], rest[1]]);
            rest = &rest[2..];
        }
        Self {
            topic: String::from_utf8(topic.to_vec()).expect("a Topic Name is UTF-8"),
            payload: rest.to_vec(),
            qos,
            retain: first & 1 != 0,
            duplicate: first & 8 != 0,
            identifier,
        }
    }
}

/// A Will Message.
#[derive(Clone, Debug)]
pub(crate) struct Will {
    pub(crate) topic: String,
    pub(crate) payload: Vec<u8>,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
}

/// A CONNECT.
#[derive(Clone, Debug)]
pub(crate) struct Connect {
    pub(crate) protocol: (&'static str, u8),
    pub(crate) identifier: String,
    pub(crate) clean_session: bool,
    pub(crate) keep_alive: u16,
    pub(crate) will: Option<Will>,
    pub(crate) user_name: Option<String>,
    pub(crate) password: Option<Vec<u8>>,
}

impl Connect {
    /// MQTT 3.1.1, a clean session, no keep alive.
    pub(crate) fn new(identifier: &str) -> Self {
        Self {
            protocol: ("MQTT", 4),
            identifier: identifier.to_owned(),
            clean_session: true,
            keep_alive: 0,
            will: None,
            user_name: None,
            password: None,
        }
    }

    /// With Clean Session 0.
    pub(crate) fn kept(self) -> Self {
        Self { clean_session: false, ..self }
    }

    pub(crate) fn keep_alive(self, keep_alive: u16) -> Self {
        Self { keep_alive, ..self }
    }

    pub(crate) fn will(self, topic: &str, payload: impl AsRef<[u8]>) -> Self {
        let payload = payload.as_ref().to_vec();
        let will = Will { topic: topic.to_owned(), payload, qos: 0, retain: false };
        Self { will: Some(will), ..self }
    }

    /// QoS and RETAIN of the Will that was given.
    pub(crate) fn will_details(mut self, qos: u8, retain: bool) -> Self {
        if let Some(will) = &mut self.will {
            (will.qos, will.retain) = (qos, retain);
        }
        self
    }

    pub(crate) fn user_name(self, user_name: &str) -> Self {
        Self { user_name: Some(user_name.to_owned()), ..self }
    }

    pub(crate) fn password(self, password: &[u8]) -> Self {
        Self { password: Some(password.to_vec()), ..self }
    }

    /// The Connect flags.
    pub(crate) fn flags(&self) -> u8 {
        let will =
            self.will.as_ref().map_or(0, |will| 0x04 | will.qos << 3 | u8::from(will.retain) << 5);
        will | u8::from(self.clean_session) << 1
            | u8::from(self.password.is_some()) << 6
            | u8::from(self.user_name.is_some()) << 7
    }

    /// The fields of the payload, in order.
    pub(crate) fn payload(&self) -> Vec<u8> {
        let mut payload = field(self.identifier.as_bytes());
        if let Some(will) = &self.will {
            payload.extend(field(will.topic.as_bytes()));
            payload.extend(field(&will.payload));
        }
        if let Some(user_name) = &self.user_name {
            payload.extend(field(user_name.as_bytes()));
        }
        if let Some(password) = &self.password {
            payload.extend(field(password));
        }
        payload
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.bytes_with(self.flags(), &self.payload())
    }

    /// With flags and a payload that need not fit each other.
    pub(crate) fn bytes_with(&self, flags: u8, payload: &[u8]) -> Vec<u8> {
        let (name, level) = self.protocol;
        let keep_alive = self.keep_alive.to_be_bytes();
        packet(0x10, &[&field(name.as_bytes()), &[level, flags], &keep_alive, payload])
    }
}
