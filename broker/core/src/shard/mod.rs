//! Everything that one core owns: connections, sessions, subscriptions, retained messages.
//!
//! A shard never blocks, reads no clock and does no I/O. Its caller, the driver, keeps this order:
//! call one of the `handle_…` methods; then, once per turn, [`handle_replays`](Shard::handle_replays),
//! write what waits for the connections of [`take_dirty`](Shard::take_dirty), hand on what [`take_forwards`](Shard::take_forwards) gives,
//! and drop the connections that [`poll_closed`](Shard::poll_closed) names.

mod access;
mod aliases;
mod authenticate;
mod close;
mod connect;
mod connection;
mod delivery;
mod encoder;
mod event;
mod exchange;
mod forms;
mod forward;
mod group;
mod held;
mod identifiers;
mod large;
mod links;
mod observe;
mod outgoing;
mod output;
mod publish;
mod receive;
mod replay;
mod route;
mod run;
mod shared;
mod subscribe;
#[cfg(test)]
mod tests;
mod timers;

use std::collections::VecDeque;
use std::sync::Arc;

use slotmap::SlotMap;

pub use authenticate::{AuthenticationAnswer, AuthenticationStep};
pub use connection::{CloseCause, Closed, ConnectionKey, Violation};
pub use event::{Client, Event, EventKinds, Observer};
pub use forward::Forward;
pub use group::ShardGroup;
pub use large::LARGE_PACKET_MIN;
pub use output::{Output, SHARED_PAYLOAD_MIN};

use connection::Phase;
use encoder::Encoder;
use forms::RunForms;
use identifiers::Identifiers;
use links::Links;
use replay::Replays;
use route::{Source, Topics};
use subscribe::AwaitedSubacks;
use timers::Timers;

use crate::access::{Identity, Policy, Refusal};
use crate::features::Features;
use crate::limits::Limits;
use crate::message::Message;
use crate::session::{Held, QueueLimits, Session, SessionKey};
use crate::statistics::Statistics;
use crate::time::Time;

/// One core's share of a broker.
pub struct Shard {
    group: Arc<ShardGroup>,
    index: usize,
    /// As the caller last said.
    now: Time,
    limits: Limits,
    features: Features,
    links: Links,
    sessions: SlotMap<SessionKey, Session>,
    /// What all sessions hold together, see [`change_outbound`](Self::change_outbound).
    held: Held,
    identifiers: Identifiers,
    identifiers_assigned: u64,
    awaited_subacks: AwaitedSubacks,
    topics: Topics,
    replays: Replays,
    encoder: Encoder,
    run_forms: RunForms,
    timers: Timers,
    /// Steps of authentications that wait to be taken.
    steps: VecDeque<AuthenticationStep>,
    /// What is meant for each shard of the group.
    forwards: Vec<Vec<Forward>>,
    statistics: Statistics,
    observer: Option<Observer>,
    /// None without an observer.
    event_kinds: EventKinds,
    policy: Option<Arc<dyn Policy>>,
}

impl Shard {
    /// The shard number `index` of `group`. `observer` hears of its events.
    pub fn new(
        group: Arc<ShardGroup>,
        index: usize,
        limits: Limits,
        observer: Option<Observer>,
    ) -> Self {
        let seed = group.seed();
        Self {
            index,
            now: Time::ZERO,
            links: Links::default(),
            sessions: SlotMap::with_key(),
            held: Held::default(),
            identifiers: Identifiers::new(seed),
            identifiers_assigned: 0,
            awaited_subacks: AwaitedSubacks::default(),
            topics: Topics::new(seed, &limits),
            replays: Replays::default(),
            encoder: Encoder::default(),
            run_forms: RunForms::default(),
            timers: Timers::default(),
            steps: VecDeque::new(),
            features: Features::default(),
            forwards: (0..group.shards()).map(|_| Vec::new()).collect(),
            statistics: Statistics::default(),
            event_kinds: observer.as_ref().map_or(EventKinds::NONE, |_| EventKinds::default()),
            observer,
            policy: None,
            limits,
            group,
        }
    }

    /// Offers Clients what `features` says.
    #[must_use]
    pub fn with_features(mut self, features: Features) -> Self {
        self.features = features;
        self
    }

    /// Takes a new Network Connection in. Its first packet is to be a CONNECT.
    pub fn open(&mut self, now: Time) -> ConnectionKey {
        self.now = now;
        self.statistics.connections_opened += 1;
        let key = self.links.open(now);
        if let Some(connection) = self.links.get_mut(key) {
            self.timers.arm(key, connection, now + self.limits.connect_timeout);
        }
        key
    }

    /// The Network Connection ended from outside: closed by its peer, failed, or given up.
    pub fn handle_closed(&mut self, now: Time, key: ConnectionKey, cause: CloseCause) {
        self.now = now;
        self.close(key, cause);
    }

    /// A message from another shard of the group.
    pub fn handle_forward(&mut self, now: Time, forward: Forward) {
        self.now = now;
        self.handle_forwarded(forward.0);
    }

    /// Publishes from inside the broker, as no Client's.
    pub fn publish(&mut self, now: Time, message: &Message) {
        self.now = now;
        self.publish_from(message, None);
    }

    /// Publishes for somebody who has gone, such as a Will, and who answers for it.
    fn publish_from(&mut self, message: &Message, origin: Option<&Arc<Identity>>) {
        let source = Source { publisher: None, origin, packet: None, owned: Some(message) };
        self.route(message.as_publication(), source);
        self.emit_published(message.as_publication(), None);
    }

    /// Ends the Network Connection of a Client, if it has one: its session goes on as if the
    /// connection were lost. At MQTT 5.0 the Client is told the reason, which is to be one of
    /// 3.14.2.1, and where to go instead.
    pub fn dismiss(&mut self, now: Time, client_identifier: &str, refusal: &Refusal) {
        self.now = now;
        let session = self.identifiers.find(&self.sessions, client_identifier);
        if let Some(key) = session.and_then(|session| self.links.online(session)) {
            let reason = refusal.reason.in_disconnect();
            let elsewhere = refusal.server_reference.as_deref();
            self.close_with(key, CloseCause::Dismissed(reason), elsewhere);
        }
    }

    /// Ends all Network Connections, for the end of the broker. No Will is published. Clients of
    /// MQTT 5.0 are told of another Server, if there is one.
    pub fn shut_down(&mut self) {
        for key in self.links.keys() {
            let elsewhere = self.features.server_reference.clone();
            self.close_with(key, CloseCause::Shutdown, elsewhere.as_deref());
        }
    }

    /// Whether there is anything to send, to write, to hand on or to close.
    pub fn has_work(&self) -> bool {
        self.links.has_dirty()
            || self.links.has_closed()
            || self.replays.has_ready()
            || !self.steps.is_empty()
            || self.forwards.iter().any(|forwards| !forwards.is_empty())
    }

    /// Bytes that were put into outputs since the last [`take_dirty`](Self::take_dirty): the
    /// measure for when to stop reading and to write first.
    pub const fn fresh_output(&self) -> usize {
        self.links.fresh()
    }

    /// PUBLISH packets that were received since the shard began: the measure for what a read costs.
    pub const fn publications_received(&self) -> u64 {
        self.statistics.publications_received
    }

    /// Fills `taken` with the connections that got output since the last call.
    pub fn take_dirty(&mut self, taken: &mut Vec<ConnectionKey>) {
        self.links.take_dirty(taken);
    }

    /// Whether a connection's CONNECT has been accepted, and it is not closed.
    pub fn is_client(&self, key: ConnectionKey) -> bool {
        matches!(self.links.phase(key), Phase::Connected(_))
    }

    /// What waits to be written to a connection.
    pub fn output(&self, key: ConnectionKey) -> Option<&Output> {
        self.links.output(key)
    }

    /// Notes that the first `count` bytes of a connection's output are written.
    pub fn advance(&mut self, key: ConnectionKey, count: usize) {
        self.statistics.bytes_sent += count as u64;
        self.links.advance(key, count);
        if count > 0 {
            self.wake_replay(key);
        }
    }

    /// A connection that has come to its end: write what waits, close it, then
    /// [`remove`](Self::remove) it.
    pub fn poll_closed(&mut self) -> Option<Closed> {
        self.links.take_closed()
    }

    /// Forgets a connection.
    pub fn remove(&mut self, key: ConnectionKey) {
        self.links.remove(key);
    }

    /// What is meant for the shard number `shard`, in order; `None` when there is nothing.
    pub fn take_forwards(&mut self, shard: usize) -> Option<Vec<Forward>> {
        let forwards = self.forwards.get_mut(shard)?;
        (!forwards.is_empty()).then(|| std::mem::take(forwards))
    }

    /// Takes back what could not be handed on, to be given again before anything newer.
    pub fn return_forwards(&mut self, shard: usize, mut forwards: Vec<Forward>) {
        if let Some(newer) = self.forwards.get_mut(shard) {
            forwards.append(newer);
            *newer = forwards;
        }
    }

    /// Counters and gauges as of now.
    pub fn statistics(&self) -> Statistics {
        let Held { inflight, queued, queued_bytes } = self.held();
        Statistics {
            connections: self.links.len() as u64,
            sessions: self.sessions.len() as u64,
            clients_connected: self.links.online_len() as u64,
            subscriptions: self.topics.len() as u64,
            subscriptions_shared: self.topics.groups.subscriptions() as u64,
            messages_inflight: inflight as u64,
            messages_queued: queued as u64,
            bytes_queued: queued_bytes as u64,
            packets_sent: self.statistics.deliveries + self.links.answers(),
            retained_messages: self.topics.retained.len() as u64,
            retained_bytes: self.topics.retained.bytes() as u64,
            output_bytes: self.links.pending(self.statistics.bytes_sent),
            replays: self.replays.len() as u64,
            answers_too_large: self.links.answers_too_large(),
            ..self.statistics
        }
    }

    /// What may be in flight to a Client, if one is connected, and wait for it.
    fn queue_limits(&self, connection: Option<ConnectionKey>) -> QueueLimits {
        let takes = connection.map_or(u16::MAX, |key| self.links.receive_maximum(key));
        queue_limits(&self.limits, takes)
    }
}

/// What may be in flight to a Client with this Receive Maximum, and wait for it.
fn queue_limits(limits: &Limits, receive_maximum: u16) -> QueueLimits {
    QueueLimits {
        window: limits.inflight_max.min(receive_maximum),
        messages_max: limits.queued_messages_max,
        bytes_max: limits.queued_bytes_max,
    }
}

impl std::fmt::Debug for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shard")
            .field("index", &self.index)
            .field("statistics", &self.statistics())
            .finish_non_exhaustive()
    }
}
