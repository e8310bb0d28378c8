//! The properties that go with a message to its subscribers.

use std::sync::Arc;

use super::read::{CheckedProperties, PayloadFormat, Property};
use super::user::UserProperties;
use crate::topic::TopicName;

/// The encoded properties that a Server passes on unaltered and in order, without a Property
/// Length: Payload Format Indicator, Content Type, Response Topic, Correlation Data and User
/// Properties, [MQTT-3.3.2-4], [MQTT-3.3.2-15] to [MQTT-3.3.2-20].
///
/// Up to three slices of the receive buffer: what lies before, between and behind the two
/// properties that are not passed on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Forwarded<'a> {
    all: &'a [u8],
    /// Where what is left out begins and ends, in order.
    cuts: [(u32, u32); 2],
}

impl<'a> Forwarded<'a> {
    /// Nothing to pass on.
    pub const NONE: Self = Self::from_encoded(&[]);

    /// Properties that [`to_vec`](Self::to_vec) or [`to_arc`](Self::to_arc) made, or an embedder
    /// encoded. What cannot be read in them is passed on, but not found by the methods below.
    pub const fn from_encoded(encoded: &'a [u8]) -> Self {
        Self { all: encoded, cuts: [(0, 0); 2] }
    }

    /// All of `encoded` but two parts, in any order; `(0, 0)` stands for none.
    pub(super) fn with_cuts(encoded: &'a [u8], [first, second]: [(u32, u32); 2]) -> Self {
        let cuts = if first <= second { [first, second] } else { [second, first] };
        Self { all: encoded, cuts }
    }

    /// Leaves out the bytes from `start` to `end`, behind those that were left out before; twice at most.
    pub(super) fn leave_out(&mut self, start: usize, end: usize) {
        // A packet is not as long as to need more.
        let [start, end] = [start, end].map(|at| u32::try_from(at).unwrap_or(u32::MAX));
        let [_, before] = self.cuts;
        self.cuts = [before, (start, end)];
    }

    /// Bytes of all segments.
    pub fn len(self) -> usize {
        let left_out: u32 = self.cuts.iter().map(|(start, end)| end - start).sum();
        self.all.len() - left_out as usize
    }

    /// Whether there is nothing to pass on.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The parts, in order; empty ones may be among them.
    pub fn segments(self) -> [&'a [u8]; 3] {
        let [first, second] = self.cuts.map(|(start, end)| (start as usize, end as usize));
        let segment = |start, end| self.all.get(start..end).unwrap_or_default();
        [segment(0, first.0), segment(first.1, second.0), segment(second.1, self.all.len())]
    }

    /// The whole, when it lies in one piece.
    pub fn as_slice(self) -> Option<&'a [u8]> {
        if self.cuts == Self::NONE.cuts { Some(self.all) } else { self.as_only_segment() }
    }

    fn as_only_segment(self) -> Option<&'a [u8]> {
        let mut segments = self.segments().into_iter().filter(|segment| !segment.is_empty());
        let first = segments.next().unwrap_or_default();
        segments.next().is_none().then_some(first)
    }

    /// The whole, copied.
    pub fn to_vec(self) -> Vec<u8> {
        self.segments().concat()
    }

    /// The whole, copied to be shared.
    pub fn to_arc(self) -> Arc<[u8]> {
        self.as_slice().map_or_else(|| self.to_vec().into(), Arc::from)
    }
}

/// What the properties say; the first of each kind, as [`from_encoded`](Self::from_encoded) checks
/// nothing.
impl<'a> Forwarded<'a> {
    /// Whether the payload is UTF-8, 3.3.2.3.2.
    pub fn payload_format_indicator(self) -> Option<PayloadFormat> {
        self.properties().find_map(|property| match property {
            Property::PayloadFormatIndicator(format) => Some(format),
            _ => None,
        })
    }

    /// What the payload is, in the words of the application, 3.3.2.3.9.
    pub fn content_type(self) -> Option<&'a str> {
        self.properties().find_map(|property| match property {
            Property::ContentType(content_type) => Some(content_type),
            _ => None,
        })
    }

    /// Where the sender wants the answer, 3.3.2.3.5.
    pub fn response_topic(self) -> Option<TopicName<'a>> {
        self.properties().find_map(|property| match property {
            Property::ResponseTopic(topic) => Some(topic),
            _ => None,
        })
    }

    /// What tells the answer to this message from others, 3.3.2.3.6.
    pub fn correlation_data(self) -> Option<&'a [u8]> {
        self.properties().find_map(|property| match property {
            Property::CorrelationData(data) => Some(data),
            _ => None,
        })
    }

    /// User Properties: names with their values, in order, 3.3.2.3.7.
    pub fn user_properties(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.segments().into_iter().flat_map(UserProperties::new)
    }

    fn properties(self) -> impl Iterator<Item = Property<'a>> {
        self.segments().into_iter().flat_map(CheckedProperties::new)
    }
}

/// Whether the same bytes are passed on.
impl PartialEq for Forwarded<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.segments().iter().copied().flatten().eq(other.segments().iter().copied().flatten())
    }
}

impl Eq for Forwarded<'_> {}
