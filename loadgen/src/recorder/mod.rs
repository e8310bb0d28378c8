//! What one worker saw: counts, latency histograms per second and in all, and the ledger.
//!
//! ```text
//! counters   the running totals
//! delivery   what arrives: counted, told from what came before, timed
//! slots      where the ledger keeps a pair
//! ledger     what of a pair has arrived
//! windows    whose arrivals open a closed loop
//! legs, histogram  how long it took
//! opened     from the first SYN of all to the last CONNACK
//! ```

mod counters;
mod delivery;
mod histogram;
mod ledger;
mod legs;
mod opened;
mod slots;
#[cfg(test)]
mod tests;
mod windows;

use std::cell::Cell;
use std::sync::Arc;

pub(crate) use counters::{Counters, QoSCounters, Reasons, Refused};
use hdrhistogram::Histogram;
pub(crate) use histogram::{Second, histogram, merge};
pub(crate) use ledger::{Arrival, Ledger};
pub(crate) use legs::{Leg, LegHistograms};
pub(crate) use opened::{Connecting, Opened};
use slots::Slots;
pub(crate) use windows::FlowPlace;

use crate::client::{Acknowledgement, Answered, Windows};
use crate::mqtt::ReasonCode;
use crate::payload::{RunTag, StampPlace};
use crate::plan::{Plan, Schedule};
use crate::transport::Opening;
use crate::units::nanoseconds;

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
    connecting: Connecting,
    reasons: Reasons,
    /// Why the first connection was not opened under load.
    pub connect_failure: Option<String>,
    stage: Stage,
    /// Measured deliveries when this stage began.
    delivered_before: u64,
    /// The same for each QoS.
    delivered_before_at: [u64; 3],
    /// What publishers wait for in a closed loop.
    windows: Option<Windows<FlowPlace>>,
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
    /// How quickly connections were opened.
    pub connecting: Connecting,
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
            connecting: Connecting::default(),
            stage: Stage::Load,
            delivered_before: 0,
            delivered_before_at: [0; 3],
            reasons: Reasons::new(),
            connect_failure: None,
            windows: None,
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

    /// A connection was accepted at `now_ns`, `connack_ns` after the CONNECT and `latency_ns` after the first SYN.
    pub(crate) fn connected(
        &mut self,
        opening: &Opening,
        connack_ns: u64,
        latency_ns: u64,
        now_ns: u64,
    ) {
        self.counters.connected += 1;
        self.counters.opened += 1;
        let begun_ns = now_ns.saturating_sub(latency_ns);
        // Before the load has begun nobody knows when it will.
        let is_under_load =
            self.schedule != Schedule::default() && begun_ns >= self.schedule.start_ns;
        let Connecting { before_load, under_load } = &mut self.connecting;
        let opened = if is_under_load { under_load } else { before_load };
        opened.note(begun_ns, now_ns);
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
        let measured = self.schedule.is_measured(due_ns);
        let owed = match self.owed {
            Some(owed) => owed,
            None => self.owes(stream, measured),
        };
        self.counters.sent += 1;
        self.counters.owed += owed;
        if measured {
            self.counters.measured_sent += 1;
            self.counters.measured_owed += owed;
            self.second.measured.send_lag.saturating_record(lag_ns);
        } else {
            self.second.warmup.send_lag.saturating_record(lag_ns);
        }
    }

    /// What a publication owes where not all owe the same.
    fn owes(&mut self, stream: u32, measured: bool) -> u64 {
        let Some(audience) = self.plan.audience(stream) else {
            return 0;
        };
        if measured {
            for (counters, owed) in self.counters.at.iter_mut().zip(audience.owed_at) {
                counters.owed += u64::from(owed);
            }
        }
        u64::from(audience.owed)
    }

    /// The broker owes a Will Message of this stream.
    pub(crate) fn will_owed(&mut self, stream: u32) {
        self.counters.wills_owed += u64::from(self.plan.owed(stream));
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
        for (counters, before) in self.counters.at.iter_mut().zip(&mut self.delivered_before_at) {
            if self.stage == Stage::After {
                counters.late_after_drain += counters.delivered - *before;
            }
            *before = counters.delivered;
        }
    }

    /// The running totals.
    ///
    /// Where all publications owe the same, or all deliveries have one QoS, as in the main job, what
    /// each QoS has of them is not counted one by one: it follows from the totals.
    pub(crate) fn counters(&mut self) -> Counters {
        self.close_stage();
        let mut counters = self.counters;
        if let (Some(_), Some(audience)) = (self.owed, self.plan.audience(0)) {
            for (counted, owed) in counters.at.iter_mut().zip(audience.owed_at) {
                counted.owed = counters.measured_sent * u64::from(owed);
            }
        }
        if let Slots::Dense { qos, .. } = self.slots {
            let counted = &mut counters.at[qos as usize];
            *counted = QoSCounters {
                owed: counted.owed,
                delivered: counters.measured_delivered,
                duplicate: counters.measured_duplicate,
                duplicate_with_dup: counters.measured_duplicate_with_dup,
                reordered: counters.measured_reordered,
                corrupted: counters.corrupted,
                late_after_drain: counters.late_after_drain,
            };
        }
        counters
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
            connecting: self.connecting,
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
