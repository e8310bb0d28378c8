//! How much happens in a minute, averaged as mosquitto does: by exponential damping, like the load
//! average of a Unix system.

use std::time::Duration;

/// What is averaged over.
const MINUTES: [u32; 3] = [1, 5, 15];

/// The averages of one counter.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Load([f64; MINUTES.len()]);

impl Load {
    /// Takes in that the counter has grown by `growth` in the time `elapsed`.
    pub(super) fn advance(&mut self, elapsed: Duration, growth: u64) {
        if elapsed.is_zero() {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "two decimals are said")]
        let per_minute = growth as f64 * 60.0 / elapsed.as_secs_f64();
        for (average, minutes) in self.0.iter_mut().zip(MINUTES) {
            let kept = (-elapsed.as_secs_f64() / (60.0 * f64::from(minutes))).exp();
            *average = per_minute + kept * (*average - per_minute);
        }
    }

    /// For each number of minutes the average, in events per minute.
    pub(super) fn averages(&self) -> impl Iterator<Item = (u32, f64)> {
        MINUTES.into_iter().zip(self.0)
    }
}
