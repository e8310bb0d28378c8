//! Topics against the specification's examples and against slower ways to the same answers.

mod caching;
mod filters;
mod names;
mod retaining;
mod sharing;
mod subscribing;

use proptest::prelude::*;
use proptest::sample::select;

use super::{TopicFilter, TopicName};

fn name(topic: &str) -> TopicName<'_> {
    TopicName::new(topic).expect("a Topic Name")
}

fn filter(filter: &str) -> TopicFilter<'_> {
    TopicFilter::new(filter).expect("a Topic Filter")
}

/// Topic Names of few levels, so that they meet: empty levels, hidden ones, `$` further down.
fn any_name() -> impl Strategy<Value = String> {
    let level = select(&["", "a", "b", "$s", "é"][..]);
    proptest::collection::vec(level, 1..5)
        .prop_map(|levels| levels.join("/"))
        .prop_filter("not empty", |topic| !topic.is_empty())
}

/// Topic Filters over the same levels.
fn any_filter() -> impl Strategy<Value = String> {
    let level = select(&["", "a", "b", "$s", "+", "+"][..]);
    let levels = proptest::collection::vec(level, 0..4);
    (levels, any::<bool>())
        .prop_map(|(mut levels, multi)| {
            levels.extend(multi.then_some("#"));
            levels.join("/")
        })
        .prop_filter("not empty", |filter| !filter.is_empty())
}
