//! What the publications of a publisher have in common, encoded once for each form that they take.

use super::publisher::Naming;
use crate::mqtt::{EncodeError, PublicationForm, PublishTemplate, QoS};
use crate::payload::{PLAIN_BYTES_MAX, STAMP_CHARACTERS, StampPlace};

/// The one Topic Alias of a publisher, which has one topic.
const TOPIC_ALIAS: u16 = 1;

/// Every form of a publication.
#[derive(Debug)]
pub(crate) struct Templates {
    named: Sizes,
    /// The form that introduces the Topic Alias, and the one that uses it.
    aliased: Option<(Sizes, Sizes)>,
    stamp_place: StampPlace,
}

/// A form with each of the payload sizes that it can have.
#[derive(Debug)]
struct Sizes {
    full: PublishTemplate,
    /// A plain temperature below 10.
    short: Option<PublishTemplate>,
}

impl Templates {
    /// Encodes every form of `form`, whose own size and Correlation Data are left to `stamp_place`
    /// where the payload is plain.
    pub(crate) fn new(
        form: &PublicationForm<'_>,
        stamp_place: StampPlace,
        topic_alias: bool,
    ) -> Result<Self, EncodeError> {
        let introduced = PublicationForm { topic_alias: Some(TOPIC_ALIAS), ..*form };
        let aliased = PublicationForm { topic: "", ..introduced };
        Ok(Self {
            named: Sizes::new(form, stamp_place)?,
            aliased: topic_alias
                .then(|| {
                    Ok((Sizes::new(&introduced, stamp_place)?, Sizes::new(&aliased, stamp_place)?))
                })
                .transpose()?,
            stamp_place,
        })
    }

    pub(crate) fn qos(&self) -> QoS {
        self.named.full.qos()
    }

    pub(crate) fn stamp_place(&self) -> StampPlace {
        self.stamp_place
    }

    pub(crate) fn has_alias(&self) -> bool {
        self.aliased.is_some()
    }

    /// Size of the largest packet.
    pub(crate) fn packet_bytes_max(&self) -> usize {
        let largest = self.aliased.as_ref().map_or(&self.named, |(introduced, _)| introduced);
        largest.full.packet_bytes()
    }

    /// The one for this way to name the topic and this temperature.
    #[inline]
    pub(super) fn choose(&self, naming: Naming, temperature: u8) -> &PublishTemplate {
        let sizes = match (&self.aliased, naming) {
            (Some((introduced, _)), Naming::Introduce) => introduced,
            (Some((_, aliased)), Naming::Alias) => aliased,
            _ => &self.named,
        };
        match &sizes.short {
            Some(short) if temperature < 10 => short,
            _ => &sizes.full,
        }
    }
}

impl Sizes {
    fn new(form: &PublicationForm<'_>, stamp_place: StampPlace) -> Result<Self, EncodeError> {
        let correlation_bytes = match stamp_place {
            StampPlace::Payload => {
                return Ok(Self { full: PublishTemplate::new(form)?, short: None });
            }
            StampPlace::Correlation => STAMP_CHARACTERS,
            StampPlace::Nowhere => 0,
        };
        let plain = |payload_bytes| {
            PublishTemplate::new(&PublicationForm { payload_bytes, correlation_bytes, ..*form })
        };
        Ok(Self { full: plain(PLAIN_BYTES_MAX)?, short: Some(plain(1)?) })
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
        Templates::new(&form, stamp_place, topic_alias).unwrap()
    }

    #[test]
    fn the_largest_packet_is_the_one_with_name_and_alias() {
        let plain = templates(Version::V5, QoS::AtMostOnce, StampPlace::Payload, false);
        let aliased = templates(Version::V5, QoS::AtMostOnce, StampPlace::Payload, true);
        assert_eq!(aliased.packet_bytes_max(), plain.packet_bytes_max() + 3);
    }
}
