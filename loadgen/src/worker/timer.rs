//! A timer of nanoseconds: tokio's own counts milliseconds, and a millisecond is many times the
//! latency that is measured.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::unix::AsyncFd;

/// One `timerfd`.
#[derive(Debug)]
pub(super) struct Timer {
    descriptor: AsyncFd<OwnedFd>,
}

impl Timer {
    /// Must be called inside a runtime.
    pub(super) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let descriptor = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        #[expect(
            deprecated,
            reason = "its successor is unsafe for types that may close what they lend; OwnedFd cannot"
        )]
        let descriptor = AsyncFd::new(descriptor)?;
        Ok(Self { descriptor })
    }

    /// From now on is ready to be read at the end of each period.
    pub(super) fn start(&self, period: Duration) -> io::Result<()> {
        let period = timespec(period.max(Duration::from_nanos(1)));
        let value = Itimerspec { it_interval: period, it_value: period };
        timerfd_settime(&self.descriptor, TimerfdTimerFlags::empty(), &value)?;
        Ok(())
    }

    /// Waits for so long, give or take what the scheduler adds.
    pub(super) async fn sleep(&self, duration: Duration) -> io::Result<()> {
        let value = Itimerspec {
            it_interval: Timespec::default(),
            // Zero would disarm the timer.
            it_value: timespec(duration.max(Duration::from_nanos(1))),
        };
        timerfd_settime(&self.descriptor, TimerfdTimerFlags::empty(), &value)?;
        self.ends().await?;
        Ok(())
    }

    /// Waits until it is ready, and answers how often it became ready since the last time.
    pub(super) async fn ends(&self) -> io::Result<u64> {
        loop {
            let mut ready = self.descriptor.readable().await?;
            let mut expirations = [0; 8];
            let read = ready
                .try_io(|descriptor| Ok(rustix::io::read(descriptor.get_ref(), &mut expirations)?));
            match read {
                Ok(Ok(_)) => return Ok(u64::from_ne_bytes(expirations)),
                Ok(Err(error)) => return Err(error),
                // Readiness that was left over from an earlier time.
                Err(_would_block) => {}
            }
        }
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(duration.subsec_nanos()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn it_does_not_return_early() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let timer = Timer::new().unwrap();
            for microseconds in [0, 1, 300, 1500] {
                let wanted = Duration::from_micros(microseconds);
                let before = Instant::now();
                timer.sleep(wanted).await.unwrap();
                assert!(before.elapsed() >= wanted);
            }
        });
    }
}
