//! Application Messages that outlive the Control Packet that brought them.

use std::sync::Arc;
use std::time::Duration;

use crate::payload::Payload;
use crate::qos::QoS;
use crate::time::Time;
use crate::topic::TopicName;

/// An Application Message, shared by reference between queues, retained messages and shards.
///
/// Cloning it copies no topic, payload or property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Where it was published; a valid Topic Name.
    pub topic: Arc<str>,
    /// What was published.
    pub payload: Payload,
    /// The properties that a Server forwards unaltered, as they are encoded, MQTT 5.0 section
    /// 3.3.2.3; `None` when there are none.
    pub properties: Option<Arc<[u8]>>,
    /// When it is of no use any more, MQTT 5.0 section 3.3.2.3.3.
    pub expires: Option<Time>,
    /// QoS of the publication; a delivery may have a lower one.
    pub qos: QoS,
    /// Whether the publication carried RETAIN = 1.
    pub retain: bool,
}

impl Message {
    /// Makes a message of a Topic Name that has been checked, without properties.
    pub fn new(topic: TopicName<'_>, payload: impl Into<Payload>, qos: QoS, retain: bool) -> Self {
        let (topic, payload) = (topic.as_str().into(), payload.into());
        Self { topic, payload, properties: None, expires: None, qos, retain }
    }

    /// Bytes of topic, payload and properties, which limits on stored messages count.
    pub fn size(&self) -> usize {
        self.topic.len() + self.payload.len() + self.properties.as_ref().map_or(0, |p| p.len())
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
            properties: self.properties.as_deref().unwrap_or_default(),
            expires: self.expires,
            qos: self.qos,
            retain: self.retain,
        }
    }

    /// Whether its time is over.
    pub(crate) fn is_expired(&self, now: Time) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// A borrowed Application Message, as a PUBLISH in the receive buffer holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Publication<'a> {
    /// Where it is published.
    pub topic: TopicName<'a>,
    /// What is published.
    pub payload: &'a [u8],
    /// The properties that are forwarded unaltered, as they are encoded.
    pub properties: &'a [u8],
    /// When it is of no use any more.
    pub expires: Option<Time>,
    /// QoS of the publication.
    pub qos: QoS,
    /// Whether it is to be retained.
    pub retain: bool,
}

impl Publication<'_> {
    /// Whole seconds until it expires, the Message Expiry Interval of a delivery now.
    pub(crate) fn expiry_seconds(&self, now: Time) -> Option<u32> {
        let left = self.expires?.since(now) + Duration::from_millis(999);
        Some(u32::try_from(left.as_secs()).unwrap_or(u32::MAX))
    }
}
