//! `timeline.csv`: a row per second of the run, a header first, the unit in the column's name.

use std::io::Write;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize, Serializer};

use crate::percentiles::microseconds;

/// The columns, in the order of the fields of [`TimelineRow`].
const COLUMNS: [&str; 23] = [
    "t_seconds",
    "phase",
    "connected",
    "offered",
    "sent",
    "expected",
    "delivered",
    "backlog",
    "duplicate",
    "reordered",
    "retained",
    "disconnected",
    "p50_us",
    "p99_us",
    "p999_us",
    "max_us",
    "send_lag_p99_us",
    "broker_cpu_percent",
    "generator_cpu_percent",
    "broker_rss_bytes",
    "generator_rss_bytes",
    "broker_voluntary_switches",
    "broker_involuntary_switches",
];

/// What the run was doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Network Connections are opened and subscriptions acknowledged.
    Connect,
    /// The load runs and is not measured yet.
    Warmup,
    /// The load runs and is measured.
    Measure,
    /// No more publications; deliveries may still come.
    Drain,
}

/// One row. Counts are of this row's second, except where they say otherwise; what is not known is an empty
/// field.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimelineRow {
    /// End of the second that the row covers, in seconds since the start of the run.
    #[serde(serialize_with = "rounded")]
    pub t_seconds: f64,
    /// What the run was doing at that moment.
    pub phase: Phase,
    /// Network Connections that are open at that moment.
    pub connected: u64,
    /// Publications that the schedule called for.
    pub offered: u64,
    /// Publications that were written to a socket.
    pub sent: u64,
    /// Deliveries that the sent publications owe.
    pub expected: u64,
    /// Deliveries that came, whenever they were owed.
    pub delivered: u64,
    /// Deliveries that are owed and have not come, since the load began: what grows when a broker does not
    /// keep up, and is lost when the drain ends.
    pub backlog: u64,
    /// Deliveries that came again.
    pub duplicate: u64,
    /// Deliveries that came after a later one of the same publisher.
    pub reordered: u64,
    /// Messages that came with RETAIN = 1.
    pub retained: u64,
    /// Network Connections that the broker closed.
    pub disconnected: u64,
    /// 50th percentile of the delivery latency from the due time, in microseconds.
    #[serde(serialize_with = "rounded_option")]
    pub p50_us: Option<f64>,
    /// 99th percentile of it.
    #[serde(serialize_with = "rounded_option")]
    pub p99_us: Option<f64>,
    /// 99.9th percentile of it.
    #[serde(serialize_with = "rounded_option")]
    pub p999_us: Option<f64>,
    /// Greatest sample of it.
    #[serde(serialize_with = "rounded_option")]
    pub max_us: Option<f64>,
    /// 99th percentile of the time from due to sent, in microseconds: the generator's own lateness.
    #[serde(serialize_with = "rounded_option")]
    pub send_lag_p99_us: Option<f64>,
    /// CPU time of the broker; 100 is one core.
    #[serde(serialize_with = "rounded_option")]
    pub broker_cpu_percent: Option<f64>,
    /// CPU time of the generator; 100 is one core.
    #[serde(serialize_with = "rounded_option")]
    pub generator_cpu_percent: Option<f64>,
    /// Resident memory of the broker's process.
    pub broker_rss_bytes: Option<u64>,
    /// Resident memory of the generator's process, an embedded broker included.
    pub generator_rss_bytes: Option<u64>,
    /// Times that a thread of the broker waited of its own accord.
    #[serde(default)]
    pub broker_voluntary_switches: Option<u64>,
    /// Times that a thread of the broker was made to wait.
    #[serde(default)]
    pub broker_involuntary_switches: Option<u64>,
}

impl TimelineRow {
    /// A row without counts, in which nothing is known yet.
    pub fn new(t_seconds: f64, phase: Phase) -> Self {
        Self {
            t_seconds,
            phase,
            connected: 0,
            offered: 0,
            sent: 0,
            expected: 0,
            delivered: 0,
            backlog: 0,
            duplicate: 0,
            reordered: 0,
            retained: 0,
            disconnected: 0,
            p50_us: None,
            p99_us: None,
            p999_us: None,
            max_us: None,
            send_lag_p99_us: None,
            broker_cpu_percent: None,
            generator_cpu_percent: None,
            broker_rss_bytes: None,
            generator_rss_bytes: None,
            broker_voluntary_switches: None,
            broker_involuntary_switches: None,
        }
    }

    /// Fills the delivery latencies from this second's histograms, which hold nanoseconds; an empty one
    /// leaves them unknown.
    pub fn set_latency(&mut self, delivery: &Histogram<u64>, send_lag: &Histogram<u64>) {
        self.p50_us = quantile_us(delivery, 0.5);
        self.p99_us = quantile_us(delivery, 0.99);
        self.p999_us = quantile_us(delivery, 0.999);
        self.max_us = quantile_us(delivery, 1.0);
        self.send_lag_p99_us = quantile_us(send_lag, 0.99);
    }
}

/// Writes the header and the rows.
///
/// # Errors
/// What the writer returns.
pub fn write_timeline(writer: impl Write, rows: &[TimelineRow]) -> Result<(), csv::Error> {
    // The header is written by hand, so that a run without rows has one too.
    let mut table = csv::WriterBuilder::new().has_headers(false).from_writer(writer);
    table.write_record(COLUMNS)?;
    for row in rows {
        table.serialize(row)?;
    }
    table.flush()?;
    Ok(())
}

fn quantile_us(histogram: &Histogram<u64>, quantile: f64) -> Option<f64> {
    (!histogram.is_empty()).then(|| microseconds(histogram.value_at_quantile(quantile)))
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn rounded<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(three_decimals(*value))
}

#[expect(clippy::ref_option, reason = "the signature that serde asks for")]
fn rounded_option<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    value.map(three_decimals).serialize(serializer)
}

/// A nanosecond of a microsecond, a millisecond of a second: what is measured, and no more digits.
fn three_decimals(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(rows: &[TimelineRow]) -> String {
        let mut bytes = Vec::new();
        write_timeline(&mut bytes, rows).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn the_header_names_the_fields_in_their_order() {
        let mut table = csv::Writer::from_writer(Vec::new());
        table.serialize(TimelineRow::new(1.0, Phase::Measure)).unwrap();
        let by_serde = String::from_utf8(table.into_inner().unwrap()).unwrap();
        assert_eq!(by_serde.lines().next().unwrap(), COLUMNS.join(","));
    }

    #[test]
    fn a_run_without_rows_still_has_its_header() {
        assert_eq!(text(&[]), format!("{}\n", COLUMNS.join(",")));
    }

    #[test]
    fn what_is_unknown_is_an_empty_field() {
        let row = TimelineRow { connected: 5_000, ..TimelineRow::new(1.0004, Phase::Warmup) };
        assert_eq!(
            text(&[row]).lines().nth(1).unwrap(),
            "1.0,warmup,5000,0,0,0,0,0,0,0,0,0,,,,,,,,,,,"
        );
    }

    #[test]
    fn rows_read_back_as_they_were_written() {
        let mut delivery = Histogram::<u64>::new(3).unwrap();
        for value in 1..=1_000 {
            delivery.record(value * 1_000).unwrap();
        }
        let mut full = TimelineRow {
            delivered: 2_083_333,
            backlog: 17,
            broker_cpu_percent: Some(53.25),
            broker_rss_bytes: Some(78_000_000),
            ..TimelineRow::new(2.0, Phase::Measure)
        };
        full.set_latency(&delivery, &Histogram::new(3).unwrap());
        assert!((full.p50_us.unwrap() - 500.0).abs() < 1.0);
        assert!((full.max_us.unwrap() - 1_000.0).abs() < 1.0);
        assert_eq!(full.send_lag_p99_us, None);
        let rows = vec![full, TimelineRow::new(3.0, Phase::Drain)];
        let written = text(&rows);
        let read: Vec<TimelineRow> = csv::Reader::from_reader(written.as_bytes())
            .deserialize()
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(read, rows);
    }
}
