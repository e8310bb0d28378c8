//! The summary of a run that a person reads in ten seconds.

use crate::exceptions::exceptions;
use crate::units::{bytes, count, float, microseconds, rate, seconds, share};
use crate::{Config, Contract, Counts, Judgement, Percentiles, Summary, ThresholdResult};

/// Columns of the text: the narrowest terminal that is common.
const WIDTH: usize = 80;

/// Characters of a topic, a command line or a URL that are shown.
const NAME_CHARACTERS_MAX: usize = 60;

/// Renders a summary as text of at most 80 columns, the last line ended. With `color`, ANSI escape sequences
/// mark what stands out.
///
/// A percentile that fewer than 10 samples exceed is `-`: it would say more about luck than about the
/// broker. What is lost, duplicate or out of order stands in capitals as soon as it is not 0.
pub fn render_text(summary: &Summary, color: bool) -> String {
    let style = Style { color };
    let mut lines = heading(summary, style);
    lines.extend(judgement(summary, style));
    lines.push(String::new());
    lines.extend(counts(summary, style));
    lines.push(String::new());
    lines.extend(latencies(summary, style));
    lines.push(String::new());
    lines.extend(resources(summary, style));
    let findings = findings(summary, style);
    if !findings.is_empty() {
        lines.push(String::new());
        lines.extend(findings);
    }
    if !summary.warnings.is_empty() {
        lines.push(String::new());
        lines.extend(warnings(&summary.warnings, style));
    }
    let mut text = lines.join("\n");
    text.push('\n');
    text
}

/// How parts of the text are marked.
#[derive(Clone, Copy)]
struct Style {
    color: bool,
}

impl Style {
    fn mark(self, code: &str, text: &str) -> String {
        if self.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    /// Bold.
    fn title(self, text: &str) -> String {
        self.mark("1", text)
    }

    /// Bold and red: what should not have happened.
    fn alarm(self, text: &str) -> String {
        self.mark("1;31", text)
    }

    /// Yellow: what makes a figure doubtful.
    fn caution(self, text: &str) -> String {
        self.mark("33", text)
    }
}

fn heading(summary: &Summary, style: Style) -> Vec<String> {
    let config = &summary.config;
    let mut lines: Vec<String> =
        wrapped(&what_ran(config), "  ").iter().map(|line| style.title(line)).collect();
    lines.extend(wrapped(&where_it_ran(config), "  "));
    if !summary.complete {
        lines.push(style.alarm("INTERRUPTED: the figures cover what was measured until then"));
    }
    lines
}

/// The verdict with its reasons, and the thresholds.
fn judgement(summary: &Summary, style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(verdict) = &summary.verdict {
        let reasons: Vec<String> =
            verdict.reasons.iter().map(|reason| harmless(&reason.text)).collect();
        let name = verdict.verdict.name();
        let text = wrapped(&format!("{name}: {}", reasons.join("; ")), "  ");
        lines.push(String::new());
        lines.extend(text.iter().map(|line| match verdict.verdict {
            Judgement::Valid => style.title(line),
            Judgement::GeneratorLimited => style.alarm(line),
            Judgement::BrokerLimited | Judgement::Unstable => style.caution(line),
        }));
    }
    if !summary.thresholds.is_empty() {
        lines.push(String::new());
    }
    for result in &summary.thresholds {
        let text =
            format!("{} {}", if result.passed { "ok  " } else { "FAIL" }, threshold_text(result));
        let text = wrapped(&text, "     ");
        lines.extend(text.iter().map(
            |line| {
                if result.passed { line.clone() } else { style.alarm(line) }
            },
        ));
    }
    lines
}

/// A threshold and what was measured.
pub(crate) fn threshold_text(result: &ThresholdResult) -> String {
    let observed = match (result.observed, result.unit.as_str()) {
        (None, _) => "too few samples to say".to_owned(),
        (Some(value), "us") => microseconds(value),
        (Some(value), "/s") => format!("{}/s", rate(value)),
        (Some(value), _) if value.fract() == 0.0 => rate(value),
        (Some(value), _) => format!("{:.4} %", value * 100.0),
    };
    let ended = if result.aborted { "; it ended the run" } else { "" };
    format!("{}: {observed}{ended}", harmless(&result.threshold))
}

pub(crate) fn what_ran(config: &Config) -> String {
    format!(
        "{}: {} publishers {} -> {} subscribers, {}, QoS {}",
        shortened(&config.topology),
        count(config.publishers.into()),
        pace(config),
        count(config.subscribers.into()),
        shortened(&config.topic),
        config.qos,
    )
}

/// How often a publisher publishes.
pub(crate) fn pace(config: &Config) -> String {
    match config.window {
        Some(window) => format!("in a closed loop, {} on their way each", count(window.into())),
        None => format!("every {}", period(config.period_seconds)),
    }
}

pub(crate) fn where_it_ran(config: &Config) -> String {
    let broker = match config.broker.as_str() {
        "embedded" => "embedded broker".to_owned(),
        url => format!("broker {}", shortened(url)),
    };
    format!(
        "{broker}, MQTT {} over {}, {} measured after {} of warm-up",
        config.protocol,
        transport(&config.transport),
        seconds(config.measured_seconds),
        seconds(config.warmup_seconds),
    )
}

/// A transport as people write it.
pub(crate) fn transport(name: &str) -> String {
    match name {
        "tcp" => "TCP".to_owned(),
        "tls" => "TLS".to_owned(),
        "ws" => "WebSocket".to_owned(),
        "wss" => "WebSocket over TLS".to_owned(),
        "unix" => "a Unix socket".to_owned(),
        other => shortened(other),
    }
}

pub(crate) fn period(value: f64) -> String {
    if value >= 1.0 { seconds(value) } else { microseconds(value * 1e6) }
}

fn counts(summary: &Summary, style: Style) -> Vec<String> {
    let Counts { offered, sent, expected, delivered, lost, duplicate, reordered, .. } =
        summary.counts;
    let per_second = |value: u64, of: &str| match summary.config.measured_seconds {
        seconds if seconds > 0.0 => format!("{} {of}/s", rate(float(value) / seconds)),
        _ => String::new(),
    };
    let of_offered = format!("{} of offered", share(sent, offered));
    let of_expected = format!("{} of expected", share(delivered, expected));
    let mut lines = vec![
        line("offered", offered, &per_second(offered, "publications")),
        line("sent", sent, &joined(&of_offered, &per_second(sent, "publications"))),
        line("expected", expected, &per_second(expected, "deliveries")),
        line("delivered", delivered, &joined(&of_expected, &per_second(delivered, "deliveries"))),
        fault("lost", lost, &format!("{} of expected", share(lost, expected)), style),
        fault("duplicate", duplicate, &with_dup(&summary.counts), style),
        fault("reordered", reordered, "", style),
    ];
    let opened = summary.connecting.each();
    lines.extend(opened.map(|(opened, note)| line("connected", opened, &note)));
    lines.extend(exceptional_counts(&summary.counts, style));
    lines.extend(of_each_qos(&summary.ledger, style));
    lines
}

/// A line for each QoS, when there are several: what is owed, what came, and what is not 0.
fn of_each_qos(ledger: &[Contract], style: Style) -> Vec<String> {
    let several = if ledger.len() > 1 { ledger } else { &[] };
    let lines = several.iter().flat_map(|contract| {
        let parts = [
            (contract.lost, "lost"),
            (contract.duplicate, "duplicate"),
            (contract.duplicate_with_dup, "of them with DUP = 1"),
            (contract.reordered, "reordered"),
            (contract.corrupted, "corrupted"),
            (contract.late_after_drain, "too late"),
        ];
        let parts = parts.into_iter().filter(|(value, _)| *value > 0);
        let parts: Vec<String> =
            parts.map(|(value, word)| format!("{} {word}", count(value))).collect();
        let delivered = format!("expected, {} delivered", count(contract.delivered));
        let note = joined(&delivered, &parts.join(", "));
        let text = line(&format!("QoS {}", contract.qos), contract.expected, &note);
        let lines = wrapped(&text, &" ".repeat(30)).into_iter();
        lines.map(|line| if contract.findings.is_empty() { line } else { style.alarm(&line) })
    });
    lines.collect()
}

fn with_dup(counts: &Counts) -> String {
    let with = counts.duplicate_with_dup;
    format!(
        "{} with DUP = 1, {} without",
        count(with),
        count(counts.duplicate.saturating_sub(with))
    )
}

fn exceptional_counts(counts: &Counts, style: Style) -> Vec<String> {
    let lines = exceptions(counts).into_iter().map(|one| {
        if one.fault {
            fault(one.label, one.value, &one.note, style)
        } else {
            line(one.label, one.value, &one.note)
        }
    });
    lines.collect()
}

fn line(label: &str, value: u64, note: &str) -> String {
    format!("{label:<10} {:>16}   {note}", count(value)).trim_end().to_owned()
}

/// A count that should be 0: without a note when it is, in capitals when it is not.
fn fault(label: &str, value: u64, note: &str, style: Style) -> String {
    if value == 0 {
        line(label, 0, "")
    } else {
        style.alarm(&line(&label.to_uppercase(), value, note))
    }
}

fn joined(first: &str, second: &str) -> String {
    if second.is_empty() { first.to_owned() } else { format!("{first}, {second}") }
}

fn latencies(summary: &Summary, style: Style) -> Vec<String> {
    let latency = &summary.latency;
    let mut lines = vec![style.title(&row(
        "latency",
        "samples",
        &["p50", "p90", "p99", "p99.9", "p99.99", "max"],
    ))];
    lines.extend(
        [
            ("from due", &latency.delivery.from_due),
            ("from send", &latency.delivery.from_send),
            ("send lag", &latency.send_lag),
            ("connect", &latency.connect),
        ]
        .map(|(label, percentiles)| latency_row(label, percentiles)),
    );
    let taken = summary.legs.each().into_iter().filter(|(_, leg)| leg.count > 0);
    lines.extend(taken.map(|(key, leg)| latency_row(leg_label(key), leg)));
    lines
}

/// A leg's key, short enough for its column.
fn leg_label(key: &'static str) -> &'static str {
    match key {
        "tcp_connect" => "  TCP",
        "tls_handshake" => "  TLS",
        "web_socket_handshake" => "  WebSocket",
        "connack" => "  CONNACK",
        "suback" => "SUBACK",
        "puback" => "PUBACK",
        "pubrec" => "PUBREC",
        "pubcomp" => "PUBCOMP",
        "pingresp" => "PINGRESP",
        "read_lag" => "read lag",
        key => key,
    }
}

fn latency_row(label: &str, percentiles: &Percentiles) -> String {
    let cells = percentiles.supported().map(|value| value.map_or_else(absent, microseconds));
    row(label, &count(percentiles.count), &cells.each_ref().map(String::as_str))
}

fn row(label: &str, samples: &str, cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| format!("{cell:>9}")).collect();
    format!("{label:<11}{samples:>14}{}", cells.concat())
}

fn resources(summary: &Summary, style: Style) -> Vec<String> {
    let cpu = summary.cpu;
    let memory = summary.memory;
    let broker_memory = match (memory.broker_bytes, cpu.broker_seconds) {
        (Some(size), _) => bytes(size),
        (None, Some(_)) => "in generator".to_owned(),
        (None, None) => absent(),
    };
    let mut lines = vec![
        style.title(&resource_row("", ["CPU time", "of a core", "per delivery", "peak memory"])),
        cpu_row(summary, "broker", cpu.broker_seconds, &broker_memory),
        cpu_row(summary, "generator", Some(cpu.generator_seconds), &bytes(memory.generator_bytes)),
    ];
    if cpu.broker_seconds.is_none() {
        lines.push(
            "The broker is not on this machine: its CPU and memory are not known.".to_owned(),
        );
    }
    lines
}

fn cpu_row(summary: &Summary, label: &str, cpu_seconds: Option<f64>, memory: &str) -> String {
    let measured = summary.config.measured_seconds;
    let time = cpu_seconds.map_or_else(absent, |value| microseconds(value * 1e6));
    let share_of_core = cpu_seconds
        .filter(|_| measured > 0.0)
        .map_or_else(absent, |value| format!("{:.0} %", value / measured * 100.0));
    let per_delivery = cpu_seconds
        .and_then(|value| cpu_per_delivery(value, summary.counts.delivered))
        .map_or_else(absent, microseconds);
    resource_row(label, [&time, &share_of_core, &per_delivery, memory])
}

fn resource_row(label: &str, cells: [&str; 4]) -> String {
    let cells = cells.map(|cell| format!("{cell:>15}")).concat();
    format!("{label:<10}{cells}")
}

/// p50, p90, p99, p99.9, p99.99 and the maximum with their units.
pub(crate) fn latency_cells(percentiles: &Percentiles) -> [String; 6] {
    percentiles.supported().map(|value| value.map_or_else(absent, microseconds))
}

/// The figures of a run on one line: deliveries per second, what is lost, p50 and p99 from the due time.
pub fn headline(summary: &Summary) -> String {
    let [p50, _, p99, ..] = latency_cells(&summary.latency.delivery.from_due);
    let deliveries = delivery_rate(summary).map_or_else(absent, rate);
    let lost = count(summary.counts.lost);
    format!("{deliveries} deliveries/s, {lost} lost, p50 {p50}, p99 {p99}")
}

/// Deliveries for each second of the measured part.
pub(crate) fn delivery_rate(summary: &Summary) -> Option<f64> {
    let measured = summary.config.measured_seconds;
    (measured > 0.0).then(|| float(summary.counts.delivered) / measured)
}

/// Microseconds of CPU for each delivery.
pub(crate) fn cpu_per_delivery(cpu_seconds: f64, delivered: u64) -> Option<f64> {
    (delivered > 0).then(|| cpu_seconds * 1e6 / float(delivered))
}

fn findings(summary: &Summary, style: Style) -> Vec<String> {
    let texts = summary.ledger.iter().flat_map(|contract| {
        let texts = contract.findings.iter().map(|finding| &finding.text);
        texts.map(|text| format!("finding at QoS {}: {}", contract.qos, harmless(text)))
    });
    texts.flat_map(|text| wrapped(&text, "         ")).map(|line| style.alarm(&line)).collect()
}

fn warnings(warnings: &[String], style: Style) -> Vec<String> {
    warnings
        .iter()
        .flat_map(|warning| wrapped(&format!("warning: {}", harmless(warning)), "         "))
        .map(|line| style.caution(&line))
        .collect()
}

pub(crate) fn absent() -> String {
    "-".to_owned()
}

/// Text without what a terminal would obey: topics and reasons come from users and brokers.
pub(crate) fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// A name that leaves room for the rest of its line.
fn shortened(name: &str) -> String {
    let name = harmless(name);
    if name.chars().count() <= NAME_CHARACTERS_MAX {
        return name;
    }
    let mut short: String = name.chars().take(NAME_CHARACTERS_MAX - 1).collect();
    short.push('…');
    short
}

/// Breaks a text at its spaces, and a word that is wider than a line where the line ends.
fn wrapped(text: &str, indent: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut current = String::new();
    let mut used = 0;
    for word in text.split(' ').flat_map(|word| pieces(word, WIDTH - indent.len())) {
        let length = word.chars().count();
        if used > indent.len() && used + 1 + length > WIDTH {
            lines.push(std::mem::replace(&mut current, indent.to_owned()));
            used = indent.len();
        } else if used > 0 {
            current.push(' ');
            used += 1;
        }
        current.push_str(&word);
        used += length;
    }
    lines.push(current);
    lines
}

fn pieces(word: &str, width: usize) -> Vec<String> {
    let characters: Vec<char> = word.chars().collect();
    if characters.is_empty() {
        return vec![String::new()];
    }
    characters.chunks(width).map(|chunk| chunk.iter().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{literal, mixed, overloaded};

    #[test]
    fn a_run_without_loss_reads_calm() {
        assert_eq!(
            render_text(&literal(), false),
            "\
shared: 2,500 publishers every 3 s -> 2,500 subscribers, temperature, QoS 0
embedded broker, MQTT 3.1.1 over TCP, 30 s measured after 5 s of warm-up

VALID: all of 2,083,333 deliveries/s arrived

offered              25,000   833 publications/s
sent                 25,000   100 % of offered, 833 publications/s
expected         62,500,000   2,083,333 deliveries/s
delivered        62,500,000   100 % of expected, 2,083,333 deliveries/s
lost                      0
duplicate                 0
reordered                 0
connected             5,000   before the load, all within 400 ms: 12,500/s

latency           samples      p50      p90      p99    p99.9   p99.99      max
from due       62,500,000  8.20 ms  16.4 ms  24.1 ms  31.0 ms  36.8 ms  41.2 ms
from send      62,500,000  8.10 ms  16.4 ms  24.1 ms  31.0 ms  36.8 ms  41.2 ms
send lag           25,000  22.0 µs  61.0 µs   150 µs   900 µs        -  1.24 ms
connect             5,000   813 µs  1.40 ms  2.30 ms        -        -  3.00 ms
  TCP               5,000   313 µs  1.40 ms  2.30 ms        -        -  3.00 ms
  CONNACK           5,000   500 µs  1.40 ms  2.30 ms        -        -  3.00 ms
SUBACK              2,500   180 µs   250 µs   400 µs        -        -   612 µs
PINGRESP               12        -        -        -        -        -  95.0 µs

                 CPU time      of a core   per delivery    peak memory
broker             16.2 s           54 %       0.260 µs   in generator
generator          20.5 s           68 %       0.328 µs         142 MB
"
        );
    }

    #[test]
    fn what_went_wrong_stands_out() {
        let plain = render_text(&overloaded(), false);
        for line in [
            "INTERRUPTED: the figures cover what was measured until then",
            "sent                 24,000   96.00 % of offered, 800 publications/s",
            "delivered         3,000,000   5.00 % of expected, 100,000 deliveries/s",
            "LOST             57,000,000   95.00 % of expected",
            "DUPLICATE                12   0 with DUP = 1, 12 without",
            "reordered                 0",
            "retained              2,500   old messages, in no other figure",
            "CLOSED                    3   Network Connections closed by the broker",
            "broker                  -              -              -              -",
            "The broker is not on this machine: its CPU and memory are not known.",
            "warning: the broker closed 3 Network Connections while the load ran, and what",
            "         was on its way to them counts as lost",
        ] {
            assert!(plain.lines().any(|l| l == line), "no line `{line}` in\n{plain}");
        }
        let colored = render_text(&overloaded(), true);
        assert!(colored.contains("\u{1b}[1;31mLOST "), "{colored}");
        assert!(colored.contains("\nreordered  "), "what is 0 is not marked");
    }

    #[test]
    fn each_qos_has_a_line_where_there_are_several() {
        let text = render_text(&mixed(), false);
        for line in [
            "QoS 0                40,000   expected, 39,990 delivered, 10 lost",
            "QoS 1                20,000   expected, 19,990 delivered, 6 lost, 7 duplicate, 3",
            "                              of them with DUP = 1, 2 reordered, 1 corrupted, 4",
            "                              too late",
            "QoS 2             1,000,000   expected, 1,000,000 delivered",
        ] {
            assert!(text.lines().any(|l| l == line), "no line `{line}` in\n{text}");
        }
        assert!(!render_text(&literal(), false).contains("\nQoS"), "one says what the totals say");
    }

    #[test]
    fn color_changes_nothing_but_color() {
        for summary in [literal(), overloaded(), mixed()] {
            let mut stripped = render_text(&summary, true);
            for code in ["1", "1;31", "1;32", "33", "0"] {
                stripped = stripped.replace(&format!("\u{1b}[{code}m"), "");
            }
            assert_eq!(stripped, render_text(&summary, false));
        }
    }

    #[test]
    fn no_line_is_wider_than_a_terminal_and_nothing_commands_it() {
        let mut summary = overloaded();
        summary.config.topic = format!("\u{1b}[2J{}", "x/".repeat(200));
        summary.config.broker = "mqtt://".to_owned() + &"é".repeat(500);
        summary.config.topology = "\n".to_owned();
        summary.config.period_seconds = 0.000_05;
        summary.warnings =
            vec!["y".repeat(500), "a b ".repeat(100), String::new(), "\r\n".to_owned()];
        summary.counts.impossible = u64::MAX / 1_000;
        summary.latency.delivery.from_due.max = Some(86_400e6);
        let text = render_text(&summary, false);
        for line in text.lines() {
            assert!(line.chars().count() <= WIDTH, "{} wide: {line}", line.chars().count());
            assert!(!line.chars().any(char::is_control), "{line:?}");
        }
        assert!(text.contains(" every 50.0 µs "), "{text}");
        assert!(text.contains("86,400 s"), "{text}");
    }

    #[test]
    fn a_run_that_measured_nothing_has_no_figures_made_up() {
        let mut summary = literal();
        summary.config.measured_seconds = 0.0;
        summary.counts = Counts::default();
        summary.latency.delivery.from_due = Percentiles::default();
        summary.cpu.generator_seconds = 0.0;
        let text = render_text(&summary, false);
        assert!(text.contains("delivered                 0   - of expected\n"), "{text}");
        let due = row("from due", "0", &["-"; 6]);
        assert!(text.contains(&due), "{text}");
        assert!(!text.contains("NaN") && !text.contains("inf"), "{text}");
    }
}
