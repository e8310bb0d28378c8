//! The page of a search: the answer, the knee, the trials.

use maud::{Markup, html};

use super::chart::{Caption, Fate, KneeChart, Line, Point, Scale, Unit};
use super::verdict::{Tone, class, sign};
use super::{document, row};
use crate::search::rate_text;
use crate::text::absent;
use crate::units::{count, microseconds, rate};
use crate::{Answer, Judgement, Search, Trial};

/// Renders the page of a search: one file, the same bytes for the same search.
pub(crate) fn render_html_search(search: &Search) -> String {
    let condition = search.conditions.join(" and ");
    let heading = html! {
        h1 { "Highest rate with " (condition) }
        p.lead { "loadgen " (search.load) " · broker " (search.broker) }
    };
    let body = html! {
        (banner(search))
        (knee(search))
        (trials(search))
        (method(search))
    };
    let brand = format!("search · {}", search.started);
    document("Highest rate – Kelvin", &brand, &heading, &body)
}

fn banner(search: &Search) -> Markup {
    let (tone, word) = match search.answer {
        Answer::Highest => (Tone::Good, "HIGHEST RATE"),
        Answer::AtLeast => (Tone::Good, "AT LEAST"),
        Answer::GeneratorLimit => (Tone::Warn, "AT LEAST: GENERATOR-LIMITED"),
        Answer::NotAsked => (Tone::Warn, "GENERATOR-LIMITED"),
        Answer::NotEven => (Tone::Bad, "NOT EVEN"),
        Answer::Unconfirmed => (Tone::Odd, "UNCONFIRMED"),
        Answer::TooFew => (Tone::None, "TOO FEW SAMPLES"),
        Answer::Broken => (Tone::Bad, "ENDED BY AN ERROR"),
        Answer::Interrupted => (Tone::None, "INTERRUPTED"),
    };
    let rate = search.rate.map(|rate| format!(" {} publications/s", rate_text(rate)));
    html! {
        section.verdict.(class(tone)) aria-label="Answer" {
            p.word { (sign(tone)) span { (word) (rate.unwrap_or_default()) } }
            p.means { (search.sentence) "." }
        }
        @if !search.warnings.is_empty() {
            ul.warnings aria-label="Warnings" { @for warning in &search.warnings { li { (warning) } } }
        }
    }
}

fn knee(search: &Search) -> Markup {
    let mut trials: Vec<&Trial> = search.trials.iter().collect();
    trials.sort_by(|a, b| a.offered.total_cmp(&b.offered));
    html! {
        @if !trials.is_empty() {
            section #knee {
                h2 { "The knee" }
                p.note {
                    "Each point is a trial at the rate below it. Up to the knee the latency hardly depends on the rate; \
                     behind it what is owed queues up."
                }
                div.charts {
                    (latency(search, &trials))
                    (deliveries(search, &trials))
                }
            }
        }
    }
}

fn latency(search: &Search, trials: &[&Trial]) -> Markup {
    let line = |name, color, dash, value: fn(&Trial) -> Option<f64>| Line {
        name,
        color,
        dash,
        has_points: true,
        values: trials.iter().map(|trial| value(trial)).collect(),
    };
    let lines = vec![
        line("p50", "c1", "", |trial| trial.p50_us),
        line("p99", "c2", "", |trial| trial.p99_us),
        line("p99.9", "c4", "d2", |trial| trial.p999_us),
    ];
    let limits = limits(trials, "us");
    let (low, high) = bounds(&lines, &limits);
    let y = Scale::log(Unit::Latency, low, high);
    let description = described(&lines, trials, |value| y.read(value));
    let caption = Caption {
        id: "latency",
        title: "Delivery latency",
        note: "from due, over the offered publications per second; both axes logarithmic",
        description: &description,
    };
    chart(search, trials, caption, y, lines, limits)
}

fn deliveries(search: &Search, trials: &[&Trial]) -> Markup {
    let owed = trials.iter().map(|trial| Some(trial.owed_per_second)).collect();
    let came = trials.iter().map(|trial| trial.delivered_per_second).collect();
    let lines = vec![
        Line { name: "owed", color: "c6", dash: "d2", has_points: false, values: owed },
        Line { name: "delivered", color: "c1", dash: "", has_points: true, values: came },
    ];
    let limits = limits(trials, "/s");
    let (low, high) = bounds(&lines, &limits);
    let y = Scale::log(Unit::Count, low, high);
    let description = described(&lines, trials, |value| y.read(value));
    let caption = Caption {
        id: "deliveries",
        title: "Deliveries per second",
        note: "over the offered publications per second; both axes logarithmic",
        description: &description,
    };
    chart(search, trials, caption, y, lines, limits)
}

fn chart(
    search: &Search,
    trials: &[&Trial],
    caption: Caption<'_>,
    y: Scale,
    lines: Vec<Line>,
    limits: Vec<(String, f64)>,
) -> Markup {
    let (least, greatest) = search.span();
    let points = trials.iter().map(|trial| Point {
        rate: trial.offered,
        fate: match trial.passed {
            Some(true) => Fate::Held,
            Some(false) => Fate::Failed,
            None => Fate::Open,
        },
        name: format!("{}/s, trial {}: {}", rate_text(trial.offered), trial.number, fate(trial)),
    });
    KneeChart {
        caption,
        x: Scale::log(Unit::Count, least, greatest),
        y,
        points: points.collect(),
        lines,
        limits,
        found: search.rate.filter(|_| {
            matches!(search.answer, Answer::Highest | Answer::AtLeast | Answer::GeneratorLimit)
        }),
    }
    .render()
}

/// The conditions on figures of this unit, each with its limit.
fn limits(trials: &[&Trial], unit: &str) -> Vec<(String, f64)> {
    let thresholds = trials.first().map(|trial| trial.thresholds.as_slice()).unwrap_or_default();
    thresholds
        .iter()
        .filter(|threshold| threshold.unit == unit && threshold.limit > 0.0)
        .filter(|threshold| unit == "us" || threshold.threshold.starts_with("delivered"))
        .map(|threshold| (threshold.threshold.clone(), threshold.limit))
        .collect()
}

fn bounds(lines: &[Line], limits: &[(String, f64)]) -> (f64, f64) {
    let values = lines.iter().flat_map(|line| line.values.iter().flatten().copied());
    values
        .chain(limits.iter().map(|(_, limit)| *limit))
        .filter(|value| *value > 0.0)
        .fold((f64::INFINITY, 0.0), |(low, high), value| (low.min(value), high.max(value)))
}

/// The first and the last value of each line, for those who do not see it.
fn described(lines: &[Line], trials: &[&Trial], read: impl Fn(f64) -> String) -> String {
    let lines = lines.iter().filter_map(|line| {
        let mut known = trials.iter().zip(&line.values).filter_map(|(trial, value)| {
            Some(format!("{} at {}/s", read((*value)?), rate_text(trial.offered)))
        });
        let first = known.next()?;
        Some(match known.last() {
            Some(last) => format!("{}: from {first} to {last}.", line.name),
            None => format!("{}: {first}.", line.name),
        })
    });
    lines.collect::<Vec<_>>().join(" ")
}

fn fate(trial: &Trial) -> &'static str {
    match trial.passed {
        Some(true) => "held",
        Some(false) => "not held",
        None => "no result",
    }
}

fn trials(search: &Search) -> Markup {
    let latency = |value: Option<f64>| value.map_or_else(absent, microseconds);
    html! {
        section #trials {
            h2 { "Trials" }
            div.table {
                table {
                    thead {
                        tr {
                            th.n scope="col" { "" }
                            th.wide scope="col" { "phase" }
                            th.n scope="col" { "publica\u{ad}tions/s" }
                            th.n.wide scope="col" { "deliveries/s" }
                            th.n.wide scope="col" { "p50" }
                            th.n scope="col" { "p99" }
                            th.n.wide scope="col" { "p99.9" }
                            th.n.wide scope="col" { "lost" }
                            th.why scope="col" { "condition" }
                        }
                    }
                    tbody {
                        @for trial in &search.trials {
                            tr {
                                th.n scope="row" { (trial.number) }
                                td.phase.wide { (trial.phase.name()) }
                                td.n { a href={ (trial.run) "/report.html" } { (rate_text(trial.offered)) } }
                                td.n.wide { (trial.delivered_per_second.map_or_else(absent, rate)) }
                                td.n.wide { (latency(trial.p50_us)) }
                                td.n { (latency(trial.p99_us)) }
                                td.n.wide { (latency(trial.p999_us)) }
                                td.n.wide { (count(trial.lost)) }
                                td.why { (result(trial)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Whether the condition held, and what else is to be known: what broke it, or a verdict that is not the best.
fn result(trial: &Trial) -> Markup {
    let class = match trial.passed {
        Some(true) => "ok",
        Some(false) => "no",
        None => "quiet",
    };
    let doubt = trial.verdict.filter(|verdict| *verdict != Judgement::Valid).map(|verdict| {
        let reason = trial.reasons.first().map_or("", String::as_str);
        format!("{}: {reason}", verdict.name())
    });
    html! {
        span class=(class) { (fate(trial)) }
        @for why in [Some(trial.broken()), doubt].into_iter().flatten() {
            @if !why.is_empty() { small { (why) } }
        }
    }
}

fn method(search: &Search) -> Markup {
    html! {
        section #method {
            h2 { "How it was found" }
            p.note {
                "The rate is doubled (or halved, when the first does not hold) until one holds and one does not; their \
                 geometric mean is tried until they are close enough; what is found has to hold again. A trial in which the \
                 generator was the limit says nothing about the broker. docs/measuring.md has what a search cannot say."
            }
            div.table {
                table {
                    tbody {
                        (row("condition", &search.conditions.join(", ")))
                        (row("load", &format!("loadgen {}", search.load)))
                        (row("broker", &search.broker))
                        (row("searched", &search.asked()))
                        (row("started", &search.started))
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::tests::found;

    #[test]
    fn the_page_shows_the_knee_with_its_limit_and_the_answer() {
        let page = render_html_search(&found());
        for part in [
            "HIGHEST RATE 1,410 publications/s",
            "id=\"latency\"",
            "id=\"deliveries\"",
            "class=\"limit\"",
            "class=\"found\"",
            "class=\"trial held c2\"",
            "class=\"trial c2\"",
            "1,000/s, trial 1: held",
            "href=\"20261124T070000Z-trial-2/report.html\"",
            "-t &lt;b&gt;",
        ] {
            assert!(page.contains(part), "{part}");
        }
        assert!(!page.contains("-t <b>"));
    }

    #[test]
    fn a_search_without_trials_has_a_page_too() {
        let mut search = found();
        search.trials.clear();
        search.conclude(Answer::Interrupted, None, "");
        let page = render_html_search(&search);
        assert!(page.contains("INTERRUPTED") && !page.contains("id=\"knee\""));
    }
}
