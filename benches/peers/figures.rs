//! What is read from a run.

use reports::{Rounds, Side, Summary};
use serde::Deserialize;

/// A figure of a run, in the unit that it is shown in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Figure {
    /// Deliveries per second, in thousands.
    Rate,
    /// Microseconds of the broker's CPU for each delivery.
    Cpu,
    /// Median delivery latency, in milliseconds.
    P50,
    /// 99th percentile of it.
    P99,
    /// Share of what was owed that arrived, in per cent.
    Delivered,
    /// Peak resident memory of the broker, in MB.
    Memory,
    /// What it grew by for each connection, in bytes.
    Connection,
    /// Connections per second under load, from the first SYN of all to the last CONNACK.
    Connects,
    /// 99th percentile from the first SYN to CONNACK, in milliseconds.
    ConnectP99,
    /// Microseconds of the broker's CPU for each connection of the measured part.
    ConnectCpu,
}

impl Figure {
    /// Whether more of it is better.
    pub(crate) fn is_gain(self) -> bool {
        matches!(self, Self::Rate | Self::Delivered | Self::Connects)
    }

    fn of(self, summary: &Summary) -> Option<f64> {
        let delivery = &summary.latency.delivery.from_due;
        let counts = &summary.counts;
        let per = |amount: f64, count: u64| (count > 0).then(|| amount / float(count));
        match self {
            Self::Rate => {
                let seconds = summary.config.measured_seconds;
                (seconds > 0.0).then(|| float(counts.delivered) / seconds / 1e3)
            }
            Self::Cpu => per(summary.cpu.broker_seconds? * 1e6, counts.delivered),
            Self::P50 => delivery.supported()[0].map(|micros| micros / 1e3),
            Self::P99 => delivery.supported()[2].map(|micros| micros / 1e3),
            Self::Delivered => per(float(counts.delivered) * 100.0, counts.expected),
            Self::Memory => summary.memory.broker_bytes.map(|bytes| float(bytes) / 1e6),
            Self::Connection => summary.broker?.bytes_per_connection.map(float),
            Self::Connects => summary.connecting.under_load.map(|opened| opened.per_second),
            Self::ConnectP99 => summary.latency.connect.supported()[2].map(|micros| micros / 1e3),
            Self::ConnectCpu => per(summary.cpu.broker_seconds? * 1e6, counts.connected),
        }
    }

    /// With its unit.
    pub(crate) fn shown(self, value: f64) -> String {
        let number = number(value);
        match self {
            Self::Rate => format!("{number} k/s"),
            Self::Cpu => format!("{number} µs"),
            Self::P50 => format!("p50 {number} ms"),
            Self::P99 => format!("p99 {number} ms"),
            Self::Delivered => format!("{number} % arrive"),
            Self::Memory => format!("{number} MB"),
            Self::Connection => format!("{number} B"),
            Self::Connects => format!("{number} connects/s"),
            Self::ConnectP99 => format!("CONNACK p99 {number} ms"),
            Self::ConnectCpu => format!("{number} µs per connect"),
        }
    }
}

/// The median over the rounds of a broker.
pub(crate) fn median_of(side: &Side, figure: Figure) -> Option<f64> {
    median(side.runs.iter().filter_map(|(_, run)| figure.of(run)).collect())
}

/// How many times as good as `other` `side` is, by the median of the ratios within rounds.
pub(crate) fn times(side: &Side, other: &Side, figure: Figure) -> Option<f64> {
    let ratios = side.runs.iter().filter_map(|(round, run)| {
        let (_, beside) = other.runs.iter().find(|(number, _)| number == round)?;
        let (own, theirs) = (figure.of(run)?, figure.of(beside)?);
        let (own, theirs) = if figure.is_gain() { (own, theirs) } else { (theirs, own) };
        (theirs > 0.0).then(|| own / theirs)
    });
    median(ratios.collect())
}

/// The broker of this name.
pub(crate) fn side<'a>(rounds: &'a Rounds, name: &str) -> Option<&'a Side> {
    rounds.sides.iter().find(|side| side.name == name)
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        count if count % 2 == 1 => values.get(middle).copied(),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

/// Three digits.
pub(crate) fn number(value: f64) -> String {
    if value >= 100.0 {
        let digits = format!("{value:.0}");
        let head = digits.len().saturating_sub(3);
        match digits.split_at(head) {
            ("", all) => all.to_owned(),
            (thousands, rest) => format!("{thousands},{rest}"),
        }
    } else if value >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

#[expect(clippy::cast_precision_loss, reason = "for display: exact up to 2^53")]
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        for (value, shown) in [
            (0.123, "0.12"),
            (9.876, "9.88"),
            (45.67, "45.7"),
            (123.4, "123"),
            (12_345.0, "12,345"),
        ] {
            assert_eq!(number(value), shown);
        }
    }

    #[test]
    fn medians_are_of_the_middle() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0]), Some(2.5));
    }
}
