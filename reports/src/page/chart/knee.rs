//! Trials at different rates: lines through their figures, points that say what came of each, and limits.

use maud::{Markup, html};

use super::{
    BOTTOM, Caption, HEIGHT, LEFT, RIGHT, Readout, Scale, TOP, WIDTH, axes, coordinate, figure,
    x_of, y_of,
};

/// What came of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Held,
    Failed,
    /// It says nothing.
    Open,
}

/// A trial on the axis of rates.
#[derive(Clone, Debug)]
pub(crate) struct Point {
    pub(crate) rate: f64,
    pub(crate) fate: Fate,
    /// What the pointer reads there.
    pub(crate) name: String,
}

/// A figure of each trial.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// Its name in the legend.
    pub(crate) name: &'static str,
    /// Class of its colour.
    pub(crate) color: &'static str,
    /// Class of its dashes.
    pub(crate) dash: &'static str,
    /// Whether the trials are drawn on it as points.
    pub(crate) has_points: bool,
    /// One for each point.
    pub(crate) values: Vec<Option<f64>>,
}

/// The knee: figures over the offered rate.
#[derive(Clone, Debug)]
pub(crate) struct KneeChart<'a> {
    pub(crate) caption: Caption<'a>,
    pub(crate) x: Scale,
    pub(crate) y: Scale,
    /// By rate, the least first.
    pub(crate) points: Vec<Point>,
    pub(crate) lines: Vec<Line>,
    /// What is asked, each with its place on the axis of figures.
    pub(crate) limits: Vec<(String, f64)>,
    /// The rate that was found.
    pub(crate) found: Option<f64>,
}

impl KneeChart<'_> {
    /// The chart; nothing when no trial has a figure.
    pub(crate) fn render(&self) -> Markup {
        let lines: Vec<&Line> =
            self.lines.iter().filter(|line| line.values.iter().any(Option::is_some)).collect();
        if lines.is_empty() {
            return html! {};
        }
        let drawing = html! {
            (axes(&self.x, &self.y))
            @for (_, limit) in &self.limits {
                @let y = coordinate(y_of(&self.y, *limit));
                line.limit x1=(LEFT) x2=(WIDTH - RIGHT) y1=(y) y2=(y) {}
            }
            @if let Some(rate) = self.found {
                @let x = coordinate(x_of(&self.x, rate));
                line.found x1=(x) x2=(x) y1=(TOP) y2=(HEIGHT - BOTTOM) {}
            }
            @for line in &lines {
                path class={ "line " (line.color) " " (line.dash) } d=(self.path(line)) {}
            }
            @for line in lines.iter().filter(|line| line.has_points) {
                @for (point, value) in self.points.iter().zip(&line.values) {
                    @if let Some(value) = value {
                        (mark(point.fate, line.color, x_of(&self.x, point.rate), y_of(&self.y, *value)))
                    }
                }
            }
        };
        figure(&self.caption, &self.legend(&lines), &drawing, Some(&self.readout(&lines)))
    }

    /// Through the middle of the values at each rate, of trials without a result only where there are no others.
    fn path(&self, line: &Line) -> String {
        let mut path = String::new();
        let known: Vec<(&Point, f64)> = self
            .points
            .iter()
            .zip(&line.values)
            .filter_map(|(point, value)| Some((point, (*value)?)))
            .collect();
        for trials in known.chunk_by(|(a, _), (b, _)| a.rate.to_bits() == b.rate.to_bits()) {
            let has_result = trials.iter().any(|(point, _)| point.fate != Fate::Open);
            let judged = trials.iter().filter(|(point, _)| !has_result || point.fate != Fate::Open);
            let mut values: Vec<f64> = judged.map(|(_, value)| *value).collect();
            values.sort_by(f64::total_cmp);
            let (Some((point, _)), Some(middle)) = (trials.first(), values.get(values.len() / 2))
            else {
                continue;
            };
            path.push(if path.is_empty() { 'M' } else { 'L' });
            path.push_str(&coordinate(x_of(&self.x, point.rate)));
            path.push(' ');
            path.push_str(&coordinate(y_of(&self.y, *middle)));
        }
        path
    }

    fn legend(&self, lines: &[&Line]) -> Markup {
        let fates = [(Fate::Held, "held"), (Fate::Failed, "not held"), (Fate::Open, "no result")];
        let seen = fates
            .into_iter()
            .filter(|(fate, _)| self.points.iter().any(|point| point.fate == *fate));
        html! {
            ul.legend {
                @for line in lines {
                    li {
                        svg.key viewBox="0 0 28 10" aria-hidden="true" {
                            path class={ "line " (line.color) " " (line.dash) } d="M1 5H27" {}
                        }
                        span { (line.name) }
                    }
                }
                @for (fate, name) in seen {
                    li {
                        svg.key viewBox="0 0 28 10" aria-hidden="true" { (mark(fate, "c6", 14.0, 5.0)) }
                        span.quiet { (name) }
                    }
                }
                @for (name, _) in &self.limits {
                    li {
                        svg.key viewBox="0 0 28 10" aria-hidden="true" { line.limit x1="1" x2="27" y1="5" y2="5" {} }
                        span.quiet { (name) }
                    }
                }
                @if self.found.is_some() {
                    li {
                        svg.key viewBox="0 0 28 10" aria-hidden="true" { line.found x1="14" x2="14" y1="0" y2="10" {} }
                        span.quiet { "the answer" }
                    }
                }
            }
        }
    }

    fn readout(&self, lines: &[&Line]) -> Readout {
        let read = |value: &Option<f64>| value.map_or_else(String::new, |value| self.y.read(value));
        Readout {
            x: self
                .points
                .iter()
                .map(|point| (x_of(&self.x, point.rate) * 10.0).round() / 10.0)
                .collect(),
            at: self.points.iter().map(|point| point.name.clone()).collect(),
            values: lines.iter().map(|line| line.values.iter().map(read).collect()).collect(),
        }
    }
}

/// A sign for what came of a trial, told apart without colour.
fn mark(fate: Fate, color: &'static str, x: f64, y: f64) -> Markup {
    let [left, right, top, bottom] = [x - 4.0, x + 4.0, y - 4.0, y + 4.0].map(coordinate);
    let (x, y) = (coordinate(x), coordinate(y));
    match fate {
        Fate::Held => html! { circle class={ "trial held " (color) } cx=(x) cy=(y) r="4" {} },
        Fate::Failed => html! {
            path class={ "trial " (color) } d=(format!("M{left} {top}L{right} {bottom}M{left} {bottom}L{right} {top}")) {}
        },
        Fate::Open => html! { circle class={ "trial open " (color) } cx=(x) cy=(y) r="4" {} },
    }
}

#[cfg(test)]
mod tests {
    use super::super::Unit;
    use super::*;

    fn point(rate: f64, fate: Fate) -> Point {
        Point { rate, fate, name: format!("{rate} </script>") }
    }

    fn chart(values: Vec<Option<f64>>) -> KneeChart<'static> {
        KneeChart {
            caption: Caption { id: "knee", title: "Knee", note: "", description: "Described." },
            x: Scale::log(Unit::Count, 10.0, 1_000.0),
            y: Scale::from_zero(Unit::Count, 10.0),
            points: vec![
                point(10.0, Fate::Held),
                point(100.0, Fate::Held),
                point(100.0, Fate::Open),
                point(1_000.0, Fate::Failed),
            ],
            lines: vec![Line { name: "p99", color: "c1", dash: "", has_points: true, values }],
            limits: vec![("a <b>".to_owned(), 5.0)],
            found: Some(100.0),
        }
    }

    #[test]
    fn a_line_goes_through_the_middle_of_each_rate() {
        let mut chart = chart(vec![Some(0.0), Some(5.0), Some(9.0), Some(10.0)]);
        assert_eq!(chart.path(&chart.lines[0]), "M74 272L330 142L586 12");
        chart.points[1].fate = Fate::Open;
        chart.lines[0].values[2] = Some(5.0);
        assert_eq!(chart.path(&chart.lines[0]), "M74 272L330 142L586 12");
    }

    #[test]
    fn what_came_of_a_trial_is_seen_without_colour() {
        let text = chart(vec![Some(0.0), Some(4.0), None, Some(10.0)]).render().into_string();
        // Those that are drawn, and one of each kind in the legend.
        assert_eq!(text.matches("trial held c1").count(), 2, "{text}");
        assert_eq!(text.matches("trial open c6").count(), 1, "{text}");
        assert_eq!(text.matches("M582 8L590 16M582 16L590 8").count(), 1, "{text}");
        assert!(text.contains("a &lt;b&gt;") && !text.contains("<b>"), "{text}");
        assert_eq!(text.matches("</script>").count(), 1, "{text}");
        assert_eq!(chart(vec![None; 4]).render().into_string(), "");
    }
}
