//! A run of publications as its subscribers get it, each form encoded once.

use crate::codec::{
    PacketIdentifier, PublishHeader, PublishHeaderV5, PublishRun, RunPacket, extent,
};
use crate::qos::QoS;

/// Stands where the Packet Identifier of each delivery is written.
const NO_IDENTIFIER: PacketIdentifier = PacketIdentifier::FIRST;

/// Encodes into buffers that it keeps.
#[derive(Debug, Default)]
pub(super) struct RunForms {
    forms: [Form; 4],
}

/// Packets end to end.
#[derive(Debug, Default)]
struct Form {
    bytes: Vec<u8>,
    is_current: bool,
    longest: usize,
}

/// Packets that want a Packet Identifier each.
#[derive(Debug)]
pub(super) struct Numbered<'a> {
    bytes: &'a mut [u8],
    topic_bytes: usize,
}

impl RunForms {
    /// To be called before the first form of a run.
    pub(super) fn begin(&mut self) {
        for form in &mut self.forms {
            form.is_current = false;
        }
    }

    /// The current run at QoS 0, for MQTT 5.0 with `properties`, and the bytes of its longest packet: as it came, if
    /// it came so.
    #[inline]
    pub(super) fn plain<'a>(
        &'a mut self,
        properties: bool,
        topic: &[u8],
        run: &PublishRun<'a>,
    ) -> (&'a [u8], usize) {
        if run.is_plain(properties) {
            return (run.bytes(), run.longest);
        }
        let form = self.form(false, properties, topic, run);
        (&form.bytes, form.longest)
    }

    /// The current run at QoS 1, and the bytes of its longest packet.
    #[inline]
    pub(super) fn numbered(
        &mut self,
        properties: bool,
        topic: &[u8],
        run: &PublishRun<'_>,
    ) -> (Numbered<'_>, usize) {
        let Form { bytes, longest, .. } = self.form(true, properties, topic, run);
        (Numbered { bytes, topic_bytes: 2 + topic.len() }, *longest)
    }

    #[inline]
    fn form(
        &mut self,
        numbered: bool,
        properties: bool,
        topic: &[u8],
        run: &PublishRun<'_>,
    ) -> &mut Form {
        let form = &mut self.forms[usize::from(numbered) * 2 + usize::from(properties)];
        if !form.is_current {
            form.encode(numbered, properties, topic, run);
        }
        form
    }
}

impl Form {
    #[inline(never)]
    fn encode(&mut self, numbered: bool, properties: bool, topic: &[u8], run: &PublishRun<'_>) {
        self.bytes.clear();
        self.longest = 0;
        for RunPacket { payload, .. } in run.packets() {
            let start = self.bytes.len();
            let delivery = numbered.then_some((QoS::AtLeastOnce, NO_IDENTIFIER));
            let header = PublishHeader { duplicate: false, retain: false, delivery };
            if properties {
                PublishHeaderV5::new(header).encode(topic, payload.len(), &mut self.bytes);
            } else {
                header.encode(topic, payload.len(), &mut self.bytes);
            }
            self.bytes.extend_from_slice(payload);
            self.longest = self.longest.max(self.bytes.len() - start);
        }
        self.is_current = true;
    }
}

impl Numbered<'_> {
    /// Asks `next` for the Packet Identifier of each packet and writes it there; hands what lies between those that
    /// get none, end to end, to `put` with the number of packets.
    pub(super) fn number(
        &mut self,
        mut next: impl FnMut() -> Option<PacketIdentifier>,
        mut put: impl FnMut(&[u8], u64),
    ) {
        let (mut start, mut end, mut count) = (0, 0, 0);
        while let Some((header, size)) = extent(self.bytes.get(end..).unwrap_or_default()) {
            let at = end + header + self.topic_bytes;
            end += size;
            if let Some(identifier) = next() {
                if let Some(bytes) = self.bytes.get_mut(at..at + 2) {
                    bytes.copy_from_slice(&identifier.get().to_be_bytes());
                }
                count += 1;
                continue;
            }
            if count > 0 {
                put(self.bytes.get(start..end - size).unwrap_or_default(), count);
            }
            (start, count) = (end, 0);
        }
        if count > 0 {
            put(self.bytes.get(start..end).unwrap_or_default(), count);
        }
    }
}
