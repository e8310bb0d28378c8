//! What a broker says about a refusal: return codes of MQTT 3, Reason Codes of MQTT 5.

use std::fmt;

/// Return code of a CONNACK of MQTT 3.1 and 3.1.1, section 3.2.2.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReturnCode {
    /// 0.
    #[error("accepted")]
    Accepted,
    /// 1.
    #[error("unacceptable protocol version")]
    ProtocolVersion,
    /// 2.
    #[error("Client Identifier rejected")]
    Identifier,
    /// 3.
    #[error("server unavailable")]
    Unavailable,
    /// 4.
    #[error("bad user name or password")]
    Credentials,
    /// 5.
    #[error("not authorized")]
    NotAuthorized,
}

/// Reason Code of MQTT 5, section 2.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReasonCode(pub u8);

impl ReasonCode {
    /// 0x00: success, or a normal disconnection.
    pub const SUCCESS: Self = Self(0);
    /// 0x80: the answer of MQTT 3.1.1 to a SUBSCRIBE that it refuses.
    pub const UNSPECIFIED: Self = Self(0x80);
    /// 0x81.
    pub const MALFORMED_PACKET: Self = Self(0x81);
    /// 0x82.
    pub const PROTOCOL_ERROR: Self = Self(0x82);
    /// 0x94.
    pub const TOPIC_ALIAS_INVALID: Self = Self(0x94);
    /// 0x95.
    pub const PACKET_TOO_LARGE: Self = Self(0x95);

    /// Whether it stands for a failure.
    #[inline]
    pub fn is_failure(self) -> bool {
        self.0 >= 0x80
    }

    fn name(self) -> &'static str {
        match self.0 {
            0x00 => "normal disconnection",
            0x04 => "disconnect with Will Message",
            0x10 => "no matching subscribers",
            0x11 => "no subscription existed",
            0x18 => "continue authentication",
            0x19 => "re-authenticate",
            0x80 => "unspecified error",
            0x81 => "malformed packet",
            0x82 => "protocol error",
            0x83 => "implementation specific error",
            0x84 => "unsupported protocol version",
            0x85 => "Client Identifier not valid",
            0x86 => "bad user name or password",
            0x87 => "not authorized",
            0x88 => "server unavailable",
            0x89 => "server busy",
            0x8a => "banned",
            0x8b => "server shutting down",
            0x8c => "bad authentication method",
            0x8d => "Keep Alive timeout",
            0x8e => "session taken over",
            0x8f => "Topic Filter invalid",
            0x90 => "Topic Name invalid",
            0x91 => "Packet Identifier in use",
            0x92 => "Packet Identifier not found",
            0x93 => "Receive Maximum exceeded",
            0x94 => "Topic Alias invalid",
            0x95 => "packet too large",
            0x96 => "message rate too high",
            0x97 => "quota exceeded",
            0x98 => "administrative action",
            0x99 => "payload format invalid",
            0x9a => "retain not supported",
            0x9b => "QoS not supported",
            0x9c => "use another server",
            0x9d => "server moved",
            0x9e => "Shared Subscriptions not supported",
            0x9f => "connection rate exceeded",
            0xa0 => "maximum connect time",
            0xa1 => "Subscription Identifiers not supported",
            0xa2 => "wildcard subscriptions not supported",
            _ => "a code that MQTT does not define",
        }
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (reason code 0x{:02x})", self.name(), self.0)
    }
}

/// A Reason Code and what the broker adds in words; an empty text when it adds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reason<'a> {
    pub code: ReasonCode,
    pub text: &'a str,
}

impl Reason<'_> {
    /// Without words.
    pub(crate) fn bare(code: ReasonCode) -> Self {
        Self { code, text: "" }
    }
}

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.text {
            "" => self.code.fmt(f),
            // A broker's own words: on one line, and not without end.
            text => write!(f, "{}: {}", self.code, one_line(text)),
        }
    }
}

/// Characters of a broker's words that are shown.
const TEXT_CHARACTERS_MAX: usize = 200;

fn one_line(text: &str) -> String {
    let shown = |character: char| if character.is_control() { ' ' } else { character };
    text.chars().take(TEXT_CHARACTERS_MAX).map(shown).collect()
}

/// Why a broker refused a CONNECT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// MQTT 3.1 and 3.1.1, or a broker that does not know MQTT 5.
    ReturnCode(ReturnCode),
    /// MQTT 5: the code, and the broker's words.
    Reason(ReasonCode, String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReturnCode(ReturnCode::ProtocolVersion) => {
                f.write_str("unacceptable protocol version (return code 1); try another -V")
            }
            Self::ReturnCode(code) => write!(f, "{code} (return code {})", *code as u8),
            Self::Reason(code, text) => Reason { code: *code, text }.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_names_and_the_words_of_a_broker_stay_on_one_line() {
        let code = ReasonCode(0x87);
        assert_eq!(code.to_string(), "not authorized (reason code 0x87)");
        let text = "go\naway";
        assert_eq!(Reason { code, text }.to_string(), "not authorized (reason code 0x87): go away");
        let long = "x".repeat(5000);
        assert!(Reason { code, text: &long }.to_string().len() < 300);
        assert_eq!(
            Refusal::ReturnCode(ReturnCode::NotAuthorized).to_string(),
            "not authorized (return code 5)"
        );
        assert_eq!(
            ReasonCode(0xff).to_string(),
            "a code that MQTT does not define (reason code 0xff)"
        );
    }
}
