//! Lines over time or over percentiles.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::{
    BOTTOM, Band, Caption, HEIGHT, Readout, Scale, axes, coordinate, figure, shaded, x_of, y_of,
};

/// A line: a value for each place of the chart, or none.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    /// Its name in the legend.
    pub(crate) name: String,
    /// Class of its colour.
    pub(crate) color: &'static str,
    /// Class of its dashes, which tell lines apart without colour; may be empty.
    pub(crate) dash: &'static str,
    /// Whether the space below it is filled.
    pub(crate) filled: bool,
    /// One for each place.
    pub(crate) values: Vec<Option<f64>>,
}

/// Lines that share their places.
#[derive(Clone, Debug)]
pub(crate) struct LineChart<'a> {
    pub(crate) caption: Caption<'a>,
    pub(crate) x: Scale,
    pub(crate) y: Scale,
    /// Places of the values.
    pub(crate) places: Vec<f64>,
    pub(crate) series: Vec<Series>,
    /// Shaded parts.
    pub(crate) bands: Vec<Band>,
}

impl Series {
    /// A plain line.
    pub(crate) fn new(
        name: impl Into<String>,
        color: &'static str,
        dash: &'static str,
        values: Vec<Option<f64>>,
    ) -> Self {
        Self { name: name.into(), color, dash, filled: false, values }
    }

    /// Whether there is anything to draw.
    pub(crate) fn is_empty(&self) -> bool {
        self.values.iter().all(Option::is_none)
    }
}

impl LineChart<'_> {
    /// The chart; nothing when no line has a value.
    pub(crate) fn render(&self) -> Markup {
        let series: Vec<&Series> = self.series.iter().filter(|s| !s.is_empty()).collect();
        if series.is_empty() {
            return html! {};
        }
        let drawing = html! {
            (shaded(&self.x, &self.bands))
            (axes(&self.x, &self.y))
            @for line in series.iter().filter(|line| line.filled) {
                path class={ "area " (line.color) } d=(self.area(&line.values)) {}
            }
            @for line in &series {
                path class={ "line " (line.color) " " (line.dash) } d=(self.path(&line.values)) {}
            }
        };
        figure(&self.caption, &self.legend(&series), &drawing, Some(&self.readout(&series)))
    }

    fn legend(&self, series: &[&Series]) -> Markup {
        html! {
            ul.legend {
                @for line in series {
                    li {
                        svg.key viewBox="0 0 28 10" aria-hidden="true" {
                            path class={ "line " (line.color) " " (line.dash) } d="M1 5H27" {}
                        }
                        span { (line.name) }
                    }
                }
                @let labels: Vec<_> = self.bands.iter().map(|band| band.label).collect();
                @if !labels.is_empty() {
                    li {
                        svg.key viewBox="0 0 28 10" aria-hidden="true" { rect.band x="0" y="0" width="28" height="10" {} }
                        span.quiet { (labels.join(", ")) }
                    }
                }
            }
        }
    }

    /// Straight from value to value, interrupted where there is none.
    fn path(&self, values: &[Option<f64>]) -> String {
        let mut path = String::new();
        let mut drawn = false;
        for (place, value) in self.places.iter().zip(values) {
            let Some(value) = value else {
                drawn = false;
                continue;
            };
            let (x, y) = (coordinate(x_of(&self.x, *place)), coordinate(y_of(&self.y, *value)));
            // A value alone between two gaps is a dot: a line of no length with round ends.
            let command = if drawn { format!("L{x} {y}") } else { format!("M{x} {y}h0") };
            drawn = true;
            path.push_str(&command);
        }
        path
    }

    /// The space between the line and the axis.
    fn area(&self, values: &[Option<f64>]) -> String {
        let floor = coordinate(HEIGHT - BOTTOM);
        let mut path = String::new();
        let mut last: Option<String> = None;
        for (place, value) in self.places.iter().zip(values) {
            let x = coordinate(x_of(&self.x, *place));
            // Writing to a string cannot fail.
            let _infallible = match (value, &last) {
                (Some(value), None) => {
                    write!(path, "M{x} {floor}V{}", coordinate(y_of(&self.y, *value)))
                }
                (Some(value), Some(_)) => {
                    write!(path, "L{x} {}", coordinate(y_of(&self.y, *value)))
                }
                (None, Some(_)) => write!(path, "V{floor}Z"),
                (None, None) => Ok(()),
            };
            last = value.map(|_| x);
        }
        if last.is_some() {
            let _infallible = write!(path, "V{floor}Z");
        }
        path
    }

    fn readout(&self, series: &[&Series]) -> Readout {
        let read = |value: &Option<f64>| value.map_or_else(String::new, |value| self.y.read(value));
        Readout {
            x: self
                .places
                .iter()
                .map(|&place| (x_of(&self.x, place) * 10.0).round() / 10.0)
                .collect(),
            at: self.places.iter().map(|&place| self.x.read(place)).collect(),
            values: series.iter().map(|line| line.values.iter().map(read).collect()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Unit;
    use super::*;

    fn chart(values: Vec<Option<f64>>) -> LineChart<'static> {
        LineChart {
            caption: Caption { id: "test", title: "Title", note: "", description: "Described." },
            x: Scale::time(0.0, 4.0),
            y: Scale::from_zero(Unit::Count, 10.0),
            places: vec![0.0, 1.0, 2.0, 3.0, 4.0],
            series: vec![Series::new("a <b>", "c1", "", values)],
            bands: vec![Band { from: 0.0, to: 1.0, label: "warm-up" }],
        }
    }

    #[test]
    fn a_line_breaks_where_nothing_is_known() {
        let chart = chart(vec![Some(0.0), Some(10.0), None, Some(5.0), None]);
        let path = chart.path(&chart.series[0].values);
        assert_eq!(path, "M74 272h0L202 12M458 142h0");
        let area = chart.area(&chart.series[0].values);
        assert_eq!(area, "M74 272V272L202 12V272ZM458 272V142V272Z");
    }

    #[test]
    fn names_are_escaped_and_the_drawing_is_described() {
        let text = chart(vec![Some(1.0); 5]).render().into_string();
        assert!(text.contains("a &lt;b&gt;") && !text.contains("<b>"), "{text}");
        assert!(text.contains("<title id=\"test-title\">Title</title>"), "{text}");
        assert!(text.contains("<desc id=\"test-description\">Described.</desc>"), "{text}");
    }

    #[test]
    fn nothing_to_draw_is_no_chart() {
        assert_eq!(chart(vec![None; 5]).render().into_string(), "");
    }
}
