//! Will Messages, MQTT 3.1.2.5.

use std::time::Duration;

use crate::codec;
use crate::message::Message;
use crate::time::Time;

/// A Will Message: what a Client leaves to be published when it goes without a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Will {
    message: Message,
    /// How long to wait for the Client to come back first, MQTT 5.0 3.1.3.2.2.
    pub delay: Duration,
    /// How long it is of use once it is published, MQTT 5.0 3.1.3.2.4.
    expiry: Option<Duration>,
}

impl Will {
    /// The message as it is published now.
    pub fn message(&self, now: Time) -> Message {
        Message { expires: self.expiry.map(|expiry| now + expiry), ..self.message.clone() }
    }
}

impl From<codec::Will<'_>> for Will {
    fn from(will: codec::Will<'_>) -> Self {
        let seconds = |seconds: u32| Duration::from_secs(u64::from(seconds));
        let properties = will.properties;
        let forwarded = properties.forwarded;
        let mut message = Message::new(will.topic, will.payload, will.qos, will.retain);
        message.properties = (!forwarded.is_empty()).then(|| forwarded.to_arc());
        Self {
            message,
            delay: seconds(properties.will_delay_interval_seconds),
            expiry: properties.message_expiry_interval_seconds.map(seconds),
        }
    }
}
