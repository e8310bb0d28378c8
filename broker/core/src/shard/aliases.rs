//! Topic Aliases, MQTT 5.0 section 3.3.2.3.4: a number in the place of a Topic Name, for one
//! Network Connection and one direction.

use std::sync::Arc;

use foldhash::quality::FixedState;
use hashbrown::HashMap;

use crate::topic::TopicName;

/// What the Client's aliases stand for.
#[derive(Debug, Default)]
pub(super) struct InboundAliases {
    /// The topic of alias `index + 1`.
    topics: Vec<Option<Arc<str>>>,
}

impl InboundAliases {
    /// Lets `alias` stand for `topic` from now on. The caller has checked that it is within the
    /// Topic Alias Maximum.
    pub(super) fn set(&mut self, alias: u16, topic: TopicName<'_>) {
        let index = usize::from(alias.saturating_sub(1));
        if self.topics.len() <= index {
            self.topics.resize(index + 1, None);
        }
        match &mut self.topics[index] {
            Some(known) if *known.as_bytes() == *topic.as_bytes() => {}
            slot => *slot = Some(topic.as_str().into()),
        }
    }

    pub(super) fn get(&self, alias: u16) -> Option<Arc<str>> {
        self.topics.get(usize::from(alias).checked_sub(1)?)?.clone()
    }
}

/// An alias to send a topic with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TopicAlias {
    /// The Client knows it: the topic may be left out.
    Known(u16),
    /// It is to be told to the Client, along with the topic.
    New(u16),
}

impl TopicAlias {
    pub(super) const fn number(self) -> u16 {
        match self {
            Self::Known(alias) | Self::New(alias) => alias,
        }
    }
}

/// The aliases that a Client takes. The first topics get them and keep them.
#[derive(Debug)]
pub(super) struct OutboundAliases {
    aliases: HashMap<Box<[u8]>, u16, FixedState>,
    alias_max: u16,
}

impl OutboundAliases {
    /// `alias_max` is the Topic Alias Maximum of the Client, above zero.
    pub(super) fn new(alias_max: u16, seed: u64) -> Self {
        Self { aliases: HashMap::with_hasher(FixedState::with_seed(seed)), alias_max }
    }

    /// The alias to send `topic` with; none when all are in use.
    pub(super) fn choose(&self, topic: &[u8]) -> Option<TopicAlias> {
        if let Some(&alias) = self.aliases.get(topic) {
            return Some(TopicAlias::Known(alias));
        }
        let next = u16::try_from(self.aliases.len() + 1).ok()?;
        (next <= self.alias_max).then_some(TopicAlias::New(next))
    }

    /// Notes that a packet with `alias` was sent: the Client knows it from now on.
    pub(super) fn learn(&mut self, topic: &[u8], alias: TopicAlias) {
        if let TopicAlias::New(alias) = alias {
            self.aliases.insert(topic.into(), alias);
        }
    }
}
