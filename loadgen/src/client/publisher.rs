//! What one client publishes: which publications are due, encoded and stamped when they are written.

use std::rc::Rc;

use bytes::BytesMut;

use super::{Begun, Inflight, Templates};
use crate::mqtt::{PublishTemplate, QoS, ServerLimits};
use crate::payload::{self, RunTag, Stamp, StampPlace};
use crate::plan::Schedule;

/// The publishing side of a client.
#[derive(Debug)]
pub(crate) struct Publisher {
    number: u32,
    offset_ns: u64,
    templates: Rc<Templates>,
    naming: Naming,
    tag: RunTag,
    seed: u64,
    /// Sequence number of the next publication.
    next: u32,
    /// Publications that are not acknowledged; always empty at QoS 0.
    pub(super) inflight: Inflight,
}

/// How the next publication names its topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Naming {
    /// By its name, always.
    Name,
    /// By its name, for which the Topic Alias will stand.
    Introduce,
    /// By the Topic Alias.
    Alias,
}

/// Publications that were encoded and now are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    /// Sequence number of the first.
    pub first: u32,
    /// How many.
    pub count: u32,
    /// When they were encoded.
    pub encoded_ns: u64,
}

/// How much of a [`Batch`] counts as sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settled {
    /// Publications.
    pub count: u32,
    /// Their bytes: what of them is not written is owed to the socket.
    pub bytes: usize,
}

impl Publisher {
    /// Publisher `number`, which publishes `offset_ns` into each period and has at most
    /// `inflight_max` publications unacknowledged.
    pub(crate) fn new(
        number: u32,
        offset_ns: u64,
        templates: Rc<Templates>,
        tag: RunTag,
        seed: u64,
        inflight_max: u16,
    ) -> Self {
        Self {
            number,
            offset_ns,
            templates,
            naming: Naming::Name,
            tag,
            seed,
            next: 0,
            inflight: Inflight::new(inflight_max),
        }
    }

    /// Keeps to what the broker takes.
    pub(super) fn limit(&mut self, limits: &ServerLimits) {
        self.inflight.limit(limits.receive_maximum);
        if self.templates.has_alias() && limits.topic_alias_maximum > 0 {
            self.naming = Naming::Introduce;
        }
    }

    /// Size of each of its packets at most.
    pub(crate) fn packet_bytes_max(&self) -> usize {
        self.templates.packet_bytes_max()
    }

    /// When publication `sequence` is due.
    pub(crate) fn due_ns(&self, schedule: &Schedule, sequence: u32) -> u64 {
        schedule.due_ns(self.offset_ns, sequence)
    }

    /// When the next publication is due.
    pub(crate) fn next_due_ns(&self, schedule: &Schedule) -> u64 {
        self.due_ns(schedule, self.next)
    }

    /// Appends the publications that are due by `now_ns`, at most `count_max`, stamped with this
    /// time. Fewer when no Packet Identifier is free.
    pub(crate) fn encode_due(
        &mut self,
        schedule: &Schedule,
        now_ns: u64,
        count_max: u32,
        out: &mut BytesMut,
    ) -> Batch {
        let first = self.next;
        let count_max = match self.naming {
            _ if !schedule.may_send(now_ns) => 0,
            // What follows is encoded another way once this one is sent.
            Naming::Introduce => count_max.min(1),
            Naming::Name | Naming::Alias => count_max,
        };
        while self.next - first < count_max {
            let due_ns = self.next_due_ns(schedule);
            if due_ns > now_ns || due_ns >= schedule.end_ns {
                break;
            }
            let measured = schedule.is_measured(due_ns);
            let Some(identifier) = self.identifier(Begun { at_ns: now_ns, measured }) else {
                break;
            };
            self.encode(due_ns, now_ns, identifier, out);
            self.next += 1;
        }
        Batch { first, count: self.next - first, encoded_ns: now_ns }
    }

    /// Takes back what of `batch` the socket did not take: `written` bytes of it went out.
    /// A packet of which some bytes went out must go out whole, so it counts as sent.
    pub(crate) fn settle(&mut self, batch: Batch, written: usize) -> Settled {
        let mut sent = Settled::default();
        while sent.count < batch.count && sent.bytes < written {
            let (template, _) = self.template(batch.first + sent.count);
            sent.bytes += template.packet_bytes();
            sent.count += 1;
        }
        self.next = batch.first + sent.count;
        if self.templates.qos() > QoS::AtMostOnce {
            self.inflight.take_back((batch.count - sent.count) as usize);
        }
        if self.naming == Naming::Introduce && sent.count > 0 {
            self.naming = Naming::Alias;
        }
        sent
    }

    fn identifier(&mut self, begun: Begun) -> Option<u16> {
        match self.templates.qos() {
            QoS::AtMostOnce => Some(0),
            QoS::AtLeastOnce => self.inflight.begin(false, begun),
            QoS::ExactlyOnce => self.inflight.begin(true, begun),
        }
    }

    fn encode(&self, due_ns: u64, now_ns: u64, identifier: u16, out: &mut BytesMut) {
        let (template, temperature) = self.template(self.next);
        let stamp = Stamp {
            publisher: self.number,
            sequence: self.next,
            due_ns,
            lag_us: (now_ns - due_ns) / 1000,
        };
        match self.templates.stamp_place() {
            StampPlace::Payload => {
                template.append_head(out, identifier, &[]);
                payload::write(out, temperature, self.tag, &stamp, template.payload_bytes());
            }
            StampPlace::Correlation => {
                let correlation = payload::stamp_text(self.tag, &stamp);
                template.append_head(out, identifier, &correlation);
                payload::write_plain(out, temperature);
            }
            StampPlace::Nowhere => {
                template.append_head(out, identifier, &[]);
                payload::write_plain(out, temperature);
            }
        }
    }

    /// What publication `sequence` is encoded from, and its temperature.
    fn template(&self, sequence: u32) -> (&PublishTemplate, u8) {
        let temperature = payload::temperature(self.seed, self.number, sequence);
        (self.templates.choose(self.naming, temperature), temperature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::templates::tests::templates;
    use crate::mqtt::{Decoder, Incoming, Topic, Version};

    const SCHEDULE: Schedule =
        Schedule { start_ns: 1000, measure_ns: 2000, end_ns: 10_000, period_ns: 1000 };

    fn publisher(qos: QoS) -> Publisher {
        let templates = templates(Version::V311, qos, StampPlace::Payload, false);
        Publisher::new(7, 500, Rc::new(templates), *b"abc", 1, u16::MAX)
    }

    fn stamps(mut bytes: &[u8]) -> Vec<Stamp> {
        let mut decoder = Decoder::new(Version::V311, 1000);
        let mut stamps = Vec::new();
        while let Some((Incoming::Publish(publish), length)) = decoder.next(bytes).unwrap() {
            assert!(publish.retain);
            stamps.push(payload::read(publish.payload, *b"abc").unwrap());
            bytes = &bytes[length..];
        }
        assert!(bytes.is_empty());
        stamps
    }

    #[test]
    fn what_is_due_leaves_together_with_its_own_due_times() {
        let mut publisher = publisher(QoS::AtMostOnce);
        let mut out = BytesMut::new();
        assert_eq!(publisher.encode_due(&SCHEDULE, 1499, 100, &mut out).count, 0);
        let batch = publisher.encode_due(&SCHEDULE, 4_000, 100, &mut out);
        assert_eq!((batch.first, batch.count), (0, 3));
        let stamps = stamps(&out);
        assert_eq!(stamps.iter().map(|stamp| stamp.due_ns).collect::<Vec<_>>(), [1500, 2500, 3500]);
        assert_eq!(stamps[0], Stamp { publisher: 7, sequence: 0, due_ns: 1500, lag_us: 2 });
        let bytes = out.len();
        assert_eq!(publisher.settle(batch, bytes), Settled { count: 3, bytes });
    }

    #[test]
    fn nothing_is_due_after_the_end() {
        let mut publisher = publisher(QoS::AtMostOnce);
        let batch = publisher.encode_due(&SCHEDULE, 1_000_000, 100, &mut BytesMut::new());
        assert_eq!(batch.count, 9);
        publisher.settle(batch, 0);
        let late = publisher.encode_due(&SCHEDULE, 2_000_000_000, 100, &mut BytesMut::new());
        assert_eq!(late.count, 0, "the load is over");
    }

    #[test]
    fn what_the_socket_did_not_take_stays_due_and_is_stamped_anew() {
        let mut publisher = publisher(QoS::AtLeastOnce);
        let mut out = BytesMut::new();
        let batch = publisher.encode_due(&SCHEDULE, 4_000, 100, &mut out);
        assert_eq!(batch.count, 3);
        let packet = publisher.packet_bytes_max();
        let half = publisher.settle(batch, packet + 1);
        assert_eq!(half, Settled { count: 2, bytes: 2 * packet }, "half a packet is finished");
        out.clear();
        let batch = publisher.encode_due(&SCHEDULE, 2_003_500, 1, &mut out);
        assert_eq!((batch.first, batch.count), (2, 1));
        assert_eq!(stamps(&out)[0].lag_us, 2000);
        assert_eq!(out[packet - 32..packet - 30], [0, 3], "its Packet Identifier is used again");
        assert_eq!(publisher.settle(batch, 0), Settled::default());
        assert_eq!(publisher.next_due_ns(&SCHEDULE), 3500);
    }

    #[test]
    fn plain_payloads_differ_in_size_and_are_settled_one_by_one() {
        let templates = templates(Version::V5, QoS::AtMostOnce, StampPlace::Correlation, false);
        let mut publisher = Publisher::new(7, 500, Rc::new(templates), *b"abc", 1, u16::MAX);
        let mut out = BytesMut::new();
        let batch = publisher.encode_due(&SCHEDULE, 9_999, 100, &mut out);
        assert_eq!(batch.count, 9);
        let mut decoder = Decoder::new(Version::V5, 1000);
        let mut ends = Vec::new();
        let mut sizes = Vec::new();
        let mut at = 0;
        while let Some((Incoming::Publish(publish), length)) = decoder.next(&out[at..]).unwrap() {
            let sequence = u32::try_from(ends.len()).unwrap();
            let text = payload::temperature(1, 7, sequence).to_string();
            assert_eq!(publish.payload, text.as_bytes());
            let stamp = payload::read_stamp(publish.correlation, *b"abc").unwrap();
            assert_eq!((stamp.publisher, stamp.sequence), (7, sequence));
            at += length;
            ends.push(at);
            sizes.push(length);
        }
        assert_eq!(at, out.len());
        assert_ne!(sizes.iter().min(), sizes.iter().max(), "the seed gives both");
        for (count, end) in (1..).zip(&ends) {
            assert_eq!(publisher.settle(batch, *end), Settled { count, bytes: *end });
            assert_eq!(publisher.settle(batch, end - 1), Settled { count, bytes: *end });
        }
    }

    #[test]
    fn a_topic_alias_stands_for_the_topic_once_that_was_sent() {
        let templates = templates(Version::V5, QoS::AtMostOnce, StampPlace::Payload, true);
        let mut publisher = Publisher::new(7, 500, Rc::new(templates), *b"abc", 1, u16::MAX);
        publisher.limit(&ServerLimits { topic_alias_maximum: 1, ..ServerLimits::default() });
        let topics = |publisher: &mut Publisher, taken: bool| {
            let mut out = BytesMut::new();
            let batch = publisher.encode_due(&SCHEDULE, 3_999, 100, &mut out);
            publisher.settle(batch, if taken { out.len() } else { 0 });
            let mut topics = Vec::new();
            let mut decoder = Decoder::new(Version::V5, 1000);
            let mut rest = &out[..];
            while let Some((Incoming::Publish(publish), length)) = decoder.next(rest).unwrap() {
                topics.push(publish.topic);
                rest = &rest[length..];
            }
            topics
        };
        assert_eq!(topics(&mut publisher, false), [Topic::NameAndAlias(1)]);
        assert_eq!(topics(&mut publisher, true), [Topic::NameAndAlias(1)], "nothing was sent");
        assert_eq!(topics(&mut publisher, true), [Topic::Alias(1), Topic::Alias(1)]);
    }

    #[test]
    fn without_leave_of_the_broker_there_is_no_topic_alias() {
        let templates = templates(Version::V5, QoS::AtMostOnce, StampPlace::Payload, true);
        let mut publisher = Publisher::new(7, 500, Rc::new(templates), *b"abc", 1, u16::MAX);
        publisher.limit(&ServerLimits::default());
        let mut out = BytesMut::new();
        publisher.encode_due(&SCHEDULE, 2_000, 1, &mut out);
        let read = Decoder::new(Version::V5, 1000).next(&out).unwrap();
        let Some((Incoming::Publish(publish), _)) = read else { panic!("not a PUBLISH") };
        assert_eq!(publish.topic, Topic::Name);
    }
}
