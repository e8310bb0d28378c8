//! How long what has arrived waits for this thread to read it.
//!
//! A thread that is busy reads in rounds: what arrives behind its back waits for the next one, and the wait counts as latency of the
//! broker, although each message is stamped at the moment it is read. A timer that becomes ready at known moments queues up with the
//! sockets and is read in its turn, like them: the delay of its reading is theirs. Every period that ended is a sample, those that
//! ended while the thread was away too, so that a long wait is not one sample but as many as it deserves.

use std::rc::Rc;
use std::time::Duration;

use super::Worker;
use super::timer::Timer;
use crate::units::nanoseconds;

/// Time between two samples: a hundred a second, and no multiple or part of the periods that people publish with.
const PERIOD: Duration = Duration::from_micros(9_973);

impl Worker {
    /// Samples for as long as the worker lives.
    pub(super) async fn probe(self: Rc<Self>, timer: Timer) {
        let period_ns = nanoseconds(PERIOD);
        let mut ready_ns = self.setup.clock.now_ns();
        if timer.start(PERIOD).is_err() {
            // A run without this leg says so by the missing samples.
            return;
        }
        while let Ok(periods) = timer.ends().await {
            let now_ns = self.setup.clock.now_ns();
            let mut recorder = self.recorder.borrow_mut();
            for _ in 0..periods {
                ready_ns += period_ns;
                recorder.read_late(ready_ns, now_ns);
            }
        }
    }
}
