//! Several runs beside each other: figures with their ratios, curves on one axis, and what differed.

use hdrhistogram::Histogram;
use maud::{Markup, html};

use super::chart::{COLORS, Caption, LineChart, Scale, Series, Unit};
use super::distribution::{Curve, curves_chart, merged};
use super::over_time::{highest, span, spoken};
use super::slices::{Slice, Slices};
use super::{document, glossary, verdict};
use crate::text::{absent, delivery_rate};
use crate::units::{bytes, count, float, microseconds, rate, share};
use crate::{Run, Summary};

/// Dashes that tell lines apart without colour, and twelve runs with it.
const DASHES: [&str; 4] = ["", "d2", "d4", "d3"];

/// A difference of less is the luck of one run.
const RATIO_NOTABLE: f64 = 1.02;

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Better {
    Higher,
    Lower,
}

/// A figure of every run.
pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) better: Better,
    pub(super) value: crate::rounds::Figure,
    pub(super) read: fn(f64) -> String,
}

/// The figure that adds up where there are several rounds.
pub(super) const LOST: &str = "lost";

pub(super) const FIGURES: [Figure; 11] = [
    figure("deliveries per second", Better::Higher, delivery_rate, rate),
    figure(
        "delivered of owed",
        Better::Higher,
        |s| ratio(s.counts.delivered, s.counts.expected),
        percent,
    ),
    figure(LOST, Better::Lower, |s| Some(float(s.counts.lost)), rate),
    figure(
        "p50 from due",
        Better::Lower,
        |s| s.latency.delivery.from_due.supported()[0],
        microseconds,
    ),
    figure("p90", Better::Lower, |s| s.latency.delivery.from_due.supported()[1], microseconds),
    figure("p99", Better::Lower, |s| s.latency.delivery.from_due.supported()[2], microseconds),
    figure("p99.9", Better::Lower, |s| s.latency.delivery.from_due.supported()[3], microseconds),
    figure("p99.99", Better::Lower, |s| s.latency.delivery.from_due.supported()[4], microseconds),
    figure("max", Better::Lower, |s| s.latency.delivery.from_due.supported()[5], microseconds),
    figure("broker CPU per delivery", Better::Lower, crate::rounds::broker_cpu, microseconds),
    figure(
        "broker memory",
        Better::Lower,
        crate::rounds::broker_memory,
        crate::units::metric_bytes,
    ),
];

const fn figure(
    name: &'static str,
    better: Better,
    value: crate::rounds::Figure,
    read: fn(f64) -> String,
) -> Figure {
    Figure { name, better, value, read }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| float(part) / float(whole))
}

fn percent(ratio: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to a million")]
    share((ratio * 1e6) as u64, 1_000_000)
}

/// Renders several runs on one page, the first as the baseline of the ratios. The same runs give the same bytes.
pub fn render_html_comparison(runs: &[Run]) -> String {
    let names: Vec<&str> = runs.iter().map(|run| run.name.as_str()).collect();
    let title = format!("{} runs compared", count(u64::try_from(runs.len()).unwrap_or(u64::MAX)));
    let heading = html! {
        h1 { (title) }
        p.lead { (names.join(" · ")) }
    };
    let body = html! {
        (figures(runs))
        section #curves {
            h2 { "Latency and throughput" }
            div.charts {
                (curves(runs))
                (over_time(runs, &LATENCY))
                (over_time(runs, &DELIVERIES))
                (over_time(runs, &BROKER_CPU))
            }
        }
        (differences(runs))
        (commands(runs))
        (glossary::section())
    };
    document(&format!("{title} – Kelvin"), "the first run is the baseline", &heading, &body)
}

fn figures(runs: &[Run]) -> Markup {
    html! {
        section #figures {
            div.table {
                table {
                    thead {
                        tr {
                            th scope="col" { span.quiet { "×: of the baseline" } }
                            @for (index, run) in runs.iter().enumerate() {
                                th.n scope="col" {
                                    (run.name)
                                    @if index == 0 { small.quiet { "baseline" } }
                                }
                            }
                        }
                    }
                    tbody {
                        tr {
                            th scope="row" { "verdict" }
                            @for run in runs { td.n { (verdict::word(&run.summary)) } }
                        }
                        @for figure in &FIGURES { (figure_row(figure, runs)) }
                    }
                }
            }
        }
    }
}

/// A figure of each run with its ratio to the baseline; nothing when no run knows it.
fn figure_row(figure: &Figure, runs: &[Run]) -> Markup {
    let values: Vec<Option<f64>> = runs.iter().map(|run| (figure.value)(&run.summary)).collect();
    if values.iter().all(Option::is_none) {
        return html! {};
    }
    let baseline = values.first().copied().flatten();
    html! {
        tr {
            th scope="row" { (figure.name) }
            @for (index, value) in values.iter().enumerate() {
                td.n {
                    (value.map_or_else(absent, figure.read))
                    @if index > 0 { (ratio_cell(figure.better, *value, baseline)) }
                }
            }
        }
    }
}

fn ratio_cell(better: Better, value: Option<f64>, baseline: Option<f64>) -> Markup {
    let (Some(value), Some(baseline)) = (value, baseline) else {
        return html! {};
    };
    if baseline <= 0.0 {
        return html! {};
    }
    let ratio = value / baseline;
    let higher = ratio > RATIO_NOTABLE;
    let lower = ratio < 1.0 / RATIO_NOTABLE;
    let class = match (better, higher, lower) {
        (Better::Higher, true, _) | (Better::Lower, _, true) => "better",
        (Better::Higher, _, true) | (Better::Lower, true, _) => "worse",
        _ => "quiet",
    };
    // A word beside the colour, for those who do not see it.
    let word = if class == "quiet" { "" } else { class };
    html! { small { span class=(class) { "×" (ratio_text(ratio)) " " (word) } } }
}

pub(super) fn ratio_text(ratio: f64) -> String {
    match ratio {
        r if r >= 99.5 => rate(r),
        r if r >= 9.95 => format!("{r:.1}"),
        r if r >= 0.095 => format!("{r:.2}"),
        r => format!("{r:.4}"),
    }
}

fn curves(runs: &[Run]) -> Markup {
    let histograms: Vec<Option<Histogram<u64>>> =
        runs.iter().map(|run| run.leg("from_due").or_else(|| merged(run))).collect();
    let curves: Vec<Curve<'_>> = runs
        .iter()
        .zip(&histograms)
        .filter_map(|(run, histogram)| {
            Some(Curve { name: run.name.clone(), histogram: histogram.as_ref()? })
        })
        .collect();
    let caption = Caption {
        id: "distribution",
        title: "Percentiles of the delivery latency",
        note: "from due; each step to the right is ten times rarer",
        description: "",
    };
    curves_chart(&caption, &curves)
}

/// A line of each run over time.
pub(super) struct Line {
    id: &'static str,
    title: &'static str,
    note: &'static str,
    unit: Unit,
    value: fn(&Slice) -> Option<f64>,
}

pub(super) const LATENCY: Line = Line {
    id: "latency",
    title: "p99 over time",
    note: "delivery latency from due",
    unit: Unit::Latency,
    value: |slice| slice.quantile(0.99),
};

pub(super) const DELIVERIES: Line = Line {
    id: "deliveries",
    title: "Deliveries per second",
    note: "what came",
    unit: Unit::Count,
    value: Slice::delivered,
};

pub(super) const BROKER_CPU: Line = Line {
    id: "cpu",
    title: "CPU time of the broker",
    note: "per cent of one core",
    unit: Unit::Percent,
    value: Slice::broker_cpu,
};

pub(super) fn over_time(runs: &[Run], line: &Line) -> Markup {
    let end = runs
        .iter()
        .flat_map(|run| run.timeline.iter().map(|row| row.t_seconds))
        .filter(|seconds| seconds.is_finite())
        .fold(0.0, f64::max);
    let slices: Vec<Slices> = runs.iter().map(|run| Slices::until(run, end)).collect();
    let width = slices.first().map_or(1.0, |slices| slices.width);
    let places: Vec<f64> = (0..super::slices::SLICES_MAX)
        .map(|index| (f64::from(index) + 0.5) * width)
        .take_while(|&place| place - width / 2.0 < end)
        .collect();
    let series: Vec<Series> = runs
        .iter()
        .zip(&slices)
        .enumerate()
        .map(|(index, (run, slices))| {
            let color = COLORS.get(index % COLORS.len()).copied().unwrap_or("c1");
            let dash = DASHES.get(index % DASHES.len()).copied().unwrap_or("");
            Series::new(run.name.clone(), color, dash, at_places(slices, &places, line.value))
        })
        .collect();
    let y = match line.unit {
        Unit::Latency => {
            let (low, high) = span(&series);
            Scale::log(Unit::Latency, low, high)
        }
        unit => Scale::from_zero(unit, highest(&series)),
    };
    let description = spoken(&series, |value| y.read(value));
    LineChart {
        caption: Caption {
            id: line.id,
            title: line.title,
            note: line.note,
            description: &description,
        },
        x: Scale::time(0.0, end),
        y,
        places,
        series,
        bands: Vec::new(),
    }
    .render()
}

/// A value for each place that the runs share; none where this run has no slice.
fn at_places(
    slices: &Slices,
    places: &[f64],
    value: fn(&Slice) -> Option<f64>,
) -> Vec<Option<f64>> {
    let mut list = slices.list.iter().peekable();
    places
        .iter()
        .map(|&place| {
            while list.next_if(|slice| slice.to <= place).is_some() {}
            list.peek().filter(|slice| slice.from <= place).and_then(|slice| value(slice))
        })
        .collect()
}

/// What was asked for and where it ran, as far as it is not the same everywhere.
pub(super) fn differences(runs: &[Run]) -> Markup {
    let columns: Vec<Vec<(&'static str, String)>> =
        runs.iter().map(|run| described(&run.summary)).collect();
    let keys: Vec<&'static str> = columns
        .first()
        .map(|column| column.iter().map(|(key, _)| *key).collect())
        .unwrap_or_default();
    let rows = keys.iter().enumerate().map(|(index, key)| {
        let cells = columns.iter().filter_map(|column| column.get(index));
        (*key, cells.map(|(_, value)| value).collect::<Vec<&String>>())
    });
    let (same, other): (Vec<_>, Vec<_>) =
        rows.partition(|(_, cells)| cells.windows(2).all(|pair| pair[0] == pair[1]));
    html! {
        section #environment {
            h2 { "Configuration and environment" }
            @if !other.is_empty() {
                div.table {
                    table {
                        caption { "What differs" }
                        thead { tr { th scope="col" {} @for run in runs { th scope="col" { (run.name) } } } }
                        tbody {
                            @for (key, cells) in &other {
                                tr { th scope="row" { (key) } @for cell in cells { td { (cell) } } }
                            }
                        }
                    }
                }
                p {}
            }
            div.table {
                table {
                    caption { "What is the same for all" }
                    tbody { @for (key, cells) in &same { (super::row(key, cells.first().map_or("", |cell| cell))) } }
                }
            }
        }
    }
}

fn described(summary: &Summary) -> Vec<(&'static str, String)> {
    let (config, machine) = (&summary.config, &summary.machine);
    vec![
        ("started", summary.started.clone()),
        ("broker", config.broker.clone()),
        ("protocol", format!("MQTT {} over {}", config.protocol, config.transport)),
        ("pattern", config.topology.clone()),
        ("topic", config.topic.clone()),
        ("publishers", count(config.publishers.into())),
        ("subscribers", count(config.subscribers.into())),
        ("QoS", format!("{} published, {} subscribed", config.qos, config.sub_qos)),
        ("RETAIN", if config.retain { "1" } else { "0" }.to_owned()),
        ("payload", format!("{} bytes", count(config.payload_bytes.into()))),
        ("offered", format!("{} deliveries/s", rate(config.deliveries_per_second))),
        ("warm-up", crate::units::seconds(config.warmup_seconds)),
        ("measured", crate::units::seconds(config.measured_seconds)),
        ("generator threads", count(config.threads.into())),
        ("seed", config.seed.to_string()),
        ("system", machine.os.clone()),
        ("CPU", format!("{}, {} cores", machine.cpu, machine.cores)),
        ("memory", bytes(machine.memory_bytes)),
        ("Kelvin", format!("{} ({})", machine.version, machine.commit)),
        ("allocator", machine.allocator.clone()),
    ]
}

fn commands(runs: &[Run]) -> Markup {
    let lines: Vec<String> =
        runs.iter().map(|run| format!("{}  # {}", run.summary.config.command, run.name)).collect();
    html! {
        section #reproduce {
            h2 { "How to reproduce it" }
            pre { (lines.join("\n")) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{TestDirectory, histogram, leave_run, literal, overloaded};

    fn runs() -> Vec<Run> {
        let base = TestDirectory::new();
        let read = |summary, latency| {
            Run::read(&leave_run(base.path(), &summary, &[histogram([latency; 2_000])])).unwrap()
        };
        let mut runs = vec![read(literal(), 10_000_000), read(overloaded(), 40_000_000)];
        runs[1].name = "other <b>".to_owned();
        runs
    }

    #[test]
    fn ratios_say_which_way_is_better() {
        let cell = |better, value| ratio_cell(better, Some(value), Some(100.0)).into_string();
        assert!(cell(Better::Lower, 50.0).contains("×0.50 better"));
        assert!(cell(Better::Lower, 250.0).contains("×2.50 worse"));
        assert!(cell(Better::Higher, 50.0).contains("worse"));
        assert!(!cell(Better::Higher, 101.0).contains("better"));
        assert_eq!(ratio_cell(Better::Lower, Some(1.0), Some(0.0)).into_string(), "");
        assert_eq!(ratio_text(0.000_5), "0.0005");
    }

    #[test]
    fn the_first_run_is_the_baseline_and_names_are_text() {
        let page = render_html_comparison(&runs());
        assert!(page.contains("2 runs compared") && page.contains("baseline"), "{page}");
        assert!(page.contains("other &lt;b&gt;") && !page.contains("<b>other"), "{page}");
        assert!(!page.contains("other <b>"), "{page}");
        for id in ["id=\"distribution\"", "id=\"latency\"", "id=\"deliveries\"", "What differs"] {
            assert!(page.contains(id), "{id}");
        }
    }

    #[test]
    fn runs_share_the_places_of_a_line() {
        let runs = runs();
        let slices = Slices::until(&runs[0], 10.0);
        let places: Vec<f64> = (0..10).map(|i| f64::from(i) + 0.5).collect();
        let values = at_places(&slices, &places, Slice::delivered);
        let known: Vec<bool> = values.iter().map(Option::is_some).collect();
        assert_eq!(known, [true, true, true, true, false, false, false, false, false, false]);
    }
}
