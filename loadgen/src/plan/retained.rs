//! How many retained messages a client is owed that subscribes under load.

use std::collections::{BTreeSet, HashMap};

use super::Plan;
use super::filters::Filters;
use crate::scenario::{Group, Leave};
use crate::units::SECOND_NS;

/// How long before the SUBSCRIBE a message must have been due: one that is on its way may come as a
/// retained one or not.
const MARGIN_NS: u64 = SECOND_NS;

/// Of each client of a group, or of all of them where they subscribe to the same; empty where nothing
/// is owed for certain.
pub(super) fn owed(plan: &Plan, number: usize) -> Box<[u32]> {
    let group = plan.group(number);
    let Some(start_ns) = group.presence.start_ns.filter(|_| !group.subscribe.is_empty()) else {
        return Box::default();
    };
    let topics = topics(plan, start_ns);
    if topics.is_empty() {
        return Box::default();
    }
    let clients = plan.clients_of_group(number);
    let common = group.subscribe.iter().all(|subscription| subscription.filter.is_common());
    let count = if common { 1 } else { clients.len() };
    clients.take(count).map(|client| matching(plan, group, client, &topics)).collect()
}

/// Topics that have a retained message by then.
fn topics(plan: &Plan, time_ns: u64) -> BTreeSet<String> {
    let mut first: HashMap<String, u64> = HashMap::new();
    for entry in 0..plan.entries() {
        let publication = plan.publication(entry);
        let group = plan.group_of_entry(entry);
        let certain = group.stays() || group.presence.leave == Leave::Disconnect;
        if !publication.retain || publication.topic.has_random() || !certain {
            continue;
        }
        for number in 0..plan.clients_of_entry(entry) {
            let due_ns = plan.timing(entry, number).first().due_ns;
            let topic = plan.topic_name(plan.streams_of(entry, number).0);
            let earliest = first.entry(topic).or_insert(due_ns);
            *earliest = due_ns.min(*earliest);
        }
    }
    let before = |due_ns: u64| due_ns.saturating_add(MARGIN_NS) <= time_ns;
    first.into_iter().filter(|(_, due_ns)| before(*due_ns)).map(|(topic, _)| topic).collect()
}

fn matching(plan: &Plan, group: &Group, client: u32, topics: &BTreeSet<String>) -> u32 {
    let mut filters = Filters::new();
    for (entry, subscription) in group.subscribe.iter().enumerate() {
        // A shared subscription gets no retained messages, section 4.8.2.
        if subscription.share.is_none() {
            filters.number(&plan.topic_filter(client, entry));
        }
    }
    let count = topics.iter().filter(|topic| !filters.matching(topic).is_empty()).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}
