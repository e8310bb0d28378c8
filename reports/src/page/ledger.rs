//! What was owed and what came.

use maud::{Markup, html};

use super::glossary::term;
use crate::units::{count, share};
use crate::{Counts, Summary};

/// A line of the ledger.
struct Line {
    key: &'static str,
    value: u64,
    note: String,
    /// Whether it should be 0.
    fault: bool,
}

/// The ledger as a table.
pub(super) fn section(summary: &Summary) -> Markup {
    html! {
        section #ledger {
            h2 { "Ledger" }
            p.note { "Every publisher-subscriber pair is accounted for, message by message: nothing is estimated." }
            div.table {
                table {
                    thead { tr { th scope="col" { "Messages" } th.n scope="col" { "Count" } th scope="col" { "Of" } } }
                    tbody {
                        @for line in lines(&summary.counts) {
                            tr.alarm[line.fault && line.value > 0] {
                                th scope="row" { (term(line.key)) }
                                td.n { (count(line.value)) }
                                td { (line.note) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn lines(counts: &Counts) -> Vec<Line> {
    let line = |key, value, note: String| Line { key, value, note, fault: false };
    let fault = |key, value, note: String| Line { key, value, note, fault: true };
    let mut lines = vec![
        line("offered", counts.offered, "publications".to_owned()),
        line("sent", counts.sent, format!("{} of offered", share(counts.sent, counts.offered))),
        line("owed", counts.expected, "deliveries".to_owned()),
        line(
            "delivered",
            counts.delivered,
            format!("{} of owed", share(counts.delivered, counts.expected)),
        ),
        fault("lost", counts.lost, format!("{} of owed", share(counts.lost, counts.expected))),
        fault("duplicate", counts.duplicate, String::new()),
        fault("reordered", counts.reordered, String::new()),
    ];
    if counts.retained > 0 {
        lines.push(line("retained", counts.retained, "in no other figure".to_owned()));
    }
    lines.extend(
        [
            fault("foreign", counts.foreign, String::new()),
            fault("impossible", counts.impossible, String::new()),
            fault("connections not opened", counts.connect_failed, "failed or refused".to_owned()),
            fault(
                "connections closed",
                counts.disconnected,
                "by the broker, during the run".to_owned(),
            ),
        ]
        .into_iter()
        .filter(|line| line.value > 0),
    );
    lines
}
