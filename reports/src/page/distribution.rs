//! How long it took: the percentiles of each leg, and the curve of the delivery.

use hdrhistogram::Histogram;
use maud::{Markup, html};

use super::chart::{Band, COLORS, Caption, LineChart, Range, RangeChart, Scale, Series, Unit};
use super::glossary::term;
use crate::percentiles::microseconds;
use crate::text::latency_cells;
use crate::units::{count, float};
use crate::{Percentiles, Run, Summary};

/// Places of the curve for each halving of the distance to 100 %.
const STEPS_PER_HALF: u32 = 6;

/// Samples that must lie above a percentile before it means more than luck.
const SAMPLES_ABOVE_MIN: f64 = 10.0;

/// A distribution to draw.
pub(super) struct Curve<'a> {
    pub(super) name: String,
    pub(super) histogram: &'a Histogram<u64>,
}

/// A leg: what stands before its word, the key of the word in the glossary, its percentiles.
fn legs(summary: &Summary) -> Vec<(&'static str, &'static str, &Percentiles)> {
    let latency = &summary.latency;
    let mut legs = vec![
        ("delivery", "from-due", &latency.delivery.from_due),
        ("delivery", "from-send", &latency.delivery.from_send),
        ("", "send-lag", &latency.send_lag),
        ("", "connect", &latency.connect),
    ];
    let taken = summary.legs.each().into_iter().filter(|(_, leg)| leg.count > 0);
    legs.extend(taken.map(|(key, leg)| ("", leg_name(key), leg)));
    legs
}

/// A leg of the protocol as MQTT names it.
pub(crate) fn leg_name(key: &'static str) -> &'static str {
    match key {
        "tcp_connect" => "TCP connect",
        "tls_handshake" => "TLS handshake",
        "web_socket_handshake" => "WebSocket handshake",
        "connack" => "CONNACK",
        "suback" => "SUBACK",
        "puback" => "PUBACK",
        "pubrec" => "PUBREC",
        "pubcomp" => "PUBCOMP",
        "pingresp" => "PINGRESP",
        "queued" => "waited in session",
        "will" => "Will Message",
        "read_lag" => "read lag",
        key => key,
    }
}

/// The percentiles of each leg, with their sample counts.
pub(super) fn table(summary: &Summary) -> Markup {
    html! {
        div.table {
            table {
                thead {
                    tr {
                        th scope="col" { "Leg" }
                        th.n scope="col" { "p50" } th.n.wide scope="col" { "p90" } th.n scope="col" { "p99" }
                        th.n scope="col" { "p99.9" } th.n.wide scope="col" { "p99.99" } th.n scope="col" { "max" }
                    }
                }
                tbody {
                    @for (prefix, key, percentiles) in legs(summary) {
                        @let cells = latency_cells(percentiles);
                        tr {
                            th scope="row" {
                                @if !prefix.is_empty() { (prefix) " " }
                                (term(key))
                                small { (count(percentiles.count)) " samples" }
                            }
                            @for (index, cell) in cells.iter().enumerate() {
                                td.n.wide[index == 1 || index == 4] { (cell) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The legs beside each other.
pub(super) fn ranges(summary: &Summary) -> Markup {
    let rows: Vec<Range> = legs(summary)
        .into_iter()
        .filter(|(.., percentiles)| percentiles.count > 0)
        .filter_map(|(prefix, key, percentiles)| {
            let [p50, p90, p99, .., max] = percentiles.supported();
            let max = max?.max(0.1);
            Some(Range {
                name: format!("{prefix} {}", key.replace('-', " ")).trim().to_owned(),
                // Of a few samples only the greatest is known for sure.
                p50: p50.unwrap_or(max).max(0.1),
                p90,
                p99,
                max,
            })
        })
        .collect();
    let low = rows.iter().map(|row| row.p50).fold(f64::INFINITY, f64::min);
    let high = rows.iter().map(|row| row.max).fold(0.0, f64::max);
    let spoken: Vec<String> = rows
        .iter()
        .map(|row| {
            let read = crate::units::microseconds;
            format!("{}: p50 {}, max {}", row.name, read(row.p50), read(row.max))
        })
        .collect();
    RangeChart {
        caption: Caption {
            id: "legs",
            title: "Legs of the way",
            note: "from the median over p90 and p99 to the greatest sample",
            description: &spoken.join("; "),
        },
        x: Scale::log(Unit::Latency, low, high),
        rows,
    }
    .render()
}

/// The curve of a run: corrected and as most tools would show it.
pub(super) fn curve(run: &Run) -> Markup {
    let due = run.leg("from_due").or_else(|| merged(run));
    let send = run.leg("from_send");
    let mut curves = Vec::new();
    if let Some(histogram) = due.as_ref() {
        curves.push(Curve { name: "from due (corrected)".to_owned(), histogram });
    }
    if let Some(histogram) = send.as_ref() {
        curves.push(Curve { name: "from send (as most tools count)".to_owned(), histogram });
    }
    curves_chart(
        &Caption {
            id: "distribution",
            title: "Percentiles of the delivery latency",
            note: "each step to the right is ten times rarer",
            description: "",
        },
        &curves,
    )
}

/// Runs from before legs were kept have the seconds of the log.
pub(super) fn merged(run: &Run) -> Option<Histogram<u64>> {
    let mut total = None;
    let from_due = run.intervals.iter().filter(|interval| interval.tag.is_none());
    for histogram in from_due.filter_map(crate::Interval::histogram) {
        crate::run::accumulate(&mut total, &histogram);
    }
    total
}

/// Several distributions on the axis of `HdrHistogram`.
pub(super) fn curves_chart(caption: &Caption<'_>, curves: &[Curve<'_>]) -> Markup {
    let curves: Vec<&Curve<'_>> =
        curves.iter().filter(|curve| !curve.histogram.is_empty()).collect();
    let samples = curves.iter().map(|curve| curve.histogram.len()).max().unwrap_or(0);
    if samples == 0 {
        return html! {};
    }
    let places = places(samples);
    let series: Vec<Series> = curves
        .iter()
        .zip(COLORS.iter().zip(["", "d2", "d3", "d4", "", "d2"]))
        .map(|(curve, (color, dash))| {
            Series::new(curve.name.clone(), color, dash, values(curve.histogram, &places))
        })
        .collect();
    let drawn = || series.iter().flat_map(|line| line.values.iter().flatten().copied());
    let low = drawn().fold(f64::INFINITY, f64::min);
    let high = drawn().fold(0.0, f64::max);
    let x = Scale::percentile(float(samples));
    let weak = (float(samples) / SAMPLES_ABOVE_MIN).max(1.0);
    let bands = vec![Band { from: weak, to: float(samples), label: "fewer than 10 samples above" }];
    let spoken = spoken(&curves);
    LineChart {
        caption: Caption { description: &spoken, ..*caption },
        x,
        y: Scale::log(Unit::Latency, low, high),
        places,
        series,
        bands,
    }
    .render()
}

fn spoken(curves: &[&Curve<'_>]) -> String {
    let at = |curve: &Curve<'_>, quantile| {
        crate::units::microseconds(microseconds(curve.histogram.value_at_quantile(quantile)))
    };
    let curves: Vec<String> = curves
        .iter()
        .map(|curve| {
            let (p50, p99, max) = (at(curve, 0.5), at(curve, 0.99), at(curve, 1.0));
            format!("{}: p50 {p50}, p99 {p99}, max {max}", curve.name)
        })
        .collect();
    curves.join("; ")
}

/// 1/(1-p) from 1 to the number of samples, evenly on the axis.
fn places(samples: u64) -> Vec<f64> {
    let end = float(samples);
    let mut places: Vec<f64> = (0..64 * STEPS_PER_HALF)
        .map(|step| 2_f64.powf(f64::from(step) / f64::from(STEPS_PER_HALF)))
        .take_while(|&place| place < end)
        .collect();
    places.push(end);
    places
}

/// The value at each place, as far as the histogram has samples.
fn values(histogram: &Histogram<u64>, places: &[f64]) -> Vec<Option<f64>> {
    let samples = float(histogram.len());
    places
        .iter()
        .map(|&place| {
            let value = histogram.value_at_quantile(1.0 - 1.0 / place);
            (place <= samples * 1.000_001).then(|| microseconds(value.max(100)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::histogram;

    #[test]
    fn a_curve_ends_where_its_samples_do() {
        let few = histogram((1..=100).map(|i| i * 1_000_000));
        let places = places(10_000);
        let values = values(&few, &places);
        let drawn = values.iter().flatten().count();
        assert!(drawn > 30 && drawn < values.len(), "{drawn} of {}", values.len());
        assert!(values.iter().flatten().is_sorted_by(|a, b| a <= b));
        assert!((places.last().unwrap() - 10_000.0).abs() < 1e-6);
    }

    #[test]
    fn what_has_no_samples_is_not_drawn() {
        let empty = histogram([]);
        let curves = [Curve { name: "x".to_owned(), histogram: &empty }];
        let caption = Caption { id: "c", title: "t", note: "", description: "" };
        assert_eq!(curves_chart(&caption, &curves).into_string(), "");
        assert_eq!(curves_chart(&caption, &[]).into_string(), "");
    }
}
