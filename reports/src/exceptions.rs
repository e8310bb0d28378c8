//! Counts that are worth a line only when they are not 0, with a phrase that says what they mean.

use crate::Counts;
use crate::units::count;

/// A count and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exception {
    /// At most ten characters: the column of the text.
    pub(crate) label: &'static str,
    /// Its word in the glossary of the page, and in tables.
    pub(crate) term: &'static str,
    pub(crate) value: u64,
    /// Of fifty characters at most, for the text has eighty columns.
    pub(crate) note: String,
    /// Whether it should be 0.
    pub(crate) fault: bool,
}

/// All that are not 0, in the order in which they are told.
pub(crate) fn exceptions(counts: &Counts) -> Vec<Exception> {
    let all = [of_messages(counts), of_plans(counts), of_connections(counts)].concat();
    all.into_iter().filter(|exception| exception.value > 0).collect()
}

fn told(label: &'static str, term: &'static str, value: u64, note: &str) -> Exception {
    Exception { label, term, value, note: note.to_owned(), fault: false }
}

fn fault(label: &'static str, term: &'static str, value: u64, note: &str) -> Exception {
    Exception { fault: true, ..told(label, term, value, note) }
}

fn of_messages(counts: &Counts) -> Vec<Exception> {
    vec![
        told("retained", "retained", counts.retained, "old messages, in no other figure"),
        fault(
            "corrupted",
            "corrupted",
            counts.corrupted,
            "messages with another payload than was published",
        ),
        told(
            "in drain",
            "late in the drain",
            counts.late_in_drain,
            "came after the end of the load; in `delivered` too",
        ),
        fault(
            "too late",
            "late after the drain",
            counts.late_after_drain,
            "deliveries after the drain, not in `lost`",
        ),
        fault(
            "no ack",
            "unacknowledged",
            counts.unacknowledged,
            "publications that were never acknowledged",
        ),
        fault("foreign", "foreign", counts.foreign, "messages without this run's stamp"),
        fault(
            "impossible",
            "impossible",
            counts.impossible,
            "samples received before they were due",
        ),
    ]
}

/// What follows from clients that come and go, and from subscriptions that overlap.
fn of_plans(counts: &Counts) -> Vec<Exception> {
    let of = |part: u64, whole: u64, what: &str| {
        Some(format!("{} of {} {what}", count(part), count(whole))).filter(|_| whole > 0)
    };
    let wills = of(counts.wills, counts.wills_expected, "Will Messages owed came");
    let retained = counts.retained_expected.saturating_sub(counts.retained_missing);
    let retained = of(retained, counts.retained_expected, "retained messages owed came");
    vec![
        told(
            "not judged",
            "not judged",
            counts.not_judged,
            "came, but nobody knows if owed: see docs/measuring",
        ),
        told("repeated", "repeated", counts.repeated, "came again, as MQTT allows there"),
        Exception {
            fault: counts.wills < counts.wills_expected,
            ..told("wills", "Will Messages", counts.wills_expected, &wills.unwrap_or_default())
        },
        Exception {
            fault: counts.retained_missing > 0,
            ..told(
                "late subs",
                "retained for late subscribers",
                counts.retained_expected,
                &retained.unwrap_or_default(),
            )
        },
    ]
}

fn of_connections(counts: &Counts) -> Vec<Exception> {
    vec![
        told("left", "left", counts.left, "connections that their clients ended by plan"),
        fault(
            "sessions",
            "sessions lost",
            counts.sessions_lost,
            "should have outlived a connection, and were gone",
        ),
        fault(
            "not opened",
            "connections not opened",
            counts.connect_failed,
            "Network Connections failed or were refused",
        ),
        fault(
            "closed",
            "connections closed",
            counts.disconnected,
            "Network Connections closed by the broker",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every count is 9 or less.
    fn all() -> Counts {
        Counts {
            retained: 1,
            corrupted: 1,
            late_in_drain: 1,
            late_after_drain: 1,
            unacknowledged: 1,
            foreign: 1,
            impossible: 1,
            not_judged: 1,
            repeated: 1,
            wills_expected: 9,
            wills: 8,
            retained_expected: 7,
            retained_missing: 0,
            left: 1,
            sessions_lost: 1,
            connect_failed: 1,
            disconnected: 1,
            ..Counts::default()
        }
    }

    #[test]
    fn every_one_has_a_phrase_that_fits_its_line() {
        let exceptions = exceptions(&all());
        assert_eq!(exceptions.len(), 15);
        for Exception { label, note, .. } in exceptions {
            assert!(label.len() <= 10 && !note.is_empty() && note.len() <= 50, "{label}: {note}");
        }
        assert_eq!(super::exceptions(&Counts::default()), []);
    }

    #[test]
    fn wills_are_a_fault_when_some_did_not_come() {
        let wills = |counts: &Counts| {
            let found = exceptions(counts).into_iter().find(|one| one.label == "wills");
            found.map(|one| (one.fault, one.note))
        };
        let text = |came| format!("{came} of 9 Will Messages owed came");
        assert_eq!(wills(&all()), Some((true, text(8))));
        assert_eq!(wills(&Counts { wills: 9, ..all() }), Some((false, text(9))));
    }
}
