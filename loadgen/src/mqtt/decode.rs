//! Packets that a client receives.

use bytes::BytesMut;
use mqttbytes::v4;

use super::decode_v5;
use super::{QoS, Reason, ReasonCode, Refusal, ReturnCode, Version};

/// A Control Packet from the broker.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming<'a> {
    /// An Application Message.
    Publish(Publish<'a>),
    /// The answer to CONNECT.
    ConnAck(ConnAck<'a>),
    /// The answer to SUBSCRIBE with one Topic Filter.
    SubAck {
        /// Packet Identifier of the SUBSCRIBE.
        identifier: u16,
        /// Why it was refused; `None` when it was granted.
        refusal: Option<Reason<'a>>,
    },
    /// Received: QoS 1, the end.
    PubAck(u16, ReasonCode),
    /// Received: QoS 2, first step.
    PubRec(u16, ReasonCode),
    /// Release: QoS 2, second step of a message to us.
    PubRel(u16),
    /// Complete: QoS 2, the end.
    PubComp(u16),
    /// The answer to PINGREQ.
    PingResp,
    /// The broker of MQTT 5 is about to close the connection.
    Disconnect(Reason<'a>),
}

/// The answer to CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ConnAck<'a> {
    /// Accepted, within these limits.
    Accepted(ServerLimits),
    /// Refused, in the form of MQTT 3.
    ReturnCode(ReturnCode),
    /// Refused, in the form of MQTT 5.
    Reason(Reason<'a>),
}

impl ConnAck<'_> {
    /// Why, if it is a refusal.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        match self {
            Self::Accepted(_) => None,
            Self::ReturnCode(code) => Some(Refusal::ReturnCode(*code)),
            Self::Reason(reason) => Some(Refusal::Reason(reason.code, reason.text.to_owned())),
        }
    }
}

/// What a broker of MQTT 5 takes, section 3.2.2.3. Any other takes everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ServerLimits {
    /// Publications of QoS 1 and 2 that may be unacknowledged.
    pub receive_maximum: u16,
    /// QoS of publications at most.
    pub maximum_qos: QoS,
    /// Whether RETAIN = 1 is allowed.
    pub retain_available: bool,
    /// Size of a packet at most.
    pub packet_bytes_max: u32,
    /// Topic Aliases that a client may use.
    pub topic_alias_maximum: u16,
    /// The Keep Alive that holds instead of the client's.
    pub keep_alive_seconds: Option<u16>,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            receive_maximum: u16::MAX,
            maximum_qos: QoS::ExactlyOnce,
            retain_available: true,
            packet_bytes_max: u32::MAX,
            topic_alias_maximum: 0,
            keep_alive_seconds: None,
        }
    }
}

/// An Application Message, borrowed from the receive buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Publish<'a> {
    /// QoS of this delivery.
    pub qos: QoS,
    /// RETAIN = 1: it was stored before the subscription.
    pub retain: bool,
    /// How the topic is given.
    pub topic: Topic,
    /// Packet Identifier; 0 at QoS 0.
    pub identifier: u16,
    /// Correlation Data of MQTT 5; empty when there is none.
    pub correlation: &'a [u8],
    /// The payload.
    pub payload: &'a [u8],
}

/// How a PUBLISH names its topic. The name itself is of no interest: the stamp says everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Topic {
    /// By its name.
    Name,
    /// By its name, for which this Topic Alias stands from now on.
    NameAndAlias(u16),
    /// By a Topic Alias.
    Alias(u16),
}

/// Why the bytes of a broker are no Control Packet for a client. The connection cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// A Remaining Length of more than four bytes.
    #[error("a Remaining Length of more than four bytes")]
    RemainingLength,
    /// A packet longer than the client takes.
    #[error("a packet of {0} bytes is longer than the client takes")]
    TooLong(usize),
    /// A PUBLISH with QoS 3, Packet Identifier 0, or a Topic Name that runs past its end.
    #[error("a malformed PUBLISH")]
    Publish,
    /// mqttbytes refused the packet.
    #[error("a malformed packet: {0:?}")]
    Malformed(mqttbytes::Error),
    /// A packet that only clients send.
    #[error("a packet that only clients send")]
    Direction,
    /// Properties that do not end where they should, or do not belong to their packet.
    #[error("malformed properties")]
    Properties,
    /// An AUTH without an Authentication Method `[MQTT-4.12.0-6]`.
    #[error("an AUTH, although no Authentication Method was asked for")]
    Authentication,
}

/// Cuts a receive buffer into Control Packets.
#[derive(Debug)]
pub(crate) struct Decoder {
    /// Where mqttbytes reads from. Kept, so that its memory is used again.
    buffer: BytesMut,
    version: Version,
    packet_bytes_max: usize,
}

impl Decoder {
    /// Takes packets of at most `packet_bytes_max` bytes after the fixed header.
    pub(crate) fn new(version: Version, packet_bytes_max: usize) -> Self {
        Self { buffer: BytesMut::new(), version, packet_bytes_max }
    }

    /// The first packet of `bytes` and its length, or `None` when it is not whole yet.
    #[inline]
    pub(crate) fn next<'a>(
        &mut self,
        bytes: &'a [u8],
    ) -> Result<Option<(Incoming<'a>, usize)>, DecodeError> {
        let length = match mqttbytes::check(bytes.iter(), self.packet_bytes_max) {
            Ok(header) => header.frame_length(),
            Err(mqttbytes::Error::InsufficientBytes(_)) => return Ok(None),
            Err(error) => return Err(framing_error(error)),
        };
        let frame = bytes.get(..length).ok_or(DecodeError::RemainingLength)?;
        let packet = if frame.first().is_some_and(|first| first >> 4 == 3) {
            let publish = match self.version {
                Version::V31 | Version::V311 => publish(frame),
                Version::V5 => decode_v5::publish(frame),
            };
            Incoming::Publish(publish.ok_or(DecodeError::Publish)?)
        } else if self.version == Version::V5 {
            decode_v5::control(frame, &mut self.buffer, self.packet_bytes_max)?
        } else {
            self.control(frame)?
        };
        Ok(Some((packet, length)))
    }

    fn control(&mut self, frame: &[u8]) -> Result<Incoming<'static>, DecodeError> {
        self.buffer.clear();
        self.buffer.extend_from_slice(frame);
        // Detour: the frame is whole, so an error here is final, "insufficient bytes" included.
        let packet = v4::read(&mut self.buffer, self.packet_bytes_max);
        match packet.map_err(DecodeError::Malformed)? {
            v4::Packet::ConnAck(packet) => Ok(Incoming::ConnAck(match return_code(packet.code) {
                ReturnCode::Accepted => ConnAck::Accepted(ServerLimits::default()),
                code => ConnAck::ReturnCode(code),
            })),
            v4::Packet::SubAck(packet) => Ok(Incoming::SubAck {
                identifier: packet.pkid,
                refusal: match packet.return_codes[..] {
                    [v4::SubscribeReasonCode::Success(_)] => None,
                    _ => Some(Reason::bare(ReasonCode::UNSPECIFIED)),
                },
            }),
            v4::Packet::PubAck(packet) => Ok(Incoming::PubAck(packet.pkid, ReasonCode::SUCCESS)),
            v4::Packet::PubRec(packet) => Ok(Incoming::PubRec(packet.pkid, ReasonCode::SUCCESS)),
            v4::Packet::PubRel(packet) => Ok(Incoming::PubRel(packet.pkid)),
            v4::Packet::PubComp(packet) => Ok(Incoming::PubComp(packet.pkid)),
            v4::Packet::PingResp => Ok(Incoming::PingResp),
            _ => Err(DecodeError::Direction),
        }
    }
}

fn framing_error(error: mqttbytes::Error) -> DecodeError {
    match error {
        mqttbytes::Error::PayloadSizeLimitExceeded(length) => DecodeError::TooLong(length),
        mqttbytes::Error::MalformedRemainingLength => DecodeError::RemainingLength,
        other => DecodeError::Malformed(other),
    }
}

fn return_code(code: v4::ConnectReturnCode) -> ReturnCode {
    match code {
        v4::ConnectReturnCode::Success => ReturnCode::Accepted,
        v4::ConnectReturnCode::RefusedProtocolVersion => ReturnCode::ProtocolVersion,
        v4::ConnectReturnCode::BadClientId => ReturnCode::Identifier,
        v4::ConnectReturnCode::ServiceUnavailable => ReturnCode::Unavailable,
        v4::ConnectReturnCode::BadUserNamePassword => ReturnCode::Credentials,
        v4::ConnectReturnCode::NotAuthorized => ReturnCode::NotAuthorized,
    }
}

/// What follows the fixed header of a frame. `check` has seen where the Remaining Length ends: the
/// first byte without a continuation bit.
#[inline]
pub(super) fn body(frame: &[u8]) -> Option<&[u8]> {
    let rest = frame.get(1..)?;
    let length_bytes = 1 + rest.iter().take(4).position(|byte| byte & 0x80 == 0)?;
    rest.get(length_bytes..)
}

/// Detour: mqttbytes copies the Topic Name into a `String` and counts a reference for the payload.
#[inline]
fn publish(frame: &[u8]) -> Option<Publish<'_>> {
    let first = *frame.first()?;
    let (topic_length, rest) = body(frame)?.split_first_chunk()?;
    let rest = rest.get(usize::from(u16::from_be_bytes(*topic_length))..)?;
    let qos = QoS::from_number(first >> 1 & 3)?;
    let (identifier, payload) = split_identifier(qos, rest)?;
    let retain = first & 1 == 1;
    Some(Publish { qos, retain, topic: Topic::Name, identifier, correlation: &[], payload })
}

/// The Packet Identifier of a PUBLISH, 0 at QoS 0, and what follows it.
#[inline]
pub(super) fn split_identifier(qos: QoS, bytes: &[u8]) -> Option<(u16, &[u8])> {
    match qos {
        QoS::AtMostOnce => Some((0, bytes)),
        QoS::AtLeastOnce | QoS::ExactlyOnce => {
            let (identifier, rest) = bytes.split_first_chunk()?;
            match u16::from_be_bytes(*identifier) {
                0 => None,
                identifier => Some((identifier, rest)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(bytes: &[u8]) -> Result<Option<(Incoming<'_>, usize)>, DecodeError> {
        Decoder::new(Version::V311, 1024).next(bytes)
    }

    #[test]
    fn a_packet_that_is_not_whole_waits() {
        assert_eq!(decode(b""), Ok(None));
        assert_eq!(decode(b"\x20"), Ok(None));
        assert_eq!(decode(b"\x20\x02\x00"), Ok(None));
        assert_eq!(decode(b"\x30\x80"), Ok(None));
    }

    #[test]
    fn a_whole_packet_is_read_and_what_follows_is_left() {
        let refused = ConnAck::ReturnCode(ReturnCode::NotAuthorized);
        let read = decode(b"\x20\x02\x00\x05rest");
        assert_eq!(read, Ok(Some((Incoming::ConnAck(refused), 4))));
        let read = decode(b"\x90\x03\x00\x01\x80");
        let refused = Incoming::SubAck {
            identifier: 1,
            refusal: Some(Reason::bare(ReasonCode::UNSPECIFIED)),
        };
        assert_eq!(read, Ok(Some((refused, 5))));
        assert_eq!(
            decode(b"\x40\x02\x12\x34"),
            Ok(Some((Incoming::PubAck(0x1234, ReasonCode::SUCCESS), 4)))
        );
        assert_eq!(decode(b"\xd0\x00"), Ok(Some((Incoming::PingResp, 2))));
    }

    #[test]
    fn a_publish_is_a_view() {
        let (packet, length) = decode(b"\x33\x08\x00\x01t\x00\x07abcmore").unwrap().unwrap();
        let expected = Publish {
            qos: QoS::AtLeastOnce,
            retain: true,
            topic: Topic::Name,
            identifier: 7,
            correlation: b"",
            payload: b"abc",
        };
        assert_eq!((packet, length), (Incoming::Publish(expected), 10));
    }

    #[test]
    fn faults_are_final() {
        assert_eq!(decode(b"\x36\x05\x00\x01t\x00\x07"), Err(DecodeError::Publish), "QoS 3");
        assert_eq!(decode(b"\x32\x05\x00\x01t\x00\x00"), Err(DecodeError::Publish), "id 0");
        assert_eq!(decode(b"\x30\x03\x00\x05t"), Err(DecodeError::Publish), "topic past the end");
        assert_eq!(decode(b"\x30\xff\xff\xff\xff\x01"), Err(DecodeError::RemainingLength));
        assert_eq!(decode(b"\x30\x81\x08"), Err(DecodeError::TooLong(1025)));
        assert_eq!(decode(b"\xc0\x00"), Err(DecodeError::Direction), "PINGREQ");
        let unknown = DecodeError::Malformed(mqttbytes::Error::InvalidPacketType(15));
        assert_eq!(decode(b"\xf0\x00"), Err(unknown));
        let code = DecodeError::Malformed(mqttbytes::Error::InvalidConnectReturnCode(6));
        assert_eq!(decode(b"\x20\x02\x00\x06"), Err(code));
    }

    #[test]
    fn a_damaged_acknowledgement_does_not_wait_for_ever() {
        assert!(matches!(decode(b"\x40\x01\x00"), Err(DecodeError::Malformed(_))));
        assert!(matches!(decode(b"\x20\x00"), Err(DecodeError::Malformed(_))));
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_without_a_panic(
            bytes in proptest::collection::vec(any::<u8>(), 0..80),
            new: bool,
        ) {
            let version = if new { Version::V5 } else { Version::V311 };
            let mut decoder = Decoder::new(version, 64);
            let mut rest = &bytes[..];
            while let Ok(Some((_, length))) = decoder.next(rest) {
                prop_assert!(length >= 2 && length <= rest.len());
                rest = &rest[length..];
            }
        }

        #[test]
        fn the_view_agrees_with_mqttbytes(
            topic in "[a-z/]{1,200}",
            payload in proptest::collection::vec(any::<u8>(), 0..300),
            qos in 0..3_u8,
            retain: bool,
            identifier in 1..=u16::MAX,
        ) {
            let qos = QoS::from_number(qos).unwrap();
            let mut packet = v4::Publish::new(topic, qos.to_mqttbytes(), payload);
            packet.retain = retain;
            packet.pkid = if qos == QoS::AtMostOnce { 0 } else { identifier };
            let mut bytes = BytesMut::new();
            packet.write(&mut bytes).unwrap();
            let view = Publish {
                qos,
                retain,
                topic: Topic::Name,
                identifier: packet.pkid,
                correlation: &[],
                payload: &packet.payload,
            };
            let length = bytes.len();
            let read = Decoder::new(Version::V311, 1024).next(&bytes).unwrap();
            prop_assert_eq!(read, Some((Incoming::Publish(view), length)));
        }
    }
}
