//! What arrives: which publication it is, whether it came before, and how long it took.

use super::slots::{Slot, Slots};
use super::{Arrival, Leg, QoSCounters, Receiver, Recorder};
use crate::mqtt::{Publish, QoS};
use crate::payload::{self, Stamp, StampPlace, Unread};
use crate::plan::Contract;

impl Recorder {
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
                self.unread(unread, publish.qos);
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
                let (measured, with_dup) = (u64::from(measured), u64::from(measured && dup));
                self.counters.measured_duplicate += measured;
                self.counters.measured_duplicate_with_dup += with_dup;
                let counters = self.at(slot.qos);
                counters.duplicate += measured;
                counters.duplicate_with_dup += with_dup;
                return;
            }
            Some(Arrival::Ambiguous) => return self.counters.ambiguous += 1,
            Some(Arrival::Late) if !slot.shared => {
                self.counters.caught_up += u64::from(slot.contract == Contract::Whole);
                self.counters.measured_reordered += u64::from(measured);
                self.at(slot.qos).reordered += u64::from(measured);
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
            self.at(slot.qos).delivered += u64::from(measured);
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

    /// What is counted of deliveries of this QoS.
    #[inline]
    fn at(&mut self, qos: QoS) -> &mut QoSCounters {
        &mut self.counters.at[qos as usize]
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
            (Some(Arrival::Duplicate), Some(slot)) => {
                self.counters.measured_duplicate += 1;
                self.at(slot.qos).duplicate += 1;
            }
            (Some(Arrival::Ambiguous), _) => self.counters.ambiguous += 1,
            (Some(Arrival::InOrder | Arrival::Ahead(_) | Arrival::Late), Some(slot)) => {
                self.counters.wills += u64::from(slot.contract == Contract::Whole);
                let due_ns = self.schedule.at(stamp.due_ns);
                self.leg(Leg::Will, now_ns.saturating_sub(due_ns));
            }
        }
    }

    #[cold]
    fn unread(&mut self, unread: Unread, qos: QoS) {
        match unread {
            Unread::Corrupted => {
                self.counters.corrupted += 1;
                // What it says of its publisher cannot be believed; its packet can.
                self.at(qos).corrupted += 1;
            }
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
}
