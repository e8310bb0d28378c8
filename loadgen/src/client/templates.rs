//! What the publications of a stream have in common, encoded once for each form that they take.

use std::sync::Arc;

use bytes::BytesMut;

use super::publisher::Naming;
use crate::mqtt::{EncodeError, PublicationForm, PublishTemplate, QoS};
use crate::payload::{self, PLAIN_BYTES_MAX, RunTag, STAMP_CHARACTERS, Stamp, StampPlace};

/// Every form of a publication.
#[derive(Debug)]
pub(crate) struct Templates {
    named: Sizes,
    /// The Topic Alias, the form that introduces it, and the one that uses it.
    aliased: Option<(u16, Sizes, Sizes)>,
    content: Content,
}

/// What is in a payload, and where its stamp is.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    /// Where the stamp is.
    pub stamp_place: StampPlace,
    /// What stands in the place of the temperature, or after the stamp; `None` for nothing.
    pub body: Option<Arc<[u8]>>,
}

/// A form with each of the payload sizes that it can have.
#[derive(Debug)]
struct Sizes {
    full: PublishTemplate,
    /// A plain temperature below 10.
    short: Option<PublishTemplate>,
}

impl Templates {
    /// Encodes every form of `form`, whose own size and Correlation Data are left to `content` where
    /// the payload is not stamped. Without `topic_alias` there is one form.
    pub(crate) fn new(
        form: &PublicationForm<'_>,
        content: Content,
        topic_alias: Option<u16>,
    ) -> Result<Self, EncodeError> {
        let aliased = |alias| {
            let introduced = PublicationForm { topic_alias: Some(alias), ..*form };
            let used = PublicationForm { topic: "", ..introduced };
            Ok((alias, Sizes::new(&introduced, &content)?, Sizes::new(&used, &content)?))
        };
        Ok(Self {
            named: Sizes::new(form, &content)?,
            aliased: topic_alias.map(aliased).transpose()?,
            content,
        })
    }

    pub(crate) fn qos(&self) -> QoS {
        self.named.full.qos()
    }

    /// Whether with RETAIN = 1.
    pub(crate) fn retain(&self) -> bool {
        self.named.full.retain()
    }

    /// The Topic Alias, if it has one.
    pub(crate) fn alias(&self) -> Option<u16> {
        self.aliased.as_ref().map(|(alias, ..)| *alias)
    }

    /// Size of the largest packet.
    pub(crate) fn packet_bytes_max(&self) -> usize {
        let largest = self.aliased.as_ref().map_or(&self.named, |(_, introduced, _)| introduced);
        largest.full.packet_bytes()
    }

    /// Appends the publication with this stamp, of the run with this tag and this seed.
    #[inline]
    pub(super) fn append(
        &self,
        naming: Naming,
        identifier: u16,
        (tag, seed): (RunTag, u64),
        stamp: &Stamp,
        out: &mut BytesMut,
    ) {
        let temperature = payload::temperature(seed, stamp.publisher, stamp.sequence);
        let template = self.choose(naming, temperature);
        let body = self.content.body.as_deref();
        match self.content.stamp_place {
            StampPlace::Correlation => {
                let (digits, size) = payload::plain(temperature);
                let payload = body.unwrap_or(&digits[..size]);
                let correlation = payload::stamp_text(tag, stamp, payload, payload.len());
                template.append_head(out, identifier, &correlation);
            }
            StampPlace::Payload | StampPlace::Nowhere | StampPlace::Mixed => {
                template.append_head(out, identifier, &[]);
            }
        }
        match (self.content.stamp_place, body) {
            (StampPlace::Payload, body) => {
                let size = template.payload_bytes();
                payload::write(out, temperature, (tag, stamp), body.unwrap_or_default(), size);
            }
            (_, Some(body)) => out.extend_from_slice(body),
            (_, None) => payload::write_plain(out, temperature),
        }
    }

    /// The one for this way to name the topic and this temperature.
    #[inline]
    fn choose(&self, naming: Naming, temperature: u8) -> &PublishTemplate {
        let sizes = match (&self.aliased, naming) {
            (Some((_, introduced, _)), Naming::Introduce) => introduced,
            (Some((.., aliased)), Naming::Alias) => aliased,
            _ => &self.named,
        };
        match &sizes.short {
            Some(short) if temperature < 10 => short,
            _ => &sizes.full,
        }
    }
}

impl Sizes {
    fn new(form: &PublicationForm<'_>, content: &Content) -> Result<Self, EncodeError> {
        let correlation_bytes = match content.stamp_place {
            StampPlace::Payload => {
                return Ok(Self { full: PublishTemplate::new(form)?, short: None });
            }
            StampPlace::Correlation => STAMP_CHARACTERS,
            StampPlace::Nowhere | StampPlace::Mixed => 0,
        };
        let sized = |payload_bytes| {
            PublishTemplate::new(&PublicationForm { payload_bytes, correlation_bytes, ..*form })
        };
        match &content.body {
            Some(body) => Ok(Self { full: sized(body.len())?, short: None }),
            None => Ok(Self { full: sized(PLAIN_BYTES_MAX)?, short: Some(sized(1)?) }),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::mqtt::Version;
    use crate::payload::PAYLOAD_BYTES_MIN;

    /// Those of a topic `temperature`, with RETAIN = 1.
    pub(in crate::client) fn templates(
        version: Version,
        qos: QoS,
        stamp_place: StampPlace,
        topic_alias: bool,
    ) -> Templates {
        let form = PublicationForm {
            version,
            topic: "temperature",
            qos,
            retain: true,
            payload_bytes: PAYLOAD_BYTES_MIN,
            topic_alias: None,
            correlation_bytes: 0,
            user_properties: &[],
        };
        let content = Content { stamp_place, body: None };
        Templates::new(&form, content, topic_alias.then_some(1)).unwrap()
    }

    #[test]
    fn the_largest_packet_is_the_one_with_name_and_alias() {
        let plain = templates(Version::V5, QoS::AtMostOnce, StampPlace::Payload, false);
        let aliased = templates(Version::V5, QoS::AtMostOnce, StampPlace::Payload, true);
        assert_eq!(aliased.packet_bytes_max(), plain.packet_bytes_max() + 3);
    }

    #[test]
    fn a_body_is_the_payload_or_follows_the_stamp() {
        let stamp = Stamp { publisher: 1, sequence: 2, due_ns: 3, lag_us: 4 };
        for (stamp_place, size) in
            [(StampPlace::Payload, PAYLOAD_BYTES_MIN + 1 + 5), (StampPlace::Correlation, 5)]
        {
            let form = PublicationForm {
                version: Version::V5,
                topic: "t",
                qos: QoS::AtMostOnce,
                retain: false,
                payload_bytes: size,
                topic_alias: None,
                correlation_bytes: 0,
                user_properties: &[],
            };
            let content = Content { stamp_place, body: Some(Arc::from(&b"hello"[..])) };
            let templates = Templates::new(&form, content, None).unwrap();
            let mut out = BytesMut::new();
            templates.append(Naming::Name, 0, (*b"abc", 1), &stamp, &mut out);
            assert_eq!(out.len(), templates.packet_bytes_max());
            let text = String::from_utf8_lossy(&out).into_owned();
            assert!(text.trim_end().ends_with("hello"), "{text}");
            assert_eq!(out[1] as usize + 2, out.len(), "the Remaining Length is right");
        }
    }
}
