//! What happened when: rates, latency, the heat map, connections, CPU and memory.

use maud::{Markup, html};

use super::chart::{Band, Caption, HeatColumn, HeatMap, LineChart, Scale, Series, Unit};
use super::slices::{QUANTILES, Slice, Slices};
use crate::percentiles::microseconds;
use crate::units::{count, float};
use crate::{Phase, Run};

/// Names, colours and dashes of the percentiles over time.
const PERCENTILES: [(&str, &str, &str); 5] = [
    ("p50", "c1", ""),
    ("p90", "c3", "d2"),
    ("p99", "c5", ""),
    ("p99.9", "c2", "d2"),
    ("max", "c4", "d3"),
];

/// Rows of the heat map for each decade of latency.
const ROWS_PER_DECADE: f64 = 14.0;

/// A run, cut for drawing.
pub(super) struct OverTime {
    slices: Slices,
    bands: Vec<Band>,
    run: Connecting,
}

/// Network Connections while they are opened: time and count.
struct Connecting {
    places: Vec<f64>,
    counts: Vec<Option<f64>>,
}

impl OverTime {
    pub(super) fn of(run: &Run) -> Self {
        let rows = || run.timeline.iter().filter(|row| row.phase == Phase::Connect);
        Self {
            slices: Slices::of(run),
            bands: Slices::bands(run),
            run: Connecting {
                places: rows().map(|row| row.t_seconds).collect(),
                counts: rows().map(|row| Some(float(row.connected))).collect(),
            },
        }
    }

    /// How coarse the drawing is, when it is coarser than the timeline; and what could not be read.
    pub(super) fn note(&self) -> Option<String> {
        let mut note = String::new();
        if self.slices.width > 1.0 {
            note = format!(
                "Each point covers {}: rates are means over it, percentiles those of all its samples.",
                crate::units::seconds(self.slices.width)
            );
        }
        if self.slices.damaged > 0 {
            let damaged = count(u64::try_from(self.slices.damaged).unwrap_or(u64::MAX));
            note = format!(
                "{note} {damaged} histogram(s) of latency.hlog could not be read and are not drawn."
            );
        }
        (!note.is_empty()).then(|| note.trim().to_owned())
    }

    fn chart(&self, caption: Caption<'_>, y: Scale, series: Vec<Series>) -> Markup {
        LineChart {
            caption,
            x: Scale::time(0.0, self.slices.end),
            y,
            places: self.slices.places(),
            series,
            bands: self.bands.clone(),
        }
        .render()
    }

    fn line(
        &self,
        name: &str,
        color: &'static str,
        dash: &'static str,
        value: impl Fn(&Slice) -> Option<f64>,
    ) -> Series {
        Series::new(name, color, dash, self.slices.values(value))
    }

    /// Deliveries owed and come.
    pub(super) fn deliveries(&self) -> Markup {
        let owed = self.line("owed", "c2", "d2", Slice::expected);
        let delivered =
            Series { filled: true, ..self.line("delivered", "c1", "", Slice::delivered) };
        let series = vec![owed, delivered];
        let caption = Caption {
            id: "deliveries",
            title: "Deliveries per second",
            note: "what became owed, and what came",
            description: &spoken(&series, crate::units::rate),
        };
        self.chart(caption, Scale::from_zero(Unit::Count, highest(&series)), series)
    }

    /// Publications offered and sent.
    pub(super) fn publications(&self) -> Markup {
        let offered = self.line("offered", "c2", "d2", Slice::offered);
        let sent = Series { filled: true, ..self.line("sent", "c3", "", Slice::sent) };
        let series = vec![offered, sent];
        let caption = Caption {
            id: "publications",
            title: "Publications per second",
            note: "what the schedule called for, and what was written",
            description: &spoken(&series, crate::units::rate),
        };
        self.chart(caption, Scale::from_zero(Unit::Count, highest(&series)), series)
    }

    /// Deliveries that are owed.
    pub(super) fn backlog(&self) -> Markup {
        let line = self.line("backlog", "c4", "", |slice| Some(float(slice.backlog)));
        let series = vec![Series { filled: true, ..line }];
        let caption = Caption {
            id: "backlog",
            title: "Backlog",
            note: "deliveries owed and not come yet",
            description: &spoken(&series, crate::units::rate),
        };
        self.chart(caption, Scale::from_zero(Unit::Count, highest(&series)), series)
    }

    /// Percentiles of each slice, and the generator's own lateness.
    pub(super) fn latency(&self) -> Markup {
        let mut series: Vec<Series> = PERCENTILES
            .into_iter()
            .zip(QUANTILES)
            .map(|((name, color, dash), quantile)| {
                self.line(name, color, dash, |slice| slice.quantile(quantile))
            })
            .collect();
        let from_send =
            self.line("p99 from send", "c5", "d3", |slice| slice.quantile_from_send(0.99));
        series.push(from_send);
        let (low, high) = span(&series);
        let lag = |slice: &Slice| slice.send_lag_us.filter(|&lag| lag > 0.0);
        let lag = self.line("send lag p99", "c6", "d4", lag);
        let (lag_low, lag_high) = span(std::slice::from_ref(&lag));
        // A generator in time, far below, must not press the latencies together.
        let lag_low = lag_low.max(low / 10.0);
        series.push(lag);
        let caption = Caption {
            id: "latency",
            title: "Delivery latency over time",
            note: "from due, where a stall of anybody shows; p99 from send beside it, as most tools count",
            description: &spoken(&series, crate::units::microseconds),
        };
        self.chart(caption, Scale::log(Unit::Latency, low.min(lag_low), high.max(lag_high)), series)
    }

    /// Where the samples fell.
    pub(super) fn heat(&self) -> Markup {
        let latencies = || self.slices.list.iter().filter_map(|slice| slice.latency.as_ref());
        let low = latencies().map(hdrhistogram::Histogram::min_nz).min().unwrap_or(1_000);
        let high = latencies().map(hdrhistogram::Histogram::max).max().unwrap_or(1_000);
        let y = Scale::log(Unit::Latency, microseconds(low.max(100)), microseconds(high.max(100)));
        let edges = edges(&y);
        let columns: Vec<HeatColumn> =
            self.slices.list.iter().filter_map(|slice| column(slice, &edges)).collect();
        let description = format!(
            "Samples between {} and {}, most of them where the lines of p50 and p90 run.",
            crate::units::microseconds(microseconds(low)),
            crate::units::microseconds(microseconds(high))
        );
        HeatMap {
            caption: Caption {
                id: "heat",
                title: "Latency heat map",
                note: "how many deliveries took how long, over time",
                description: &description,
            },
            x: Scale::time(0.0, self.slices.end),
            y,
            edges,
            columns,
            bands: self.bands.clone(),
        }
        .render()
    }

    /// CPU time of both sides.
    pub(super) fn cpu(&self) -> Markup {
        let series = vec![
            self.line("broker", "c1", "", Slice::broker_cpu),
            self.line("generator", "c2", "d2", Slice::generator_cpu),
        ];
        let caption = Caption {
            id: "cpu",
            title: "CPU time",
            note: "per cent of one core",
            description: &spoken(&series, |percent| format!("{percent:.0} %")),
        };
        self.chart(caption, Scale::from_zero(Unit::Percent, highest(&series)), series)
    }

    /// Resident memory of both sides.
    pub(super) fn memory(&self) -> Markup {
        let bytes = |bytes: Option<u64>| bytes.map(float);
        let series = vec![
            self.line("broker", "c1", "", |slice| bytes(slice.broker_bytes)),
            self.line("generator", "c2", "d2", |slice| bytes(slice.generator_bytes)),
        ];
        let caption = Caption {
            id: "memory",
            title: "Resident memory",
            note: "an embedded broker is part of the generator's process",
            description: &spoken(&series, crate::units::metric_bytes),
        };
        self.chart(caption, Scale::from_zero(Unit::Bytes, highest(&series)), series)
    }

    /// Network Connections while they are opened; nothing when that took no more than a moment.
    pub(super) fn connecting(&self) -> Markup {
        let Some(end) = self.run.places.last().copied().filter(|_| self.run.places.len() > 2)
        else {
            return html! {};
        };
        let line = Series::new("open", "c3", "", self.run.counts.clone());
        let series = vec![Series { filled: true, ..line }];
        LineChart {
            caption: Caption {
                id: "connecting",
                title: "Network Connections",
                note: "open, while the clients connect and subscribe",
                description: &spoken(&series, crate::units::rate),
            },
            x: Scale::time(0.0, end),
            y: Scale::from_zero(Unit::Count, highest(&series)),
            places: self.run.places.clone(),
            series,
            bands: Vec::new(),
        }
        .render()
    }
}

/// Borders of the rows of the heat map, in microseconds.
fn edges(y: &Scale) -> Vec<f64> {
    let (min, max) = y.bounds();
    let rows = ((max / min).log10() * ROWS_PER_DECADE).ceil().clamp(1.0, 120.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 120")]
    let rows = rows as u32;
    (0..=rows).map(|row| min * (max / min).powf(f64::from(row) / f64::from(rows))).collect()
}

fn column(slice: &Slice, edges: &[f64]) -> Option<HeatColumn> {
    let latency = slice.latency.as_ref().filter(|latency| !latency.is_empty())?;
    let mut counts = vec![0_u64; edges.len().saturating_sub(1)];
    for step in latency.iter_recorded() {
        let value = microseconds(step.value_iterated_to());
        let row = edges.partition_point(|&edge| edge <= value).saturating_sub(1);
        let row = row.min(counts.len().saturating_sub(1));
        if let Some(cell) = counts.get_mut(row) {
            *cell = cell.saturating_add(step.count_at_value());
        }
    }
    let read =
        |quantile| slice.quantile(quantile).map_or_else(String::new, crate::units::microseconds);
    Some(HeatColumn {
        from: slice.from,
        to: slice.to,
        counts,
        read: [count(latency.len()), read(0.5), read(0.99), read(1.0)],
    })
}

fn values(series: &[Series]) -> impl Iterator<Item = f64> {
    series.iter().flat_map(|line| line.values.iter().flatten().copied())
}

/// The highest value of all lines.
pub(super) fn highest(series: &[Series]) -> f64 {
    values(series).fold(0.0, f64::max)
}

/// The lowest and the highest.
pub(super) fn span(series: &[Series]) -> (f64, f64) {
    (values(series).fold(f64::INFINITY, f64::min), highest(series))
}

/// The lines in words.
pub(super) fn spoken(series: &[Series], read: impl Fn(f64) -> String) -> String {
    let lines: Vec<String> = series
        .iter()
        .filter(|line| !line.is_empty())
        .map(|line| {
            let (low, high) = span(std::slice::from_ref(line));
            format!("{}: {} to {}", line.name, read(low), read(high))
        })
        .collect();
    lines.join("; ")
}
