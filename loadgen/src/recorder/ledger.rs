//! Which publication reached which subscriber, exactly, in eight bytes for each pair.
//!
//! A pair of publisher and subscriber is a slot. The slot knows the next sequence number that it
//! expects and which of the 32 below that arrived. What leaves this window without having arrived
//! moves to a bounded side table, so that a message that comes very late is told from one that
//! comes twice.

use std::collections::BTreeMap;

/// Sequence numbers that a slot remembers one by one.
const WINDOW: u32 = u32::BITS;

/// Runs of missing sequence numbers that the side table holds. About 40 bytes each: 40 MB.
const MISSING_RANGES_MAX: usize = 1 << 20;

/// What the arrival of a publication is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The first time, and after everything that came before.
    InOrder,
    /// The same, but so many before it have not come.
    Ahead(u32),
    /// The first time, but a later one of the same publisher came earlier.
    Late,
    /// Not the first time.
    Duplicate,
    /// Late or duplicate: the side table was full, so nobody knows.
    Ambiguous,
}

/// The slots of one worker's subscribers.
#[derive(Debug)]
pub(crate) struct Ledger {
    slots: Box<[Slot]>,
    missing: Missing,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// One more than the greatest sequence number that arrived; 0 before any did.
    next: u32,
    /// Bit `i` is set when `next - 1 - i` arrived.
    window: u32,
}

impl Ledger {
    /// A ledger of `slots` pairs, none of which has seen a message.
    pub(crate) fn new(slots: usize) -> Self {
        Self::with_limit(slots, MISSING_RANGES_MAX)
    }

    fn with_limit(slots: usize, missing_ranges_max: usize) -> Self {
        Self {
            slots: vec![Slot::default(); slots].into_boxed_slice(),
            missing: Missing {
                ranges: BTreeMap::new(),
                ranges_max: missing_ranges_max,
                overflowed: false,
            },
        }
    }

    /// Notes that publication `sequence` arrived in `slot`; `None` when there is no such slot.
    #[inline]
    pub(crate) fn record(&mut self, slot: usize, sequence: u32) -> Option<Arrival> {
        let entry = self.slots.get_mut(slot)?;
        if sequence == entry.next && (entry.next < WINDOW || entry.window >> (WINDOW - 1) == 1) {
            entry.next += 1;
            entry.window = entry.window << 1 | 1;
            return Some(Arrival::InOrder);
        }
        Some(self.record_out_of_step(slot, sequence))
    }

    #[cold]
    fn record_out_of_step(&mut self, slot: usize, sequence: u32) -> Arrival {
        let entry = &mut self.slots[slot];
        if sequence >= entry.next {
            let skipped = sequence - entry.next;
            entry.advance(sequence, |first, end| self.missing.add(slot, first, end));
            return if skipped == 0 { Arrival::InOrder } else { Arrival::Ahead(skipped) };
        }
        let age = entry.next - 1 - sequence;
        if age >= WINDOW {
            return self.missing.take(slot, sequence);
        }
        let bit = 1 << age;
        if entry.window & bit != 0 {
            return Arrival::Duplicate;
        }
        entry.window |= bit;
        Arrival::Late
    }
}

impl Slot {
    /// Moves the window up to `sequence`, and hands over every run that leaves it unseen.
    fn advance(&mut self, sequence: u32, mut unseen: impl FnMut(u32, u32)) {
        let steps = sequence - self.next + 1;
        let oldest = self.next.saturating_sub(WINDOW);
        let leaving_end = (sequence + 1).saturating_sub(WINDOW);
        for leaving in oldest..leaving_end.min(self.next) {
            if self.window >> (self.next - 1 - leaving) & 1 == 0 {
                unseen(leaving, leaving + 1);
            }
        }
        if leaving_end > self.next {
            unseen(self.next, leaving_end);
        }
        self.window = self.window.checked_shl(steps).unwrap_or(0) | 1;
        self.next = sequence + 1;
    }
}

/// Sequence numbers that left their window without having arrived.
#[derive(Debug)]
struct Missing {
    /// From slot and first number to the number after the last. Runs of a slot do not touch.
    ranges: BTreeMap<(usize, u32), u32>,
    ranges_max: usize,
    /// Whether a run was ever left out.
    overflowed: bool,
}

impl Missing {
    fn add(&mut self, slot: usize, first: u32, end: u32) {
        if let Some((_, last_end)) = self.ranges.range_mut((slot, 0)..(slot, first)).next_back()
            && *last_end == first
        {
            *last_end = end;
        } else {
            self.insert(slot, first, end);
        }
    }

    fn insert(&mut self, slot: usize, first: u32, end: u32) {
        if self.ranges.len() < self.ranges_max {
            self.ranges.insert((slot, first), end);
        } else {
            self.overflowed = true;
        }
    }

    /// Crosses `sequence` off the missing ones.
    fn take(&mut self, slot: usize, sequence: u32) -> Arrival {
        let run = self.ranges.range((slot, 0)..=(slot, sequence)).next_back();
        match run {
            Some((&(_, first), &end)) if sequence < end => {
                self.ranges.remove(&(slot, first));
                if first < sequence {
                    self.insert(slot, first, sequence);
                }
                if sequence + 1 < end {
                    self.insert(slot, sequence + 1, end);
                }
                Arrival::Late
            }
            _ if self.overflowed => Arrival::Ambiguous,
            _ => Arrival::Duplicate,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_slot_is_eight_bytes() {
        assert_eq!(size_of::<Slot>(), 8);
    }

    #[test]
    fn order_gaps_and_repeats_are_told_apart() {
        let mut ledger = Ledger::new(2);
        let mut record = |sequence| ledger.record(1, sequence).unwrap();
        assert_eq!(record(0), Arrival::InOrder);
        assert_eq!(record(2), Arrival::Ahead(1), "a gap is no disorder yet");
        assert_eq!(record(1), Arrival::Late);
        assert_eq!(record(1), Arrival::Duplicate);
        assert_eq!(record(500), Arrival::Ahead(497));
        assert_eq!(record(3), Arrival::Late, "long after it left the window");
        assert_eq!(record(3), Arrival::Duplicate);
        assert_eq!(record(2), Arrival::Duplicate);
        assert_eq!(record(499), Arrival::Late);
        assert_eq!(ledger.record(2, 0), None, "no such slot");
    }

    #[test]
    fn a_full_side_table_says_that_it_does_not_know() {
        let mut ledger = Ledger::with_limit(1, 1);
        for sequence in [0, 2, 4, 100] {
            ledger.record(0, sequence);
        }
        assert_eq!(ledger.record(0, 1), Some(Arrival::Late));
        assert_eq!(ledger.record(0, 3), Some(Arrival::Ambiguous));
        assert_eq!(ledger.record(0, 99), Some(Arrival::Late), "the window is always exact");
    }

    /// Remembers every arrival.
    #[derive(Default)]
    struct Naive {
        arrived: HashSet<(usize, u32)>,
        next: [u32; 3],
    }

    impl Naive {
        fn record(&mut self, slot: usize, sequence: u32) -> Arrival {
            if !self.arrived.insert((slot, sequence)) {
                return Arrival::Duplicate;
            }
            if sequence < self.next[slot] {
                return Arrival::Late;
            }
            let skipped = sequence - self.next[slot];
            self.next[slot] = sequence + 1;
            if skipped == 0 { Arrival::InOrder } else { Arrival::Ahead(skipped) }
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_set_of_everything(
            arrivals in proptest::collection::vec((0..3_usize, 0..300_u32), 0..600),
        ) {
            let mut ledger = Ledger::new(3);
            let mut naive = Naive::default();
            for (slot, sequence) in arrivals {
                prop_assert_eq!(ledger.record(slot, sequence), Some(naive.record(slot, sequence)));
            }
        }

        #[test]
        fn it_agrees_when_messages_come_nearly_in_order(
            steps in proptest::collection::vec(-40..45_i64, 0..800),
        ) {
            let mut ledger = Ledger::new(1);
            let mut naive = Naive::default();
            let mut position = 0_i64;
            for step in steps {
                position = (position + step).max(0);
                let sequence = u32::try_from(position).unwrap();
                prop_assert_eq!(ledger.record(0, sequence), Some(naive.record(0, sequence)));
            }
        }

        #[test]
        fn a_small_side_table_is_never_wrong_only_unsure(
            arrivals in proptest::collection::vec(0..400_u32, 0..600),
        ) {
            let mut ledger = Ledger::with_limit(1, 3);
            let mut naive = Naive::default();
            for sequence in arrivals {
                let got = ledger.record(0, sequence).unwrap();
                let expected = naive.record(0, sequence);
                prop_assert!(got == expected || got == Arrival::Ambiguous);
            }
        }
    }
}
