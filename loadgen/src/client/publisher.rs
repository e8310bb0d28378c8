//! What one client publishes: which publications are due, encoded and stamped when they are written.

use std::rc::Rc;

use bytes::BytesMut;

use super::Inflight;
use crate::mqtt::{PublishTemplate, QoS};
use crate::payload::{self, RunTag, Stamp};
use crate::plan::Schedule;

/// The publishing side of a client.
#[derive(Debug)]
pub(crate) struct Publisher {
    number: u32,
    offset_ns: u64,
    template: Rc<PublishTemplate>,
    tag: RunTag,
    seed: u64,
    /// Sequence number of the next publication.
    next: u32,
    /// Publications that are not acknowledged; always empty at QoS 0.
    pub(super) inflight: Inflight,
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

impl Publisher {
    /// Publisher `number`, which publishes `offset_ns` into each period.
    pub(crate) fn new(
        number: u32,
        offset_ns: u64,
        template: Rc<PublishTemplate>,
        tag: RunTag,
        seed: u64,
    ) -> Self {
        Self { number, offset_ns, template, tag, seed, next: 0, inflight: Inflight::default() }
    }

    /// Size of each of its packets.
    pub(crate) fn packet_bytes(&self) -> usize {
        self.template.packet_bytes()
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
        let count_max = if schedule.may_send(now_ns) { count_max } else { 0 };
        while self.next - first < count_max {
            let due_ns = self.next_due_ns(schedule);
            if due_ns > now_ns || due_ns >= schedule.end_ns {
                break;
            }
            let Some(identifier) = self.identifier() else {
                break;
            };
            self.encode(due_ns, now_ns, identifier, out);
            self.next += 1;
        }
        Batch { first, count: self.next - first, encoded_ns: now_ns }
    }

    /// Takes back what of `batch` the socket did not take: `written` bytes of it went out.
    /// A packet of which some bytes went out must go out whole, so it counts as sent. Answers how
    /// many were sent; the bytes up to the end of the last one are owed to the socket.
    pub(crate) fn settle(&mut self, batch: Batch, written: usize) -> u32 {
        let sent = u32::try_from(written.div_ceil(self.packet_bytes())).unwrap_or(batch.count);
        let sent = sent.min(batch.count);
        self.next = batch.first + sent;
        if self.template.qos() > QoS::AtMostOnce {
            self.inflight.take_back((batch.count - sent) as usize);
        }
        sent
    }

    fn identifier(&mut self) -> Option<u16> {
        match self.template.qos() {
            QoS::AtMostOnce => Some(0),
            QoS::AtLeastOnce => self.inflight.begin(false),
            QoS::ExactlyOnce => self.inflight.begin(true),
        }
    }

    fn encode(&self, due_ns: u64, now_ns: u64, identifier: u16, out: &mut BytesMut) {
        self.template.append_head(out, identifier);
        let stamp = Stamp {
            publisher: self.number,
            sequence: self.next,
            due_ns,
            lag_us: (now_ns - due_ns) / 1000,
        };
        let temperature = payload::temperature(self.seed, self.number, self.next);
        payload::write(out, temperature, self.tag, &stamp, self.template.payload_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mqtt::{Decoder, Incoming};

    const SCHEDULE: Schedule =
        Schedule { start_ns: 1000, measure_ns: 2000, end_ns: 10_000, period_ns: 1000 };

    fn publisher(qos: QoS) -> Publisher {
        let template = PublishTemplate::new("temperature", qos, true, 30).unwrap();
        Publisher::new(7, 500, Rc::new(template), *b"abc", 1)
    }

    fn stamps(mut bytes: &[u8]) -> Vec<Stamp> {
        let mut decoder = Decoder::new(1000);
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
        assert_eq!(publisher.settle(batch, out.len()), 3);
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
        let packet = publisher.packet_bytes();
        assert_eq!(publisher.settle(batch, packet + 1), 2, "half a packet has to be finished");
        out.clear();
        let batch = publisher.encode_due(&SCHEDULE, 2_003_500, 1, &mut out);
        assert_eq!((batch.first, batch.count), (2, 1));
        assert_eq!(stamps(&out)[0].lag_us, 2000);
        assert_eq!(out[packet - 32..packet - 30], [0, 3], "its Packet Identifier is used again");
        assert_eq!(publisher.settle(batch, 0), 0);
        assert_eq!(publisher.next_due_ns(&SCHEDULE), 3500);
    }
}
