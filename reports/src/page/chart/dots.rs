//! A figure of several things, a row each: a dot for every time that it was measured, a bar at the median.

use maud::{Markup, html};

use super::{BOTTOM, Caption, HEIGHT, LEFT, Scale, TOP, coordinate, figure, x_of};

/// How far apart the dots of a row lie.
const JITTER: f64 = 5.0;

/// One thing and its figures, in the unit of the axis.
#[derive(Clone, Debug)]
pub(crate) struct DotRow {
    pub(crate) name: String,
    pub(crate) values: Vec<f64>,
    pub(crate) median: f64,
}

/// Rows of dots on one axis.
#[derive(Clone, Debug)]
pub(crate) struct DotChart<'a> {
    pub(crate) caption: Caption<'a>,
    pub(crate) x: Scale,
    pub(crate) rows: Vec<DotRow>,
}

impl DotChart<'_> {
    /// The chart; nothing without rows.
    pub(crate) fn render(&self) -> Markup {
        if self.rows.is_empty() {
            return html! {};
        }
        let drawing = html! {
            (super::upright_grid(&self.x))
            @for (index, row) in (0_u32..).zip(&self.rows) { (self.row(index, row)) }
        };
        figure(&self.caption, &legend(), &drawing, None)
    }

    fn row(&self, index: u32, row: &DotRow) -> Markup {
        #[expect(clippy::cast_precision_loss, reason = "a few rows")]
        let height = (HEIGHT - TOP - BOTTOM) / self.rows.len() as f64;
        let y = TOP + height * (f64::from(index) + 0.68);
        let at = |value: f64| x_of(&self.x, value);
        let median = at(row.median);
        html! {
            text.row x=(LEFT) y=(coordinate(y - 13.0)) {
                (row.name)
                tspan.figure dx="9" { (self.x.read(row.median)) }
            }
            @for (turn, value) in row.values.iter().enumerate() {
                @let shift = if turn % 2 == 0 { -JITTER } else { JITTER };
                circle.dot.c1 cx=(coordinate(at(*value))) cy=(coordinate(y + shift)) r="4.5" {}
            }
            path.mark d=(format!("M{} {:.1}v22", coordinate(median), y - 11.0)) {}
        }
    }
}

fn legend() -> Markup {
    html! {
        ul.legend {
            li { svg.key viewBox="0 0 28 10" aria-hidden="true" { circle.dot.c1 cx="14" cy="5" r="4.5" {} } span { "a round" } }
            li { svg.key viewBox="0 0 28 10" aria-hidden="true" { path.mark d="M14 0v10" {} } span { "median" } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Unit;
    use super::*;

    #[test]
    fn every_round_is_a_dot_and_names_are_text() {
        let caption = Caption { id: "x", title: "t", note: "", description: "d" };
        let rows =
            vec![DotRow { name: "a <b>".to_owned(), values: vec![1.0, 2.0, 4.0], median: 2.0 }];
        let chart = DotChart { caption, x: Scale::from_zero(Unit::Latency, 4.0), rows };
        let text = chart.render().into_string();
        // One more in the legend.
        assert_eq!(text.matches("<circle").count(), 4, "{text}");
        assert!(text.contains("a &lt;b&gt;") && text.contains("2.00 µs"), "{text}");
        let empty = DotChart { rows: Vec::new(), ..chart };
        assert_eq!(empty.render().into_string(), "");
    }
}
