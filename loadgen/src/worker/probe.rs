//! How long what has arrived waits for this thread to read it.
//!
//! A thread that is busy reads in rounds: what arrives behind its back waits for the next one, and the wait counts as latency of the
//! broker, although each message is stamped at the moment it is read. A timer that becomes ready at known moments queues up with the
//! sockets and is read in its turn, like them: the delay of its reading is theirs. Every period that ended is a sample, those that
//! ended while the thread was away too, so that a long wait is not one sample but as many as it deserves.

use std::io;
use std::time::Duration;

use super::readiness::Queue;
use super::timer::Timer;
use crate::clock::Clock;
use crate::recorder::Recorder;
use crate::units::nanoseconds;

/// Time between two samples: a hundred a second, and no multiple or part of the periods that people publish with.
const PERIOD: Duration = Duration::from_micros(9_973);

/// The timer and when it last became ready.
#[derive(Debug)]
pub(super) struct Probe {
    timer: Timer,
    ready_ns: u64,
}

impl Probe {
    /// Starts it, in this queue.
    pub(super) fn start(queue: &Queue, clock: Clock) -> io::Result<Self> {
        let timer = Timer::new()?;
        queue.watch_samples(&timer)?;
        let ready_ns = clock.now_ns();
        timer.start(PERIOD)?;
        Ok(Self { timer, ready_ns })
    }

    /// Its turn has come.
    pub(super) fn sample(&mut self, now_ns: u64, recorder: &mut Recorder) -> io::Result<()> {
        for _ in 0..self.timer.expirations()? {
            self.ready_ns += nanoseconds(PERIOD);
            recorder.read_late(self.ready_ns, now_ns);
        }
        Ok(())
    }
}
