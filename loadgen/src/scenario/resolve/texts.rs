//! Texts that MQTT bounds: topics, names, payloads.

use super::super::fault::GroupError;
use super::super::{Pattern, PatternError};
use crate::mqtt::TOPIC_BYTES_MAX;

/// Topic Names of one client and one entry at most.
const NAMES_MAX: u64 = 1_000_000;

/// Bytes that a Client Identifier or User Name is taken to have, where one stands for it.
const NAME_BYTES: usize = 128;

/// Where a pattern stands, and so what may be in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// In the Client Identifier.
    Identifier,
    /// In the User Name.
    User,
    /// Anywhere else.
    Any,
}

/// A pattern.
pub(super) fn pattern(key: &'static str, written: &str) -> Result<Pattern, GroupError> {
    let fault = |error: PatternError| GroupError::Pattern { key, error };
    Pattern::parse(written).map_err(fault)
}

/// A pattern that MQTT has room for.
///
/// Detour: mqttbytes cuts lengths to 16 bits, so nothing longer may reach it.
pub(super) fn text(key: &'static str, written: &str, place: Place) -> Result<Pattern, GroupError> {
    let pattern = pattern(key, written)?;
    if pattern.bytes_max(NAME_BYTES) > TOPIC_BYTES_MAX || written.contains('\0') {
        return Err(GroupError::Text(key));
    }
    let wrong = |placeholder, reason| GroupError::Placeholder { key, placeholder, reason };
    match place {
        Place::Identifier if pattern.has_identifier() => Err(wrong("%c", "it is the identifier")),
        Place::User if pattern.has_user() => Err(wrong("%u", "it is the user name")),
        Place::Identifier if pattern.has_random() => {
            Err(wrong("%rand_N", "two clients could draw the same"))
        }
        _ => Ok(pattern),
    }
}

/// A Topic Name.
pub(super) fn topic(written: &str) -> Result<Pattern, GroupError> {
    let fault = |reason| Err(GroupError::Topic { topic: written.to_owned(), reason });
    let pattern = level_text("topic", written, &fault)?;
    if written.contains(['+', '#']) {
        return fault("it holds a wildcard; publications need plain topics, with %i for a number");
    }
    match pattern.variants() {
        ..=NAMES_MAX => Ok(pattern),
        _ => Err(GroupError::Names(written.to_owned())),
    }
}

/// A Topic Filter, section 4.7.1.
pub(super) fn filter(written: &str) -> Result<Pattern, GroupError> {
    let fault = |reason| Err(GroupError::Filter { filter: written.to_owned(), reason });
    if written.starts_with("$share/") {
        return fault("write the Share Name apart, as share = \"a\"");
    }
    let pattern = level_text("filter", written, &fault)?;
    let mut levels = written.split('/').rev();
    let last = levels.next().unwrap_or_default();
    if last != "#" && last.contains('#') || levels.any(|level| level.contains('#')) {
        return fault("# must be the last level, and alone in it");
    }
    if written.split('/').any(|level| level != "+" && level.contains('+')) {
        return fault("+ must be a whole level");
    }
    Ok(pattern)
}

fn level_text(
    key: &'static str,
    written: &str,
    fault: &dyn Fn(&'static str) -> Result<Pattern, GroupError>,
) -> Result<Pattern, GroupError> {
    if written.is_empty() {
        return fault("it is empty");
    }
    if written.contains('\0') {
        return fault("it holds the character U+0000");
    }
    let pattern = pattern(key, written)?;
    if pattern.bytes_max(NAME_BYTES) > TOPIC_BYTES_MAX {
        return fault("it is longer than the 65,535 bytes that MQTT allows");
    }
    Ok(pattern)
}
