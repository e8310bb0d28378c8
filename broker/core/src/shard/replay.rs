//! Retained messages for new subscriptions, [MQTT-3.3.1-6]: in slices, as the Client reads.
//!
//! A subscription holds its place in the store and nothing of what it is still to get. The next
//! slice comes when the output has drained and, above QoS 0, the inflight window is open; one turn
//! takes so many steps that other connections do not wait for it. What still belongs to it is
//! decided at its turn: a message that was deleted, has expired or may not be read any more is left
//! out, and one that was replaced has been delivered in its time.
//!
//! A replay belongs to the session: it waits for a Client that is away, and ends with the
//! subscription.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::rc::Rc;

use foldhash::fast::FixedState;
use indexmap::IndexMap;

use super::Shard;
use super::connection::{ConnectionKey, Phase};
use super::delivery::Single;
use super::outgoing::{Form, Outgoing};
use super::output::Output;
use crate::codec::PublishHeader;
use crate::message::Message;
use crate::qos::QoS;
use crate::session::{Delivery, Kept, SessionKey};
use crate::time::Time;
use crate::topic::{DeliveryOptions, FilterLevels, Step, TopicFilter, TopicName, Walk};

/// Levels of topics that one turn looks at, for all replays together: some hundred microseconds, a
/// millisecond when all are messages to be sent.
const STEPS_PER_TURN: usize = 4096;

/// The subscriptions that have not got all retained messages yet.
#[derive(Debug)]
pub(super) struct Replays {
    sessions: IndexMap<SessionKey, Pending, FixedState>,
    /// Sessions that can go on at once.
    ready: VecDeque<SessionKey>,
    /// What is left of this turn.
    steps: usize,
    /// Subscriptions of all sessions.
    len: usize,
}

/// Those of one session, in the order of subscribing.
#[derive(Debug, Default)]
struct Pending {
    replays: VecDeque<Replay>,
    is_ready: bool,
}

#[derive(Debug)]
struct Replay {
    filter: Box<str>,
    options: DeliveryOptions,
    walk: Walk,
}

/// Why a replay stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// It has sent everything.
    Done,
    /// The Client has enough for now.
    Full,
    /// The turn is over.
    Turn,
}

impl Replays {
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    fn push_back(&mut self, session: SessionKey, replay: Replay) {
        self.sessions.entry(session).or_default().replays.push_back(replay);
        self.len += 1;
    }

    fn front(&mut self, session: SessionKey) -> Option<Replay> {
        let replay = self.sessions.get_mut(&session)?.replays.pop_front()?;
        self.len -= 1;
        Some(replay)
    }

    fn push_front(&mut self, session: SessionKey, replay: Replay) {
        self.sessions.entry(session).or_default().replays.push_front(replay);
        self.len += 1;
    }

    fn get_mut(&mut self, session: SessionKey, filter: TopicFilter<'_>) -> Option<&mut Replay> {
        let replays = &mut self.sessions.get_mut(&session)?.replays;
        replays.iter_mut().find(|replay| *replay.filter == *filter.as_str())
    }

    fn remove(&mut self, session: SessionKey, filter: TopicFilter<'_>) -> Option<Replay> {
        let replays = &mut self.sessions.get_mut(&session)?.replays;
        let index = replays.iter().position(|replay| *replay.filter == *filter.as_str())?;
        self.len -= 1;
        replays.remove(index)
    }

    /// Forgets a session that has nothing left.
    fn tidy(&mut self, session: SessionKey) {
        if self.sessions.get(&session).is_some_and(|pending| pending.replays.is_empty()) {
            self.sessions.swap_remove(&session);
        }
    }

    fn make_ready(&mut self, session: SessionKey) {
        if let Some(pending) = self.sessions.get_mut(&session)
            && !std::mem::replace(&mut pending.is_ready, true)
        {
            self.ready.push_back(session);
        }
    }

    fn next_ready(&mut self) -> Option<SessionKey> {
        let session = self.ready.pop_front()?;
        if let Some(pending) = self.sessions.get_mut(&session) {
            pending.is_ready = false;
        }
        Some(session)
    }
}

impl Default for Replays {
    fn default() -> Self {
        Self {
            sessions: IndexMap::with_hasher(FixedState::default()),
            ready: VecDeque::new(),
            steps: STEPS_PER_TURN,
            len: 0,
        }
    }
}

impl Shard {
    /// Sends new subscriptions the next slices of the retained messages that they are still to get.
    /// To be called once per turn, before [`take_dirty`](Self::take_dirty).
    pub fn handle_replays(&mut self, now: Time) {
        self.now = now;
        self.replays.steps = STEPS_PER_TURN;
        // Those that become ready on the way wait for the next turn.
        for _ in 0..self.replays.ready.len() {
            if self.replays.steps == 0 {
                return;
            }
            let Some(session) = self.replays.next_ready() else { return };
            self.send_slice(session);
        }
    }

    /// Notes that a subscription is to get the retained messages, from the first on if it was
    /// getting them already.
    pub(super) fn begin_replay(
        &mut self,
        session: SessionKey,
        filter: TopicFilter<'_>,
        options: DeliveryOptions,
    ) {
        self.cancel_replay(session, filter);
        let retained = &mut self.topics.retained;
        let is_certain = |topic| retained.get(topic).is_none();
        if retained.is_empty() || filter.as_exact().is_some_and(is_certain) {
            return;
        }
        let walk = retained.begin_walk();
        self.replays.push_back(session, Replay { filter: filter.as_str().into(), options, walk });
    }

    /// Lets what a subscription is still to get follow its new options.
    pub(super) fn change_replay(
        &mut self,
        session: SessionKey,
        filter: TopicFilter<'_>,
        options: DeliveryOptions,
    ) {
        if let Some(replay) = self.replays.get_mut(session, filter) {
            replay.options = options;
        }
    }

    /// Ends the replay of a subscription that is gone.
    pub(super) fn cancel_replay(&mut self, session: SessionKey, filter: TopicFilter<'_>) {
        if self.replays.is_empty() {
            return;
        }
        if let Some(replay) = self.replays.remove(session, filter) {
            self.topics.retained.end_walk(replay.walk);
            self.replays.tidy(session);
        }
    }

    /// Lets the replay of a connection go on whose output has drained or whose window has opened.
    pub(super) fn wake_replay(&mut self, key: ConnectionKey) {
        if self.replays.is_empty() {
            return;
        }
        if let Phase::Connected(session) = self.links.phase(key)
            && self.pending_output(key) <= self.limits.replay_output_max() / 2
        {
            self.replays.make_ready(session);
        }
    }

    /// Sends one slice, or marks the session for when there is time.
    pub(super) fn send_slice(&mut self, session: SessionKey) {
        let Some(key) = self.links.online(session) else { return };
        while let Some(mut replay) = self.replays.front(session) {
            match self.go_on(key, session, &mut replay) {
                Stop::Done => self.topics.retained.end_walk(replay.walk),
                Stop::Full => {
                    self.replays.push_front(session, replay);
                    return;
                }
                Stop::Turn => {
                    self.replays.push_front(session, replay);
                    self.replays.make_ready(session);
                    return;
                }
            }
        }
        self.replays.tidy(session);
    }

    fn go_on(&mut self, key: ConnectionKey, session: SessionKey, replay: &mut Replay) -> Stop {
        let Replay { filter, options, walk } = replay;
        let filter = FilterLevels::new(TopicFilter::new_unchecked(filter));
        loop {
            if !self.takes_retained(key, session, options.qos) {
                return Stop::Full;
            }
            match self.topics.retained.step(walk, &filter, &mut self.replays.steps) {
                Step::Found(message) => self.send_retained(key, session, &message, *options),
                Step::Paused => return Stop::Turn,
                Step::Done => return Stop::Done,
            }
        }
    }

    /// Whether the Client is to get another retained message now. Above QoS 0 nothing may wait in
    /// the session, so that a replay takes no room from other messages.
    fn takes_retained(&self, key: ConnectionKey, session: SessionKey, qos: QoS) -> bool {
        let pending = self.pending_output(key);
        if pending > 0 && pending >= self.limits.replay_output_max() {
            return false;
        }
        qos == QoS::AtMostOnce || {
            let limits = self.queue_limits(Some(key));
            self.sessions.get(session).is_some_and(|state| state.outbound.is_open(limits))
        }
    }

    fn pending_output(&self, key: ConnectionKey) -> usize {
        self.links.output(key).map_or(0, Output::pending)
    }

    /// Sends a message that the Client has room for.
    fn send_retained(
        &mut self,
        key: ConnectionKey,
        session: SessionKey,
        message: &Message,
        options: DeliveryOptions,
    ) {
        if !self.may_get(session, message) {
            return;
        }
        let identifier = options.identifier.map(NonZeroU32::get);
        let identifiers = identifier.as_slice();
        let qos = message.qos.min(options.qos);
        let mut header = PublishHeader { duplicate: false, retain: true, delivery: None };
        if qos != QoS::AtMostOnce {
            let kept = Kept { message: message.clone(), identifiers: identifiers.into() };
            let delivery = Delivery { kept: Rc::new(kept), qos, retain: true };
            let Some((_, identifier)) = self.offer(session, Some(key), delivery) else { return };
            header.delivery = Some((qos, identifier));
        }
        let before = self.statistics.deliveries;
        let single = Single { header, identifiers, pending_max: usize::MAX };
        let outgoing = Outgoing::of(message);
        self.put_single(key, session, single, &outgoing);
        self.note_delivery(before, session, qos, outgoing.publication);
    }

    fn may_get(&self, session: SessionKey, message: &Message) -> bool {
        let is_allowed = self.policy.is_none()
            || self.sessions.get(session).is_some_and(|state| state.may_receive(message.topic()));
        is_allowed && !message.is_expired(self.now)
    }

    /// Before a message that is not retained goes out: the retained one of its topic is the older
    /// one, and must not come behind it. Those that still wait for it get it now, within the
    /// limits that hold for the message itself.
    pub(super) fn send_retained_first(&mut self, topic: TopicName<'_>) {
        if self.replays.is_empty() {
            return;
        }
        let retained = &mut self.topics.retained;
        let Some((place, message)) = retained.get(topic) else { return };
        let message = message.clone();
        let is_due = |replay: &&Replay| {
            TopicFilter::new_unchecked(&replay.filter).matches(topic)
                && retained.is_ahead(&replay.walk, place)
        };
        let mut due = Vec::new();
        for (&session, pending) in &self.replays.sessions {
            due.extend(pending.replays.iter().filter(is_due).map(|r| (session, r.options)));
        }
        retained.leave_out(place);
        for (session, options) in due {
            if self.may_get(session, &message) {
                let identifier = options.identifier.map(NonZeroU32::get);
                let qos = message.qos.min(options.qos);
                let form = Form { qos, retain: true, identifiers: identifier.as_slice() };
                self.encoder.begin();
                self.deliver_alone(session, form, &mut Outgoing::of(&message));
            }
        }
    }
}

impl crate::limits::Limits {
    /// Bytes of output up to which retained messages are added.
    fn replay_output_max(&self) -> usize {
        self.replay_bytes_max.min(self.output_bytes_max)
    }
}
