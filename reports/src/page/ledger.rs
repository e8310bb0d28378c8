//! What was owed and what came.

use maud::{Markup, html};

use super::glossary::term;
use crate::exceptions::exceptions;
use crate::units::{count, share};
use crate::{Contract, Counts, Summary};

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
            (findings(summary))
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
            (contracts(&summary.ledger))
        }
    }
}

/// What MQTT does not allow.
fn findings(summary: &Summary) -> Markup {
    let findings: Vec<_> = summary
        .ledger
        .iter()
        .flat_map(|contract| contract.findings.iter().map(|finding| (contract.qos, finding)))
        .collect();
    html! {
        @if !findings.is_empty() {
            div.table {
                table {
                    caption { "What MQTT does not allow" }
                    tbody {
                        @for (qos, finding) in findings {
                            tr.alarm { th scope="row" { "QoS " (qos) ", " (finding.code) } td.n { (count(finding.count)) } td { (finding.text) } }
                        }
                    }
                }
            }
            p {}
        }
    }
}

/// The same for each QoS, and whether what MQTT promises there was kept.
fn contracts(contracts: &[Contract]) -> Markup {
    html! {
        @if !contracts.is_empty() {
            p {}
            div.table {
                table {
                    caption { "For each QoS at which deliveries were owed" }
                    thead {
                        tr {
                            th scope="col" { "QoS" } th.n scope="col" { "owed" } th.n scope="col" { "delivered" } th.n scope="col" { "lost" }
                            th.n.wide scope="col" { "duplicate, with DUP" } th.n.wide scope="col" { "reordered" }
                            th.n.wide scope="col" { "corrupted" } th.n.wide scope="col" { "late" } th.n scope="col" { "contract" }
                        }
                    }
                    tbody {
                        @for contract in contracts {
                            tr {
                                th scope="row" { (contract.qos) }
                                td.n { (count(contract.expected)) } td.n { (count(contract.delivered)) } td.n { (count(contract.lost)) }
                                td.n.wide { (count(contract.duplicate)) ", " (count(contract.duplicate_with_dup)) }
                                td.n.wide { (count(contract.reordered)) } td.n.wide { (count(contract.corrupted)) } td.n.wide { (count(contract.late_after_drain)) }
                                td.n { @if contract.findings.is_empty() { span.ok { "✓ kept" } } @else { span.no { "✗ broken" } } }
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
        fault(
            "duplicate",
            counts.duplicate,
            format!("{} with DUP = 1", count(counts.duplicate_with_dup)),
        ),
        fault("reordered", counts.reordered, String::new()),
    ];
    lines.extend(exceptions(counts).into_iter().map(|one| Line {
        key: one.term,
        value: one.value,
        note: one.note,
        fault: one.fault,
    }));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::mixed;

    #[test]
    fn each_qos_has_a_row_that_says_whether_its_promise_was_kept() {
        let page = section(&mixed()).into_string();
        let rows: Vec<&str> = page.split("<tr>").filter(|row| row.contains("<td")).collect();
        let row = |qos: u8| {
            let head = format!("<th scope=\"row\">{qos}</th>");
            rows.iter().find(|row| row.starts_with(&head)).copied().unwrap_or_default()
        };
        assert!(row(0).contains("39,990") && row(0).contains("✓ kept"), "{page}");
        assert!(row(1).contains("7, 3") && row(1).contains("✗ broken"), "{page}");
        assert!(row(2).contains("1,000,000") && row(2).contains("✓ kept"), "{page}");
        assert!(page.contains("QoS 1, lost"), "{page}");
    }
}
