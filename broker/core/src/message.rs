//! Application Messages that outlive the Control Packet that brought them.

use std::sync::Arc;

use crate::qos::QoS;
use crate::topic::TopicName;

/// An Application Message, shared by reference between queues, retained messages and shards.
///
/// Cloning it copies no topic and no payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Where it was published; a valid Topic Name.
    pub topic: Arc<str>,
    /// What was published.
    pub payload: Arc<[u8]>,
    /// QoS of the publication; a delivery may have a lower one.
    pub qos: QoS,
    /// Whether the publication carried RETAIN = 1.
    pub retain: bool,
}

impl Message {
    /// Makes a message of a Topic Name that has been checked.
    pub fn new(
        topic: TopicName<'_>,
        payload: impl Into<Arc<[u8]>>,
        qos: QoS,
        retain: bool,
    ) -> Self {
        Self { topic: topic.as_str().into(), payload: payload.into(), qos, retain }
    }

    /// Bytes of topic and payload, which limits on stored messages count.
    pub fn size(&self) -> usize {
        self.topic.len() + self.payload.len()
    }

    /// Where it was published.
    pub(crate) fn topic(&self) -> TopicName<'_> {
        TopicName::new_unchecked(&self.topic)
    }

    /// The view that routing takes.
    pub(crate) fn as_publication(&self) -> Publication<'_> {
        Publication {
            topic: self.topic(),
            payload: &self.payload,
            qos: self.qos,
            retain: self.retain,
        }
    }
}

/// A borrowed Application Message, as a PUBLISH in the receive buffer holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publication<'a> {
    /// Where it is published.
    pub topic: TopicName<'a>,
    /// What is published.
    pub payload: &'a [u8],
    /// QoS of the publication.
    pub qos: QoS,
    /// Whether it is to be retained.
    pub retain: bool,
}
