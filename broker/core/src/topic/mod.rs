//! Topic Names, Topic Filters and what is found by them, MQTT 4.7. Pure data structures.

mod ascii;
mod filter;
mod matches;
mod name;
mod options;
mod retained;
mod shared;
mod subscriptions;
mod trie;
mod walk;

pub mod cache;

pub use filter::{OwnedTopicFilter, TopicFilter};
pub use matches::{Audience, Match, Matches};
pub use name::{TopicError, TopicName};
pub use options::DeliveryOptions;
pub use retained::{Retained, RetainedLimit};
pub use shared::SubscriptionTarget;
pub use subscriptions::SubscriptionTree;
pub use walk::{FilterLevels, Place, Step, Walk};

#[cfg(test)]
mod tests;
