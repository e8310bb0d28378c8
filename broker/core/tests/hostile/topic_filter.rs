//! Any two strings as Topic Filter and Topic Name: all that match them agree on whether they match.

use broker_core::topic::{
    Matches, Retained, RetainedLimit, SubscriptionTree, TopicFilter, TopicName,
};
use broker_core::{Message, QoS};

/// Reads `text` as a Topic Filter and a Topic Name with a line feed between them. Panics when the
/// subscription tree, the retained messages and a matcher written here do not agree.
pub(crate) fn check(text: &str) {
    let (filter, name) = text.split_once('\n').unwrap_or((text, text));
    assert_eq!(TopicFilter::new(filter).is_ok(), is_filter(filter));
    assert_eq!(TopicName::new(name).is_ok(), is_name(name));
    let (Ok(filter), Ok(name)) = (TopicFilter::new(filter), TopicName::new(name)) else {
        return;
    };
    let hidden = name.as_str().starts_with('$') && filter.as_str().starts_with(['+', '#']);
    let filter_levels: Vec<_> = filter.as_str().split('/').collect();
    let name_levels: Vec<_> = name.as_str().split('/').collect();
    let expected = !hidden && matches(&filter_levels, &name_levels);
    assert_eq!(filter.matches(name), expected);
    check_tree(filter, name, expected);
    check_retained(filter, name, expected);
}

fn is_name(text: &str) -> bool {
    (1..=65_535).contains(&text.len()) && !text.contains(['+', '#', '\0'])
}

fn is_filter(text: &str) -> bool {
    let levels: Vec<_> = text.split('/').collect();
    let last = levels.len() - 1;
    let valid = |(index, level): (usize, &&str)| match *level {
        "+" => true,
        "#" => index == last,
        literal => !literal.contains(['+', '#', '\0']),
    };
    (1..=65_535).contains(&text.len()) && levels.iter().enumerate().all(valid)
}

fn matches(filter: &[&str], name: &[&str]) -> bool {
    let mut name = name.iter();
    for level in filter {
        match (*level, name.next()) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (literal, Some(level)) if literal == *level => {}
            _ => return false,
        }
    }
    name.next().is_none()
}

fn check_tree(filter: TopicFilter<'_>, name: TopicName<'_>, expected: bool) {
    let mut tree = SubscriptionTree::new(1);
    tree.insert(filter, 1, QoS::AtMostOnce);
    let mut found = Matches::default();
    tree.matches(name, &mut found);
    assert_eq!(found.len(), usize::from(expected));
    assert!(tree.remove(filter, 1));
    assert!(tree.is_empty());
    tree.matches(name, &mut found);
    assert!(found.is_empty());
}

fn check_retained(filter: TopicFilter<'_>, name: TopicName<'_>, expected: bool) {
    let limit = RetainedLimit { messages_max: 1, bytes_max: 1 << 20, levels_max: 1 << 16 };
    let mut retained = Retained::new(1, limit);
    let message = Message::new(name, *b"x", QoS::AtMostOnce, true);
    retained.set(&message, 1).expect("room for one");
    let mut found = 0;
    retained.matches(filter, |_| found += 1);
    assert_eq!(found, usize::from(expected));
}
