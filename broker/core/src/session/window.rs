//! The messages in flight, in the order of sending, each in two words.
//!
//! A fan-out visits the windows of thousands of sessions one after the other, and their
//! acknowledgements do again: what decides is how many cache lines that takes.

use std::rc::Rc;

use super::kept::{Delivery, Kept};
use crate::codec::PacketIdentifier;
use crate::qos::QoS;

/// Packet Identifiers there are.
pub(super) const IDENTIFIERS: u64 = 65_535;

const fn identifier(serial: u64) -> PacketIdentifier {
    match PacketIdentifier::new((serial % IDENTIFIERS) as u16 + 1) {
        Some(identifier) => identifier,
        None => PacketIdentifier::FIRST,
    }
}

/// A message that is sent and not yet acknowledged.
#[derive(Clone, Debug)]
pub(super) struct Inflight {
    /// `None` once a PUBREC has come: only PUBREL and PUBCOMP are left.
    kept: Option<Rc<Kept>>,
    /// The serial number, and behind it the flags.
    bits: u64,
}

/// At QoS 2, not 1.
const EXACTLY_ONCE: u64 = 1;
/// Sent with RETAIN = 1.
const RETAIN: u64 = 1 << 1;
/// Its PUBREL went before its turn on this Network Connection.
const EARLY: u64 = 1 << 2;
/// A serial number has 61 bits.
const SERIAL_SHIFT: u32 = 3;

impl Inflight {
    fn new(serial: u64, delivery: Delivery) -> Self {
        let Delivery { kept, qos, retain } = delivery;
        let exactly_once = if qos == QoS::ExactlyOnce { EXACTLY_ONCE } else { 0 };
        let retain = if retain { RETAIN } else { 0 };
        Self { kept: Some(kept), bits: serial << SERIAL_SHIFT | exactly_once | retain }
    }

    const fn serial(&self) -> u64 {
        self.bits >> SERIAL_SHIFT
    }

    pub(super) const fn identifier(&self) -> PacketIdentifier {
        identifier(self.serial())
    }

    pub(super) const fn qos(&self) -> QoS {
        if self.bits & EXACTLY_ONCE == 0 { QoS::AtLeastOnce } else { QoS::ExactlyOnce }
    }

    /// The message, until the Client has it.
    pub(super) fn kept(&self) -> Option<&Kept> {
        self.kept.as_deref()
    }

    /// The message as it was offered, until the Client has it.
    pub(super) fn delivery(&self) -> Option<Delivery> {
        let kept = Rc::clone(self.kept.as_ref()?);
        Some(Delivery { kept, qos: self.qos(), retain: self.bits & RETAIN != 0 })
    }

    /// The Client has the message: it need not be kept.
    pub(super) fn release(&mut self) {
        self.kept = None;
    }

    pub(super) const fn is_released(&self) -> bool {
        self.kept.is_none()
    }

    pub(super) const fn is_early(&self) -> bool {
        self.bits & EARLY != 0
    }

    pub(super) const fn set_early(&mut self, early: bool) {
        self.bits = if early { self.bits | EARLY } else { self.bits & !EARLY };
    }
}

/// In the order of sending, hence with rising serial numbers.
///
/// A vector whose front is given up: what leaves there is not moved over, and when all have left
/// the next one takes the first place again, so that a window of few messages stays in the same
/// cache line. A ring would go round through all that it has ever held.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    entries: Vec<Inflight>,
    /// Entries at the front that have left.
    left: u32,
    /// How many at the end were not sent yet on this Network Connection.
    unsent: u32,
    /// Serial number of the next message; its identifier follows from it.
    next: u64,
}

impl Window {
    pub(super) fn as_slice(&self) -> &[Inflight] {
        self.entries.get(self.left as usize..).unwrap_or_default()
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [Inflight] {
        self.entries.get_mut(self.left as usize..).unwrap_or_default()
    }

    pub(super) const fn len(&self) -> usize {
        self.entries.len() - self.left as usize
    }

    /// How many were sent on this Network Connection.
    pub(super) const fn sent(&self) -> usize {
        self.len() - self.unsent as usize
    }

    pub(super) const fn has_unsent(&self) -> bool {
        self.unsent > 0
    }

    /// Those that were not sent yet on this Network Connection.
    pub(super) fn unsent_mut(&mut self) -> &mut [Inflight] {
        let sent = self.sent();
        self.as_mut_slice().get_mut(sent..).unwrap_or_default()
    }

    /// The first of those that were not sent yet is sent now; answers where it is.
    pub(super) const fn send_next(&mut self) -> usize {
        self.unsent -= 1;
        self.sent() - 1
    }

    /// All are to be sent again.
    pub(super) fn resume(&mut self) {
        // There are no more than Packet Identifiers.
        self.unsent = u32::try_from(self.len()).unwrap_or(u32::MAX);
        self.as_mut_slice().iter_mut().for_each(|inflight| inflight.set_early(false));
    }

    /// Appends a message that is sent now.
    #[inline]
    pub(super) fn push(&mut self, delivery: Delivery) -> PacketIdentifier {
        // Serial numbers less than a round apart have different identifiers, so that only a
        // message which has gone without acknowledgement for a whole round makes us search.
        if let Some(oldest) = self.as_slice().first()
            && self.next - oldest.serial() >= IDENTIFIERS
        {
            self.skip_used();
        }
        let serial = self.next;
        self.next += 1;
        if self.entries.len() == self.entries.capacity() {
            self.make_room();
        }
        self.entries.push(Inflight::new(serial, delivery));
        identifier(serial)
    }

    #[cold]
    fn skip_used(&mut self) {
        while self.as_slice().iter().any(|other| other.identifier() == identifier(self.next)) {
            self.next += 1;
        }
    }

    /// Gives the front up when that is at least half of all, so that few are moved.
    #[inline(never)]
    fn make_room(&mut self) {
        let left = self.left as usize;
        if left > 0 && left >= self.entries.len() / 2 {
            self.entries.drain(..left);
            self.left = 0;
        }
    }

    /// The place of the message that has this identifier: nearly always the first, for Clients
    /// acknowledge in order.
    #[inline]
    pub(super) fn position(&self, identifier: PacketIdentifier) -> Option<usize> {
        let first = self.as_slice().first()?;
        if first.identifier() == identifier { Some(0) } else { self.position_behind(identifier) }
    }

    #[inline(never)]
    fn position_behind(&self, identifier: PacketIdentifier) -> Option<usize> {
        let entries = self.as_slice();
        let [first, .., last] = entries else { return None };
        if last.serial() - first.serial() >= IDENTIFIERS {
            return entries.iter().position(|inflight| inflight.identifier() == identifier);
        }
        // Within one round the identifier tells the serial number.
        let [number, first_number] = [identifier, first.identifier()].map(|id| u64::from(id.get()));
        let ahead = (number + IDENTIFIERS - first_number) % IDENTIFIERS;
        entries.binary_search_by_key(&(first.serial() + ahead), Inflight::serial).ok()
    }

    /// Removes one, by its place.
    #[inline]
    pub(super) fn remove(&mut self, index: usize) {
        if index >= self.sent() {
            self.unsent -= 1;
        }
        if index == 0 {
            self.remove_first();
        } else {
            self.remove_behind(index);
        }
    }

    fn remove_first(&mut self) {
        let Some(first) = self.as_mut_slice().first_mut() else { return };
        first.release();
        self.left += 1;
        if self.len() == 0 {
            self.entries.clear();
            self.left = 0;
        }
    }

    /// Moves those before it or those behind it, whichever are fewer.
    #[inline(never)]
    fn remove_behind(&mut self, index: usize) {
        let place = self.left as usize + index;
        if index >= self.len() / 2 {
            self.entries.remove(place);
        } else if let Some(before) = self.as_mut_slice().get_mut(..=index) {
            before.rotate_right(1);
            self.remove_first();
        }
    }

    /// Removes those that `keep` does not keep. Not to be used while some are to be sent again.
    pub(super) fn retain(&mut self, keep: impl FnMut(&Inflight) -> bool) {
        self.entries.drain(..self.left as usize);
        self.left = 0;
        self.entries.retain(keep);
        self.unsent = self.unsent.min(u32::try_from(self.len()).unwrap_or(u32::MAX));
    }
}
