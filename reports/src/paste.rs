//! `report.md`: a run as markdown, short enough for an issue or a pull request.

use std::fmt::{self, Write as _};

use crate::exceptions::exceptions;
use crate::page::{leg_name, observed};
use crate::text::{
    absent, cpu_per_delivery, delivery_rate, harmless, latency_cells, what_ran, where_it_ran,
};
use crate::units::{bytes, count, microseconds, rate, share};
use crate::{Contract, Percentiles, Summary};

/// Renders a run for pasting: what ran, the figures, the ledger, and the environment folded away.
pub fn render_markdown(summary: &Summary) -> String {
    let mut text = String::new();
    text.push_str(&heading(summary));
    text.push_str(&latency(summary));
    text.push_str(&ledger(summary));
    text.push_str(&resources(summary));
    text.push_str(&environment(summary));
    text
}

fn heading(summary: &Summary) -> String {
    let mut text = format!(
        "### {}\n\n{}\n\n",
        escaped(&what_ran(&summary.config)),
        escaped(&where_it_ran(&summary.config))
    );
    if let Some(verdict) = &summary.verdict {
        add(&mut text, format_args!("**{}**\n\n", verdict.verdict.name()));
        for reason in &verdict.reasons {
            add(&mut text, format_args!("- {}\n", escaped(&reason.text)));
        }
    }
    if !summary.complete {
        text.push_str("\n**INTERRUPTED**: the figures cover what was measured until then.\n\n");
    }
    for warning in &summary.warnings {
        add(&mut text, format_args!("- warning: {}\n", escaped(warning)));
    }
    for (qos, finding) in summary
        .ledger
        .iter()
        .flat_map(|contract| contract.findings.iter().map(|finding| (contract.qos, finding)))
    {
        add(&mut text, format_args!("- **finding** at QoS {qos}: {}\n", escaped(&finding.text)));
    }
    text.push('\n');
    text.push_str(&thresholds(summary));
    text
}

/// Writing to a string cannot fail.
fn add(text: &mut String, part: fmt::Arguments<'_>) {
    let _infallible = text.write_fmt(part);
}

fn thresholds(summary: &Summary) -> String {
    if summary.thresholds.is_empty() {
        return String::new();
    }
    let mut text = "| threshold | measured | held |\n|---|--:|---|\n".to_owned();
    for threshold in &summary.thresholds {
        let held = if threshold.passed { "yes" } else { "**no**" };
        let measured = observed(threshold);
        add(
            &mut text,
            format_args!("| {} | {measured} | {held} |\n", escaped(&threshold.threshold)),
        );
    }
    text.push('\n');
    text
}

fn latency(summary: &Summary) -> String {
    let latency = &summary.latency;
    let mut rows = vec![
        leg_row("delivery, from due", &latency.delivery.from_due),
        leg_row("delivery, from send", &latency.delivery.from_send),
        leg_row("send lag", &latency.send_lag),
        leg_row("connect", &latency.connect),
    ];
    let taken = summary.legs.each().into_iter().filter(|(_, leg)| leg.count > 0);
    rows.extend(taken.map(|(key, leg)| leg_row(leg_name(key), leg)));
    rows.insert(0, "|---|--:|--:|--:|--:|--:|--:|--:|".to_owned());
    rows.insert(0, "| latency | samples | p50 | p90 | p99 | p99.9 | p99.99 | max |".to_owned());
    rows.join("\n") + "\n\n"
}

fn leg_row(name: &str, percentiles: &Percentiles) -> String {
    let cells = latency_cells(percentiles).join(" | ");
    format!("| {name} | {} | {cells} |", count(percentiles.count))
}

fn ledger(summary: &Summary) -> String {
    let counts = &summary.counts;
    let per_second = delivery_rate(summary).map_or_else(absent, rate);
    let mut rows = vec![
        "| ledger | count | |".to_owned(),
        "|---|--:|---|".to_owned(),
        format!(
            "| sent | {} | {} of offered |",
            count(counts.sent),
            share(counts.sent, counts.offered)
        ),
        format!("| owed | {} | |", count(counts.expected)),
        format!(
            "| delivered | {} | {} of owed, {per_second}/s |",
            count(counts.delivered),
            share(counts.delivered, counts.expected)
        ),
    ];
    for (name, value) in
        [("lost", counts.lost), ("duplicate", counts.duplicate), ("reordered", counts.reordered)]
    {
        let value = if value == 0 { count(0) } else { format!("**{}**", count(value)) };
        rows.push(format!("| {name} | {value} | |"));
    }
    for (opened, note) in summary.connecting.each() {
        rows.push(format!("| connected | {} | {note} |", count(opened)));
    }
    for one in exceptions(counts) {
        let mark = if one.fault { "**" } else { "" };
        rows.push(format!(
            "| {} | {mark}{}{mark} | {} |",
            one.term,
            count(one.value),
            escaped(&one.note)
        ));
    }
    rows.join("\n") + "\n\n" + &of_each_qos(&summary.ledger)
}

/// A row for each QoS, when there are several.
fn of_each_qos(ledger: &[Contract]) -> String {
    if ledger.len() < 2 {
        return String::new();
    }
    let mut text = "| QoS | owed | delivered | lost | duplicate | with DUP = 1 | reordered | corrupted | late \
                    | contract |\n|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|\n"
        .to_owned();
    let fault = |value: u64| match value {
        0 => count(0),
        value => format!("**{}**", count(value)),
    };
    for row in ledger {
        let faults = [
            row.lost,
            row.duplicate,
            row.duplicate_with_dup,
            row.reordered,
            row.corrupted,
            row.late_after_drain,
        ];
        let kept = if row.findings.is_empty() { "kept" } else { "**broken**" };
        add(
            &mut text,
            format_args!(
                "| {} | {} | {} | {} | {kept} |\n",
                row.qos,
                count(row.expected),
                count(row.delivered),
                faults.map(fault).join(" | ")
            ),
        );
    }
    text + "\n"
}

fn resources(summary: &Summary) -> String {
    let per_delivery = |seconds: Option<f64>| {
        seconds
            .and_then(|seconds| cpu_per_delivery(seconds, summary.counts.delivered))
            .map_or_else(absent, microseconds)
    };
    let seconds = |seconds: Option<f64>| seconds.map_or_else(absent, |s| microseconds(s * 1e6));
    let (broker, generator) = (summary.cpu.broker_seconds, Some(summary.cpu.generator_seconds));
    let broker_memory = match (summary.memory.broker_bytes, broker) {
        (Some(size), _) => bytes(size),
        (None, Some(_)) => "in generator".to_owned(),
        (None, None) => absent(),
    };
    format!(
        "| process | CPU time | per delivery | peak memory |\n|---|--:|--:|--:|\n\
         | broker | {} | {} | {broker_memory} |\n| generator | {} | {} | {} |\n\n",
        seconds(broker),
        per_delivery(broker),
        seconds(generator),
        per_delivery(generator),
        bytes(summary.memory.generator_bytes),
    )
}

fn environment(summary: &Summary) -> String {
    let (config, machine) = (&summary.config, &summary.machine);
    let rows = [
        ("started", summary.started.clone()),
        ("broker", config.broker.clone()),
        ("protocol", format!("MQTT {} over {}", config.protocol, config.transport)),
        (
            "system",
            format!("{}, {} cores, {}", machine.os, machine.cores, bytes(machine.memory_bytes)),
        ),
        ("CPU", machine.cpu.clone()),
        ("Kelvin", format!("{} ({})", machine.version, machine.commit)),
        ("allocator", machine.allocator.clone()),
    ];
    let rows: Vec<String> =
        rows.iter().map(|(name, value)| format!("| {name} | {} |", escaped(value))).collect();
    format!(
        "<details><summary>Environment, and how to reproduce it</summary>\n\n| | |\n|---|---|\n{}\n\n{}\n\n</details>\n",
        rows.join("\n"),
        fenced(&config.command)
    )
}

/// Text that neither markdown nor HTML takes for more than text.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in harmless(text).chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            // An @ would call people, a # link to issues.
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '#' => {
                escaped.push('\\');
                escaped.push(character);
            }
            '@' => escaped.push_str("&#64;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// A command as a block that its own backticks do not end.
pub(crate) fn fenced(command: &str) -> String {
    let command = harmless(command);
    let longest = command.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}sh\n{command}\n{fence}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{literal, mixed, overloaded};

    #[test]
    fn a_run_is_pasted_with_its_figures() {
        let text = render_markdown(&literal());
        for line in [
            "### shared: 2,500 publishers every 3 s -&gt; 2,500 subscribers, temperature, QoS 0",
            "| delivery, from due | 62,500,000 | 8.20 ms | 16.4 ms | 24.1 ms | 31.0 ms | 36.8 ms | 41.2 ms |",
            "| connect | 5,000 | 813 µs | 1.40 ms | 2.30 ms | - | - | 3.00 ms |",
            "| delivered | 62,500,000 | 100 % of owed, 2,083,333/s |",
            "| lost | 0 | |",
            "| broker | 16.2 s | 0.260 µs | in generator |",
            "loadgen --clients 5000 --rate 3s",
        ] {
            assert!(text.lines().any(|l| l == line), "no line `{line}` in\n{text}");
        }
    }

    #[test]
    fn what_went_wrong_is_bold() {
        let text = render_markdown(&overloaded());
        assert!(
            text.contains("**INTERRUPTED**") && text.contains("| lost | **57,000,000** | |"),
            "{text}"
        );
        assert!(text.contains("- warning: the broker closed 3 Network Connections"), "{text}");
    }

    #[test]
    fn each_qos_has_a_row_where_there_are_several() {
        let text = render_markdown(&mixed());
        for line in [
            "| 0 | 40,000 | 39,990 | **10** | 0 | 0 | 0 | 0 | 0 | kept |",
            "| 1 | 20,000 | 19,990 | **6** | **7** | **3** | **2** | **1** | **4** | **broken** |",
            "| 2 | 1,000,000 | 1,000,000 | 0 | 0 | 0 | 0 | 0 | 0 | kept |",
        ] {
            assert!(text.lines().any(|l| l == line), "no line `{line}` in\n{text}");
        }
        assert!(!render_markdown(&literal()).contains("| QoS |"));
    }

    #[test]
    fn nothing_that_a_user_typed_becomes_markup() {
        let mut summary = literal();
        summary.config.topic = "a|b <img src=x> @team #1 `x` \n".to_owned();
        summary.config.command = "loadgen -t '```\n# heading'".to_owned();
        let text = render_markdown(&summary);
        assert!(
            !text.contains("<img") && !text.contains("@team") && !text.contains("\n# heading"),
            "{text}"
        );
        assert!(text.contains("a\\|b &lt;img src=x&gt; &#64;team \\#1"), "{text}");
        assert!(text.contains("````sh"), "{text}");
    }
}
