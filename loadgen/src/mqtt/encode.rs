//! Packets that a client sends.

use bytes::{Bytes, BytesMut};
use mqttbytes::v4;

use super::QoS;

/// Bytes of a Topic Name or Topic Filter at most `[MQTT-1.5.3]`.
pub(crate) const TOPIC_BYTES_MAX: usize = 65_535;

/// A Packet Identifier that stands in a template until the real one is known.
const PLACEHOLDER_IDENTIFIER: u16 = 0xffff;

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

/// A CONNECT of MQTT 3.1.1 with Clean Session 1.
pub(crate) fn connect(
    client_identifier: &str,
    keep_alive_seconds: u16,
) -> Result<BytesMut, EncodeError> {
    // Detour: mqttbytes patches the Connect Flags at an index counted from the start of the
    // buffer, so the buffer must be empty. Its result counts without the fixed header: ignored.
    let mut buffer = BytesMut::with_capacity(32);
    let mut packet = v4::Connect::new(client_identifier);
    packet.keep_alive = keep_alive_seconds;
    packet.write(&mut buffer).map_err(EncodeError::Refused)?;
    Ok(buffer)
}

/// Appends Control Packets to a buffer, each whole or not at all.
#[derive(Debug)]
pub(crate) struct Encoder<'a> {
    out: &'a mut BytesMut,
}

impl<'a> Encoder<'a> {
    /// Appends to `out`.
    pub(crate) fn new(out: &'a mut BytesMut) -> Self {
        Self { out }
    }

    /// A SUBSCRIBE with one Topic Filter.
    pub(crate) fn subscribe(
        &mut self,
        identifier: u16,
        filter: &str,
        qos: QoS,
    ) -> Result<(), EncodeError> {
        let mut packet = v4::Subscribe::new(filter, qos.to_mqttbytes());
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

/// A PUBLISH encoded once, of which only Packet Identifier and payload change.
#[derive(Debug)]
pub(crate) struct PublishTemplate {
    /// Everything before the payload, the placeholder of a Packet Identifier included.
    head: Box<[u8]>,
    qos: QoS,
    payload_bytes: usize,
}

impl PublishTemplate {
    /// Encodes the parts that all publications to `topic` share.
    pub(crate) fn new(
        topic: &str,
        qos: QoS,
        retain: bool,
        payload_bytes: usize,
    ) -> Result<Self, EncodeError> {
        if topic.len() > TOPIC_BYTES_MAX {
            // Detour: mqttbytes cuts the length to 16 bits and answers Ok.
            return Err(EncodeError::TopicTooLong(topic.len()));
        }
        let payload = Bytes::from(vec![b' '; payload_bytes]);
        let mut packet = v4::Publish::from_bytes(topic, qos.to_mqttbytes(), payload);
        packet.retain = retain;
        if qos > QoS::AtMostOnce {
            packet.pkid = PLACEHOLDER_IDENTIFIER;
        }
        let mut buffer = BytesMut::new();
        Encoder::new(&mut buffer).append(|out| packet.write(out))?;
        buffer.truncate(buffer.len() - payload_bytes);
        Ok(Self { head: buffer.to_vec().into_boxed_slice(), qos, payload_bytes })
    }

    /// QoS of the publications.
    pub(crate) fn qos(&self) -> QoS {
        self.qos
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
    /// `identifier` is ignored at QoS 0.
    #[inline]
    pub(crate) fn append_head(&self, out: &mut BytesMut, identifier: u16) {
        let head = match self.qos {
            QoS::AtMostOnce => &self.head[..],
            QoS::AtLeastOnce | QoS::ExactlyOnce => &self.head[..self.head.len() - 2],
        };
        out.extend_from_slice(head);
        if self.qos > QoS::AtMostOnce {
            out.extend_from_slice(&identifier.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connect_is_whole_and_the_fault_that_it_avoids_is_there() {
        let packet = connect("kelvin-abc-p-1", 60).unwrap();
        assert_eq!(packet[..12], *b"\x10\x1a\x00\x04MQTT\x04\x02\x00\x3c");
        assert_eq!(packet[12..], *b"\x00\x0ekelvin-abc-p-1");

        let mut used = BytesMut::from(&b"\xc0\x00"[..]);
        v4::Connect::new("a").write(&mut used).unwrap();
        assert_ne!(used[4..10], *b"\x00\x04MQTT", "mqttbytes no longer damages a later CONNECT");
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
        let outcome = PublishTemplate::new(&topic, QoS::AtMostOnce, false, 1);
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

            let template = PublishTemplate::new("temperature/7", qos, retain, 200).unwrap();
            let mut out = BytesMut::new();
            template.append_head(&mut out, 0x1234);
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
}
