//! From the first SYN to the last CONNACK.

/// Connections and the time in which all of them were opened, on the clock of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Opened {
    pub count: u64,
    first_ns: u64,
    last_ns: u64,
}

/// Connections by when they were begun.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Connecting {
    pub before_load: Opened,
    pub under_load: Opened,
}

impl Opened {
    /// From the first SYN to the last CONNACK.
    pub(crate) fn length_ns(&self) -> u64 {
        self.last_ns - self.first_ns
    }

    /// A connection that was begun and accepted at these moments.
    pub(super) fn note(&mut self, begun_ns: u64, accepted_ns: u64) {
        self.add(&Self { count: 1, first_ns: begun_ns, last_ns: accepted_ns.max(begun_ns) });
    }

    fn add(&mut self, other: &Self) {
        *self = match (self.count, other.count) {
            (0, _) => *other,
            (_, 0) => *self,
            _ => Self {
                count: self.count + other.count,
                first_ns: self.first_ns.min(other.first_ns),
                last_ns: self.last_ns.max(other.last_ns),
            },
        };
    }
}

impl Connecting {
    /// Adds another worker's.
    pub(crate) fn add(&mut self, other: &Self) {
        self.before_load.add(&other.before_load);
        self.under_load.add(&other.under_load);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_that_open_at_once_share_the_time() {
        let mut one = Connecting::default();
        one.under_load.note(100, 400);
        one.under_load.note(50, 300);
        let mut other = Connecting::default();
        other.under_load.note(60, 700);
        other.before_load.note(5, 6);
        one.add(&other);
        assert_eq!((one.under_load.count, one.under_load.length_ns()), (3, 650));
        assert_eq!((one.before_load.count, one.before_load.length_ns()), (1, 1));
        one.add(&Connecting::default());
        assert_eq!(one.under_load.length_ns(), 650);
    }
}
