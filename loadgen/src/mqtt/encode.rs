//! Packets that a client sends.

use bytes::{Bytes, BytesMut};
use mqttbytes::{v4, v5};

use super::{QoS, ReasonCode, Version};

/// Bytes of a Topic Name or Topic Filter at most `[MQTT-1.5.3]`.
pub(crate) const TOPIC_BYTES_MAX: usize = 65_535;

/// A Packet Identifier that stands in a template until the real one is known.
const PLACEHOLDER_IDENTIFIER: u16 = 0xffff;

/// A byte of Correlation Data that stands in a template until the real ones are known.
const PLACEHOLDER_CORRELATION: u8 = 0xff;

/// Why a packet was not encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The Topic Name does not fit its length field.
    #[error("a Topic Name of {0} bytes is longer than the 65,535 that MQTT allows")]
    TopicTooLong(usize),
    /// mqttbytes refused.
    #[error("the packet cannot be encoded: {0:?}")]
    Refused(mqttbytes::Error),
}

/// Appends Control Packets to a buffer, each whole or not at all.
///
/// But for SUBSCRIBE they are the same bytes in every version: MQTT 5 lets a Reason Code of success be
/// left out.
#[derive(Debug)]
pub(crate) struct Encoder<'a> {
    out: &'a mut BytesMut,
}

impl<'a> Encoder<'a> {
    /// Appends to `out`.
    pub(crate) fn new(out: &'a mut BytesMut) -> Self {
        Self { out }
    }

    /// A SUBSCRIBE with these Topic Filters.
    pub(crate) fn subscribe(
        &mut self,
        version: Version,
        identifier: u16,
        filters: &[(String, QoS)],
    ) -> Result<(), EncodeError> {
        let filters = filters.iter();
        if version == Version::V5 {
            let filters = filters
                .map(|(path, qos)| v5::SubscribeFilter::new(path.clone(), qos.to_mqttbytes()));
            let mut packet = v5::Subscribe::new_many(filters);
            packet.pkid = identifier;
            return self.append(|out| packet.write(out));
        }
        let filters =
            filters.map(|(path, qos)| v4::SubscribeFilter::new(path.clone(), qos.to_mqttbytes()));
        let mut packet = v4::Subscribe::new_many(filters);
        packet.pkid = identifier;
        self.append(|out| packet.write(out))
    }

    /// PUBACK.
    pub(crate) fn puback(&mut self, identifier: u16) -> Result<(), EncodeError> {
        self.append(|out| v4::PubAck::new(identifier).write(out))
    }

    /// PUBREC.
    pub(crate) fn pubrec(&mut self, identifier: u16) -> Result<(), EncodeError> {
        self.append(|out| v4::PubRec::new(identifier).write(out))
    }

    /// PUBREL.
    pub(crate) fn pubrel(&mut self, identifier: u16) -> Result<(), EncodeError> {
        self.append(|out| v4::PubRel::new(identifier).write(out))
    }

    /// PUBCOMP.
    pub(crate) fn pubcomp(&mut self, identifier: u16) -> Result<(), EncodeError> {
        self.append(|out| v4::PubComp::new(identifier).write(out))
    }

    /// PINGREQ.
    pub(crate) fn pingreq(&mut self) -> Result<(), EncodeError> {
        self.append(|out| v4::PingReq.write(out))
    }

    /// DISCONNECT.
    pub(crate) fn disconnect(&mut self) -> Result<(), EncodeError> {
        self.append(|out| v4::Disconnect.write(out))
    }

    /// A DISCONNECT of MQTT 5 that says why.
    pub(crate) fn disconnect_because(&mut self, code: ReasonCode) -> Result<(), EncodeError> {
        let reason_code = v5::DisconnectReasonCode::try_from(code.0);
        let reason_code = reason_code.map_err(EncodeError::Refused)?;
        let packet = v5::Disconnect { reason_code, properties: None };
        self.append(|out| packet.write(out))
    }

    fn append(
        &mut self,
        write: impl FnOnce(&mut BytesMut) -> Result<usize, mqttbytes::Error>,
    ) -> Result<(), EncodeError> {
        let before = self.out.len();
        match write(self.out) {
            Ok(_) => Ok(()),
            Err(error) => {
                // Detour: mqttbytes leaves the half that it had written.
                self.out.truncate(before);
                Err(EncodeError::Refused(error))
            }
        }
    }
}

/// What all publications of a publisher have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PublicationForm<'a> {
    pub version: Version,
    /// Topic Name; empty where a Topic Alias stands for it.
    pub topic: &'a str,
    pub qos: QoS,
    pub retain: bool,
    pub payload_bytes: usize,
    /// Topic Alias of MQTT 5.
    pub topic_alias: Option<u16>,
    /// Bytes of the Correlation Data of MQTT 5; 0 for none.
    pub correlation_bytes: usize,
    /// User Properties of MQTT 5.
    pub user_properties: &'a [(String, String)],
}

/// A PUBLISH encoded once, of which only Packet Identifier, Correlation Data and payload change.
#[derive(Debug)]
pub(crate) struct PublishTemplate {
    /// Everything before the payload, with placeholders.
    head: Box<[u8]>,
    qos: QoS,
    /// Where the Packet Identifier stands; unused at QoS 0.
    identifier_index: usize,
    /// Where the Correlation Data stands; unused without.
    correlation_index: usize,
    payload_bytes: usize,
}

impl PublishTemplate {
    /// Encodes what the publications have in common.
    pub(crate) fn new(form: &PublicationForm<'_>) -> Result<Self, EncodeError> {
        if form.topic.len() > TOPIC_BYTES_MAX {
            // Detour: mqttbytes cuts the length to 16 bits and answers Ok.
            return Err(EncodeError::TopicTooLong(form.topic.len()));
        }
        let mut buffer = BytesMut::new();
        if form.version == Version::V5 {
            let packet = publish_v5(form);
            Encoder::new(&mut buffer).append(|out| packet.write(out))?;
        } else {
            let packet = publish_v3(form);
            Encoder::new(&mut buffer).append(|out| packet.write(out))?;
        }
        buffer.truncate(buffer.len() - form.payload_bytes);
        let length_bytes = buffer.iter().skip(1).take_while(|byte| **byte & 0x80 != 0).count() + 1;
        Ok(Self {
            qos: form.qos,
            identifier_index: 1 + length_bytes + 2 + form.topic.len(),
            correlation_index: correlation_index(&buffer, form.correlation_bytes),
            payload_bytes: form.payload_bytes,
            head: buffer.to_vec().into_boxed_slice(),
        })
    }

    /// QoS of the publications.
    pub(crate) fn qos(&self) -> QoS {
        self.qos
    }

    /// Whether they carry RETAIN = 1.
    pub(crate) fn retain(&self) -> bool {
        self.head.first().is_some_and(|first| first & 1 != 0)
    }

    /// Size of their payloads.
    pub(crate) fn payload_bytes(&self) -> usize {
        self.payload_bytes
    }

    /// Size of a whole packet.
    pub(crate) fn packet_bytes(&self) -> usize {
        self.head.len() + self.payload_bytes
    }

    /// Appends everything before the payload, which the caller appends next.
    /// `identifier` is ignored at QoS 0, and `correlation` has the size that was asked for.
    #[inline]
    pub(crate) fn append_head(&self, out: &mut BytesMut, identifier: u16, correlation: &[u8]) {
        let start = out.len();
        out.extend_from_slice(&self.head);
        let head = &mut out[start..];
        if self.qos > QoS::AtMostOnce {
            head[self.identifier_index..][..2].copy_from_slice(&identifier.to_be_bytes());
        }
        if !correlation.is_empty() {
            head[self.correlation_index..][..correlation.len()].copy_from_slice(correlation);
        }
    }
}

fn publish_v3(form: &PublicationForm<'_>) -> v4::Publish {
    let payload = Bytes::from(vec![b' '; form.payload_bytes]);
    let mut packet = v4::Publish::from_bytes(form.topic, form.qos.to_mqttbytes(), payload);
    packet.retain = form.retain;
    if form.qos > QoS::AtMostOnce {
        packet.pkid = PLACEHOLDER_IDENTIFIER;
    }
    packet
}

fn publish_v5(form: &PublicationForm<'_>) -> v5::Publish {
    let payload = Bytes::from(vec![b' '; form.payload_bytes]);
    let mut packet = v5::Publish::from_bytes(form.topic, form.qos.to_mqttbytes(), payload);
    packet.retain = form.retain;
    if form.qos > QoS::AtMostOnce {
        packet.pkid = PLACEHOLDER_IDENTIFIER;
    }
    packet.properties = Some(v5::PublishProperties {
        payload_format_indicator: None,
        message_expiry_interval: None,
        topic_alias: form.topic_alias,
        response_topic: None,
        correlation_data: (form.correlation_bytes > 0)
            .then(|| Bytes::from(vec![PLACEHOLDER_CORRELATION; form.correlation_bytes])),
        user_properties: form.user_properties.to_vec(),
        subscription_identifiers: Vec::new(),
        content_type: None,
    });
    packet
}

/// Where the placeholder stands. Its bytes occur nowhere in UTF-8, and a Packet Identifier has
/// only two of them; so a run of this size is it.
fn correlation_index(head: &[u8], correlation_bytes: usize) -> usize {
    if correlation_bytes == 0 {
        return 0;
    }
    let is_placeholder = |bytes: &[u8]| bytes.iter().all(|byte| *byte == PLACEHOLDER_CORRELATION);
    head.windows(correlation_bytes).position(is_placeholder).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(qos: QoS, retain: bool, payload_bytes: usize) -> PublicationForm<'static> {
        PublicationForm {
            version: Version::V311,
            topic: "temperature/7",
            qos,
            retain,
            payload_bytes,
            topic_alias: None,
            correlation_bytes: 0,
            user_properties: &[],
        }
    }

    #[test]
    fn a_failed_write_leaves_nothing_and_the_fault_that_it_avoids_is_there() {
        let packet = v4::Publish::new("t", mqttbytes::QoS::AtLeastOnce, "x");
        let mut out = BytesMut::from(&b"before"[..]);
        let outcome = Encoder::new(&mut out).append(|out| packet.write(out));
        assert_eq!(outcome, Err(EncodeError::Refused(mqttbytes::Error::PacketIdZero)));
        assert_eq!(out, "before");

        packet.write(&mut out).unwrap_err();
        assert_ne!(out, "before", "mqttbytes no longer leaves half a packet");
    }

    #[test]
    fn a_topic_that_is_too_long_is_refused_and_the_fault_is_there() {
        let topic = "t".repeat(65_536);
        let outcome = PublishTemplate::new(&PublicationForm {
            topic: &topic,
            ..form(QoS::AtMostOnce, false, 1)
        });
        assert_eq!(outcome.unwrap_err(), EncodeError::TopicTooLong(65_536));

        let packet = v4::Publish::new(topic, mqttbytes::QoS::AtMostOnce, "x");
        assert!(packet.write(&mut BytesMut::new()).is_ok(), "mqttbytes refuses long topics now");
    }

    #[test]
    fn a_template_is_what_mqttbytes_would_have_written() {
        for (qos, retain) in
            [(QoS::AtMostOnce, true), (QoS::AtLeastOnce, false), (QoS::ExactlyOnce, true)]
        {
            let payload = vec![b'x'; 200];
            let mut whole = v4::Publish::new("temperature/7", qos.to_mqttbytes(), payload.clone());
            whole.retain = retain;
            whole.pkid = if qos == QoS::AtMostOnce { 0 } else { 0x1234 };
            let mut expected = BytesMut::new();
            whole.write(&mut expected).unwrap();

            let template = PublishTemplate::new(&form(qos, retain, 200)).unwrap();
            let mut out = BytesMut::new();
            template.append_head(&mut out, 0x1234, b"");
            out.extend_from_slice(&payload);
            assert_eq!(out, expected);
            assert_eq!(template.packet_bytes(), expected.len());
        }
    }

    #[test]
    fn acknowledgements_are_two_byte_packets() {
        let mut out = BytesMut::new();
        let mut encoder = Encoder::new(&mut out);
        encoder.puback(1).unwrap();
        encoder.pubrec(2).unwrap();
        encoder.pubrel(3).unwrap();
        encoder.pubcomp(4).unwrap();
        encoder.pingreq().unwrap();
        encoder.disconnect().unwrap();
        assert_eq!(
            out[..],
            *b"\x40\x02\x00\x01\x50\x02\x00\x02\x62\x02\x00\x03\x70\x02\x00\x04\xc0\x00\xe0\x00"
        );
    }

    #[test]
    fn a_template_of_mqtt_5_has_its_properties_where_they_belong() {
        let user_properties = [("site".to_owned(), "7".to_owned())];
        let template = PublishTemplate::new(&PublicationForm {
            version: Version::V5,
            topic_alias: Some(3),
            correlation_bytes: 4,
            user_properties: &user_properties,
            ..form(QoS::AtLeastOnce, true, 2)
        });
        let template = template.unwrap();
        let mut out = BytesMut::from(&b"before"[..]);
        template.append_head(&mut out, 0x1234, b"wxyz");
        out.extend_from_slice(b"23");
        let head = b"before\x33\x28\0\x0dtemperature/7\x12\x34";
        assert_eq!(out[..head.len()], *head);
        let properties = b"\x14\x23\0\x03\x09\0\x04wxyz\x26\0\x04site\0\x01723";
        assert_eq!(out[head.len()..], *properties);
        assert_eq!(template.packet_bytes(), out.len() - 6);
    }

    #[test]
    fn a_subscribe_of_mqtt_5_has_a_property_length() {
        let mut out = BytesMut::new();
        let filters = [("t".to_owned(), QoS::ExactlyOnce), ("u".to_owned(), QoS::AtMostOnce)];
        Encoder::new(&mut out).subscribe(Version::V5, 1, &filters).unwrap();
        assert_eq!(out[..], *b"\x82\x0b\x00\x01\x00\x00\x01t\x02\x00\x01u\x00");
    }

    #[test]
    fn a_disconnect_of_mqtt_5_says_why() {
        let mut out = BytesMut::new();
        Encoder::new(&mut out).disconnect_because(ReasonCode(0x94)).unwrap();
        assert_eq!(out[..], *b"\xe0\x01\x94");
        assert!(Encoder::new(&mut out).disconnect_because(ReasonCode(0x01)).is_err());
    }

    #[test]
    fn success_needs_no_code_in_any_version() {
        let mut old = BytesMut::new();
        Encoder::new(&mut old).puback(7).unwrap();
        let mut new = BytesMut::new();
        v5::PubAck::new(7).write(&mut new).unwrap();
        assert_eq!(old, new);

        let mut old = BytesMut::new();
        Encoder::new(&mut old).disconnect().unwrap();
        let mut new = BytesMut::new();
        v5::Disconnect::new().write(&mut new).unwrap();
        assert_eq!(old, new);
    }
}
