//! What one client publishes: which publications are due, encoded and stamped when they are written.

use std::rc::Rc;

use bytes::BytesMut;

use super::{Begun, Inflight, Templates, Window};
use crate::mqtt::{QoS, ServerLimits};
use crate::payload::{RunTag, Stamp, scramble};
use crate::plan::{Cursor, Schedule, Timing};

/// The publishing side of a client.
#[derive(Debug)]
pub(crate) struct Publisher {
    flows: Box<[Flow]>,
    tag: RunTag,
    seed: u64,
    /// Publications that are not acknowledged; always empty at QoS 0.
    pub(super) inflight: Inflight,
}

/// What a client publishes by one entry of its group: one stream, or one for each outcome of
/// `%rand_N`.
#[derive(Debug)]
pub(crate) struct Flow {
    /// The number of its first stream.
    first_stream: u32,
    /// From what the stream of a publication is drawn.
    stream_seed: u64,
    /// One for each stream.
    templates: Rc<[Templates]>,
    naming: Naming,
    timing: Timing,
    /// The next publication.
    cursor: Cursor,
    sequences: Sequences,
    /// In a closed loop, what says when the next publication is due.
    window: Option<Rc<Window>>,
}

/// The next sequence number of each stream.
#[derive(Debug)]
enum Sequences {
    One(u32),
    Many(Box<[u32]>),
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

/// Publications that were encoded and now are written. Used again and again.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    encoded: Vec<Encoded>,
    /// When they were encoded.
    pub encoded_ns: u64,
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Encoded {
    /// The number of its stream.
    pub stream: u32,
    /// When it was due.
    pub due_ns: u64,
    /// Whether an acknowledgement is owed.
    pub acknowledged: bool,
    cursor: Cursor,
    bytes: usize,
}

impl Batch {
    /// Begins anew, at this time.
    pub(crate) fn begin(&mut self, now_ns: u64) {
        self.encoded.clear();
        self.encoded_ns = now_ns;
    }

    /// The publications: what was encoded, then what was sent.
    pub(crate) fn publications(&self) -> &[Encoded] {
        &self.encoded
    }
}

impl Sequences {
    fn new(streams: u32) -> Self {
        match streams {
            0 | 1 => Self::One(0),
            _ => Self::Many((0..streams).map(|_| 0).collect()),
        }
    }

    fn next(&mut self, variant: u32) -> Option<&mut u32> {
        match self {
            Self::One(next) => Some(next),
            Self::Many(all) => all.get_mut(variant as usize),
        }
    }
}

impl Flow {
    /// What is due by `timing`, on as many streams from `first_stream` on as there are `templates`.
    pub(crate) fn new(
        first_stream: u32,
        stream_seed: u64,
        templates: Rc<[Templates]>,
        timing: Timing,
    ) -> Self {
        let streams = u32::try_from(templates.len()).unwrap_or(u32::MAX);
        Self {
            first_stream,
            stream_seed,
            naming: Naming::Name,
            cursor: timing.first(),
            timing,
            sequences: Sequences::new(streams),
            window: None,
            templates,
        }
    }

    /// The same in a closed loop.
    pub(crate) fn within(self, window: Option<Rc<Window>>) -> Self {
        Self { window, ..self }
    }

    /// Its form of a publication, without regard to the topic.
    pub(crate) fn form(&self) -> Option<&Templates> {
        self.templates.first()
    }

    fn qos(&self) -> QoS {
        self.form().map_or(QoS::AtMostOnce, Templates::qos)
    }

    fn packet_bytes_max(&self) -> usize {
        self.templates.iter().map(Templates::packet_bytes_max).max().unwrap_or(1)
    }

    /// Which of its streams a publication belongs to.
    fn variant(&self, tick: u32) -> u32 {
        match u32::try_from(self.templates.len()) {
            Ok(0 | 1) | Err(_) => 0,
            Ok(streams) => {
                let random = scramble(self.stream_seed ^ scramble(u64::from(tick)));
                u32::try_from(random % u64::from(streams)).unwrap_or(0)
            }
        }
    }
}

impl Publisher {
    /// A publisher with at most `inflight_max` publications unacknowledged.
    pub(crate) fn new(flows: Vec<Flow>, tag: RunTag, seed: u64, inflight_max: u16) -> Self {
        Self { flows: flows.into(), tag, seed, inflight: Inflight::new(inflight_max) }
    }

    /// What it publishes.
    pub(crate) fn flows(&self) -> &[Flow] {
        &self.flows
    }

    /// Begins on a new connection: nothing is in flight, and no alias stands for anything.
    pub(crate) fn reconnect(&mut self, inflight_max: u16) {
        self.inflight = Inflight::new(inflight_max);
        for flow in &mut self.flows {
            flow.naming = Naming::Name;
        }
    }

    /// Whether all that was sent is acknowledged to the end.
    pub(crate) fn is_settled(&self) -> bool {
        self.inflight.is_empty()
    }

    /// Keeps to what the broker takes.
    pub(super) fn limit(&mut self, limits: &ServerLimits) {
        self.inflight.limit(limits.receive_maximum);
        for flow in &mut self.flows {
            let alias = flow.form().and_then(Templates::alias);
            if alias.is_some_and(|alias| alias <= limits.topic_alias_maximum) {
                flow.naming = Naming::Introduce;
            }
        }
    }

    /// Size of each packet of a flow at most.
    pub(crate) fn packet_bytes_max(&self, flow: usize) -> usize {
        self.flows.get(flow).map_or(1, Flow::packet_bytes_max)
    }

    /// When the next publication of a flow is due.
    #[cfg(test)]
    pub(crate) fn next_due_ns(&self, flow: usize, schedule: &Schedule) -> u64 {
        schedule.at(self.flows[flow].cursor.due_ns)
    }

    /// Appends the publications of a flow that are due by the time of the `batch`, at most
    /// `count_max`, stamped with this time. Fewer when no Packet Identifier is free. In a closed loop as
    /// many are due at this very moment as the window has room for.
    pub(crate) fn encode_due(
        &mut self,
        flow: usize,
        schedule: &Schedule,
        count_max: u32,
        out: &mut BytesMut,
        batch: &mut Batch,
    ) {
        let now_ns = batch.encoded_ns;
        let (tag, seed) = (self.tag, self.seed);
        let Some(flow) = self.flows.get_mut(flow).filter(|_| schedule.may_send(now_ns)) else {
            return;
        };
        let count_max = match flow.naming {
            // What follows is encoded another way once this one is sent.
            Naming::Introduce => count_max.min(1),
            Naming::Name | Naming::Alias => count_max,
        };
        let room = flow.window.as_ref().map(|window| window.free());
        for _ in 0..count_max.min(room.unwrap_or(u32::MAX)) {
            let cursor = flow.cursor;
            let due_ns = if room.is_some() { now_ns } else { schedule.at(cursor.due_ns) };
            if due_ns > now_ns || due_ns >= schedule.end_ns {
                break;
            }
            let begun = Begun { at_ns: now_ns, measured: schedule.is_measured(due_ns) };
            let identifier = match flow.qos() {
                QoS::AtMostOnce => Some(0),
                QoS::AtLeastOnce => self.inflight.begin(false, begun),
                QoS::ExactlyOnce => self.inflight.begin(true, begun),
            };
            let Some(identifier) = identifier else {
                break;
            };
            let variant = flow.variant(cursor.tick);
            let sequence = flow.sequences.next(variant).map_or(0, |next| {
                *next += 1;
                *next - 1
            });
            let stream = flow.first_stream + variant;
            let lag_us = (now_ns - due_ns) / 1000;
            let stamp = Stamp { publisher: stream, sequence, due_ns, lag_us };
            let before = out.len();
            if let Some(templates) = flow.templates.get(variant as usize) {
                templates.append(flow.naming, identifier, (tag, seed), &stamp, out);
            }
            let bytes = out.len() - before;
            let acknowledged = identifier > 0;
            batch.encoded.push(Encoded { stream, due_ns, acknowledged, cursor, bytes });
            if room.is_none() {
                flow.cursor = flow.timing.after(cursor);
            }
        }
    }

    /// Takes back what of `batch` the socket did not take: `written` bytes of it went out.
    /// A packet of which some bytes went out must go out whole, so it counts as sent. Answers the
    /// bytes of what counts: what of them is not written is owed to the socket.
    pub(crate) fn settle(&mut self, flow: usize, batch: &mut Batch, written: usize) -> usize {
        let Some(flow) = self.flows.get_mut(flow) else {
            return 0;
        };
        let (mut sent, mut bytes) = (0, 0);
        while let Some(encoded) = batch.encoded.get(sent)
            && bytes < written
        {
            bytes += encoded.bytes;
            sent += 1;
        }
        if let Some(first_unsent) = batch.encoded.get(sent) {
            flow.cursor = first_unsent.cursor;
        }
        for unsent in &batch.encoded[sent..] {
            if let Some(next) = flow.sequences.next(unsent.stream - flow.first_stream) {
                *next -= 1;
            }
        }
        if flow.qos() > QoS::AtMostOnce {
            self.inflight.take_back(batch.encoded.len() - sent);
        }
        if flow.naming == Naming::Introduce && sent > 0 {
            flow.naming = Naming::Alias;
        }
        batch.encoded.truncate(sent);
        if let Some(window) = &flow.window {
            window.sent(sent);
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::templates::tests::templates;
    use crate::mqtt::{Decoder, Incoming, Topic, Version};
    use crate::payload::{self, StampPlace};
    use crate::plan::Steps;

    const SCHEDULE: Schedule = Schedule { start_ns: 1000, measure_ns: 2000, end_ns: 10_000 };

    fn of(templates: impl Into<Rc<[Templates]>>) -> Publisher {
        let timing = Timing::new(500, 1000, Steps::Even, None);
        let flow = Flow::new(7, 3, templates.into(), timing);
        Publisher::new(vec![flow], *b"abc", 1, u16::MAX)
    }

    fn publisher(qos: QoS) -> Publisher {
        of([templates(Version::V311, qos, StampPlace::Payload, false)])
    }

    fn encode(publisher: &mut Publisher, now_ns: u64, count_max: u32, out: &mut BytesMut) -> Batch {
        let mut batch = Batch::default();
        batch.begin(now_ns);
        publisher.encode_due(0, &SCHEDULE, count_max, out, &mut batch);
        batch
    }

    fn count(batch: &Batch) -> usize {
        batch.publications().len()
    }

    /// Publications and bytes that count as sent.
    fn settle(publisher: &mut Publisher, batch: &mut Batch, written: usize) -> (usize, usize) {
        let bytes = publisher.settle(0, batch, written);
        (count(batch), bytes)
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
        assert_eq!(count(&encode(&mut publisher, 1499, 100, &mut out)), 0);
        let mut batch = encode(&mut publisher, 4_000, 100, &mut out);
        assert_eq!(count(&batch), 3);
        let stamps = stamps(&out);
        assert_eq!(stamps.iter().map(|stamp| stamp.due_ns).collect::<Vec<_>>(), [1500, 2500, 3500]);
        assert_eq!(stamps[0], Stamp { publisher: 7, sequence: 0, due_ns: 1500, lag_us: 2 });
        assert_eq!(batch.publications()[2].due_ns, 3500);
        let bytes = out.len();
        assert_eq!(settle(&mut publisher, &mut batch, bytes), (3, bytes));
    }

    #[test]
    fn nothing_is_due_after_the_end() {
        let mut publisher = publisher(QoS::AtMostOnce);
        let mut batch = encode(&mut publisher, 1_000_000, 100, &mut BytesMut::new());
        assert_eq!(count(&batch), 9);
        settle(&mut publisher, &mut batch, 0);
        let late = encode(&mut publisher, 2_000_000_000, 100, &mut BytesMut::new());
        assert_eq!(count(&late), 0, "the load is over");
    }

    #[test]
    fn in_a_closed_loop_the_window_says_how_many_are_due_now() {
        let window = Rc::new(Window::new(3, 1));
        let templates = templates(Version::V311, QoS::AtMostOnce, StampPlace::Payload, false);
        let timing = Timing::new(0, 1, Steps::Once, None);
        let flow = Flow::new(7, 3, Rc::from([templates]), timing);
        let flow = flow.within(Some(Rc::clone(&window)));
        let mut publisher = Publisher::new(vec![flow], *b"abc", 1, u16::MAX);
        let mut out = BytesMut::new();
        let mut batch = encode(&mut publisher, 4_000, 100, &mut out);
        assert_eq!(stamps(&out).iter().map(|stamp| stamp.due_ns).collect::<Vec<_>>(), [4_000; 3]);
        let packet = publisher.packet_bytes_max(0);
        settle(&mut publisher, &mut batch, packet);
        assert_eq!(count(&batch), 1, "what the socket did not take is not on its way");
        let mut batch = encode(&mut publisher, 5_000, 100, &mut BytesMut::new());
        assert_eq!(count(&batch), 2);
        settle(&mut publisher, &mut batch, 2 * packet);
        assert_eq!(count(&encode(&mut publisher, 6_000, 100, &mut BytesMut::new())), 0);
        assert!(window.arrived(1));
        out.clear();
        encode(&mut publisher, 7_000, 100, &mut out);
        assert_eq!(stamps(&out)[0].sequence, 3);
        assert_eq!(count(&encode(&mut publisher, 10_000, 100, &mut BytesMut::new())), 0, "the end");
    }

    #[test]
    fn what_the_socket_did_not_take_stays_due_and_is_stamped_anew() {
        let mut publisher = publisher(QoS::AtLeastOnce);
        let mut out = BytesMut::new();
        let mut batch = encode(&mut publisher, 4_000, 100, &mut out);
        assert_eq!(count(&batch), 3);
        let packet = publisher.packet_bytes_max(0);
        let half = settle(&mut publisher, &mut batch, packet + 1);
        assert_eq!(half, (2, 2 * packet), "half a packet is finished");
        out.clear();
        let mut batch = encode(&mut publisher, 2_003_500, 1, &mut out);
        assert_eq!(count(&batch), 1);
        let stamp = stamps(&out)[0];
        assert_eq!((stamp.sequence, stamp.lag_us), (2, 2000));
        let end = packet - payload::PAYLOAD_BYTES_MIN;
        assert_eq!(out[end - 2..end], [0, 3], "its Packet Identifier is used again");
        assert_eq!(settle(&mut publisher, &mut batch, 0), (0, 0));
        assert_eq!(publisher.next_due_ns(0, &SCHEDULE), 3500);
    }

    #[test]
    fn plain_payloads_differ_in_size_and_are_settled_one_by_one() {
        let new = || of([templates(Version::V5, QoS::AtMostOnce, StampPlace::Correlation, false)]);
        let mut out = BytesMut::new();
        let batch = encode(&mut new(), 9_999, 100, &mut out);
        assert_eq!(count(&batch), 9);
        let mut decoder = Decoder::new(Version::V5, 1000);
        let mut ends = Vec::new();
        let mut sizes = Vec::new();
        let mut at = 0;
        while let Some((Incoming::Publish(publish), length)) = decoder.next(&out[at..]).unwrap() {
            let sequence = u32::try_from(ends.len()).unwrap();
            let text = payload::temperature(1, 7, sequence).to_string();
            assert_eq!(publish.payload, text.as_bytes());
            let stamp =
                payload::read_beside(publish.correlation, publish.payload, *b"abc").unwrap();
            assert_eq!((stamp.publisher, stamp.sequence), (7, sequence));
            at += length;
            ends.push(at);
            sizes.push(length);
        }
        assert_eq!(at, out.len());
        assert_ne!(sizes.iter().min(), sizes.iter().max(), "the seed gives both");
        for (sent, end) in (1..).zip(&ends) {
            for written in [*end, end - 1] {
                let mut publisher = new();
                let mut batch = encode(&mut publisher, 9_999, 100, &mut BytesMut::new());
                assert_eq!(settle(&mut publisher, &mut batch, written), (sent, *end));
            }
        }
    }

    #[test]
    fn a_topic_alias_stands_for_the_topic_once_that_was_sent() {
        let mut publisher =
            of([templates(Version::V5, QoS::AtMostOnce, StampPlace::Payload, true)]);
        publisher.limit(&ServerLimits { topic_alias_maximum: 1, ..ServerLimits::default() });
        let topics = |publisher: &mut Publisher, taken: bool| {
            let mut out = BytesMut::new();
            let mut batch = encode(publisher, 3_999, 100, &mut out);
            settle(publisher, &mut batch, if taken { out.len() } else { 0 });
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
        publisher.reconnect(u16::MAX);
        publisher.limit(&ServerLimits { topic_alias_maximum: 1, ..ServerLimits::default() });
        publisher.flows[0].cursor = publisher.flows[0].timing.first();
        assert_eq!(topics(&mut publisher, true), [Topic::NameAndAlias(1)], "on each connection");
    }

    #[test]
    fn without_leave_of_the_broker_there_is_no_topic_alias() {
        let mut publisher =
            of([templates(Version::V5, QoS::AtMostOnce, StampPlace::Payload, true)]);
        publisher.limit(&ServerLimits::default());
        let mut out = BytesMut::new();
        encode(&mut publisher, 2_000, 1, &mut out);
        let read = Decoder::new(Version::V5, 1000).next(&out).unwrap();
        let Some((Incoming::Publish(publish), _)) = read else { panic!("not a PUBLISH") };
        assert_eq!(publish.topic, Topic::Name);
    }

    #[test]
    fn each_stream_of_a_flow_has_its_own_sequence_numbers() {
        let forms = || {
            let form = || templates(Version::V311, QoS::AtLeastOnce, StampPlace::Payload, false);
            [form(), form(), form()]
        };
        let mut whole = BytesMut::new();
        encode(&mut of(forms()), 9_999, 100, &mut whole);
        let expected = stamps(&whole);
        let mut next = [0; 3];
        for stamp in &expected {
            let next = &mut next[stamp.publisher as usize - 7];
            assert_eq!(stamp.sequence, *next);
            *next += 1;
        }
        assert!(next.iter().all(|count| *count > 0), "each is drawn: {next:?}");

        // What is taken back is drawn again the same.
        let mut publisher = of(forms());
        let mut out = BytesMut::new();
        let mut batch = encode(&mut publisher, 9_999, 100, &mut out);
        let packet = publisher.packet_bytes_max(0);
        settle(&mut publisher, &mut batch, 4 * packet);
        out.truncate(4 * packet);
        encode(&mut publisher, 9_999, 100, &mut out);
        assert_eq!(stamps(&out), expected);
    }
}
