//! Shared Subscriptions, MQTT 5.0 4.8.2.

use super::filter::TopicFilter;
use super::name::TopicError;

/// What a Shared Subscription begins with.
const PREFIX: &str = "$share/";

/// What a SUBSCRIBE names: a Topic Filter, alone or behind `$share/{ShareName}/`. Valid by
/// construction.
///
/// Servers offer Shared Subscriptions to Clients of 3.1.1 as well; there the specification knows
/// them not, so that what begins with `$share/` and is no Shared Subscription is a plain filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SubscriptionTarget<'a> {
    whole: TopicFilter<'a>,
    shared: Option<(&'a str, TopicFilter<'a>)>,
}

impl<'a> SubscriptionTarget<'a> {
    /// Checks `target` against MQTT 5.0 4.7 and 4.8.2.
    pub fn new(target: &'a str) -> Result<Self, TopicError> {
        let whole = TopicFilter::new(target)?;
        let shared = target.strip_prefix(PREFIX).map(parse_shared).transpose()?;
        Ok(Self { whole, shared })
    }

    /// Checks `target` as MQTT 3.1.1 4.7 does: a Shared Subscription that is none is a plain
    /// filter.
    pub fn new_lenient(target: &'a str) -> Result<Self, TopicError> {
        let whole = TopicFilter::new(target)?;
        let shared = target.strip_prefix(PREFIX).and_then(|rest| parse_shared(rest).ok());
        Ok(Self { whole, shared })
    }

    /// All of it, as it was sent: what an UNSUBSCRIBE must repeat. Is a valid Topic Filter.
    pub const fn whole(self) -> TopicFilter<'a> {
        self.whole
    }

    /// What messages must match: without `$share/{ShareName}/`.
    pub fn filter(self) -> TopicFilter<'a> {
        self.shared.map_or(self.whole, |(_, filter)| filter)
    }

    /// Whose members share the messages among them; `None` for a plain subscription.
    pub fn share_name(self) -> Option<&'a str> {
        self.shared.map(|(name, _)| name)
    }

    /// Whether it is a Shared Subscription.
    pub const fn is_shared(self) -> bool {
        self.shared.is_some()
    }
}

/// `ShareName` and Topic Filter of what follows the prefix.
fn parse_shared(rest: &str) -> Result<(&str, TopicFilter<'_>), TopicError> {
    let (name, filter) = rest.split_once('/').ok_or(TopicError::ShareFilter)?;
    if name.is_empty() || name.contains(['+', '#']) {
        return Err(TopicError::ShareName);
    }
    if filter.is_empty() {
        return Err(TopicError::ShareFilter);
    }
    Ok((name, TopicFilter::new(filter)?))
}
