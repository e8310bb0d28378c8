//! Topic Names, Topic Filters and what is found by them, MQTT 4.7. Pure data structures.

mod filter;
mod name;
mod retained;
mod subscriptions;
mod trie;

pub mod cache;

pub use filter::{OwnedTopicFilter, TopicFilter};
pub use name::{TopicError, TopicName};
pub use retained::{Retained, RetainedLimit};
pub use subscriptions::{Match, SubscriptionTree};

#[cfg(test)]
mod tests;
