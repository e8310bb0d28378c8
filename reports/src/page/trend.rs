//! The page of a history: each metric over the commits, with the levels between its changes.

use maud::html;

use super::chart::{Caption, LineChart, Scale, Series, Unit};
use super::document;
use crate::regress::{History, change_points};

/// The page; changes of level are steps of the second line.
pub fn render_trend(history: &History) -> String {
    let mut charts = Vec::new();
    for machine in history.machines() {
        for (metric, name) in history.metrics.iter().enumerate() {
            let column = history.column(metric, machine);
            let values: Vec<f64> = column.iter().map(|(_, value)| *value).collect();
            let least = values.iter().copied().fold(f64::INFINITY, f64::min);
            if values.len() < 2 || least <= 0.0 {
                continue;
            }
            let above = |value: f64| Some(100.0 * (value / least - 1.0));
            let changes = change_points(&values, 1);
            let level = |at: usize| {
                let latest = changes.iter().rev().find(|change| change.row <= at);
                let first = changes.first().map(|change| change.before);
                latest.map(|change| change.after).or(first)
            };
            let measured = values.iter().map(|value| above(*value)).collect();
            let levels = (0..values.len()).map(|at| level(at).and_then(above)).collect();
            let highest = values.iter().filter_map(|v| above(*v)).fold(0.0, f64::max);
            let title = format!("{name} on {machine}: per cent above the least, over commits");
            let note = format!("{} change(s) of level", changes.len());
            let id = format!("trend-{}", charts.len());
            charts.push(
                LineChart {
                    caption: Caption { id: &id, title: &title, note: &note, description: &note },
                    x: Scale::from_zero(
                        Unit::Count,
                        places(values.len()).last().copied().unwrap_or(1.0),
                    ),
                    y: Scale::from_zero(Unit::Percent, highest),
                    places: places(values.len()),
                    series: vec![
                        Series::new("measured", "c1", "", measured),
                        Series::new("level", "c5", "d2", levels),
                    ],
                    bands: Vec::new(),
                }
                .render(),
            );
        }
    }
    let heading = html! { h1 { "History" } };
    document("History", "history", &heading, &html! { @for chart in &charts { (chart) } })
}

fn places(count: usize) -> Vec<f64> {
    (0..u32::try_from(count).unwrap_or(u32::MAX)).map(f64::from).collect()
}
