//! The window of a closed loop: how many publications of one stream are on their way.

use std::cell::Cell;
use std::rc::Rc;

/// Sequence numbers of a stream end here: the last one is nobody's.
const SEQUENCES: u64 = u32::MAX as u64 - 1;

/// Looks at a window that stands still until what is missing is given up.
const LOOKS: u8 = 2;

/// Publications of one stream that its subscribers do not have yet.
///
/// What is counted are deliveries, for they cost an addition each: a stream with `owed` subscribers has
/// `limit` publications, and so `limit * owed` deliveries, on their way at most. What a subscriber is
/// seen to have missed, because a later one came, counts as arrived; what nothing comes after is given up
/// by [`Window::give_up`].
#[derive(Debug)]
pub(crate) struct Window {
    limit: u64,
    /// Deliveries for each publication; 0 where acknowledgements alone are the window.
    owed: u64,
    /// Publications that were sent.
    sent: Cell<u64>,
    /// Deliveries that came, or never will.
    arrived: Cell<u64>,
    /// Whether the publisher stopped for it.
    waiting: Cell<bool>,
    /// What had arrived at the last look, and how many looks ago that came; before the first, nothing can be equal.
    seen: Cell<(u64, u8)>,
}

/// A window and the place of its publisher.
type Own<P> = (Rc<Window>, P);

/// The windows of the publishers of one worker.
#[derive(Debug)]
pub(crate) struct Windows<P> {
    /// By stream, with the place of its publisher.
    all: Box<[Option<Own<P>>]>,
    /// Streams that may go on.
    opened: Vec<u32>,
}

impl Window {
    /// `limit` publications may be on their way, each to `owed` subscribers.
    pub(crate) fn new(limit: u32, owed: u32) -> Self {
        Self {
            limit: u64::from(limit),
            owed: u64::from(owed),
            sent: Cell::new(0),
            arrived: Cell::new(0),
            waiting: Cell::new(false),
            seen: Cell::new((u64::MAX, 0)),
        }
    }

    /// Publications that may be sent now. When there is none, [`Window::arrived`] tells when there is.
    pub(crate) fn free(&self) -> u32 {
        let sequences = SEQUENCES.saturating_sub(self.sent.get());
        let room = match self.owed {
            0 => self.limit,
            owed => (self.limit * owed).saturating_sub(self.outstanding()) / owed,
        };
        self.waiting.set(room == 0);
        u32::try_from(room.min(sequences)).unwrap_or(u32::MAX)
    }

    /// So many were sent.
    pub(crate) fn sent(&self, publications: usize) {
        self.sent.set(self.sent.get() + publications as u64);
    }

    /// So many deliveries came, or never will. Answers whether a publisher that stopped may go on.
    #[inline]
    pub(crate) fn arrived(&self, deliveries: u32) -> bool {
        self.arrived.set(self.arrived.get() + u64::from(deliveries));
        self.waiting.get()
            && self.outstanding() + self.owed <= self.limit * self.owed
            && self.waiting.replace(false)
    }

    /// Called from time to time. Gives up what a publisher waits for when nothing has arrived for two
    /// calls; answers how many deliveries these were.
    pub(crate) fn give_up(&self) -> u64 {
        let arrived = self.arrived.get();
        let looks = match self.seen.get() {
            (before, looks) if before == arrived && self.waiting.get() => looks + 1,
            _ => 0,
        };
        self.seen.set((arrived, looks));
        if looks < LOOKS {
            return 0;
        }
        let missing = self.outstanding();
        self.arrived.set(arrived + missing);
        self.waiting.set(false);
        missing
    }

    /// Deliveries on their way. What comes after it was given up opens the window no further.
    fn outstanding(&self) -> u64 {
        let owed = self.sent.get() * self.owed;
        self.arrived.set(self.arrived.get().min(owed));
        owed - self.arrived.get()
    }
}

impl<P: Copy> Windows<P> {
    /// For streams below `streams`, of which `windows` are those that this worker publishes to.
    pub(crate) fn new(streams: u32, windows: impl IntoIterator<Item = (u32, Window, P)>) -> Self {
        let mut all: Box<[_]> = (0..streams).map(|_| None).collect();
        for (stream, window, place) in windows {
            if let Some(one) = all.get_mut(stream as usize) {
                *one = Some((Rc::new(window), place));
            }
        }
        Self { all, opened: Vec::new() }
    }

    /// The window of a stream.
    pub(crate) fn get(&self, stream: u32) -> Option<Rc<Window>> {
        let one = self.all.get(stream as usize)?.as_ref();
        one.map(|(window, _)| Rc::clone(window))
    }

    /// So many deliveries of a stream came, or never will.
    #[inline]
    pub(crate) fn arrived(&mut self, stream: u32, deliveries: u32) {
        if let Some(Some((window, _))) = self.all.get(stream as usize)
            && window.arrived(deliveries)
        {
            self.opened.push(stream);
        }
    }

    /// The publisher of a stream that may go on, each once.
    pub(crate) fn opened(&mut self) -> Option<P> {
        let stream = self.opened.pop()?;
        self.all.get(stream as usize)?.as_ref().map(|(_, place)| *place)
    }

    /// Called from time to time: see [`Window::give_up`].
    pub(crate) fn give_up(&mut self) -> u64 {
        let mut sum = 0;
        for (stream, one) in (0..).zip(&self.all) {
            let missing = one.as_ref().map_or(0, |(window, _)| window.give_up());
            if missing > 0 {
                self.opened.push(stream);
            }
            sum += missing;
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_publication_is_on_its_way_until_all_its_subscribers_have_it() {
        let window = Window::new(2, 3);
        assert_eq!(window.free(), 2);
        window.sent(2);
        assert_eq!(window.free(), 0);
        assert!(!window.arrived(2), "the third subscriber has nothing yet");
        assert!(window.arrived(1));
        assert!(!window.arrived(1), "told once, until the publisher stops again");
        assert_eq!(window.free(), 1);
    }

    #[test]
    fn what_was_missed_frees_its_place() {
        let window = Window::new(4, 1);
        window.sent(4);
        assert_eq!(window.free(), 0);
        // The second came, and with it the news that the first will not.
        assert!(window.arrived(2));
        assert_eq!(window.free(), 2);
    }

    #[test]
    fn what_nothing_comes_after_is_given_up_and_not_counted_twice() {
        let window = Window::new(4, 2);
        window.sent(4);
        assert_eq!(window.free(), 0);
        window.arrived(1);
        assert_eq!([window.give_up(), window.give_up()], [0, 0]);
        assert_eq!(window.give_up(), 7);
        assert_eq!(window.free(), 4);
        window.arrived(7);
        assert_eq!(window.free(), 4, "they came after all");
        window.sent(4);
        assert_eq!(window.free(), 0);
        for _ in 0..5 {
            window.arrived(1);
            assert_eq!(window.give_up(), 0, "something comes");
        }
    }

    #[test]
    fn without_subscribers_acknowledgements_alone_are_the_window() {
        let window = Window::new(5, 0);
        window.sent(1000);
        assert_eq!(window.free(), 5);
    }

    #[test]
    fn a_stream_ends_with_its_sequence_numbers() {
        let window = Window::new(10, 0);
        window.sent(usize::try_from(SEQUENCES).unwrap() - 3);
        assert_eq!(window.free(), 3);
        window.sent(3);
        assert_eq!(window.free(), 0);
    }

    #[test]
    fn windows_tell_whose_publisher_may_go_on() {
        let mut windows =
            Windows::new(5, [(1, Window::new(1, 1), 'a'), (4, Window::new(1, 1), 'b')]);
        for stream in [1, 4] {
            let window = windows.get(stream).unwrap();
            window.sent(1);
            assert_eq!(window.free(), 0);
        }
        windows.arrived(4, 1);
        windows.arrived(2, 1);
        windows.arrived(9, 1);
        assert_eq!((windows.opened(), windows.opened()), (Some('b'), None));
        assert_eq!([windows.give_up(), windows.give_up(), windows.give_up()], [0, 0, 1]);
        assert_eq!((windows.opened(), windows.opened()), (Some('a'), None));
    }

    proptest! {
        #[test]
        fn no_more_than_the_limit_are_on_their_way(
            limit in 1..20_u32, owed in 1..5_u32, steps in proptest::collection::vec(0..8_u32, 1..200),
        ) {
            let window = Window::new(limit, owed);
            let (mut sent, mut arrived) = (0, 0);
            for step in steps {
                if step < 4 {
                    let free = window.free();
                    window.sent(free as usize);
                    sent += free * owed;
                    prop_assert_eq!(sent - arrived > (limit - 1) * owed, true);
                } else {
                    let came = step.min(sent - arrived);
                    window.arrived(came);
                    arrived += came;
                }
                prop_assert!(sent - arrived <= limit * owed);
            }
        }
    }
}
