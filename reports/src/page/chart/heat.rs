//! A heat map: how many samples fell where, over time and latency.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::{Band, Caption, Readout, Scale, axes, coordinate, figure, shaded, x_of, y_of};

/// Shades, the first for the fewest samples.
const SHADES: usize = 8;

/// A column of the map: a stretch of time.
#[derive(Clone, Debug)]
pub(crate) struct HeatColumn {
    pub(crate) from: f64,
    pub(crate) to: f64,
    /// Samples of each row, the lowest first.
    pub(crate) counts: Vec<u64>,
    /// What the pointer reads: samples, p50, p99, max.
    pub(crate) read: [String; 4],
}

/// Samples over time and latency.
#[derive(Clone, Debug)]
pub(crate) struct HeatMap<'a> {
    pub(crate) caption: Caption<'a>,
    pub(crate) x: Scale,
    pub(crate) y: Scale,
    /// Where each row begins, and where the last one ends.
    pub(crate) edges: Vec<f64>,
    pub(crate) columns: Vec<HeatColumn>,
    pub(crate) bands: Vec<Band>,
}

impl HeatMap<'_> {
    /// The map; nothing when it has no sample.
    pub(crate) fn render(&self) -> Markup {
        let most = self.columns.iter().flat_map(|column| &column.counts).max().copied();
        let Some(most) = most.filter(|&most| most > 0) else {
            return html! {};
        };
        let cells = self.cells(most);
        let drawing = html! {
            (shaded(&self.x, &self.bands))
            (axes(&self.x, &self.y))
            @for (shade, path) in cells.iter().enumerate() {
                @if !path.is_empty() { path class={ "h" (shade) } d=(path) {} }
            }
        };
        let legend = html! {
            ul.legend {
                li {
                    span.quiet { "few" }
                    svg.scale viewBox="0 0 80 10" aria-hidden="true" {
                        @for shade in 0..SHADES {
                            rect class={ "h" (shade) } x=(shade * 10) y="0" width="10" height="10" {}
                        }
                    }
                    span.quiet { "many samples (logarithmic)" }
                }
                @for name in ["samples", "p50", "p99", "max"] { li hidden { span { (name) } } }
            }
        };
        figure(&self.caption, &legend, &drawing, Some(&self.readout()))
    }

    /// One path per shade: thousands of cells as elements of their own would make the page heavy.
    fn cells(&self, most: u64) -> [String; SHADES] {
        let mut paths: [String; SHADES] = Default::default();
        for column in &self.columns {
            let left = x_of(&self.x, column.from);
            let width = x_of(&self.x, column.to) - left;
            for (&count, edges) in column.counts.iter().zip(self.edges.windows(2)) {
                let (Some(shade), [low, high]) = (shade(count, most), edges) else {
                    continue;
                };
                let (bottom, top) = (y_of(&self.y, *low), y_of(&self.y, *high));
                let (x, y) = (coordinate(left), coordinate(top));
                let (w, h) = (coordinate(width), coordinate(bottom - top));
                if let Some(path) = paths.get_mut(shade) {
                    // Writing to a string cannot fail.
                    let _infallible = write!(path, "M{x} {y}h{w}v{h}h-{w}z");
                }
            }
        }
        paths
    }

    fn readout(&self) -> Readout {
        let middle = |column: &HeatColumn| f64::midpoint(column.from, column.to);
        Readout {
            x: self
                .columns
                .iter()
                .map(|column| (x_of(&self.x, middle(column)) * 10.0).round() / 10.0)
                .collect(),
            at: self.columns.iter().map(|column| self.x.read(column.to)).collect(),
            values: [0, 1, 2, 3]
                .iter()
                .map(|&row| {
                    let cell = |column: &HeatColumn| column.read.get(row).cloned();
                    self.columns.iter().map(|column| cell(column).unwrap_or_default()).collect()
                })
                .collect(),
        }
    }
}

/// The shade of a count: logarithmic, so that a single late message is still seen beside millions.
fn shade(count: u64, most: u64) -> Option<usize> {
    if count == 0 {
        return None;
    }
    let share = (crate::units::float(count).ln() + 1.0) / (crate::units::float(most).ln() + 1.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "0 to the number of shades"
    )]
    let place = (share * SHADES as f64) as usize;
    Some(place.min(SHADES - 1))
}

#[cfg(test)]
mod tests {
    use super::super::Unit;
    use super::*;

    #[test]
    fn one_sample_among_millions_has_a_shade() {
        assert_eq!(shade(0, 1_000_000), None);
        assert_eq!(shade(1, 1_000_000), Some(0));
        assert_eq!(shade(1_000_000, 1_000_000), Some(SHADES - 1));
        assert_eq!(shade(1, 1), Some(SHADES - 1));
    }

    #[test]
    fn cells_lie_where_their_time_and_latency_are() {
        let map = HeatMap {
            caption: Caption { id: "h", title: "", note: "", description: "" },
            x: Scale::time(0.0, 2.0),
            y: Scale::log(Unit::Latency, 100.0, 10_000.0),
            edges: vec![100.0, 1_000.0, 10_000.0],
            columns: vec![HeatColumn {
                from: 1.0,
                to: 2.0,
                counts: vec![0, 7],
                read: Default::default(),
            }],
            bands: Vec::new(),
        };
        let cells = map.cells(7);
        assert_eq!(cells[SHADES - 1], "M330 12h256v130h-256z");
        assert!(cells[..SHADES - 1].iter().all(String::is_empty));
    }
}
