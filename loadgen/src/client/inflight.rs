//! Publications of QoS 1 and 2 that the broker has not acknowledged to the end.

use std::collections::VecDeque;

/// Publications in flight at most: every Packet Identifier but 0 `[MQTT-2.3.1]`.
const INFLIGHT_MAX: usize = u16::MAX as usize;

/// Where the delivery of one publication stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    AwaitsPubAck,
    AwaitsPubRec,
    AwaitsPubComp,
    Done,
}

/// One publication in flight.
#[derive(Clone, Copy, Debug)]
struct Open {
    step: Step,
    begun: Begun,
}

/// When a step began, and of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Begun {
    /// When the packet that is to be answered was encoded.
    pub at_ns: u64,
    /// Whether the publication was due in the measured part.
    pub measured: bool,
}

/// What is in flight, in the order of sending. Packet Identifiers are handed out one after the
/// other, so a publication is found by how far its identifier is from the oldest one.
#[derive(Debug)]
pub(crate) struct Inflight {
    steps: VecDeque<Open>,
    /// Packet Identifier of the front, or of the next publication when nothing is in flight.
    oldest: u16,
    /// Publications that are not acknowledged to the end.
    open: usize,
    /// How many may be.
    open_max: usize,
}

/// An acknowledgement for which nothing waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unexpected;

impl Inflight {
    /// At most `open_max` publications wait for an acknowledgement at a time.
    pub(crate) fn new(open_max: u16) -> Self {
        Self { steps: VecDeque::new(), oldest: 1, open: 0, open_max: usize::from(open_max) }
    }

    /// Whether nothing is in flight.
    pub(crate) fn is_empty(&self) -> bool {
        self.open == 0
    }

    /// The broker allows so many: its Receive Maximum.
    pub(crate) fn limit(&mut self, open_max: u16) {
        self.open_max = self.open_max.min(usize::from(open_max));
    }

    /// A Packet Identifier for a publication of QoS 1, or of QoS 2 when `exactly_once`;
    /// `None` while all are in use or as many as may be are in flight.
    pub(crate) fn begin(&mut self, exactly_once: bool, begun: Begun) -> Option<u16> {
        if self.steps.len() >= INFLIGHT_MAX || self.open >= self.open_max {
            return None;
        }
        let identifier = after(self.oldest, self.steps.len());
        self.open += 1;
        let step = if exactly_once { Step::AwaitsPubRec } else { Step::AwaitsPubAck };
        self.steps.push_back(Open { step, begun });
        Some(identifier)
    }

    /// Takes back the last `count` publications, which were not sent after all.
    pub(crate) fn take_back(&mut self, count: usize) {
        self.steps.truncate(self.steps.len().saturating_sub(count));
        self.open = self.open.saturating_sub(count);
    }

    /// PUBACK. Answers, as the others do, when the step began that this one ends.
    pub(crate) fn acknowledged(&mut self, identifier: u16) -> Result<Begun, Unexpected> {
        self.step(identifier, Step::AwaitsPubAck, Step::Done, 0)
    }

    /// PUBREC with a Reason Code of failure, after which nothing is owed `[MQTT-4.3.3-4]`.
    pub(crate) fn refused(&mut self, identifier: u16) -> Result<Begun, Unexpected> {
        self.step(identifier, Step::AwaitsPubRec, Step::Done, 0)
    }

    /// PUBREC, after which PUBREL is owed.
    pub(crate) fn received(&mut self, identifier: u16, now_ns: u64) -> Result<Begun, Unexpected> {
        self.step(identifier, Step::AwaitsPubRec, Step::AwaitsPubComp, now_ns)
    }

    /// PUBCOMP.
    pub(crate) fn completed(&mut self, identifier: u16) -> Result<Begun, Unexpected> {
        self.step(identifier, Step::AwaitsPubComp, Step::Done, 0)
    }

    fn step(
        &mut self,
        identifier: u16,
        from: Step,
        to: Step,
        now_ns: u64,
    ) -> Result<Begun, Unexpected> {
        if identifier == 0 {
            return Err(Unexpected);
        }
        let open = self.steps.get_mut(distance(self.oldest, identifier));
        let open = open.filter(|open| open.step == from).ok_or(Unexpected)?;
        let next = Open { step: to, begun: Begun { at_ns: now_ns, ..open.begun } };
        let ended = std::mem::replace(open, next);
        if to == Step::Done {
            self.open = self.open.saturating_sub(1);
        }
        let done = self.steps.iter().take_while(|open| open.step == Step::Done).count();
        self.oldest = after(self.oldest, done);
        self.steps.drain(..done);
        Ok(ended.begun)
    }
}

/// The identifier `count` steps after `identifier`; 0 is left out.
fn after(identifier: u16, count: usize) -> u16 {
    let position = (usize::from(identifier) - 1 + count) % INFLIGHT_MAX;
    u16::try_from(position + 1).unwrap_or(1)
}

/// Steps from `from` to `to`.
fn distance(from: u16, to: u16) -> usize {
    (usize::from(to) + INFLIGHT_MAX - usize::from(from)) % INFLIGHT_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGUN: Begun = Begun { at_ns: 5, measured: true };

    #[test]
    fn identifiers_start_at_one_and_never_are_zero() {
        let mut inflight = Inflight::new(u16::MAX);
        for expected in 1..=u16::MAX {
            assert_eq!(inflight.begin(false, BEGUN), Some(expected));
        }
        assert_eq!(inflight.begin(false, BEGUN), None, "all are in use");
        assert_eq!(inflight.acknowledged(1), Ok(BEGUN));
        assert_eq!(inflight.begin(false, BEGUN), Some(1), "the first is free again");
    }

    #[test]
    fn an_oldest_that_waits_holds_the_window() {
        let mut inflight = Inflight::new(u16::MAX);
        assert_eq!(inflight.begin(false, BEGUN), Some(1));
        assert_eq!(inflight.begin(false, BEGUN), Some(2));
        assert_eq!(inflight.acknowledged(2), Ok(BEGUN));
        assert_eq!(inflight.begin(false, BEGUN), Some(3));
        assert_eq!(inflight.acknowledged(2), Err(Unexpected), "a second time");
        assert_eq!(inflight.acknowledged(1), Ok(BEGUN));
        assert_eq!(inflight.steps.len(), 1);
    }

    #[test]
    fn exactly_once_takes_three_steps_in_order() {
        let mut inflight = Inflight::new(u16::MAX);
        let identifier = inflight.begin(true, BEGUN).unwrap();
        assert_eq!(inflight.acknowledged(identifier), Err(Unexpected));
        assert_eq!(inflight.completed(identifier), Err(Unexpected));
        assert_eq!(inflight.received(identifier, 7), Ok(BEGUN));
        assert_eq!(inflight.received(identifier, 7), Err(Unexpected));
        assert_eq!(inflight.completed(identifier), Ok(Begun { at_ns: 7, ..BEGUN }));
        assert_eq!(inflight.acknowledged(0), Err(Unexpected));
        assert_eq!(inflight.acknowledged(77), Err(Unexpected));
    }

    #[test]
    fn what_was_not_sent_gives_its_identifier_back() {
        let mut inflight = Inflight::new(u16::MAX);
        inflight.begin(false, BEGUN);
        inflight.begin(false, BEGUN);
        inflight.take_back(1);
        assert_eq!(inflight.begin(false, BEGUN), Some(2));
    }

    #[test]
    fn no_more_are_in_flight_than_allowed_in_whatever_order_they_end() {
        let mut inflight = Inflight::new(10);
        inflight.limit(2);
        inflight.limit(50);
        assert_eq!(inflight.begin(true, BEGUN), Some(1));
        assert_eq!(inflight.begin(true, BEGUN), Some(2));
        assert_eq!(inflight.begin(true, BEGUN), None);
        assert_eq!(inflight.received(2, 7), Ok(BEGUN));
        assert_eq!(inflight.begin(true, BEGUN), None, "PUBCOMP is still owed");
        assert_eq!(inflight.completed(2), Ok(Begun { at_ns: 7, ..BEGUN }));
        assert_eq!(inflight.begin(true, BEGUN), Some(3), "although the oldest is open");
        assert_eq!(inflight.refused(1), Ok(BEGUN));
        assert_eq!(inflight.begin(true, BEGUN), Some(4));
        inflight.take_back(1);
        assert_eq!(inflight.begin(true, BEGUN), Some(4));
    }

    #[test]
    fn identifiers_wrap_past_zero() {
        let mut inflight = Inflight::new(u16::MAX);
        for round in 0..200_000 {
            let identifier = inflight.begin(false, BEGUN).unwrap();
            assert_ne!(identifier, 0, "round {round}");
            assert_eq!(inflight.acknowledged(identifier), Ok(BEGUN));
        }
    }
}
