//! Charts as SVG that scales with the page: the frame that all share, and what stands around it.
//!
//! Text inside is set by the style sheet, larger on a narrow screen, so that it stays readable when the whole
//! chart shrinks. Colours are classes, so that one picture serves a light page, a dark one and paper.

mod dots;
mod heat;
mod knee;
mod lines;
mod ranges;
mod scale;

pub(crate) use dots::{DotChart, DotRow};
pub(crate) use heat::{HeatColumn, HeatMap};
pub(crate) use knee::{Fate, KneeChart, Line, Point};
pub(crate) use lines::{LineChart, Series};
pub(crate) use ranges::{Range, RangeChart};
pub(crate) use scale::{Scale, Unit};

use maud::{Markup, PreEscaped, html};
use serde::Serialize;

/// Size of a chart and of the margins around its plot, in units of the drawing.
const WIDTH: f64 = 600.0;
const HEIGHT: f64 = 310.0;
const LEFT: f64 = 74.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 38.0;

/// Class names of the colours of lines, told apart by everybody.
pub(crate) const COLORS: [&str; 6] = ["c1", "c2", "c3", "c4", "c5", "c6"];

/// A part of the time axis that is not measured.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Band {
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) label: &'static str,
}

/// What stands around a chart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caption<'a> {
    /// Identifier on the page.
    pub(crate) id: &'a str,
    /// What is shown, and in which unit.
    pub(crate) title: &'a str,
    /// How to read it.
    pub(crate) note: &'a str,
    /// What is seen, for those who do not.
    pub(crate) description: &'a str,
}

/// What the page shows where the pointer is.
#[derive(Debug, Serialize)]
struct Readout {
    /// Places from the left, in units of the drawing.
    x: Vec<f64>,
    /// What the place is called.
    at: Vec<String>,
    /// For each line of the legend, a figure for each place.
    values: Vec<Vec<String>>,
}

fn x_of(scale: &Scale, value: f64) -> f64 {
    LEFT + scale.position(value) * (WIDTH - LEFT - RIGHT)
}

fn y_of(scale: &Scale, value: f64) -> f64 {
    HEIGHT - BOTTOM - scale.position(value) * (HEIGHT - TOP - BOTTOM)
}

/// A coordinate to a tenth: finer than a pixel.
fn coordinate(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// The lines and labels of both axes.
fn axes(x: &Scale, y: &Scale) -> Markup {
    html! {
        g.grid {
            @for tick in y.ticks() {
                @let place = coordinate(y_of(y, tick.value));
                line.minor[tick.label.is_none()] x1=(LEFT) x2=(WIDTH - RIGHT) y1=(place) y2=(place) {}
            }
            @for tick in x.ticks() {
                @let place = coordinate(x_of(x, tick.value));
                line x1=(place) x2=(place) y1=(HEIGHT - BOTTOM) y2=(HEIGHT - BOTTOM + 5.0) {}
            }
            line.base x1=(LEFT) x2=(WIDTH - RIGHT) y1=(HEIGHT - BOTTOM) y2=(HEIGHT - BOTTOM) {}
        }
        g.ticks.y {
            @for tick in y.ticks() {
                @if let Some(label) = &tick.label {
                    text x=(LEFT - 8.0) y=(coordinate(y_of(y, tick.value))) { (label) }
                }
            }
        }
        (x_labels(x))
    }
}

/// Lines and labels of a chart whose rows share a horizontal axis.
fn upright_grid(x: &Scale) -> Markup {
    html! {
        g.grid {
            @for tick in x.ticks() {
                @let place = coordinate(x_of(x, tick.value));
                line.minor[tick.label.is_none()] x1=(place) x2=(place) y1=(TOP) y2=(HEIGHT - BOTTOM) {}
            }
        }
        (x_labels(x))
    }
}

fn x_labels(x: &Scale) -> Markup {
    html! {
        g.ticks.x {
            @for tick in x.ticks() {
                @if let Some(label) = &tick.label {
                    text x=(coordinate(x_of(x, tick.value))) y=(HEIGHT - 12.0) { (label) }
                }
            }
        }
    }
}

/// Parts of the time axis, shaded.
fn shaded(x: &Scale, bands: &[Band]) -> Markup {
    html! {
        @for band in bands {
            @let from = x_of(x, band.from);
            @let width = x_of(x, band.to) - from;
            @if width > 0.05 {
                rect.band x=(coordinate(from)) y=(TOP) width=(coordinate(width)) height=(HEIGHT - TOP - BOTTOM) {}
            }
        }
    }
}

/// The figure around a drawing: caption, legend, drawing, what the pointer reads.
fn figure(
    caption: &Caption<'_>,
    legend: &Markup,
    drawing: &Markup,
    readout: Option<&Readout>,
) -> Markup {
    let (title_id, description_id) =
        (format!("{}-title", caption.id), format!("{}-description", caption.id));
    html! {
        figure.chart id=(caption.id) {
            figcaption {
                h3 { (caption.title) }
                @if !caption.note.is_empty() { p { (caption.note) } }
            }
            (legend)
            div.plot {
                svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img"
                    aria-labelledby=(format!("{title_id} {description_id}")) {
                    title id=(title_id) { (caption.title) }
                    desc id=(description_id) { (caption.description) }
                    (drawing)
                    @if readout.is_some() {
                        line.cross x1="0" x2="0" y1=(TOP) y2=(HEIGHT - BOTTOM) {}
                        // The empty title keeps browsers from showing that of the drawing over the figures.
                        rect.target x=(LEFT) y=(TOP) width=(WIDTH - LEFT - RIGHT) height=(HEIGHT - TOP - BOTTOM) { title {} }
                    }
                }
                @if readout.is_some() { div.readout hidden {} }
            }
            @if let Some(json) = readout.and_then(|readout| serde_json::to_string(readout).ok()) {
                // Inside a script only `<` could end it.
                script type="application/json" { (PreEscaped(json.replace('<', "\\u003c"))) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_are_short() {
        assert_eq!(coordinate(12.0), "12");
        assert_eq!(coordinate(12.345), "12.3");
        assert_eq!(coordinate(-0.04), "-0");
    }

    #[test]
    fn nothing_ends_the_script_that_holds_the_figures() {
        let caption = Caption { id: "x", title: "t", note: "", description: "d" };
        let readout = Readout { x: vec![1.0], at: vec!["</script><b>".to_owned()], values: vec![] };
        let text = figure(&caption, &html! {}, &html! {}, Some(&readout)).into_string();
        assert_eq!(text.matches("</script>").count(), 1, "{text}");
        assert!(!text.contains("<b>"), "{text}");
    }
}
