//! Packets of MQTT 5 that a client receives.

use bytes::BytesMut;
use mqttbytes::v5;

use super::incoming::{
    ConnAck, DecodeError, Incoming, Publish, ServerLimits, Topic, body, split_identifier,
};
use super::properties::{CORRELATION_DATA, Properties, REASON_STRING, TOPIC_ALIAS, is_of_publish};
use super::{QoS, Reason, ReasonCode, ReturnCode};

/// Detour: mqttbytes takes payload for properties where there are three Subscription Identifiers,
/// and copies. See also the view of MQTT 3.
#[inline]
pub(super) fn publish(frame: &[u8]) -> Option<Publish<'_>> {
    let first = *frame.first()?;
    let (topic_length, rest) = body(frame)?.split_first_chunk()?;
    let topic_length = usize::from(u16::from_be_bytes(*topic_length));
    let rest = rest.get(topic_length..)?;
    let qos = QoS::from_number(first >> 1 & 3)?;
    let (identifier, rest) = split_identifier(qos, rest)?;
    let (mut properties, payload) = Properties::split(rest)?;
    let mut correlation: &[u8] = &[];
    let mut alias = None;
    while let Some((property, value)) = properties.next().ok()? {
        match property {
            CORRELATION_DATA => correlation = value,
            TOPIC_ALIAS => alias = Some(u16::from_be_bytes(*value.first_chunk()?)),
            property if is_of_publish(property) => {}
            _ => return None,
        }
    }
    let topic = match (topic_length, alias) {
        (0, None) => return None,
        (0, Some(alias)) => Topic::Alias(alias),
        (_, Some(alias)) => Topic::NameAndAlias(alias),
        (_, None) => Topic::Name,
    };
    let (dup, retain) = (first & 8 != 0, first & 1 != 0);
    Some(Publish { qos, dup, retain, topic, identifier, correlation, payload })
}

/// Any other packet, whole in `frame`. `buffer` is where mqttbytes reads from.
pub(super) fn control<'a>(
    frame: &'a [u8],
    buffer: &mut BytesMut,
    packet_bytes_max: usize,
) -> Result<Incoming<'a>, DecodeError> {
    let body = body(frame).ok_or(DecodeError::RemainingLength)?;
    match (frame.first().map_or(0, |first| first >> 4), body) {
        // Detour: mqttbytes refuses what CONNACK looks like in MQTT 3, and thus the answer of a
        // broker that does not know MQTT 5.
        (2, [0, code @ 1..=5]) => return Ok(Incoming::ConnAck(ConnAck::ReturnCode(old(*code)))),
        // Detour: mqttbytes refuses a DISCONNECT without properties or without a code.
        (14, []) => return Ok(Incoming::Disconnect(Reason::bare(ReasonCode::SUCCESS))),
        (14, [code]) => return Ok(Incoming::Disconnect(Reason::bare(ReasonCode(*code)))),
        // Detour: mqttbytes has no AUTH.
        (15, _) => return Err(DecodeError::Authentication),
        _ => {}
    }
    let text = reason_text(frame, body)?;
    buffer.clear();
    buffer.extend_from_slice(frame);
    // Detour: the frame is whole, so an error here is final, "insufficient bytes" included.
    let packet = v5::read(buffer, packet_bytes_max).map_err(DecodeError::Malformed)?;
    Ok(match packet {
        v5::Packet::ConnAck(packet) => Incoming::ConnAck(connack(&packet, text)?),
        v5::Packet::SubAck(packet) => suback(&packet, text),
        v5::Packet::PubAck(packet) => {
            Incoming::PubAck(packet.pkid, ReasonCode(packet.reason as u8))
        }
        v5::Packet::PubRec(packet) => {
            Incoming::PubRec(packet.pkid, ReasonCode(packet.reason as u8))
        }
        v5::Packet::PubRel(packet) => Incoming::PubRel(packet.pkid),
        v5::Packet::PubComp(packet) => Incoming::PubComp(packet.pkid),
        v5::Packet::PingResp => Incoming::PingResp,
        v5::Packet::Disconnect(packet) => {
            Incoming::Disconnect(Reason { code: ReasonCode(packet.reason_code as u8), text })
        }
        _ => return Err(DecodeError::Direction),
    })
}

/// The Reason String. Detour: mqttbytes lets a property run past the Property Length, so the
/// properties are walked here first.
fn reason_text<'a>(frame: &'a [u8], body: &'a [u8]) -> Result<&'a str, DecodeError> {
    let properties = match frame.first().map_or(0, |first| first >> 4) {
        2 | 9 => body.get(2..),
        // Those need no properties, not even a Property Length.
        4..=7 if body.len() > 3 => body.get(3..),
        14 => body.get(1..),
        _ => return Ok(""),
    };
    let (properties, _) = properties.and_then(Properties::split).ok_or(DecodeError::Properties)?;
    properties.text(REASON_STRING).map_err(|_| DecodeError::Properties)
}

fn connack<'a>(packet: &v5::ConnAck, text: &'a str) -> Result<ConnAck<'a>, DecodeError> {
    let code = ReasonCode(packet.code as u8);
    if code != ReasonCode::SUCCESS {
        return Ok(ConnAck::Reason(Reason { code, text }));
    }
    let session_present = packet.session_present;
    let mut limits = ServerLimits { session_present, ..ServerLimits::default() };
    if let Some(properties) = &packet.properties {
        let all = u16::MAX;
        limits = ServerLimits {
            receive_maximum: properties.receive_max.unwrap_or(all),
            maximum_qos: properties
                .max_qos
                .map_or(Some(QoS::ExactlyOnce), QoS::from_number)
                .ok_or(DecodeError::Properties)?,
            retain_available: properties.retain_available != Some(0),
            packet_bytes_max: properties.max_packet_size.unwrap_or(u32::MAX),
            topic_alias_maximum: properties.topic_alias_max.unwrap_or(0),
            keep_alive_seconds: properties.server_keep_alive,
            session_present,
        };
        // Section 3.2.2.3.3 and 3.2.2.3.6: both are a Protocol Error.
        if limits.receive_maximum == 0 || limits.packet_bytes_max == 0 {
            return Err(DecodeError::Properties);
        }
    }
    Ok(ConnAck::Accepted(limits))
}

fn suback<'a>(packet: &v5::SubAck, text: &'a str) -> Incoming<'a> {
    let mut codes = packet.return_codes.iter().map(|code| ReasonCode(*code as u8));
    let refusal = codes.find(|code| code.is_failure()).map(|code| Reason { code, text });
    Incoming::SubAck { identifier: packet.pkid, codes: packet.return_codes.len(), refusal }
}

fn old(code: u8) -> ReturnCode {
    match code {
        1 => ReturnCode::ProtocolVersion,
        2 => ReturnCode::Identifier,
        3 => ReturnCode::Unavailable,
        4 => ReturnCode::Credentials,
        _ => ReturnCode::NotAuthorized,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Decoder, Version};
    use super::*;

    fn decode(bytes: &[u8]) -> Result<Incoming<'_>, DecodeError> {
        match Decoder::new(Version::V5, 1024).next(bytes)? {
            Some((packet, length)) => {
                assert_eq!(length, bytes.len());
                Ok(packet)
            }
            None => panic!("{bytes:?} is not whole"),
        }
    }

    /// What mqttbytes makes of it.
    fn theirs(bytes: &[u8]) -> Result<v5::Packet, mqttbytes::Error> {
        v5::read(&mut BytesMut::from(bytes), 1024)
    }

    fn disconnect(code: u8, text: &str) -> Incoming<'_> {
        Incoming::Disconnect(Reason { code: ReasonCode(code), text })
    }

    #[test]
    fn a_disconnect_is_read_in_every_length_and_the_faults_are_there() {
        assert_eq!(decode(b"\xe0\x00"), Ok(disconnect(0, "")));
        assert_eq!(theirs(b"\xe0\x00"), Err(mqttbytes::Error::PayloadRequired));
        assert_eq!(decode(b"\xe0\x01\x8e"), Ok(disconnect(0x8e, "")));
        assert_eq!(theirs(b"\xe0\x01\x8e"), Err(mqttbytes::Error::InsufficientBytes(1)));
        assert_eq!(decode(b"\xe0\x02\x8b\x00"), Ok(disconnect(0x8b, "")));
        assert_eq!(decode(b"\xe0\x07\x8b\x05\x1f\x00\x02hm"), Ok(disconnect(0x8b, "hm")));
    }

    #[test]
    fn an_auth_is_refused_by_name_and_mqttbytes_does_not_know_it() {
        assert_eq!(decode(b"\xf0\x00"), Err(DecodeError::Authentication));
        assert_eq!(theirs(b"\xf0\x00"), Err(mqttbytes::Error::InvalidPacketType(15)));
    }

    #[test]
    fn an_older_broker_refuses_in_its_own_words_and_mqttbytes_does_not_read_them() {
        let refused = ConnAck::ReturnCode(ReturnCode::ProtocolVersion);
        assert_eq!(decode(b"\x20\x02\x00\x01"), Ok(Incoming::ConnAck(refused)));
        assert!(theirs(b"\x20\x02\x00\x01").is_err(), "mqttbytes reads it now");
    }

    #[test]
    fn packets_without_properties_do_not_wait_for_more() {
        // A loop that waits for more after this error would lose the packet.
        let waits = Err(mqttbytes::Error::InsufficientBytes(1));
        for packet in [&b"\x20\x02\x00\x00"[..], b"\x90\x02\x00\x01"] {
            assert_eq!(decode(packet), Err(DecodeError::Properties));
            assert_eq!(theirs(packet), waits, "mqttbytes calls it malformed now");
        }
    }

    #[test]
    fn three_subscription_identifiers_leave_the_payload_whole_and_the_fault_is_there() {
        let packet = b"\x30\x0b\x00\x01t\x06\x0b\x01\x0b\x02\x0b\x03x";
        let Ok(Incoming::Publish(publish)) = decode(packet) else { panic!("not a PUBLISH") };
        assert_eq!(publish.payload, b"x");
        let Ok(v5::Packet::Publish(damaged)) = theirs(packet) else { panic!("not a PUBLISH") };
        assert_eq!(damaged.payload[..], b"\x0b\x03x"[..], "mqttbytes reads them now");
    }

    #[test]
    fn a_property_past_its_length_is_malformed_and_the_fault_is_there() {
        let packet = b"\x30\x09\x00\x01t\x01\x02\x00\x00\x00\x09";
        assert_eq!(decode(packet), Err(DecodeError::Publish));
        assert!(theirs(packet).is_ok(), "mqttbytes refuses it now");
        let packet = b"\x20\x06\x00\x00\x01\x21\x00\x09";
        assert_eq!(decode(packet), Err(DecodeError::Properties));
        assert!(theirs(packet).is_ok(), "mqttbytes refuses it now");
    }

    #[test]
    fn topics_are_names_or_aliases() {
        let topic = |packet| match decode(packet) {
            Ok(Incoming::Publish(publish)) => Ok(publish.topic),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error),
        };
        assert_eq!(topic(b"\x30\x04\x00\x01t\x00"), Ok(Topic::Name));
        assert_eq!(topic(b"\x30\x07\x00\x01t\x03\x23\x00\x02"), Ok(Topic::NameAndAlias(2)));
        assert_eq!(topic(b"\x30\x06\x00\x00\x03\x23\x00\x02"), Ok(Topic::Alias(2)));
        assert_eq!(topic(b"\x30\x03\x00\x00\x00"), Err(DecodeError::Publish), "neither");
        let property_of_connack = b"\x30\x07\x00\x01t\x03\x21\x00\x02";
        assert_eq!(topic(property_of_connack), Err(DecodeError::Publish));
    }

    #[test]
    fn a_connack_brings_the_limits_of_the_broker() {
        let packet = b"\x20\x15\x00\x00\x12\x21\x00\x0a\x24\x01\x25\x00\x27\x00\x00\x01\x00\x22\x00\x05\x13\x00\x1e";
        let limits = ServerLimits {
            receive_maximum: 10,
            maximum_qos: QoS::AtLeastOnce,
            retain_available: false,
            packet_bytes_max: 256,
            topic_alias_maximum: 5,
            keep_alive_seconds: Some(30),
            session_present: false,
        };
        assert_eq!(decode(packet), Ok(Incoming::ConnAck(ConnAck::Accepted(limits))));
        let nothing = b"\x20\x03\x00\x00\x00";
        let all = ConnAck::Accepted(ServerLimits::default());
        assert_eq!(decode(nothing), Ok(Incoming::ConnAck(all)));
        let none = b"\x20\x06\x00\x00\x03\x21\x00\x00";
        assert_eq!(decode(none), Err(DecodeError::Properties), "a Receive Maximum of 0");
    }

    #[test]
    fn refusals_bring_their_reason() {
        let reason = Reason { code: ReasonCode(0x87), text: "no" };
        let packet = b"\x20\x08\x00\x87\x05\x1f\x00\x02no";
        assert_eq!(decode(packet), Ok(Incoming::ConnAck(ConnAck::Reason(reason))));
        let packet = b"\x90\x09\x00\x01\x05\x1f\x00\x02no\x87";
        let refused = Incoming::SubAck { identifier: 1, codes: 1, refusal: Some(reason) };
        assert_eq!(decode(packet), Ok(refused));
        assert_eq!(decode(b"\x40\x03\x00\x07\x97"), Ok(Incoming::PubAck(7, ReasonCode(0x97))));
        assert_eq!(decode(b"\x50\x02\x00\x07"), Ok(Incoming::PubRec(7, ReasonCode::SUCCESS)));
        assert_eq!(decode(b"\x62\x04\x00\x07\x92\x00"), Ok(Incoming::PubRel(7)));
    }

    proptest! {
        #[test]
        fn the_view_agrees_with_mqttbytes(
            topic in "[a-z/]{1,200}",
            payload in proptest::collection::vec(any::<u8>(), 0..300),
            correlation in proptest::collection::vec(any::<u8>(), 0..40),
            alias in proptest::option::of(1..=u16::MAX),
            name in "[a-z]{0,9}",
            subscription in proptest::option::of(1..200_000_usize),
            qos in 0..3_u8,
            retain: bool,
            identifier in 1..=u16::MAX,
        ) {
            let qos = QoS::from_number(qos).unwrap();
            let mut packet = v5::Publish::new(topic, qos.to_mqttbytes(), payload);
            packet.retain = retain;
            packet.pkid = if qos == QoS::AtMostOnce { 0 } else { identifier };
            packet.properties = Some(v5::PublishProperties {
                payload_format_indicator: Some(1),
                message_expiry_interval: Some(9),
                topic_alias: alias,
                response_topic: Some(name.clone()),
                correlation_data: Some(correlation.clone().into()),
                user_properties: vec![(name.clone(), name)],
                subscription_identifiers: subscription.into_iter().collect(),
                content_type: Some("text".to_owned()),
            });
            let mut bytes = BytesMut::new();
            packet.write(&mut bytes).unwrap();
            let view = Publish {
                qos,
                dup: false,
                retain,
                topic: alias.map_or(Topic::Name, Topic::NameAndAlias),
                identifier: packet.pkid,
                correlation: &correlation,
                payload: &packet.payload,
            };
            let length = bytes.len();
            let read = Decoder::new(Version::V5, 1024).next(&bytes).unwrap();
            prop_assert_eq!(read, Some((Incoming::Publish(view), length)));
        }
    }
}
