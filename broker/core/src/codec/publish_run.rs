//! PUBLISH packets that follow each other and say nearly the same.

use super::packet_identifier::PacketIdentifier;
use super::protocol_version::ProtocolVersion;

/// First bytes of a PUBLISH that may be part of a run: neither DUP nor RETAIN, QoS 0 or 1.
const AT_MOST_ONCE: u8 = 0x30;
const AT_LEAST_ONCE: u8 = 0x32;

/// Packets of one run at most.
pub(crate) const RUN_MAX: usize = 32;

/// Two PUBLISH packets or more that lie end to end and differ in payload and Packet Identifier alone, as a
/// Client sends them that has much to say on one topic. None has properties.
///
/// Only the first is to be decoded: what it is found to be, all are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PublishRun<'a> {
    /// The packets.
    bytes: &'a [u8],
    layout: Layout,
    /// How many they are.
    pub(crate) count: usize,
    /// Bytes of all payloads together.
    pub(crate) payload_bytes: usize,
    /// Bytes of the longest packet.
    pub(crate) longest: usize,
}

/// What lies between the fixed header and the payload of each packet of a run.
#[derive(Clone, Copy, Debug)]
struct Layout {
    /// The Topic Name and its length.
    topic: usize,
    /// Whether a Packet Identifier follows.
    has_identifier: bool,
    /// Whether the length of the properties follows, which is 0.
    has_properties: bool,
}

/// A packet of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RunPacket<'a> {
    /// Present at QoS 1.
    pub(crate) packet_identifier: Option<PacketIdentifier>,
    pub(crate) payload: &'a [u8],
}

impl<'a> PublishRun<'a> {
    /// Whether it is worth to [`split`](Self::split): the second packet begins like the first, and as one of a run does.
    #[inline]
    pub(crate) fn may_begin(bytes: &[u8]) -> bool {
        let [first @ (AT_MOST_ONCE | AT_LEAST_ONCE), ..] = bytes else { return false };
        extent(bytes).is_some_and(|(_, size)| bytes.get(size) == Some(first))
    }

    /// Takes a run of packets, each shorter than `size_max`, from the front of `bytes`; returns it and the bytes
    /// after it. `None` says that [`split`](super::split) is to look, and no more: what is wrong is not told.
    pub(crate) fn split(
        bytes: &'a [u8],
        version: ProtocolVersion,
        size_max: usize,
    ) -> Option<(Self, &'a [u8])> {
        if !Self::may_begin(bytes) {
            return None;
        }
        let (header, size) = extent(bytes)?;
        let body = bytes.get(header..size)?;
        let [high, low, ..] = *body else { return None };
        let topic = 2 + usize::from(u16::from_be_bytes([high, low]));
        let layout = Layout {
            topic,
            has_identifier: *bytes.first()? == AT_LEAST_ONCE,
            has_properties: version.has_properties(),
        };
        let name = body.get(..topic).filter(|name| name.len() > 2)?;
        let mut run = Self { bytes: &[], layout, count: 0, payload_bytes: 0, longest: 0 };
        let mut rest = bytes;
        while run.count < RUN_MAX
            && let Some((header, size)) = extent(rest)
            && size < size_max
            && rest.first() == bytes.first()
            && let Some((packet, behind)) = rest.split_at_checked(size)
            && let Some(body) = packet.get(header..).filter(|body| body.starts_with(name))
            && let Some(payload) = layout.payload(body)
        {
            run.count += 1;
            run.payload_bytes += payload;
            run.longest = run.longest.max(size);
            rest = behind;
        }
        run.bytes = bytes.get(..bytes.len() - rest.len())?;
        (run.count > 1).then_some((run, rest))
    }

    /// The packets as they came.
    pub(crate) const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether it came at QoS 0 and as Clients get it that know properties or do not.
    pub(crate) const fn is_plain(&self, properties: bool) -> bool {
        !self.layout.has_identifier && self.layout.has_properties == properties
    }

    /// Packet by packet.
    pub(crate) fn packets(&self) -> impl Iterator<Item = RunPacket<'a>> + use<'a> {
        let Self { bytes, layout, .. } = *self;
        each_packet(bytes).map(move |packet| {
            let body = packet.split_at_checked(header_length(packet)).map_or(&[][..], |it| it.1);
            let (front, payload) = body.split_at_checked(layout.front()).unwrap_or_default();
            let identifier = match front.get(layout.topic..) {
                Some(&[high, low, ..]) if layout.has_identifier => u16::from_be_bytes([high, low]),
                _ => 0,
            };
            RunPacket { packet_identifier: PacketIdentifier::new(identifier), payload }
        })
    }
}

impl Layout {
    const fn front(self) -> usize {
        let identifier = if self.has_identifier { 2 } else { 0 };
        self.topic + identifier + if self.has_properties { 1 } else { 0 }
    }

    /// Bytes of the payload behind a front that is as it should be.
    fn payload(self, body: &[u8]) -> Option<usize> {
        let mut front = body.get(self.topic..)?;
        if self.has_identifier {
            let ([high, low], rest) = front.split_first_chunk()?;
            if (*high, *low) == (0, 0) {
                return None;
            }
            front = rest;
        }
        if self.has_properties {
            let (0, rest) = front.split_first()? else { return None };
            front = rest;
        }
        Some(front.len())
    }
}

/// The packets of a run, one after the other.
pub(crate) fn each_packet(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (packet, rest) = bytes.split_at_checked(extent(bytes)?.1)?;
        bytes = rest;
        Some(packet)
    })
}

/// Bytes of the fixed header and of the whole packet: of one with a Remaining Length of one byte or two, the second of
/// which is needed.
#[inline]
pub(crate) fn extent(bytes: &[u8]) -> Option<(usize, usize)> {
    match *bytes {
        [_, length @ 0..0x80, ..] => Some((2, 2 + usize::from(length))),
        [_, low, high @ 1..0x80, ..] => {
            Some((3, 3 + (usize::from(low & 0x7f) | usize::from(high) << 7)))
        }
        _ => None,
    }
}

fn header_length(packet: &[u8]) -> usize {
    extent(packet).map_or(packet.len(), |(header, _)| header)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE_MAX: usize = 2_048;

    fn split(bytes: &[u8], version: ProtocolVersion) -> Option<(usize, usize)> {
        let (run, rest) = PublishRun::split(bytes, version, SIZE_MAX)?;
        let payloads: usize = run.packets().map(|packet| packet.payload.len()).sum();
        assert_eq!((run.packets().count(), payloads), (run.count, run.payload_bytes));
        assert_eq!(each_packet(run.bytes()).map(<[u8]>::len).max(), Some(run.longest));
        Some((run.count, rest.len()))
    }

    #[test]
    fn packets_to_one_topic_are_a_run() {
        let two = b"\x30\x05\x00\x01ta1\x30\x04\x00\x01tb";
        assert_eq!(split(two, ProtocolVersion::V4), Some((2, 0)));
        let another = [&two[..], b"\x30\x04\x00\x01uc"].concat();
        assert_eq!(split(&another, ProtocolVersion::V4), Some((2, 6)));
        let begun = [&two[..], b"\x30\x04\x00\x01t"].concat();
        assert_eq!(split(&begun, ProtocolVersion::V4), Some((2, 5)));
        assert_eq!(split(&two[..8], ProtocolVersion::V4), None, "one alone");
        assert_eq!(split(&two[..7], ProtocolVersion::V4), None);
    }

    #[test]
    fn what_is_like_no_other_is_no_run() {
        for (first, why) in [
            (&b"\x31\x04\x00\x01ta"[..], "RETAIN"),
            (b"\x34\x06\x00\x01t\x00\x07a", "QoS 2"),
            (b"\x3a\x06\x00\x01t\x00\x07a", "DUP"),
            (b"\x30\x03\x00\x00a", "no Topic Name"),
            (b"\x32\x06\x00\x01t\x00\x00a", "Packet Identifier 0"),
            (b"\x32\x04\x00\x01t\x00", "half a Packet Identifier"),
            (b"\x30\x02\x00\x01", "half a Topic Name"),
            (b"\x30\x84\x00\x00\x01ta", "a Remaining Length that is not minimal"),
            (b"\xc0\x00", "another packet"),
        ] {
            assert_eq!(split(&first.repeat(3), ProtocolVersion::V4), None, "{why}");
        }
        let properties = b"\x30\x07\x00\x01t\x02\x01\x01a";
        assert_eq!(split(&properties.repeat(2), ProtocolVersion::V5), None);
        assert_eq!(split(&properties.repeat(2), ProtocolVersion::V4), Some((2, 0)), "a payload");
    }

    #[test]
    fn longer_packets_and_identifiers_are_found() {
        let long = [&b"\x32\xc8\x01\x00\x01t\x00\x07"[..], &[b'x'; 195]].concat();
        assert_eq!(split(&long.repeat(2), ProtocolVersion::V4), Some((2, 0)));
        let (run, _) = PublishRun::split(&long.repeat(2), ProtocolVersion::V4, SIZE_MAX)
            .map(|(run, rest)| {
                (
                    run.packets().last().map(|it| (it.packet_identifier, it.payload.len())),
                    rest.len(),
                )
            })
            .unwrap_or_default();
        assert_eq!(run, Some((PacketIdentifier::new(7), 195)));
        assert_eq!(
            PublishRun::split(&long.repeat(2), ProtocolVersion::V4, long.len()).map(|_| ()),
            None,
            "too long"
        );
        let many = b"\x30\x04\x00\x01ta".repeat(RUN_MAX + 3);
        assert_eq!(split(&many, ProtocolVersion::V3), Some((RUN_MAX, 18)));
    }
}
