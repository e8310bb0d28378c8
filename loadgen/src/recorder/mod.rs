//! What one worker saw: counts, latency histograms per second and in all, and the ledger.

mod histogram;
mod ledger;
mod legs;
mod slots;
#[cfg(test)]
mod tests;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use hdrhistogram::Histogram;
pub(crate) use histogram::{Second, histogram, merge};
pub(crate) use ledger::{Arrival, Ledger};
pub(crate) use legs::{Leg, LegHistograms};
use slots::{Slot, Slots};

use crate::client::{Acknowledgement, Answered, Windows};
use crate::mqtt::{Publish, ReasonCode};
use crate::payload::{self, RunTag, Stamp, StampPlace, Unread};
use crate::plan::{Contract, Plan, Schedule};
use crate::transport::Opening;
use crate::units::nanoseconds;

/// Running totals of one worker; those of all workers add up.
///
/// `sent`, `owed` and `delivered` are of the whole load, the warm-up included; what is named
/// `measured` is of the publications that were due in the measured part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    /// Network Connections that are open.
    pub connected: u64,
    /// Network Connections that were opened.
    pub opened: u64,
    /// Network Connections that could not be opened or were refused.
    pub connect_failed: u64,
    /// Network Connections that ended during the run.
    pub disconnected: u64,
    /// Network Connections that their clients ended by plan.
    pub left: u64,
    /// Sessions that the broker should have kept and had not when their clients came back.
    pub sessions_lost: u64,
    /// Subscriptions that were granted.
    pub subscribed: u64,
    /// Subscriptions that were refused.
    pub not_subscribed: u64,
    /// Publications that were written.
    pub sent: u64,
    /// Deliveries that they owe.
    pub owed: u64,
    /// Publications of QoS 1 and 2 that were written.
    pub to_acknowledge: u64,
    /// Publications of QoS 1 and 2 that were acknowledged to the end, or refused.
    pub acknowledged: u64,
    /// Deliveries that came, each publication once for each subscriber.
    pub delivered: u64,
    /// Publications that the pacer came to, whether or not their socket took them.
    pub measured_reached: u64,
    /// Time that the pacer spent looking at the clock with nothing else to do.
    pub spun_ns: u64,
    /// Publications that were written.
    pub measured_sent: u64,
    /// Deliveries that they owe.
    pub measured_owed: u64,
    /// Deliveries that came.
    pub measured_delivered: u64,
    /// Deliveries that came again.
    pub measured_duplicate: u64,
    /// Those of them with DUP = 1.
    pub measured_duplicate_with_dup: u64,
    /// Deliveries that came after a later one of the same publisher.
    pub measured_reordered: u64,
    /// Deliveries that came to clients of which it is not known what they are owed.
    pub measured_unjudged: u64,
    /// Deliveries that came again, as they may: to several subscriptions of one client, or on another
    /// connection of a session.
    pub repeated: u64,
    /// Will Messages that the broker owes, for each subscriber.
    pub wills_owed: u64,
    /// Will Messages that came.
    pub wills: u64,
    /// Of the measured deliveries, those that came after the end of the load.
    pub late_in_drain: u64,
    /// Those that came after the drain.
    pub late_after_drain: u64,
    /// Deliveries that had not come when a later one of the same publisher did.
    pub skipped: u64,
    /// Those of them that came after all.
    pub caught_up: u64,
    /// Messages of this run that are not as they were published.
    pub corrupted: u64,
    /// Deliveries that are late or came again, nobody knows which.
    pub ambiguous: u64,
    /// Messages with RETAIN = 1.
    pub retained: u64,
    /// Messages without this run's stamp.
    pub foreign: u64,
    /// Messages of this run that this subscriber is not owed.
    pub misrouted: u64,
    /// Messages that arrived before they were due.
    pub impossible: u64,
    /// Acknowledgements for which nothing waited.
    pub unexpected: u64,
    /// Publications that the broker refused with a Reason Code.
    pub rejected: u64,
    /// Publishers that were to use a Topic Alias and may not.
    pub unaliased: u64,
    /// Deliveries of a closed loop that did not come and that nothing came after.
    pub given_up: u64,
}

/// What a broker of MQTT 5 gives a reason for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Refused {
    /// A publication, by PUBACK or PUBREC.
    Publication,
    /// The connection, by DISCONNECT.
    Connection,
}

/// How often each reason was given. There are 256 Reason Codes.
pub(crate) type Reasons = BTreeMap<(Refused, ReasonCode), u64>;

impl Counters {
    /// Adds another worker's.
    pub(crate) fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.fields_mut().into_iter().zip(other.clone().fields_mut()) {
            *mine += *theirs;
        }
    }

    fn fields_mut(&mut self) -> [&mut u64; 39] {
        [
            &mut self.connected,
            &mut self.opened,
            &mut self.connect_failed,
            &mut self.disconnected,
            &mut self.left,
            &mut self.sessions_lost,
            &mut self.subscribed,
            &mut self.not_subscribed,
            &mut self.sent,
            &mut self.owed,
            &mut self.to_acknowledge,
            &mut self.acknowledged,
            &mut self.delivered,
            &mut self.measured_reached,
            &mut self.spun_ns,
            &mut self.measured_sent,
            &mut self.measured_owed,
            &mut self.measured_delivered,
            &mut self.measured_duplicate,
            &mut self.measured_duplicate_with_dup,
            &mut self.measured_reordered,
            &mut self.measured_unjudged,
            &mut self.repeated,
            &mut self.wills_owed,
            &mut self.wills,
            &mut self.late_in_drain,
            &mut self.late_after_drain,
            &mut self.skipped,
            &mut self.caught_up,
            &mut self.corrupted,
            &mut self.ambiguous,
            &mut self.retained,
            &mut self.foreign,
            &mut self.misrouted,
            &mut self.impossible,
            &mut self.unexpected,
            &mut self.rejected,
            &mut self.unaliased,
            &mut self.given_up,
        ]
    }
}

/// Records what the clients of one worker see.
#[derive(Debug)]
pub(crate) struct Recorder {
    tag: RunTag,
    stamp_place: StampPlace,
    plan: Arc<Plan>,
    /// Deliveries that every publication owes, where all owe the same.
    owed: Option<u64>,
    /// Numbers of this worker's subscribers, in the order of their places.
    subscribers: Box<[u32]>,
    slots: Slots,
    /// Retained messages of this run that came to each of them under load; empty where nobody
    /// subscribes then.
    retained: Box<[u32]>,
    schedule: Schedule,
    ledger: Ledger,
    /// Running totals.
    pub counters: Counters,
    second: Second,
    own_lag: Histogram<u64>,
    legs: LegHistograms,
    reasons: Reasons,
    /// Why the first connection was not opened under load.
    pub connect_failure: Option<String>,
    stage: Stage,
    /// Measured deliveries when this stage began.
    delivered_before: u64,
    /// What publishers wait for in a closed loop.
    windows: Option<Windows<FlowPlace>>,
}

/// What one client publishes by one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FlowPlace {
    /// Place of the client among those of its worker.
    pub client: usize,
    /// Which of its flows.
    pub flow: usize,
}

/// What the deliveries that come now are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stage {
    /// In time.
    #[default]
    Load,
    /// Late, and waited for.
    Drain,
    /// Too late.
    After,
}

/// What is left at the end, beside the seconds.
#[derive(Debug)]
pub(crate) struct Totals {
    /// How late the pacer came to the publications of the measured part.
    pub own_lag: Histogram<u64>,
    /// How long each step of the protocol took.
    pub legs: LegHistograms,
    /// Reasons that the broker gave.
    pub reasons: Reasons,
    /// Retained messages.
    pub retained: RetainedCount,
    /// Why the first connection was not opened under load.
    pub connect_failure: Option<String>,
}

/// Retained messages that clients are owed for certain when they subscribe under load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RetainedCount {
    pub owed: u64,
    /// Those that did not come.
    pub missing: u64,
}

/// Who receives on a connection.
#[derive(Debug)]
pub(crate) struct Receiver {
    /// Its place among the worker's subscribers; unused for one that does not subscribe.
    pub place: usize,
    /// When the connection was accepted.
    pub connected_ns: u64,
    /// When SUBSCRIBE was sent on it; 0 before.
    pub subscribed_ns: Cell<u64>,
}

impl Recorder {
    /// Records for the subscribers with these numbers.
    pub(crate) fn new(
        plan: &Arc<Plan>,
        tag: RunTag,
        stamp_place: StampPlace,
        subscribers: Vec<u32>,
    ) -> Self {
        let slots = Slots::new(plan, &subscribers);
        let count = if stamp_place == StampPlace::Nowhere { 0 } else { slots.count() };
        let owes_retained = subscribers.iter().any(|client| plan.retained_owed(*client) > 0);
        let retained = if owes_retained { vec![0; subscribers.len()] } else { Vec::new() };
        Self {
            tag,
            stamp_place,
            owed: (plan.audiences().len() < 2).then(|| u64::from(plan.owed(0))),
            plan: Arc::clone(plan),
            subscribers: subscribers.into_boxed_slice(),
            slots,
            retained: retained.into_boxed_slice(),
            schedule: Schedule::default(),
            ledger: Ledger::new(count),
            counters: Counters::default(),
            second: Second::default(),
            own_lag: histogram(),
            legs: LegHistograms::default(),
            stage: Stage::Load,
            delivered_before: 0,
            reasons: Reasons::new(),
            connect_failure: None,
            windows: None,
        }
    }

    /// Opens these windows as deliveries arrive.
    pub(crate) fn close_loop(&mut self, windows: Windows<FlowPlace>) {
        self.windows = Some(windows);
    }

    /// What publishers wait for in a closed loop.
    pub(crate) fn windows(&mut self) -> Option<&mut Windows<FlowPlace>> {
        self.windows.as_mut()
    }

    /// The broker refused something and said why.
    #[cold]
    pub(crate) fn refused(&mut self, what: Refused, code: ReasonCode) {
        if what == Refused::Publication {
            self.counters.rejected += 1;
            self.counters.acknowledged += 1;
        }
        *self.reasons.entry((what, code)).or_default() += 1;
    }

    /// Sets when publications are due and which of them count.
    pub(crate) fn start(&mut self, schedule: Schedule) {
        self.schedule = schedule;
    }

    /// A connection was accepted, `connack_ns` after the CONNECT and `latency_ns` after the first SYN.
    pub(crate) fn connected(&mut self, opening: &Opening, connack_ns: u64, latency_ns: u64) {
        self.counters.connected += 1;
        self.counters.opened += 1;
        for (leg, time) in [
            (Leg::TcpConnect, opening.tcp),
            (Leg::TlsHandshake, opening.tls),
            (Leg::WebSocketHandshake, opening.web_socket),
        ] {
            if let Some(time) = time {
                self.leg(leg, nanoseconds(time));
            }
        }
        self.leg(Leg::ConnAck, connack_ns);
        self.leg(Leg::Connect, latency_ns);
    }

    /// A step of the protocol took so long.
    pub(crate) fn leg(&mut self, leg: Leg, latency_ns: u64) {
        self.legs.record(leg, latency_ns);
    }

    /// A publication was acknowledged at `now_ns`.
    pub(crate) fn answered(&mut self, answered: Answered, now_ns: u64) {
        if answered.by != Acknowledgement::PubRec {
            self.counters.acknowledged += 1;
        }
        if answered.begun.measured {
            let leg = match answered.by {
                Acknowledgement::PubAck => Leg::PubAck,
                Acknowledgement::PubRec => Leg::PubRec,
                Acknowledgement::PubComp => Leg::PubComp,
            };
            self.leg(leg, now_ns.saturating_sub(answered.begun.at_ns));
        }
    }

    /// The pacer came to a publication.
    pub(crate) fn reached(&mut self, due_ns: u64, now_ns: u64) {
        if self.schedule.is_measured(due_ns) {
            self.counters.measured_reached += 1;
            self.own_lag.saturating_record(now_ns.saturating_sub(due_ns));
        }
    }

    /// What was ready to be read at `ready_ns` is read at `now_ns`.
    pub(crate) fn read_late(&mut self, ready_ns: u64, now_ns: u64) {
        if self.schedule.is_measured(ready_ns) {
            self.leg(Leg::ReadLag, now_ns.saturating_sub(ready_ns));
        }
    }

    /// A publication was written.
    pub(crate) fn sent(&mut self, stream: u32, due_ns: u64, lag_ns: u64) {
        let owed = self.owed.unwrap_or_else(|| u64::from(self.plan.owed(stream)));
        self.counters.sent += 1;
        self.counters.owed += owed;
        if self.schedule.is_measured(due_ns) {
            self.counters.measured_sent += 1;
            self.counters.measured_owed += owed;
            self.second.measured.send_lag.saturating_record(lag_ns);
        } else {
            self.second.warmup.send_lag.saturating_record(lag_ns);
        }
    }

    /// A message arrived. Answers what it says of itself, where that can be believed and it is not an old one.
    ///
    /// In a `CLOSED` loop the window of its publisher is told.
    #[inline]
    pub(crate) fn delivery<const CLOSED: bool>(
        &mut self,
        receiver: &Receiver,
        publish: &Publish<'_>,
        now_ns: u64,
    ) -> Option<Stamp> {
        if publish.retain {
            self.stored(receiver, publish, now_ns);
            return None;
        }
        if self.stamp_place == StampPlace::Nowhere {
            self.count(publish.payload);
            return None;
        }
        match self.stamp(publish) {
            Ok(stamp) => {
                self.arrived::<CLOSED>(receiver, &stamp, publish.dup, now_ns);
                Some(stamp)
            }
            Err(unread) => {
                self.unread(unread);
                None
            }
        }
    }

    /// A message with this stamp arrived.
    #[inline]
    pub(crate) fn arrived<const CLOSED: bool>(
        &mut self,
        receiver: &Receiver,
        stamp: &Stamp,
        dup: bool,
        now_ns: u64,
    ) {
        if !matches!(self.slots, Slots::Dense { .. }) {
            return self.choosy::<CLOSED>(receiver, stamp, dup, now_ns);
        }
        let arrival = self
            .slot(receiver.place, stamp)
            .and_then(|slot| self.ledger.record(slot.index, stamp.sequence));
        if CLOSED {
            self.open_window(stamp, arrival);
        }
        match arrival {
            Some(Arrival::InOrder) => self.first(stamp, now_ns),
            Some(other) => self.out_of_step(other, stamp, dup, now_ns),
            None => self.counters.misrouted += 1,
        }
    }

    #[inline]
    fn stamp(&self, publish: &Publish<'_>) -> Result<Stamp, Unread> {
        match self.stamp_place {
            StampPlace::Payload => payload::read(publish.payload, self.tag),
            StampPlace::Correlation => {
                payload::read_beside(publish.correlation, publish.payload, self.tag)
            }
            StampPlace::Mixed => match publish.correlation {
                [] => payload::read(publish.payload, self.tag),
                correlation => payload::read_beside(correlation, publish.payload, self.tag),
            },
            StampPlace::Nowhere => Err(Unread::Foreign),
        }
    }

    /// A message that was stored before the subscription: old, so in no latency of deliveries and in
    /// no ledger.
    #[cold]
    fn stored(&mut self, receiver: &Receiver, publish: &Publish<'_>, now_ns: u64) {
        self.counters.retained += 1;
        let subscribed_ns = receiver.subscribed_ns.get();
        if subscribed_ns > 0 {
            self.leg(Leg::Retained, now_ns.saturating_sub(subscribed_ns));
        }
        if self.stamp(publish).is_ok()
            && let Some(count) = self.retained.get_mut(receiver.place)
        {
            *count += 1;
        }
    }

    /// A delivery where subscribers differ in what they are owed.
    fn choosy<const CLOSED: bool>(
        &mut self,
        receiver: &Receiver,
        stamp: &Stamp,
        dup: bool,
        now_ns: u64,
    ) {
        if stamp.publisher >= self.plan.published_streams() {
            return self.will(receiver, stamp, now_ns);
        }
        let Some(slot) = self.slot(receiver.place, stamp) else {
            self.counters.misrouted += 1;
            return;
        };
        let measured = self.schedule.is_measured(stamp.due_ns);
        let arrival = self.ledger.record(slot.index, stamp.sequence);
        if CLOSED && slot.contract == Contract::Whole {
            self.open_window(stamp, arrival);
        }
        match arrival {
            Some(Arrival::Duplicate) if slot.may_repeat => return self.counters.repeated += 1,
            Some(Arrival::Duplicate) => {
                self.counters.measured_duplicate += u64::from(measured);
                self.counters.measured_duplicate_with_dup += u64::from(measured && dup);
                return;
            }
            Some(Arrival::Ambiguous) => return self.counters.ambiguous += 1,
            Some(Arrival::Late) if !slot.shared => {
                self.counters.caught_up += u64::from(slot.contract == Contract::Whole);
                self.counters.measured_reordered += u64::from(measured);
            }
            Some(Arrival::Ahead(skipped)) if !slot.shared && slot.contract == Contract::Whole => {
                self.counters.skipped += u64::from(skipped);
            }
            Some(Arrival::InOrder | Arrival::Ahead(_) | Arrival::Late) => {}
            None => return self.counters.misrouted += 1,
        }
        if slot.contract == Contract::Whole {
            self.counters.delivered += 1;
            self.counters.measured_delivered += u64::from(measured);
        } else {
            self.counters.measured_unjudged += u64::from(measured);
        }
        if slot.contract == Contract::Slow {
            return;
        }
        if slot.contract == Contract::Whole && stamp.due_ns < receiver.connected_ns {
            // It waited for its receiver: that is no latency of a delivery.
            self.leg(Leg::Queued, now_ns.saturating_sub(receiver.connected_ns));
        } else {
            self.latency(stamp, now_ns, measured);
        }
    }

    /// Tells the window of a stream what is on its way no more. What came late was counted when it was
    /// passed over.
    #[inline]
    fn open_window(&mut self, stamp: &Stamp, arrival: Option<Arrival>) {
        let settled = match arrival {
            Some(Arrival::InOrder) => 1,
            Some(Arrival::Ahead(skipped)) => skipped.saturating_add(1),
            Some(Arrival::Late | Arrival::Duplicate | Arrival::Ambiguous) | None => return,
        };
        if let Some(windows) = &mut self.windows {
            windows.arrived(stamp.publisher, settled);
        }
    }

    /// A Will Message, whose stamp has the planned end of its connection as due time.
    fn will(&mut self, receiver: &Receiver, stamp: &Stamp, now_ns: u64) {
        let slot = self.slots.find(receiver.place, stamp.publisher);
        let arrival = slot.and_then(|slot| self.ledger.record(slot.index, stamp.sequence));
        match (arrival, slot) {
            (None, _) | (_, None) => self.counters.misrouted += 1,
            (Some(Arrival::Duplicate), Some(slot)) if slot.may_repeat => {
                self.counters.repeated += 1;
            }
            (Some(Arrival::Duplicate), _) => self.counters.measured_duplicate += 1,
            (Some(Arrival::Ambiguous), _) => self.counters.ambiguous += 1,
            (Some(Arrival::InOrder | Arrival::Ahead(_) | Arrival::Late), Some(slot)) => {
                self.counters.wills += u64::from(slot.contract == Contract::Whole);
                let due_ns = self.schedule.at(stamp.due_ns);
                self.leg(Leg::Will, now_ns.saturating_sub(due_ns));
            }
        }
    }

    /// The broker owes a Will Message of this stream.
    pub(crate) fn will_owed(&mut self, stream: u32) {
        self.counters.wills_owed += u64::from(self.plan.owed(stream));
    }

    #[cold]
    fn unread(&mut self, unread: Unread) {
        match unread {
            Unread::Corrupted => self.counters.corrupted += 1,
            Unread::Foreign => self.counters.foreign += 1,
        }
    }

    /// A delivery without a stamp: one more, whoever sent it.
    fn count(&mut self, payload: &[u8]) {
        if payload::is_plain(payload) {
            self.counters.delivered += 1;
        } else {
            self.counters.foreign += 1;
        }
    }

    /// Where the ledger keeps this pair.
    #[inline]
    fn slot(&self, place: usize, stamp: &Stamp) -> Option<Slot> {
        // A publication that was never due is a forgery: it must not move the ledger.
        if stamp.due_ns >= self.schedule.end_ns || stamp.sequence == u32::MAX {
            return None;
        }
        self.slots.find(place, stamp.publisher)
    }

    #[inline]
    fn first(&mut self, stamp: &Stamp, now_ns: u64) {
        self.counters.delivered += 1;
        let measured = self.schedule.is_measured(stamp.due_ns);
        self.counters.measured_delivered += u64::from(measured);
        self.latency(stamp, now_ns, measured);
    }

    #[inline]
    fn latency(&mut self, stamp: &Stamp, now_ns: u64, measured: bool) {
        let Some(latency_ns) = now_ns.checked_sub(stamp.due_ns) else {
            self.counters.impossible += 1;
            return;
        };
        if measured {
            self.second.measured.delivery.saturating_record(latency_ns);
            let from_send_ns = latency_ns.saturating_sub(stamp.lag_us * 1000);
            self.second.from_send.saturating_record(from_send_ns);
        } else {
            self.second.warmup.delivery.saturating_record(latency_ns);
        }
    }

    #[cold]
    fn out_of_step(&mut self, arrival: Arrival, stamp: &Stamp, dup: bool, now_ns: u64) {
        let measured = u64::from(self.schedule.is_measured(stamp.due_ns));
        match arrival {
            Arrival::Duplicate => {
                self.counters.measured_duplicate += measured;
                self.counters.measured_duplicate_with_dup += measured & u64::from(dup);
            }
            Arrival::Ambiguous => self.counters.ambiguous += 1,
            Arrival::InOrder => self.first(stamp, now_ns),
            Arrival::Ahead(skipped) => {
                self.counters.skipped += u64::from(skipped);
                self.first(stamp, now_ns);
            }
            Arrival::Late => {
                self.counters.caught_up += 1;
                self.counters.measured_reordered += measured;
                self.first(stamp, now_ns);
            }
        }
    }

    /// The next stage begins. Deliveries are not looked at one by one for this.
    pub(crate) fn enter(&mut self, stage: Stage) {
        self.close_stage();
        self.stage = stage;
    }

    fn close_stage(&mut self) {
        let delivered = self.counters.measured_delivered;
        let since = delivered - self.delivered_before;
        match self.stage {
            Stage::Load => {}
            Stage::Drain => self.counters.late_in_drain += since,
            Stage::After => self.counters.late_after_drain += since,
        }
        self.delivered_before = delivered;
    }

    /// The running totals.
    pub(crate) fn counters(&mut self) -> Counters {
        self.close_stage();
        self.counters
    }

    /// The samples since the last call.
    pub(crate) fn take_second(&mut self) -> Second {
        self.second.take()
    }

    /// What is left at the end.
    pub(crate) fn totals(&self) -> Totals {
        Totals {
            own_lag: self.own_lag.clone(),
            legs: self.legs.clone(),
            reasons: self.reasons.clone(),
            retained: self.retained_count(),
            connect_failure: self.connect_failure.clone(),
        }
    }

    fn retained_count(&self) -> RetainedCount {
        let mut count = RetainedCount::default();
        for (client, came) in self.subscribers.iter().zip(&self.retained) {
            let owed = self.plan.retained_owed(*client);
            count.owed += u64::from(owed);
            count.missing += u64::from(owed.saturating_sub(*came));
        }
        count
    }
}
