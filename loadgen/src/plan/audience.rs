//! Who is owed what: Topic Names matched against Topic Filters before anything is sent.
//!
//! Streams whose topics match the same filters have one *audience*, so that the main job has a single
//! one, and a million pairs have a million small ones.

use std::collections::HashMap;

use super::Plan;
use super::filters::Filters;
use crate::mqtt::QoS;
use crate::scenario::{Group, Leave, PAIRS_MAX, PlanError, Scenario};

/// Who receives the messages of some streams.
#[derive(Clone, Debug, Default)]
pub(crate) struct Audience {
    /// By the number of the client, and each at most once.
    pub members: Box<[Member]>,
    /// Deliveries that each message makes: a shared subscription counts once for all its members.
    pub deliveries: u32,
    /// How many of them are judged: are lost if they do not come.
    pub owed: u32,
    /// The same for each QoS at which they are delivered.
    pub owed_at: [u32; 3],
}

/// One that receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// The client.
    pub client: u32,
    /// Its share group among those of the audience; `None` for one that receives all.
    pub share: Option<u16>,
    /// QoS of its deliveries: the lower one of publication and subscription `[MQTT-3.8.4-6]`.
    pub qos: QoS,
    /// What its deliveries are held to.
    pub contract: Contract,
    /// Whether a message may rightly come again: the client has several filters that match
    /// (section 3.3.4), or the broker sends again what was not acknowledged on a connection before.
    pub may_repeat: bool,
}

/// What deliveries are held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Contract {
    /// All must come.
    Whole,
    /// Those that come are measured; which of them must come is not known: the client is away at
    /// times, and nobody keeps its messages.
    Open,
    /// They are counted and nothing else: the client itself makes them late.
    Slow,
}

/// What about a stream decides on the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Kind {
    /// QoS of its publications.
    qos: QoS,
    /// Its publications reach the broker for certain.
    certain: bool,
}

/// A subscription of one client.
#[derive(Clone, Copy, Debug)]
struct Subscriber {
    client: u32,
    group: u32,
    qos: QoS,
    /// Number of its Share Name.
    share: Option<u16>,
}

/// Finds audiences.
#[derive(Debug)]
pub(super) struct Audiences<'a> {
    scenario: &'a Scenario,
    filters: Filters,
    /// Of each filter.
    subscribers: Vec<Vec<Subscriber>>,
    known: HashMap<(Vec<u32>, Kind), u32>,
    pub(super) all: Vec<Audience>,
    pub(super) pairs: u64,
}

impl<'a> Audiences<'a> {
    /// Takes in the subscriptions of all clients.
    pub(super) fn new(scenario: &'a Scenario, plan: &Plan) -> Self {
        let mut audiences = Self {
            scenario,
            filters: Filters::new(),
            subscribers: Vec::new(),
            known: HashMap::new(),
            all: Vec::new(),
            pairs: 0,
        };
        let mut shares: Vec<&str> = Vec::new();
        for (number, group) in (0..).zip(&scenario.groups) {
            for (entry, subscription) in group.subscribe.iter().enumerate() {
                let share = subscription.share.as_deref().map(|share| {
                    let known = shares.iter().position(|known| *known == share);
                    let place = known.unwrap_or_else(|| {
                        shares.push(share);
                        shares.len() - 1
                    });
                    u16::try_from(place).unwrap_or(u16::MAX)
                });
                let common = subscription.filter.is_common();
                let mut last = None;
                for client in plan.clients_of_group(number as usize) {
                    let filter = match last {
                        Some(last) if common => last,
                        _ => audiences.filters.number(&plan.topic_filter(client, entry)),
                    };
                    last = Some(filter);
                    audiences.subscribe(
                        filter,
                        Subscriber { client, group: number, qos: subscription.qos, share },
                    );
                }
            }
        }
        audiences
    }

    fn subscribe(&mut self, filter: u32, subscriber: Subscriber) {
        let count = self.filters.count() as usize;
        self.subscribers.resize_with(count.max(self.subscribers.len()), Vec::new);
        if let Some(subscribers) = self.subscribers.get_mut(filter as usize) {
            subscribers.push(subscriber);
        }
    }

    /// The number of the audience of a stream of `group`.
    pub(super) fn of(
        &mut self,
        topic: &str,
        group: &Group,
        qos: QoS,
        streams: u64,
    ) -> Result<u32, PlanError> {
        let kind = Kind {
            qos,
            // What was written before a socket is closed at once may never have left it.
            certain: group.stays() || group.presence.leave == Leave::Disconnect,
        };
        let key = (self.filters.matching(topic), kind);
        let number = if let Some(number) = self.known.get(&key) {
            *number
        } else {
            let audience = self.audience(topic, &key.0, kind)?;
            let number = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
            self.all.push(audience);
            self.known.insert(key, number);
            number
        };
        let members = self.all.get(number as usize).map_or(0, |audience| audience.members.len());
        self.pairs = self.pairs.saturating_add(streams.saturating_mul(members as u64));
        if self.pairs > PAIRS_MAX {
            return Err(PlanError::Pairs);
        }
        Ok(number)
    }

    fn audience(&self, topic: &str, filters: &[u32], kind: Kind) -> Result<Audience, PlanError> {
        let mut members = Vec::new();
        // Share groups of this audience: a Share Name and a filter.
        let mut shares: HashMap<(u16, u32), u16> = HashMap::new();
        for filter in filters {
            for subscriber in self.subscribers.get(*filter as usize).into_iter().flatten() {
                let next = u16::try_from(shares.len()).unwrap_or(u16::MAX);
                let share =
                    subscriber.share.map(|share| *shares.entry((share, *filter)).or_insert(next));
                members.push((self.member(subscriber, share, kind), subscriber.group));
            }
        }
        members.sort_by_key(|(member, _)| member.client);
        let mut merged: Vec<Member> = Vec::with_capacity(members.len());
        for (member, group) in members {
            match merged.last_mut().filter(|last| last.client == member.client) {
                None => merged.push(member),
                Some(last) if last.share.is_none() && member.share.is_none() => {
                    last.may_repeat = true;
                    // The greatest QoS of the filters that match [MQTT-3.3.5-1].
                    last.qos = last.qos.max(member.qos);
                    last.contract = last.contract.min(member.contract);
                }
                Some(_) => {
                    let name = self.scenario.groups.get(group as usize).map(|group| &group.name);
                    let name = name.cloned().unwrap_or_default();
                    return Err(PlanError::SharedTwice(name, topic.to_owned()));
                }
            }
        }
        let share_count = shares.len();
        Ok(counted(merged, share_count))
    }

    fn member(&self, subscriber: &Subscriber, share: Option<u16>, kind: Kind) -> Member {
        let Subscriber { client, group, .. } = *subscriber;
        let qos = subscriber.qos.min(kind.qos);
        let group = self.scenario.groups.get(group as usize);
        let is_slow = group.is_some_and(|group| group.read_bytes_per_second.is_some());
        let is_there = group.is_some_and(Group::stays);
        let is_kept = qos > QoS::AtMostOnce
            && group.is_some_and(|group| {
                // A session begins with the first connection, and ends with a group that stops.
                let Group { presence, .. } = group;
                group.is_persistent() && presence.start_ns.is_none() && presence.stop_ns.is_none()
            });
        Member {
            client,
            share,
            qos,
            contract: match (is_slow, kind.certain && (is_there || is_kept)) {
                (true, _) => Contract::Slow,
                (false, true) => Contract::Whole,
                (false, false) => Contract::Open,
            },
            may_repeat: !is_there && is_kept && qos < QoS::ExactlyOnce,
        }
    }
}

/// Settles what the members of a share group have in common, and counts.
fn counted(mut members: Vec<Member>, shares: usize) -> Audience {
    // Whichever member gets a message, no less than this is promised of it.
    let mut least = vec![(Contract::Whole, QoS::ExactlyOnce); shares];
    for member in &members {
        if let Some(least) = member.share.and_then(|share| least.get_mut(usize::from(share))) {
            *least = (least.0.max(member.contract), least.1.min(member.qos));
        }
    }
    for member in &mut members {
        if let Some(least) = member.share.and_then(|share| least.get(usize::from(share))) {
            (member.contract, member.qos) = *least;
        }
    }
    let alone = members.iter().filter(|member| member.share.is_none());
    let alone = alone.map(|member| (member.contract, member.qos));
    let (mut deliveries, mut owed_at) = (0_u32, [0_u32; 3]);
    for (contract, qos) in alone.chain(least) {
        deliveries = deliveries.saturating_add(1);
        if contract == Contract::Whole {
            let owed = &mut owed_at[qos as usize];
            *owed = owed.saturating_add(1);
        }
    }
    Audience {
        deliveries,
        owed: owed_at.into_iter().fold(0, u32::saturating_add),
        owed_at,
        members: members.into_boxed_slice(),
    }
}
