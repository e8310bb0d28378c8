//! Packets that a client receives.

use bytes::BytesMut;
use mqttbytes::v4;

use super::decode_v5;
use super::incoming::{
    ConnAck, DecodeError, Incoming, Publish, ServerLimits, Topic, body, split_identifier,
};
use super::{QoS, Reason, ReasonCode, ReturnCode, Version};

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
                ReturnCode::Accepted => ConnAck::Accepted(ServerLimits {
                    session_present: packet.session_present,
                    ..ServerLimits::default()
                }),
                code => ConnAck::ReturnCode(code),
            })),
            v4::Packet::SubAck(packet) => Ok(Incoming::SubAck {
                identifier: packet.pkid,
                codes: packet.return_codes.len(),
                refusal: packet
                    .return_codes
                    .contains(&v4::SubscribeReasonCode::Failure)
                    .then_some(Reason::bare(ReasonCode::UNSPECIFIED)),
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

/// Detour: mqttbytes copies the Topic Name into a `String` and counts a reference for the payload.
#[inline]
fn publish(frame: &[u8]) -> Option<Publish<'_>> {
    let first = *frame.first()?;
    let (topic_length, rest) = body(frame)?.split_first_chunk()?;
    let rest = rest.get(usize::from(u16::from_be_bytes(*topic_length))..)?;
    let qos = QoS::from_number(first >> 1 & 3)?;
    let (identifier, payload) = split_identifier(qos, rest)?;
    let (dup, retain) = (first & 8 != 0, first & 1 != 0);
    Some(Publish { qos, dup, retain, topic: Topic::Name, identifier, correlation: &[], payload })
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
            codes: 1,
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
            dup: false,
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
                dup: false,
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
