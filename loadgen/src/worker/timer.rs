//! A timer of nanoseconds: those of the runtime and of epoll count milliseconds, and a millisecond is many times
//! the latency that is measured.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

/// One `timerfd`.
#[derive(Debug)]
pub(super) struct Timer(OwnedFd);

impl Timer {
    pub(super) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        Ok(Self(timerfd_create(TimerfdClockId::Monotonic, flags)?))
    }

    /// Becomes ready once, after so long; what was set before is forgotten.
    pub(super) fn set(&self, duration: Duration) -> io::Result<()> {
        self.set_both(duration, Timespec::default())
    }

    /// Becomes ready at the end of each period.
    pub(super) fn start(&self, period: Duration) -> io::Result<()> {
        self.set_both(period, timespec(period))
    }

    fn set_both(&self, first: Duration, interval: Timespec) -> io::Result<()> {
        // Zero would disarm it.
        let first = timespec(first.max(Duration::from_nanos(1)));
        let value = Itimerspec { it_interval: interval, it_value: first };
        timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &value)?;
        Ok(())
    }

    /// How often it became ready since it was set or this was asked.
    pub(super) fn expirations(&self) -> io::Result<u64> {
        let mut expirations = [0; 8];
        match rustix::io::read(&self.0, &mut expirations) {
            Ok(_) => Ok(u64::from_ne_bytes(expirations)),
            Err(rustix::io::Errno::AGAIN) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }
}

impl AsFd for Timer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// What the system calls a time.
pub(super) fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(duration.subsec_nanos()),
    }
}

#[cfg(test)]
mod tests {
    use std::thread::yield_now;
    use std::time::Instant;

    use super::*;

    fn wait(timer: &Timer) -> u64 {
        loop {
            match timer.expirations().unwrap() {
                0 => yield_now(),
                expirations => return expirations,
            }
        }
    }

    #[test]
    fn it_is_not_ready_early() {
        let timer = Timer::new().unwrap();
        for microseconds in [0, 1, 300, 1500] {
            let wanted = Duration::from_micros(microseconds);
            let before = Instant::now();
            timer.set(wanted).unwrap();
            assert_eq!(wait(&timer), 1);
            assert!(before.elapsed() >= wanted);
        }
    }

    #[test]
    fn each_period_counts() {
        let timer = Timer::new().unwrap();
        let period = Duration::from_micros(200);
        let before = Instant::now();
        timer.start(period).unwrap();
        let mut ended = 0;
        while ended < 5 {
            ended += u32::try_from(wait(&timer)).unwrap();
        }
        assert!(before.elapsed() >= ended * period);
    }
}
