//! Running totals of one worker.

use std::collections::BTreeMap;

use crate::mqtt::ReasonCode;

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
    /// Of the counts of the ledger, what is of each QoS: see [`super::Recorder::counters`].
    pub at: [QoSCounters; 3],
}

/// Deliveries of one QoS in the measured part. They mean what they mean in [`Counters`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct QoSCounters {
    pub owed: u64,
    pub delivered: u64,
    pub duplicate: u64,
    pub duplicate_with_dup: u64,
    pub reordered: u64,
    /// Of the whole load: what is damaged does not say when it was due.
    pub corrupted: u64,
    pub late_after_drain: u64,
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
        for (mine, theirs) in self.at.iter_mut().zip(&other.at) {
            mine.add(theirs);
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

impl QoSCounters {
    fn add(&mut self, other: &Self) {
        self.owed += other.owed;
        self.delivered += other.delivered;
        self.duplicate += other.duplicate;
        self.duplicate_with_dup += other.duplicate_with_dup;
        self.reordered += other.reordered;
        self.corrupted += other.corrupted;
        self.late_after_drain += other.late_after_drain;
    }
}
