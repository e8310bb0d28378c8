//! Shared subscriptions, MQTT 5.0 section 4.8.2: one of a group gets each message.
//!
//! A group lives on the shard that its name hashes to, its home, whichever shards its members are
//! on: that shard alone picks, so that a message is delivered once. Members on other shards are
//! announced to it in order with the messages, and get theirs through it.

use std::num::NonZeroU32;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use indexmap::IndexMap;
use slotmap::SlotMap;

use super::Shard;
use super::forward::{Change, Forward, Forwarded, GroupChange, Member};
use super::outgoing::{Form, Outgoing};
use crate::qos::QoS;
use crate::session::SessionKey;
use crate::topic::cache::MatchCache;
use crate::topic::{DeliveryOptions, SubscriptionTarget, SubscriptionTree, TopicName};

slotmap::new_key_type! {
    /// A group within its home shard.
    pub(super) struct GroupKey;
}

#[derive(Debug, Default)]
struct Group {
    /// Members whose Client is there, and the others: apart, so that a pick looks at one.
    online: Members,
    offline: Members,
    /// Where the next pick is: members take turns.
    turn: usize,
}

type Members = IndexMap<Member, DeliveryOptions, FixedState>;

/// The groups at home on one shard.
#[derive(Debug)]
pub(super) struct Groups {
    by_key: SlotMap<GroupKey, Group>,
    by_filter: HashMap<Box<str>, GroupKey, FixedState>,
    tree: SubscriptionTree<GroupKey>,
    cache: MatchCache<GroupKey>,
    /// Of all groups together.
    members: usize,
}

impl Groups {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            by_key: SlotMap::with_key(),
            by_filter: HashMap::with_hasher(FixedState::with_seed(seed)),
            tree: SubscriptionTree::new(seed),
            cache: MatchCache::new(),
            members: 0,
        }
    }

    /// Subscriptions of all groups together.
    pub(super) fn subscriptions(&self) -> usize {
        self.members
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    fn apply(&mut self, change: &GroupChange, hash: impl Fn(&str) -> u64) {
        let GroupChange { filter, member, change } = change;
        let Ok(target) = SubscriptionTarget::new_lenient(filter) else { return };
        let key = match (self.by_filter.get(filter), change) {
            (Some(&key), _) => key,
            (None, Change::Join { .. }) => {
                let key = self.by_key.insert(Group::default());
                self.by_filter.insert(filter.clone(), key);
                self.tree.insert(target.filter(), key, QoS::AtMostOnce);
                self.cache.invalidate(target.filter(), &hash);
                key
            }
            (None, Change::Online(_) | Change::Leave) => return,
        };
        let Some(group) = self.by_key.get_mut(key) else { return };
        match *change {
            Change::Join { options, online, .. } => {
                let known = group.remove(*member);
                group.members(online).insert(*member, options);
                self.members += usize::from(known.is_none());
            }
            Change::Online(online) => {
                if let Some(options) = group.remove(*member) {
                    group.members(online).insert(*member, options);
                }
            }
            Change::Leave => {
                let removed = group.remove(*member);
                self.members -= usize::from(removed.is_some());
                if group.online.is_empty() && group.offline.is_empty() {
                    self.by_key.remove(key);
                    self.by_filter.remove(filter);
                    self.tree.remove(target.filter(), key);
                    self.cache.invalidate(target.filter(), &hash);
                }
            }
        }
    }

    /// Fills `picked` with one member of each group that wants `topic`.
    fn pick(
        &mut self,
        topic: TopicName<'_>,
        hash: u64,
        picked: &mut Vec<(Member, DeliveryOptions)>,
    ) {
        let resolved = self.cache.resolve(hash, topic, &self.tree, |_| true);
        for found in resolved.matches.iter() {
            if let Some(group) = self.by_key.get_mut(found.subscriber) {
                picked.extend(group.pick());
            }
        }
    }
}

impl Group {
    fn members(&mut self, online: bool) -> &mut Members {
        if online { &mut self.online } else { &mut self.offline }
    }

    fn remove(&mut self, member: Member) -> Option<DeliveryOptions> {
        self.online.swap_remove(&member).or_else(|| self.offline.swap_remove(&member))
    }

    /// The next member whose Client is there; when none is, the next one, whose session may keep
    /// the message.
    fn pick(&mut self) -> Option<(Member, DeliveryOptions)> {
        let members = if self.online.is_empty() { &self.offline } else { &self.online };
        let index = self.turn % members.len().max(1);
        self.turn = index + 1;
        members.get_index(index).map(|(member, options)| (*member, *options))
    }
}

impl Shard {
    /// Tells the home shard of a group what changes for a session of this shard.
    pub(super) fn change_group(&mut self, filter: &str, session: SessionKey, change: Change) {
        let home = self.group.shard_of(filter);
        let member = Member { shard: self.index, session };
        let change = GroupChange { filter: filter.into(), member, change };
        if home == self.index {
            self.apply_group_change(&change);
        } else if let Some(forwards) = self.forwards.get_mut(home) {
            forwards.push(Forward(Forwarded::Group(change)));
        }
    }

    pub(super) fn apply_group_change(&mut self, change: &GroupChange) {
        let group = &self.group;
        self.topics.groups.apply(change, |topic| group.hash(topic));
        // A member of this shard has its SUBACK at once.
        if let Change::Join { subscribing, .. } = change.change
            && change.member.shard != self.index
            && let Some(forwards) = self.forwards.get_mut(change.member.shard)
        {
            forwards.push(Forward(Forwarded::Joined(subscribing)));
        }
    }

    /// Tells the groups of a session that its Client has come or gone.
    pub(super) fn announce(&mut self, session: SessionKey, online: bool) {
        let Some(state) = self.sessions.get(session) else { return };
        let shared: Vec<Box<str>> =
            state.filters.iter().filter(|filter| is_shared(filter)).cloned().collect();
        for filter in shared {
            self.change_group(&filter, session, Change::Online(online));
        }
    }

    /// Delivers to one member of each group at home here. Answers whether there are any.
    pub(super) fn fan_out_shared(&mut self, hash: u64, outgoing: &mut Outgoing<'_>) -> bool {
        if self.topics.groups.is_empty() {
            return false;
        }
        let mut picked = Vec::new();
        self.topics.groups.pick(outgoing.publication.topic, hash, &mut picked);
        let any = !picked.is_empty();
        if any {
            // What is encoded may be an earlier publication, or have its payload in another place.
            self.encoder.begin();
            outgoing.share_large_payload();
        }
        for (member, options) in picked {
            if member.shard == self.index {
                self.deliver_shared(member.session, options, outgoing);
            } else if let Some(forwards) = self.forwards.get_mut(member.shard) {
                let message = outgoing.message().clone();
                let forwarded = Forwarded::Member { session: member.session, options, message };
                forwards.push(Forward(forwarded));
            }
        }
        any
    }

    pub(super) fn deliver_shared(
        &mut self,
        session: SessionKey,
        options: DeliveryOptions,
        outgoing: &mut Outgoing<'_>,
    ) {
        let topic = outgoing.publication.topic;
        if self.policy.is_some()
            && !self.sessions.get(session).is_some_and(|session| session.may_receive(topic))
        {
            return;
        }
        let identifier = options.identifier.map(NonZeroU32::get);
        let form = Form {
            qos: options.qos.min(outgoing.publication.qos),
            retain: options.retain_as_published && outgoing.publication.retain,
            identifiers: identifier.as_slice(),
        };
        self.deliver_alone(session, form, outgoing);
    }
}

/// Whether a filter of a session is that of a shared subscription.
pub(super) fn is_shared(filter: &str) -> bool {
    SubscriptionTarget::new_lenient(filter).is_ok_and(SubscriptionTarget::is_shared)
}
