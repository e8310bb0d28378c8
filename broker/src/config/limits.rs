//! The section `[limits]`: [`Limits`] by their names, times in whole seconds.

use std::time::Duration;

use broker::Limits;
use serde::{Deserialize, Serialize};

use super::ConfigError;

macro_rules! limits {
    ($($name:ident: $kind:ty),+ $(,)?) => {
        /// Bounds of memory and time.
        #[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
        #[serde(deny_unknown_fields, default)]
        pub(crate) struct LimitsConfig {
            /// Unless it is said: what the limit of open files allows.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub(crate) connections_max: Option<usize>,
            pub(crate) connect_timeout_seconds: u64,
            pub(crate) handshake_timeout_seconds: u64,
            pub(crate) keep_alive_max_seconds: u64,
            pub(crate) session_expiry_max_seconds: u32,
            $(pub(crate) $name: $kind,)+
        }

        impl From<&Limits> for LimitsConfig {
            fn from(limits: &Limits) -> Self {
                Self {
                    connections_max: None,
                    connect_timeout_seconds: limits.connect_timeout.as_secs(),
                    handshake_timeout_seconds: limits.handshake_timeout.as_secs(),
                    keep_alive_max_seconds: limits.keep_alive_max.as_secs(),
                    session_expiry_max_seconds: limits.session_expiry_max.as_secs().try_into().unwrap_or(u32::MAX),
                    $($name: limits.$name,)+
                }
            }
        }

        impl LimitsConfig {
            /// The limits; `connections_max` when nothing is said about it.
            pub(crate) fn limits(&self, connections_max: usize) -> Limits {
                let mut limits = Limits::default();
                limits.connections_max = self.connections_max.unwrap_or(connections_max);
                limits.connect_timeout = Duration::from_secs(self.connect_timeout_seconds);
                limits.handshake_timeout = Duration::from_secs(self.handshake_timeout_seconds);
                limits.keep_alive_max = Duration::from_secs(self.keep_alive_max_seconds);
                limits.session_expiry_max = Duration::from_secs(self.session_expiry_max_seconds.into());
                $(limits.$name = self.$name;)+
                limits
            }
        }
    };
}

limits! {
    connections_per_address_max: usize,
    connections_per_second_max: u32,
    handshakes_max: usize,
    connect_packet_bytes_max: usize,
    packet_bytes_max: usize,
    output_bytes_max: usize,
    replay_bytes_max: usize,
    inflight_max: u16,
    receive_maximum: u16,
    topic_alias_max: u16,
    queued_messages_max: usize,
    queued_bytes_max: usize,
    subscriptions_max: usize,
    topic_bytes_max: usize,
    topic_levels_max: usize,
    sessions_max: usize,
    retained_messages_max: usize,
    retained_bytes_max: usize,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self::from(&Limits::default())
    }
}

impl LimitsConfig {
    /// Refuses what would let nothing through at all.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let zero = [
            ("connections_max", self.connections_max == Some(0)),
            ("connect_timeout_seconds", self.connect_timeout_seconds == 0),
            ("handshake_timeout_seconds", self.handshake_timeout_seconds == 0),
            ("connect_packet_bytes_max", self.connect_packet_bytes_max == 0),
            ("packet_bytes_max", self.packet_bytes_max == 0),
            ("inflight_max", self.inflight_max == 0),
            ("receive_maximum", self.receive_maximum == 0),
            ("topic_bytes_max", self.topic_bytes_max == 0),
            ("topic_levels_max", self.topic_levels_max == 0),
            ("sessions_max", self.sessions_max == 0),
        ];
        match zero.into_iter().find(|(_, is_zero)| *is_zero) {
            Some((name, _)) => Err(ConfigError::Zero { name }),
            None => Ok(()),
        }
    }
}
