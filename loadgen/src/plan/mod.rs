//! Who does what, and when: pure, and the same whenever the scenario and its seed are.
//!
//! ```text
//! schedule  the parts of the load, on the clock of the run
//! life      when a client is connected
//! timing    when its publications are due
//! filters   which Topic Filters match a Topic Name
//! audience  who is owed what
//! closed_loop  whose arrivals open a window
//! retained  what of it a client gets that subscribes late
//! offered   how many publications are due
//! ```
//!
//! Clients are numbered through all groups. A *stream* is what one client publishes to one Topic Name:
//! its publications have sequence numbers of their own, and a `%rand_N` makes N streams of one entry.

mod audience;
mod closed_loop;
mod filters;
mod life;
mod offered;
mod retained;
mod schedule;
mod timing;

use std::ops::Range;
use std::sync::Arc;

pub(crate) use audience::{Audience, Contract};
pub(crate) use life::{Life, NEVER};
pub(crate) use offered::Offered;
pub(crate) use schedule::{SEND_GRACE_NS, Schedule};
pub(crate) use timing::{Cursor, Steps, Timing};

use audience::Audiences;
use life::scaled;

use crate::payload::{PUBLISHERS_MAX, RunTag, scramble};
use crate::scenario::{
    Arrival, Connecting, Group, Leave, Meeting, Names, Pattern, PlanError, Publication, Scenario,
};
use crate::units::fraction;

/// What a number of the seed is for: no two uses draw the same ones.
#[derive(Clone, Copy, Debug)]
enum Draw {
    /// The order of the clients of a group.
    Order = 1,
    /// The moments of a client of a Poisson process.
    Moments = 2,
    /// The distances of connections.
    Connect = 3,
    /// How a `%rand_N` comes out for a client.
    Text = 4,
    /// How long a client is away after a storm.
    Storm = 5,
    /// Which stream a publication belongs to.
    Stream = 6,
}

/// The plan of a run. Cheap to read from every worker.
#[derive(Debug)]
pub(crate) struct Plan {
    scenario: Arc<Scenario>,
    tag: RunTag,
    groups: Box<[GroupPlan]>,
    entries: Box<[Entry]>,
    /// Streams of publications; those of Will Messages follow.
    published: u32,
    streams: u32,
    audiences: Box<[Audience]>,
    pairs: u64,
    /// The audience of each stream; empty when all have the first.
    audience_of: Box<[u32]>,
}

#[derive(Debug)]
struct GroupPlan {
    first_client: u32,
    clients: u32,
    first_entry: usize,
    /// Places of its clients in an order of the seed; empty where no order is needed.
    order: Box<[u32]>,
    /// The stream of the first client's Will Message, where it has a stamp.
    first_will: Option<u32>,
    /// Retained messages that its clients are owed: see [`retained::owed`].
    retained: Box<[u32]>,
}

/// One entry of `publish` of one group.
#[derive(Debug)]
struct Entry {
    group: usize,
    /// Its place in the group's `publish`.
    place: usize,
    first_stream: u32,
    /// Streams of each client.
    variants: u32,
    /// Place in the period of each client: client `i` is the `places[i]`-th to publish.
    places: Box<[u32]>,
}

/// The names of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClientNames {
    number: u32,
    /// Client Identifier.
    pub identifier: String,
    /// User Name; empty for none.
    pub user: String,
}

impl Plan {
    /// Plans a scenario; `tag` tells its run from others.
    pub(crate) fn new(scenario: &Arc<Scenario>, tag: RunTag) -> Result<Self, PlanError> {
        let mut plan = Self {
            scenario: Arc::clone(scenario),
            tag,
            groups: Box::default(),
            entries: Box::default(),
            published: 0,
            streams: 0,
            audiences: Box::default(),
            pairs: 0,
            audience_of: Box::default(),
        };
        plan.number()?;
        plan.match_topics()?;
        closed_loop::check(&plan)?;
        let retained: Vec<_> =
            (0..plan.groups.len()).map(|group| retained::owed(&plan, group)).collect();
        for (group, retained) in plan.groups.iter_mut().zip(retained) {
            group.retained = retained;
        }
        Ok(plan)
    }

    /// Gives clients and streams their numbers.
    fn number(&mut self) -> Result<(), PlanError> {
        let scenario = Arc::clone(&self.scenario);
        let (mut groups, mut entries) = (Vec::new(), Vec::new());
        let (mut client, mut stream) = (0, 0_u64);
        let mut salt = 0;
        for (number, group) in scenario.groups.iter().enumerate() {
            groups.push(GroupPlan {
                first_client: client,
                clients: group.clients,
                first_entry: entries.len(),
                order: if group.stays() {
                    Box::default()
                } else {
                    shuffled(group.clients, self.draw(Draw::Order, number as u64, 0))
                },
                first_will: None,
                retained: Box::default(),
            });
            client += group.clients;
            for (place, publication) in group.publish.iter().enumerate() {
                let variants = u32::try_from(publication.topic.variants()).unwrap_or(u32::MAX);
                entries.push(Entry {
                    group: number,
                    place,
                    first_stream: bounded(stream)?,
                    variants,
                    places: shuffled(group.clients, scenario.seed ^ salt),
                });
                // The first entry has the order that the seed itself gives.
                salt = scramble(salt + 1);
                stream += u64::from(variants) * u64::from(group.clients);
            }
        }
        self.published = bounded(stream)?;
        for (plan, group) in groups.iter_mut().zip(&scenario.groups) {
            if has_timed_will(group) {
                plan.first_will = Some(bounded(stream)?);
                stream += u64::from(group.clients);
            }
        }
        self.streams = bounded(stream)?;
        self.groups = groups.into();
        self.entries = entries.into();
        Ok(())
    }

    /// Finds the audience of each stream.
    fn match_topics(&mut self) -> Result<(), PlanError> {
        let scenario = Arc::clone(&self.scenario);
        let mut audiences = Audiences::new(&scenario, self);
        let mut of: Vec<u32> = Vec::new();
        for entry in &self.entries {
            let group = &scenario.groups[entry.group];
            let publication = &group.publish[entry.place];
            let per_client = entry.variants as usize;
            if publication.topic.is_common() {
                let topic = self.topic_name(entry.first_stream);
                let streams = u64::from(group.clients);
                let audience = audiences.of(&topic, group, publication.qos, streams)?;
                of.extend(std::iter::repeat_n(audience, group.clients as usize));
                continue;
            }
            let first_client = of.len();
            for stream in 0..entry.variants * group.clients {
                let is_known = stream >= entry.variants && publication.topic.is_common_but_random();
                let audience = if is_known {
                    of[first_client + stream as usize % per_client]
                } else {
                    let topic = self.topic_name(entry.first_stream + stream);
                    audiences.of(&topic, group, publication.qos, 1)?
                };
                of.push(audience);
            }
        }
        for (plan, group) in self.groups.iter().zip(&scenario.groups) {
            let (Some(_), Some(will)) = (plan.first_will, &group.connection.will) else {
                continue;
            };
            // The broker has a Will Message from the start, so that nothing about it is uncertain.
            let mut sender = group.clone();
            sender.presence.leave = Leave::Disconnect;
            for client in self.clients_of_group_plan(plan) {
                let topic = self.text(client, &will.topic);
                of.push(audiences.of(&topic, &sender, will.qos, 1)?);
            }
        }
        self.pairs = audiences.pairs;
        self.audiences = audiences.all.into();
        let is_one = self.audiences.len() < 2;
        self.audience_of = if is_one { Box::default() } else { of.into() };
        Ok(())
    }

    /// The scenario.
    #[cfg(test)]
    pub(crate) fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// The group of a client, and its number in it.
    pub(crate) fn group_of(&self, client: u32) -> (usize, u32) {
        let after = self.groups.partition_point(|group| group.first_client <= client);
        let number = after.saturating_sub(1);
        let first_client = self.groups.get(number).map_or(0, |group| group.first_client);
        (number, client.saturating_sub(first_client))
    }

    /// What the clients of a group do.
    pub(crate) fn group(&self, number: usize) -> &Group {
        &self.scenario.groups[number]
    }

    /// The clients of a group.
    pub(crate) fn clients_of_group(&self, number: usize) -> Range<u32> {
        self.groups.get(number).map_or(0..0, |group| self.clients_of_group_plan(group))
    }

    #[expect(clippy::unused_self, reason = "it reads as its neighbour does")]
    fn clients_of_group_plan(&self, group: &GroupPlan) -> Range<u32> {
        group.first_client..group.first_client + group.clients
    }

    /// Entries of `publish`, those of all groups.
    pub(crate) fn entries(&self) -> usize {
        self.entries.len()
    }

    /// The entries of a group.
    pub(crate) fn entries_of_group(&self, number: usize) -> Range<usize> {
        let first = self.groups.get(number).map_or(0, |group| group.first_entry);
        first..first + self.scenario.groups.get(number).map_or(0, |group| group.publish.len())
    }

    /// Clients that publish by this entry.
    pub(crate) fn clients_of_entry(&self, entry: usize) -> u32 {
        self.entries.get(entry).map_or(0, |entry| self.groups[entry.group].clients)
    }

    /// The group of an entry.
    pub(crate) fn group_of_entry(&self, entry: usize) -> &Group {
        self.group(self.entries[entry].group)
    }

    /// Retained messages that a client is owed for certain when it subscribes under load.
    pub(crate) fn retained_owed(&self, client: u32) -> u32 {
        let (group, number) = self.group_of(client);
        match self.groups.get(group).map(|group| &group.retained[..]) {
            None | Some([]) => 0,
            Some([all]) => *all,
            Some(each) => each.get(number as usize).copied().unwrap_or(0),
        }
    }

    /// What an entry says.
    pub(crate) fn publication(&self, entry: usize) -> &Publication {
        let Entry { group, place, .. } = self.entries[entry];
        &self.scenario.groups[group].publish[place]
    }

    /// The first stream of client `number` of its group by this entry, and how many it has.
    pub(crate) fn streams_of(&self, entry: usize, number: u32) -> (u32, u32) {
        let Entry { first_stream, variants, .. } = self.entries[entry];
        (first_stream + number * variants, variants)
    }

    /// Streams, those of Will Messages included.
    pub(crate) fn streams(&self) -> u32 {
        self.streams
    }

    /// Streams of publications: those from this number on are of Will Messages.
    pub(crate) fn published_streams(&self) -> u32 {
        self.published
    }

    /// The stream of a client's Will Message, where it has a stamp.
    pub(crate) fn will_stream(&self, client: u32) -> Option<u32> {
        let (group, number) = self.group_of(client);
        self.groups.get(group)?.first_will.map(|first| first + number)
    }

    /// When the publications of client `number` of its group by this entry are due.
    pub(crate) fn timing(&self, entry: usize, number: u32) -> Timing {
        let Entry { group, places, .. } = &self.entries[entry];
        let publication = self.publication(entry);
        if publication.window.is_some() {
            return Timing::new(0, 1, Steps::Once, None);
        }
        let group_plan = &self.groups[*group];
        let Publication { period_ns, arrival, burst, .. } = *publication;
        let place = places.get(number as usize).copied().unwrap_or(0);
        let spread_ns = scaled(
            period_ns.saturating_mul(u64::from(burst)),
            u64::from(place),
            u64::from(group_plan.clients),
        );
        let seed = self.draw(Draw::Moments, entry as u64, u64::from(number));
        let (offset_ns, steps) = match arrival {
            Arrival::Spread => (spread_ns, Steps::Even),
            Arrival::Herd => (0, Steps::Even),
            Arrival::Poisson => (0, Steps::Poisson { seed }),
            Arrival::Burst => (spread_ns, Steps::Burst { size: burst }),
        };
        let start_ns = self.group(*group).presence.start_ns.unwrap_or(0);
        let life = self.life(group_plan.first_client + number);
        Timing::new(start_ns.saturating_add(offset_ns), period_ns, steps, life)
    }

    /// When a client is there; `None` for one that always is.
    pub(crate) fn life(&self, client: u32) -> Option<Life> {
        let (number, place) = self.group_of(client);
        let group = self.scenario.groups.get(number).filter(|group| !group.stays())?;
        let random = self.draw(Draw::Storm, u64::from(client), 0);
        let place = self.groups[number].order.get(place as usize).copied().unwrap_or(place);
        Some(Life::new(group, place, random))
    }

    /// Whether some clients are away at times.
    pub(crate) fn has_absences(&self) -> bool {
        self.scenario.groups.iter().any(|group| !group.stays())
    }

    /// Clients that connect before the load, of groups of which this is true.
    pub(crate) fn clients_before_load(&self, is_in: impl Fn(&Group) -> bool) -> u32 {
        let early = self.scenario.groups.iter().filter(|group| group.presence.start_ns.is_none());
        early.filter(|group| is_in(group)).map(|group| group.clients).sum()
    }

    /// How long the groups take that connect before the load at a pace of their own.
    pub(crate) fn connect_ns(&self) -> u64 {
        let early =
            (0..self.groups.len()).filter(|group| self.group(*group).presence.start_ns.is_none());
        early.filter_map(|group| self.connect_offsets(group).last().copied()).max().unwrap_or(0)
    }

    /// How long after the first of its group each client connects.
    pub(crate) fn connect_offsets(&self, group: usize) -> Vec<u64> {
        let Connecting { arrival, interval_ns } = self.group(group).connect;
        let seed = self.draw(Draw::Connect, group as u64, 0);
        let steps = match arrival {
            Meeting::Herd => return vec![0; self.group(group).clients as usize],
            Meeting::Spread => Steps::Even,
            Meeting::Poisson => Steps::Poisson { seed },
        };
        if interval_ns == 0 {
            return vec![0; self.group(group).clients as usize];
        }
        let timing = Timing::new(0, interval_ns, steps, None);
        let all = std::iter::successors(Some(timing.first()), |last| Some(timing.after(*last)));
        all.map(|cursor| cursor.due_ns).take(self.group(group).clients as usize).collect()
    }

    /// The names of a client.
    pub(crate) fn names(&self, client: u32) -> ClientNames {
        let (number, place) = self.group_of(client);
        let group = self.group(number);
        let tag = String::from_utf8_lossy(&self.tag);
        let mut names =
            ClientNames { number: place, identifier: String::new(), user: String::new() };
        let user = &group.connection.user;
        let identifier = |names: &ClientNames| match &group.identifier {
            // 23 characters at most, all that a server must take [MQTT-3.1.3-5], where the label
            // has four.
            None => format!("kelvin-{tag}-{}-{place}", group.label),
            Some(pattern) => pattern.expand(names.borrow(), 0),
        };
        // One may stand in the other, but not each in the other.
        if user.has_identifier() {
            names.identifier = identifier(&names);
        }
        names.user = user.expand(names.borrow(), self.variant(client, user));
        names.identifier = identifier(&names);
        names
    }

    /// A text of a client; its `%rand_N` are drawn once.
    pub(crate) fn text(&self, client: u32, pattern: &Pattern) -> String {
        if pattern.is_common() {
            let names = Names { number: 0, identifier: "", user: "" };
            return pattern.expand(names, 0);
        }
        pattern.expand(self.names(client).borrow(), self.variant(client, pattern))
    }

    fn variant(&self, client: u32, pattern: &Pattern) -> u64 {
        let text = pattern.to_string();
        let salt = text.bytes().fold(0, |salt, byte| scramble(salt ^ u64::from(byte)));
        self.draw(Draw::Text, u64::from(client), salt) % pattern.variants()
    }

    /// The Topic Name of a stream of publications.
    pub(crate) fn topic_name(&self, stream: u32) -> String {
        let after = self.entries.partition_point(|entry| entry.first_stream <= stream);
        let Some(entry) = after.checked_sub(1).and_then(|number| self.entries.get(number)) else {
            return String::new();
        };
        let within = stream - entry.first_stream;
        let client = self.groups[entry.group].first_client + within / entry.variants;
        let topic = &self.scenario.groups[entry.group].publish[entry.place].topic;
        let variant = u64::from(within % entry.variants);
        if topic.is_common_but_random() {
            return topic.expand(Names { number: 0, identifier: "", user: "" }, variant);
        }
        topic.expand(self.names(client).borrow(), variant)
    }

    /// A Topic Filter of a client, without its Share Name.
    pub(crate) fn topic_filter(&self, client: u32, entry: usize) -> String {
        let (group, _) = self.group_of(client);
        self.text(client, &self.group(group).subscribe[entry].filter)
    }

    /// Pairs of a stream and one who receives it.
    pub(crate) fn pairs(&self) -> u64 {
        self.pairs
    }

    /// Size of the longest Topic Name of publications, as far as the last client has it.
    pub(crate) fn topic_bytes_max(&self) -> usize {
        let entries = self.entries.iter();
        let last = entries.map(|entry| {
            let streams = entry.variants * self.groups[entry.group].clients;
            self.topic_name(entry.first_stream + streams - 1).len()
        });
        last.max().unwrap_or(0)
    }

    /// Who receives what is published on a stream.
    pub(crate) fn audience(&self, stream: u32) -> Option<&Audience> {
        self.audiences.get(self.audience_number(stream) as usize)
    }

    /// The number of the audience of a stream.
    pub(crate) fn audience_number(&self, stream: u32) -> u32 {
        self.audience_of.get(stream as usize).copied().unwrap_or(0)
    }

    /// All audiences.
    pub(crate) fn audiences(&self) -> &[Audience] {
        &self.audiences
    }

    /// Whether some publication reaches several clients.
    pub(crate) fn fans_out(&self) -> bool {
        self.audiences.iter().any(|audience| audience.members.len() > 1)
    }

    /// Deliveries that one publication on a stream owes.
    #[inline]
    pub(crate) fn owed(&self, stream: u32) -> u32 {
        self.audience(stream).map_or(0, |audience| audience.owed)
    }

    /// Deliveries per second that all publications make, judged or not.
    pub(crate) fn deliveries_per_second(&self) -> f64 {
        (0..self.entries.len()).map(|entry| self.deliveries_of_entry(entry)).sum()
    }

    /// Payload bytes per second of these deliveries.
    pub(crate) fn payload_bytes_per_second(&self) -> f64 {
        let bytes = |entry| fraction(self.publication(entry).payload.bytes as u64);
        (0..self.entries.len()).map(|entry| self.deliveries_of_entry(entry) * bytes(entry)).sum()
    }

    fn deliveries_of_entry(&self, number: usize) -> f64 {
        let entry = &self.entries[number];
        let clients = self.clients_of_entry(number);
        if self.publication(number).window.is_some() {
            return 0.0;
        }
        let streams = entry.first_stream..entry.first_stream + entry.variants * clients;
        let per_second =
            f64::from(clients) * 1e9 / fraction(self.publication(number).period_ns.max(1));
        let deliveries = |stream| self.audience(stream).map_or(0, |all| u64::from(all.deliveries));
        let count = f64::from(streams.end - streams.start).max(1.0);
        per_second * fraction(streams.map(deliveries).sum()) / count
    }

    /// The clients of worker `worker` out of `workers`, in ascending order: every `workers`-th of a
    /// group. Members of share groups are all on the first, so that one ledger knows who got what.
    pub(crate) fn clients_of_worker(&self, worker: u32, workers: u32) -> Vec<u32> {
        let mut all = Vec::new();
        for (number, group) in self.scenario.groups.iter().enumerate() {
            let clients = self.clients_of_group(number);
            match (group.is_sharing(), worker) {
                (true, 0) => all.extend(clients),
                (true, _) => {}
                (false, _) => {
                    all.extend(clients.skip(worker as usize).step_by(workers.max(1) as usize));
                }
            }
        }
        all
    }

    /// Those of them that subscribe.
    pub(crate) fn subscribers_of_worker(&self, worker: u32, workers: u32) -> Vec<u32> {
        let mut clients = self.clients_of_worker(worker, workers);
        clients.retain(|client| self.subscribes(*client));
        clients
    }

    /// Whether a client subscribes to anything.
    pub(crate) fn subscribes(&self, client: u32) -> bool {
        !self.group(self.group_of(client).0).subscribe.is_empty()
    }

    /// A number that the seed gives for this use, the same whenever it is asked for.
    fn draw(&self, draw: Draw, a: u64, b: u64) -> u64 {
        scramble(scramble(scramble(self.scenario.seed ^ scramble(draw as u64)) ^ a) ^ b)
    }

    /// From what the streams of the publications of a client by an entry are drawn.
    pub(crate) fn stream_seed(&self, entry: usize, number: u32) -> u64 {
        self.draw(Draw::Stream, entry as u64, u64::from(number))
    }
}

impl ClientNames {
    fn borrow(&self) -> Names<'_> {
        Names { number: self.number, identifier: &self.identifier, user: &self.user }
    }
}

/// Whether the Will Messages of a group are timed: it breaks off at planned moments.
pub(crate) fn has_timed_will(group: &Group) -> bool {
    group.has_stamped_will() && group.presence.leave == Leave::Abort
}

fn bounded(streams: u64) -> Result<u32, PlanError> {
    match u32::try_from(streams) {
        Ok(streams) if streams < PUBLISHERS_MAX => Ok(streams),
        _ => Err(PlanError::Streams(PUBLISHERS_MAX)),
    }
}

/// The numbers below `count` in an order that the seed decides (Fisher and Yates).
fn shuffled(count: u32, seed: u64) -> Box<[u32]> {
    let mut places: Box<[u32]> = (0..count).collect();
    for last in (1..places.len()).rev() {
        let random = scramble(seed ^ scramble(last as u64));
        let other = usize::try_from(random % (last as u64 + 1)).unwrap_or(0);
        places.swap(last, other);
    }
    places
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) use tests::plan_of as tests_plan;
