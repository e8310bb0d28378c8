//! The section `[features]`: [`Features`] by their names.

use broker::{Features, QoS};
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// What the broker offers of MQTT, and what it tells clients of itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub(crate) struct FeaturesConfig {
    pub(crate) maximum_qos: u8,
    pub(crate) retain_available: bool,
    pub(crate) wildcard_subscription_available: bool,
    pub(crate) subscription_identifier_available: bool,
    pub(crate) shared_subscription_available: bool,
    pub(crate) check_payload_format: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) response_information: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) server_reference: Option<String>,
}

impl Default for FeaturesConfig {
    fn default() -> Self {
        let features = Features::default();
        Self {
            maximum_qos: features.maximum_qos.bits(),
            retain_available: features.retain_available,
            wildcard_subscription_available: features.wildcard_subscription_available,
            subscription_identifier_available: features.subscription_identifier_available,
            shared_subscription_available: features.shared_subscription_available,
            check_payload_format: features.check_payload_format,
            response_information: None,
            server_reference: None,
        }
    }
}

impl FeaturesConfig {
    /// What the broker takes.
    pub(crate) fn features(&self) -> Result<Features, ConfigError> {
        let mut features = Features::default();
        features.maximum_qos =
            QoS::from_bits(self.maximum_qos).ok_or(ConfigError::MaximumQoS(self.maximum_qos))?;
        features.retain_available = self.retain_available;
        features.wildcard_subscription_available = self.wildcard_subscription_available;
        features.subscription_identifier_available = self.subscription_identifier_available;
        features.shared_subscription_available = self.shared_subscription_available;
        features.check_payload_format = self.check_payload_format;
        let texts = [
            (
                "response_information",
                &self.response_information,
                &mut features.response_information,
            ),
            ("server_reference", &self.server_reference, &mut features.server_reference),
        ];
        for (name, text, setting) in texts {
            if text.as_ref().is_some_and(|text| !is_string(text)) {
                return Err(ConfigError::Text { name });
            }
            *setting = text.as_deref().map(Into::into);
        }
        Ok(features)
    }
}

/// Whether a text is a string of MQTT 5.0, 1.5.4.
fn is_string(text: &str) -> bool {
    u16::try_from(text.len()).is_ok() && !text.is_empty() && !text.contains('\0')
}
