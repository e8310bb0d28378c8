//! How quickly Network Connections came to be.

use serde::{Deserialize, Serialize};

use crate::units::{float, microseconds, rate};

/// Network Connections that a run opened, by when their clients began.
///
/// Both are absent where runs of several generators were added up, whose clocks are not one, and in files
/// of before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Connecting {
    /// Those that were begun before the load; `--connect-rate` slows these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before_load: Option<Opened>,
    /// Those that were begun under load: clients that come late, come back or come all at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub under_load: Option<Opened>,
}

/// Connections and how long it took to open them all.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    /// Connections that were accepted.
    pub count: u64,
    /// From the first SYN of the first to the CONNACK of the last.
    pub seconds: f64,
    /// Connections per second of that time. Of clients that come at once it is the broker's rate, or the
    /// generator's where that begins them more slowly; of others it is their own.
    pub per_second: f64,
}

impl Connecting {
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Each that there is, with what to say of it.
    pub(crate) fn each(&self) -> impl Iterator<Item = (u64, String)> {
        let both = [(self.before_load, "before the load"), (self.under_load, "under load")];
        both.into_iter().filter_map(|(opened, when)| opened.map(|opened| (opened, when))).map(
            |(opened, when)| {
                let note = format!(
                    "{when}, all within {}: {}/s",
                    microseconds(opened.seconds * 1e6),
                    rate(opened.per_second)
                );
                (opened.count, note)
            },
        )
    }
}

impl Opened {
    /// `None` of no connection, or of no time.
    pub fn new(count: u64, seconds: f64) -> Option<Self> {
        (count > 0 && seconds > 0.0).then(|| Self {
            count,
            seconds,
            per_second: float(count) / seconds,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_of_all_and_not_of_the_slowest() {
        let opened = Opened::new(10_000, 0.4);
        assert_eq!(opened.map(|opened| opened.per_second), Some(25_000.0));
        assert_eq!((Opened::new(0, 0.4), Opened::new(3, 0.0)), (None, None));
    }

    #[test]
    fn what_is_absent_is_not_told() {
        let both =
            Connecting { before_load: Opened::new(1, 0.5), under_load: Opened::new(10, 2.0) };
        let notes: Vec<_> = both.each().collect();
        assert_eq!(notes[1], (10, "under load, all within 2.00 s: 5.00/s".to_owned()));
        assert_eq!(Connecting { before_load: None, ..both }.each().count(), 1);
        assert!(Connecting::default().is_empty() && !both.is_empty());
    }
}
