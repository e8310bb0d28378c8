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
use crate::access::SessionAccess;
use crate::message::Message;
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

type Members = IndexMap<Member, MemberState, FixedState>;

#[derive(Clone, Debug)]
struct MemberState {
    options: DeliveryOptions,
    /// What it may have, under a policy: a message goes to a member that may have it.
    access: Option<SessionAccess>,
}

impl MemberState {
    fn may_receive(&self, topic: TopicName<'_>) -> bool {
        self.access.as_ref().is_none_or(|access| access.rights.may_receive(topic))
    }
}

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
        let GroupChange { filter, member, change, access } = change;
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
            (None, Change::Online(_) | Change::Access | Change::Leave) => return,
        };
        let Some(group) = self.by_key.get_mut(key) else { return };
        match *change {
            Change::Join { options, online, .. } => {
                let known = group.remove(*member);
                let state = MemberState { options, access: access.clone() };
                group.members(online).insert(*member, state);
                self.members += usize::from(known.is_none());
            }
            Change::Online(online) => {
                if let Some(state) = group.remove(*member) {
                    group.members(online).insert(*member, state);
                }
            }
            Change::Access => {
                if let Some(state) = group.get_mut(*member) {
                    state.access.clone_from(access);
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
                picked.extend(group.pick(topic));
            }
        }
    }
}

impl Group {
    fn members(&mut self, online: bool) -> &mut Members {
        if online { &mut self.online } else { &mut self.offline }
    }

    fn get_mut(&mut self, member: Member) -> Option<&mut MemberState> {
        let Self { online, offline, .. } = self;
        online.get_mut(&member).or_else(|| offline.get_mut(&member))
    }

    fn remove(&mut self, member: Member) -> Option<MemberState> {
        self.online.swap_remove(&member).or_else(|| self.offline.swap_remove(&member))
    }

    /// The next member that may have the message and whose Client is there; when none is, the next
    /// one that may have it, whose session may keep it.
    fn pick(&mut self, topic: TopicName<'_>) -> Option<(Member, DeliveryOptions)> {
        let turn = self.turn;
        let (index, member, options) =
            [&self.online, &self.offline].into_iter().find_map(|members| {
                let count = members.len();
                (0..count).find_map(|step| {
                    let index = (turn + step) % count;
                    let (member, state) = members.get_index(index)?;
                    state.may_receive(topic).then_some((index, *member, state.options))
                })
            })?;
        self.turn = index + 1;
        Some((member, options))
    }
}

impl Shard {
    /// Tells the home shard of a group what changes for a session of this shard.
    pub(super) fn change_group(&mut self, filter: &str, session: SessionKey, change: Change) {
        let home = self.group.shard_of(filter);
        let member = Member { shard: self.index, session };
        let access = match change {
            Change::Join { .. } | Change::Access => self.sessions.get(session),
            Change::Online(_) | Change::Leave => None,
        };
        let access = access.and_then(|session| session.access.as_deref().cloned());
        let change = GroupChange { filter: filter.into(), member, change, access };
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
        self.change_groups(session, Change::Online(online));
    }

    /// Tells all groups of a session what changes.
    pub(super) fn change_groups(&mut self, session: SessionKey, change: Change) {
        let Some(state) = self.sessions.get(session) else { return };
        let shared: Vec<Box<str>> =
            state.filters.iter().filter(|filter| is_shared(filter)).map(Box::from).collect();
        for filter in shared {
            self.change_group(&filter, session, change);
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
                let message = outgoing.shared();
                let forwarded = Forwarded::Member { session: member.session, options, message };
                forwards.push(Forward(forwarded));
            }
        }
        any
    }

    /// Takes a message for a member that another shard has picked. What the member may not have any
    /// more since then is counted as revoked.
    pub(super) fn deliver_to_member(
        &mut self,
        session: SessionKey,
        options: DeliveryOptions,
        message: &Message,
    ) {
        let Some(state) = self.sessions.get(session) else { return };
        if self.policy.is_some() && !state.may_receive(message.topic()) {
            self.statistics.messages_revoked += 1;
            return;
        }
        self.encoder.begin();
        self.deliver_shared(session, options, &mut Outgoing::of(message));
    }

    fn deliver_shared(
        &mut self,
        session: SessionKey,
        options: DeliveryOptions,
        outgoing: &mut Outgoing<'_>,
    ) {
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
