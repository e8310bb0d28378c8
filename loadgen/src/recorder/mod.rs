//! What one worker saw: counts, latency histograms per second and in all, and the ledger.

mod histogram;
mod ledger;
mod legs;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use hdrhistogram::Histogram;
pub(crate) use histogram::{Second, histogram, merge};
pub(crate) use ledger::{Arrival, Ledger};
pub(crate) use legs::{Leg, LegHistograms};

use crate::client::{Acknowledgement, Answered};
use crate::mqtt::{Publish, ReasonCode};
use crate::payload::{self, RunTag, Stamp, StampPlace, Unread};
use crate::plan::{Owed, Plan, Schedule};
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
    /// Subscriptions that were granted.
    pub subscribed: u64,
    /// Subscriptions that were refused.
    pub not_subscribed: u64,
    /// Publications that were written.
    pub sent: u64,
    /// Deliveries that they owe.
    pub owed: u64,
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

    fn fields_mut(&mut self) -> [&mut u64; 31] {
        [
            &mut self.connected,
            &mut self.opened,
            &mut self.connect_failed,
            &mut self.disconnected,
            &mut self.subscribed,
            &mut self.not_subscribed,
            &mut self.sent,
            &mut self.owed,
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
        ]
    }
}

/// Records what the clients of one worker see.
#[derive(Debug)]
pub(crate) struct Recorder {
    tag: RunTag,
    stamp_place: StampPlace,
    owed: Owed,
    deliveries_per_publication: u64,
    /// Numbers of this worker's subscribers, in the order of their places.
    subscribers: Box<[u32]>,
    publishers: u32,
    schedule: Schedule,
    ledger: Ledger,
    /// Running totals.
    pub counters: Counters,
    second: Second,
    from_send: Histogram<u64>,
    own_lag: Histogram<u64>,
    legs: LegHistograms,
    reasons: Reasons,
    stage: Stage,
    /// Measured deliveries when this stage began.
    delivered_before: u64,
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
    /// Delivery latency from the moment of sending, of the measured part.
    pub from_send: Histogram<u64>,
    /// How late the pacer came to the publications of the measured part.
    pub own_lag: Histogram<u64>,
    /// How long each step of the protocol took.
    pub legs: LegHistograms,
    /// Reasons that the broker gave.
    pub reasons: Reasons,
}

impl Recorder {
    /// Records for the subscribers with these numbers.
    pub(crate) fn new(
        plan: &Arc<Plan>,
        tag: RunTag,
        stamp_place: StampPlace,
        subscribers: Vec<u32>,
    ) -> Self {
        let slots = match plan.owed() {
            _ if stamp_place == StampPlace::Nowhere => 0,
            Owed::All => plan.publishers() as usize * subscribers.len(),
            Owed::Own => subscribers.len(),
        };
        Self {
            tag,
            stamp_place,
            owed: plan.owed(),
            deliveries_per_publication: u64::from(plan.deliveries_per_publication()),
            subscribers: subscribers.into_boxed_slice(),
            publishers: plan.publishers(),
            schedule: Schedule::default(),
            ledger: Ledger::new(slots),
            counters: Counters::default(),
            second: Second::default(),
            from_send: histogram(),
            own_lag: histogram(),
            legs: LegHistograms::default(),
            stage: Stage::Load,
            delivered_before: 0,
            reasons: Reasons::new(),
        }
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

    /// A publication was written.
    pub(crate) fn sent(&mut self, due_ns: u64, lag_ns: u64) {
        let owed = self.deliveries_per_publication;
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

    /// A message arrived at the subscriber in this place.
    #[inline]
    pub(crate) fn delivery(&mut self, place: usize, publish: &Publish<'_>, now_ns: u64) {
        if publish.retain {
            // Stored before the subscription: old, so in no latency and in no ledger.
            self.counters.retained += 1;
            return;
        }
        let stamp = match self.stamp_place {
            StampPlace::Payload => payload::read(publish.payload, self.tag),
            StampPlace::Correlation => {
                payload::read_beside(publish.correlation, publish.payload, self.tag)
            }
            StampPlace::Nowhere => return self.count(publish.payload),
        };
        let stamp = match stamp {
            Ok(stamp) => stamp,
            Err(unread) => return self.unread(unread),
        };
        let arrival =
            self.slot(place, &stamp).and_then(|slot| self.ledger.record(slot, stamp.sequence));
        match arrival {
            Some(Arrival::InOrder) => self.first(&stamp, now_ns),
            Some(other) => self.out_of_step(other, &stamp, publish.dup, now_ns),
            None => self.counters.misrouted += 1,
        }
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

    /// Where the ledger keeps this pair: a row for each publisher, a place for each subscriber,
    /// so that neighbours read one after the other share cache lines.
    #[inline]
    fn slot(&self, place: usize, stamp: &Stamp) -> Option<usize> {
        // A publication that was never due is a forgery: it must not move the ledger.
        if stamp.due_ns >= self.schedule.end_ns || stamp.sequence == u32::MAX {
            return None;
        }
        match self.owed {
            Owed::All => (stamp.publisher < self.publishers)
                .then(|| stamp.publisher as usize * self.subscribers.len() + place),
            Owed::Own => (self.subscribers.get(place) == Some(&stamp.publisher)).then_some(place),
        }
    }

    #[inline]
    fn first(&mut self, stamp: &Stamp, now_ns: u64) {
        self.counters.delivered += 1;
        let measured = self.schedule.is_measured(stamp.due_ns);
        self.counters.measured_delivered += u64::from(measured);
        let Some(latency_ns) = now_ns.checked_sub(stamp.due_ns) else {
            self.counters.impossible += 1;
            return;
        };
        if measured {
            self.second.measured.delivery.saturating_record(latency_ns);
            let from_send_ns = latency_ns.saturating_sub(stamp.lag_us * 1000);
            self.from_send.saturating_record(from_send_ns);
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
            from_send: self.from_send.clone(),
            own_lag: self.own_lag.clone(),
            legs: self.legs.clone(),
            reasons: self.reasons.clone(),
        }
    }
}
