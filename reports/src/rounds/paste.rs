//! `report.md` of a comparison: for an issue or a pull request.

use super::{Rounds, Side, broker_cpu, broker_memory, nearest, p99, verdict};
use crate::Summary;
use crate::paste::{escaped, fenced};
use crate::text::{absent, delivery_rate, transport, what_ran};
use crate::units::{bytes, count, microseconds, rate, seconds, share};

/// The command where a file of before does not say it.
const NO_COMMAND: &str = "loadgen compare BROKER… --";

impl Rounds {
    /// The comparison for pasting: the load in words, the table, the brokers with their versions; every round, the
    /// machine and the command line folded away.
    pub fn report(&self) -> String {
        let names: Vec<String> = self.sides.iter().map(|side| escaped(&side.name)).collect();
        [
            format!("### {} under one load\n\n", names.join(", ")),
            format!("{}\n\n", escaped(&self.load_in_words())),
            self.markdown_table(),
            format!("\n{}\n\n", self.figures_in_words()),
            self.brokers(),
            self.failed(),
            self.details(),
        ]
        .concat()
    }

    /// What every broker was given, in a sentence or two.
    pub(crate) fn load_in_words(&self) -> String {
        let Some(summary) = self.any() else {
            return format!("loadgen {}: nothing was measured.", self.load);
        };
        let config = &summary.config;
        format!(
            "{}. {} deliveries/s offered in open loop, payloads of {} bytes, MQTT {} over {}; {} measured \
             after {} of warm-up. {} round(s) in turn.",
            what_ran(config),
            rate(config.deliveries_per_second),
            count(config.payload_bytes.into()),
            config.protocol,
            transport(&config.transport),
            seconds(config.measured_seconds),
            seconds(config.warmup_seconds),
            self.count(),
        )
    }

    /// How the figures of the table are to be read.
    pub(crate) fn figures_in_words(&self) -> String {
        let ratios = match &self.sides[..] {
            [first, _, ..] => format!(
                " Ratios are to {} in the same round, lower is better.",
                escaped(&first.name)
            ),
            _ => String::new(),
        };
        format!(
            "Medians of the rounds, least and greatest in brackets. Latencies are those of deliveries, from the \
             moment a publication was due.{ratios}"
        )
    }

    /// Some run; they differ in the broker alone.
    pub(crate) fn any(&self) -> Option<&Summary> {
        self.sides.iter().flat_map(|side| &side.runs).map(|(_, summary)| summary).next()
    }

    /// The command line that makes the comparison again.
    pub(crate) fn command_line(&self) -> String {
        match self.command.as_str() {
            "" => format!("{NO_COMMAND} {}", self.load),
            command => command.to_owned(),
        }
    }

    fn brokers(&self) -> String {
        let rows = self.sides.iter().map(|side| {
            format!(
                "| {} | {} | {} | {} |\n",
                escaped(&side.name),
                escaped(if side.version.is_empty() { "-" } else { &side.version }),
                escaped(&side.about),
                side.verdicts()
            )
        });
        ["| broker | version | what it is | verdict |\n|---|---|---|---|\n".to_owned()]
            .into_iter()
            .chain(rows)
            .chain(["\n".to_owned()])
            .collect()
    }

    fn failed(&self) -> String {
        let lines = self.failures.iter().map(|failure| {
            let (broker, reason) = (escaped(&failure.broker), escaped(&failure.reason));
            format!("- **failed**: {broker} in round {}: {reason}\n", failure.round)
        });
        let lines: String = lines.collect();
        if lines.is_empty() { lines } else { lines + "\n" }
    }

    fn details(&self) -> String {
        let rounds: String = self
            .sides
            .iter()
            .flat_map(|side| {
                side.runs.iter().map(move |(round, summary)| round_row(side, *round, summary))
            })
            .collect();
        let machine = self.any().map(|summary| {
            let machine = &summary.machine;
            format!(
                "{}, {} cores, {}, {}. Kelvin {} ({}).\n\n",
                escaped(&machine.cpu),
                machine.cores,
                bytes(machine.memory_bytes),
                escaped(&machine.os),
                escaped(&machine.version),
                escaped(&machine.commit)
            )
        });
        format!(
            "<details><summary>Every round, the machine, and how to reproduce it</summary>\n\n\
             | round | broker | deliveries/s | delivered | lost | p50 | p99 | max | broker CPU per delivery | broker memory | verdict |\n\
             |--:|---|--:|--:|--:|--:|--:|--:|--:|--:|---|\n{rounds}\n{}{}\n\n</details>\n",
            machine.unwrap_or_default(),
            fenced(&self.command_line())
        )
    }
}

fn round_row(side: &Side, round: u32, summary: &Summary) -> String {
    let counts = &summary.counts;
    let [p50, .., max] = summary.latency.delivery.from_due.supported();
    let time = |value: Option<f64>| value.map_or_else(absent, microseconds);
    format!(
        "| {round} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |\n",
        escaped(&side.name),
        delivery_rate(summary).map_or_else(absent, rate),
        share(counts.delivered, counts.expected),
        count(counts.lost),
        time(p50),
        time(p99(summary)),
        time(max),
        time(broker_cpu(summary)),
        broker_memory(summary).map_or_else(absent, |size| bytes(nearest(size))),
        verdict(summary),
    )
}

#[cfg(test)]
mod tests {
    use crate::rounds::tests::rounds;

    #[test]
    fn a_comparison_is_pasted_with_all_that_explains_it() {
        let text = rounds().report();
        for line in [
            "### kelvin, other, absent \\| one under one load",
            "| other | 2.0 | other of the test | VALID |",
            "| absent \\| one | - | absent \\| one of the test | - |",
            "- **failed**: absent \\| one in round 1: it is not installed",
            "Some CPU @ 2.00GHz, 2 cores, 8.20 GB, Linux 6.1.0. Kelvin 0.1.0 (0123456789ab).",
            "loadgen compare kelvin other -- --clients 5000",
            "| 2 | other | 2,083,333 | 100 % | 0 | 8.20 ms | 400 ms | 41.2 ms | 0.960 µs | 26.8 MB | VALID |",
        ] {
            let line = line.replace('@', "&#64;");
            assert!(text.lines().any(|l| l == line), "no line `{line}` in\n{text}");
        }
        assert!(text.contains("2,083,333 deliveries/s offered in open loop"), "{text}");
    }

    #[test]
    fn nothing_measured_is_a_report_too() {
        let mut rounds = rounds();
        rounds.sides.iter_mut().for_each(|side| side.runs.clear());
        rounds.command.clear();
        let text = rounds.report();
        assert!(text.contains("nothing was measured"), "{text}");
        assert!(text.contains("loadgen compare BROKER… -- --clients 5000"), "{text}");
    }
}
