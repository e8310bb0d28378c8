//! Several brokers under one load, round by round, on one page.

use hdrhistogram::Histogram;
use maud::{Markup, html};

use super::chart::{Caption, DotChart, DotRow, Scale, Unit};
use super::compare::{self, Better, FIGURES, Figure, LOST};
use super::distribution::{Curve, curves_chart, merged};
use super::{document, glossary, verdict};
use crate::rounds::Spread;
use crate::text::absent;
use crate::units::{bytes, count};
use crate::{Rounds, Run, Side};

/// A difference of less is nothing to speak of, even when all rounds have it.
const RATIO_NOTABLE: f64 = 1.02;

/// From this ratio of the greatest to the least on an axis is logarithmic: the least would not be seen.
const LOG_FROM: f64 = 25.0;

/// Renders a comparison. `runs` are those of each side in the order of its rounds, named after the side; what a
/// run did not leave is not drawn. The same input gives the same bytes.
pub(crate) fn render_html_rounds(rounds: &Rounds, runs: &[Vec<Run>]) -> String {
    let names: Vec<&str> = rounds.sides.iter().map(|side| side.name.as_str()).collect();
    let title = format!("{} under one load", names.join(", "));
    let heading = html! {
        h1 { (title) }
        p.lead { (rounds.load_in_words()) }
    };
    let medians: Vec<Run> = rounds
        .sides
        .iter()
        .zip(runs)
        .filter_map(|(side, runs)| runs.get(side.median_run()?).cloned())
        .collect();
    let body = html! {
        (failures(rounds))
        (figures(rounds))
        section #curves {
            h2 { "Latency and throughput" }
            p.note { "Percentiles are those of all rounds together; lines over time are of the round whose p99 is the median one." }
            div.charts {
                (distributions(runs))
                (dots(rounds, &CPU))
                (compare::over_time(&medians, &compare::LATENCY))
                (compare::over_time(&medians, &compare::DELIVERIES))
                (compare::over_time(&medians, &compare::BROKER_CPU))
                (dots(rounds, &MEMORY))
            }
        }
        (brokers(rounds))
        (every_round(rounds))
        (compare::differences(&medians))
        section #reproduce {
            h2 { "How to reproduce it" }
            pre { (rounds.command_line()) }
        }
        (glossary::section())
    };
    let brand = format!("{} round(s) in turn", rounds.count());
    document(&format!("{title} – Kelvin"), &brand, &heading, &body)
}

fn failures(rounds: &Rounds) -> Markup {
    html! {
        @if !rounds.failures.is_empty() {
            ul.warnings {
                @for failure in &rounds.failures {
                    li { (failure.broker) " failed in round " (failure.round) ": " (failure.reason) }
                }
            }
        }
    }
}

fn figures(rounds: &Rounds) -> Markup {
    let lost: Vec<u64> = rounds
        .sides
        .iter()
        .map(|side| side.runs.iter().map(|(_, run)| run.counts.lost).sum())
        .collect();
    html! {
        section #figures {
            div.table {
                table {
                    thead {
                        tr {
                            th scope="col" { span.quiet { "median; least to greatest; × of the baseline" } }
                            @for (index, side) in rounds.sides.iter().enumerate() {
                                th.n scope="col" {
                                    (side.name)
                                    @if !side.version.is_empty() { small.quiet { (side.version) } }
                                    @if index == 0 && rounds.sides.len() > 1 { small.quiet { "baseline" } }
                                }
                            }
                        }
                    }
                    tbody {
                        tr {
                            th scope="row" { "verdict" }
                            @for side in &rounds.sides { td.n { (side.verdicts()) } }
                        }
                        tr.alarm[lost.iter().any(|lost| *lost > 0)] {
                            th scope="row" { "lost, all rounds" }
                            @for (side, lost) in rounds.sides.iter().zip(&lost) {
                                td.n { @if side.runs.is_empty() { (absent()) } @else { (count(*lost)) } }
                            }
                        }
                        @for figure in FIGURES.iter().filter(|figure| figure.name != LOST) {
                            (figure_row(rounds, figure))
                        }
                    }
                }
            }
            @if rounds.sides.len() > 1 {
                p {}
                p.note {
                    "Ratios are formed within each round, so that a machine that drifts does not decide; a difference that not all "
                    "rounds agree on is not called one."
                }
            }
        }
    }
}

/// A figure of each broker; nothing when none has it.
fn figure_row(rounds: &Rounds, figure: &Figure) -> Markup {
    let spreads: Vec<Option<Spread>> =
        rounds.sides.iter().map(|side| side.spread(figure.value)).collect();
    if spreads.iter().all(Option::is_none) {
        return html! {};
    }
    html! {
        tr {
            th scope="row" { (figure.name) }
            @for (side, spread) in rounds.sides.iter().zip(&spreads) {
                td.n {
                    (spread.map_or_else(absent, |spread| (figure.read)(spread.median)))
                    @if let Some(spread) = spread.filter(|spread| spread.least < spread.greatest) {
                        small { ((figure.read)(spread.least)) " to " ((figure.read)(spread.greatest)) }
                    }
                    @if let Some(ratio) = rounds.ratios(side, figure.value) { (ratio_cell(figure.better, &ratio)) }
                }
            }
        }
    }
}

fn ratio_cell(better: Better, ratio: &Spread) -> Markup {
    let notable =
        ratio.is_clear_of(1.0) && !(1.0 / RATIO_NOTABLE..=RATIO_NOTABLE).contains(&ratio.median);
    let class = match (notable, better, ratio.median > 1.0) {
        (false, ..) => "quiet",
        (true, Better::Higher, true) | (true, Better::Lower, false) => "better",
        (true, ..) => "worse",
    };
    // A word beside the colour, for those who do not see it.
    let word = if class == "quiet" { "" } else { class };
    let text = compare::ratio_text;
    html! {
        small {
            span class=(class) { "×" (text(ratio.median)) " " (word) }
            @if ratio.count > 1 { span.quiet { " (" (text(ratio.least)) " to " (text(ratio.greatest)) ")" } }
        }
    }
}

/// The percentiles of all rounds of each broker.
fn distributions(runs: &[Vec<Run>]) -> Markup {
    let totals: Vec<(&str, Histogram<u64>)> = runs
        .iter()
        .filter_map(|rounds| {
            let mut total = None;
            for run in rounds {
                if let Some(histogram) = run.leg("from_due").or_else(|| merged(run)) {
                    crate::run::accumulate(&mut total, &histogram);
                }
            }
            Some((rounds.first()?.name.as_str(), total?))
        })
        .collect();
    let curves: Vec<Curve<'_>> = totals
        .iter()
        .map(|(name, histogram)| Curve { name: (*name).to_owned(), histogram })
        .collect();
    let caption = Caption {
        id: "distribution",
        title: "Percentiles of the delivery latency",
        note: "from due, all rounds; each step to the right is ten times rarer",
        description: "",
    };
    curves_chart(&caption, &curves)
}

/// A figure of every round.
struct Dots {
    id: &'static str,
    title: &'static str,
    note: &'static str,
    unit: Unit,
    value: crate::rounds::Figure,
}

const CPU: Dots = Dots {
    id: "cpu-per-delivery",
    title: "CPU time of the broker for each delivery",
    note: "user and system time of its process, in the measured part",
    unit: Unit::Latency,
    value: crate::rounds::broker_cpu,
};

const MEMORY: Dots = Dots {
    id: "broker-memory",
    title: "Memory of the broker",
    note: "the peak of its resident memory",
    unit: Unit::Bytes,
    value: crate::rounds::broker_memory,
};

fn dots(rounds: &Rounds, dots: &Dots) -> Markup {
    let row = |side: &Side| {
        let values = side.runs.iter().filter_map(|(_, run)| (dots.value)(run)).collect();
        let median = side.spread(dots.value)?.median;
        Some(DotRow { name: side.name.clone(), values, median })
    };
    let rows: Vec<DotRow> = rounds.sides.iter().filter_map(row).collect();
    let values = || rows.iter().flat_map(|row| row.values.iter().copied());
    let (least, greatest) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
    let x = if least > 0.0 && greatest / least >= LOG_FROM {
        Scale::log(dots.unit, least, greatest)
    } else {
        Scale::from_zero(dots.unit, greatest)
    };
    let spoken: Vec<String> =
        rows.iter().map(|row| format!("{}: {}", row.name, x.read(row.median))).collect();
    let caption = Caption {
        id: dots.id,
        title: dots.title,
        note: dots.note,
        description: &spoken.join("; "),
    };
    DotChart { caption, x, rows }.render()
}

fn brokers(rounds: &Rounds) -> Markup {
    html! {
        section #brokers {
            h2 { "Brokers" }
            div.table {
                table {
                    thead { tr { th scope="col" { "Broker" } th scope="col" { "Version" } th scope="col" { "What it is" } th.n scope="col" { "Rounds" } } }
                    tbody {
                        @for side in &rounds.sides {
                            tr {
                                th scope="row" { (side.name) }
                                td { @if side.version.is_empty() { (absent()) } @else { (side.version) } }
                                td { (side.about) }
                                td.n { (side.runs.len()) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn every_round(rounds: &Rounds) -> Markup {
    // By round and then by broker, as they were run.
    let mut all: Vec<_> = rounds
        .sides
        .iter()
        .flat_map(|side| side.runs.iter().map(move |(round, run)| (*round, side, run)))
        .collect();
    all.sort_by_key(|(round, ..)| *round);
    let shown = |value: Option<f64>, read: fn(f64) -> String| value.map_or_else(absent, read);
    let micro: fn(f64) -> String = crate::units::microseconds;
    html! {
        section #rounds {
            h2 { "Every round" }
            div.table {
                table {
                    thead {
                        tr {
                            th scope="col" { "Round" } th scope="col" { "Broker" } th.n scope="col" { "deliveries/s" }
                            th.n.wide scope="col" { "lost" } th.n.wide scope="col" { "p50" } th.n scope="col" { "p99" } th.n.wide scope="col" { "max" }
                            th.n scope="col" { "CPU per delivery" } th.n.wide scope="col" { "memory" } th.n.wide scope="col" { "verdict" }
                        }
                    }
                    tbody {
                        @for (round, side, run) in all {
                            @let [p50, _, p99, .., max] = run.latency.delivery.from_due.supported();
                            tr.alarm[run.counts.lost > 0] {
                                th scope="row" { (round) }
                                td { (side.name) }
                                td.n { (shown(crate::text::delivery_rate(run), crate::units::rate)) }
                                td.n.wide { (count(run.counts.lost)) }
                                td.n.wide { (shown(p50, micro)) } td.n { (shown(p99, micro)) } td.n.wide { (shown(max, micro)) }
                                td.n { (shown(crate::rounds::broker_cpu(run), micro)) }
                                td.n.wide { (run.memory.broker_bytes.map_or_else(absent, bytes)) }
                                td.n.wide { (verdict::word(run)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Summary;
    use crate::fixture::{TestDirectory, histogram, leave_run};
    use crate::rounds::tests::rounds;

    /// The runs of the rounds, as loadgen leaves them.
    fn runs(rounds: &Rounds) -> Vec<Vec<Run>> {
        let base = TestDirectory::new();
        let run = |side: &Side, summary: &Summary| {
            let path = leave_run(base.path(), summary, &[histogram([10_000_000; 2_000])]);
            Run { name: side.name.clone(), ..Run::read(&path).unwrap() }
        };
        let runs = |side: &Side| {
            side.runs.iter().map(|(_, summary)| run(side, summary)).collect::<Vec<_>>()
        };
        rounds.sides.iter().map(runs).collect()
    }

    #[test]
    fn the_page_has_what_explains_the_ratios() {
        let rounds = rounds();
        let page = render_html_rounds(&rounds, &runs(&rounds));
        for part in [
            "kelvin, other, absent | one under one load",
            "2,083,333 deliveries/s offered",
            "×3.00 worse",
            "id=\"distribution\"",
            "id=\"cpu-per-delivery\"",
            "id=\"broker-memory\"",
            "id=\"latency\"",
            "id=\"deliveries\"",
            "failed in round 1: it is not installed",
            "loadgen compare kelvin other -- --clients 5000",
            "Some CPU @ 2.00GHz",
        ] {
            assert!(page.contains(part), "no {part}");
        }
        for forbidden in ["src=", "http://", "https://", "NaN"] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        let ids: Vec<&str> =
            page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let distinct: std::collections::BTreeSet<&&str> = ids.iter().collect();
        assert_eq!(distinct.len(), ids.len(), "an id stands twice");
    }

    #[test]
    fn a_difference_needs_all_rounds() {
        let cell = |values: Vec<f64>| {
            ratio_cell(Better::Lower, &Spread::of(values).unwrap()).into_string()
        };
        assert!(cell(vec![1.4, 1.5, 1.6]).contains("×1.50 worse"));
        assert!(cell(vec![0.4, 0.5]).contains("better"));
        let doubtful = cell(vec![0.9, 1.5, 1.6]);
        assert!(!doubtful.contains("worse") && doubtful.contains("(0.90 to 1.60)"), "{doubtful}");
        assert!(!cell(vec![1.01]).contains("worse"));
    }

    #[test]
    fn names_are_text_and_a_comparison_without_runs_has_a_page() {
        let mut rounds = rounds();
        rounds.sides[1].name = "<b>other".to_owned();
        rounds.command = "<script>alert(1)</script>".to_owned();
        let page = render_html_rounds(&rounds, &[Vec::new(), Vec::new(), Vec::new()]);
        assert!(!page.contains("<b>other") && !page.contains("<script>alert"), "{page}");
        rounds.sides.iter_mut().for_each(|side| side.runs.clear());
        let page = render_html_rounds(&rounds, &[]);
        assert!(page.contains("nothing was measured"));
    }
}
