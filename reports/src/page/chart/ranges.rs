//! Several distributions, a row each: from the median over p90 and p99 to the greatest sample.

use maud::{Markup, html};

use super::{BOTTOM, Caption, HEIGHT, Scale, TOP, coordinate, figure, x_of};

/// One distribution, in microseconds.
#[derive(Clone, Debug)]
pub(crate) struct Range {
    pub(crate) name: String,
    pub(crate) p50: f64,
    pub(crate) p90: Option<f64>,
    pub(crate) p99: Option<f64>,
    pub(crate) max: f64,
}

/// Rows of distributions on one logarithmic axis.
#[derive(Clone, Debug)]
pub(crate) struct RangeChart<'a> {
    pub(crate) caption: Caption<'a>,
    pub(crate) x: Scale,
    pub(crate) rows: Vec<Range>,
}

impl RangeChart<'_> {
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

    fn row(&self, index: u32, row: &Range) -> Markup {
        #[expect(clippy::cast_precision_loss, reason = "a few rows")]
        let height = (HEIGHT - TOP - BOTTOM) / self.rows.len() as f64;
        let y = TOP + height * (f64::from(index) + 0.62);
        let at = |value: f64| coordinate(x_of(&self.x, value));
        let last = row.p99.or(row.p90).unwrap_or(row.p50);
        html! {
            text.row x=(super::LEFT) y=(coordinate(y - 11.0)) { (row.name) }
            path.line.c2.thin d=(format!("M{} {y:.1}H{}", at(row.p50), at(row.max))) {}
            path.bar.c1 d=(format!("M{} {y:.1}H{}", at(row.p50), at(last))) {}
            circle.dot.c1 cx=(at(row.p50)) cy=(coordinate(y)) r="5.5" {}
            @for value in [row.p90, row.p99].into_iter().flatten() {
                path.mark d=(format!("M{} {:.1}v13", at(value), y - 6.5)) {}
            }
            circle.dot.c2 cx=(at(row.max)) cy=(coordinate(y)) r="4" {}
        }
    }
}

fn legend() -> Markup {
    html! {
        ul.legend {
            li { svg.key viewBox="0 0 28 10" aria-hidden="true" { circle.dot.c1 cx="14" cy="5" r="5" {} } span { "p50" } }
            li { svg.key viewBox="0 0 28 10" aria-hidden="true" { path.bar.c1 d="M0 5H28" {} path.mark d="M12 0v10M24 0v10" {} } span { "p90, p99" } }
            li { svg.key viewBox="0 0 28 10" aria-hidden="true" { path.line.c2.thin d="M0 5H24" {} circle.dot.c2 cx="22" cy="5" r="4" {} } span { "max" } }
        }
    }
}
