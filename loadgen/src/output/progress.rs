//! Progress on stderr: a few lines that are redrawn on a terminal, a line each second elsewhere.

use std::collections::VecDeque;
use std::io::{self, IsTerminal, Write};

use hdrhistogram::Histogram;
use reports::Phase;

use super::announce::decimal;
use crate::units::{fraction, grouped};

/// Width of a terminal that does not tell.
const COLUMNS_DEFAULT: usize = 80;

/// Seconds that the sparkline shows.
const HISTORY: usize = 60;

/// Columns before the figures of the live view.
const LABEL: usize = 10;

/// Heights of the sparkline, the lowest first.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Writes progress. That nobody can read it is no reason to stop measuring, so errors are dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    quiet: bool,
    /// Whether lines can be replaced.
    terminal: bool,
    /// Lines of the live view that are on the screen.
    drawn: usize,
    /// p99 of the last seconds in nanoseconds, the newest last.
    history: VecDeque<u64>,
}

/// What the live view shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Live<'a> {
    /// What the run does.
    pub phase: Phase,
    /// Seconds since the start of the run.
    pub elapsed_seconds: f64,
    /// Open connections, of so many.
    pub connected: (u64, u64),
    /// Seconds since the start of the run at which the load will end.
    pub planned_seconds: Option<f64>,
    /// Publications of this second, and how many the schedule called for.
    pub sent: (u64, u64),
    /// Deliveries of this second, and how many became due.
    pub delivered: (u64, u64),
    /// Deliveries that are owed and have not come.
    pub backlog: u64,
    /// Connections that the broker closed.
    pub disconnected: u64,
    /// Delivery latency of this second.
    pub delivery: &'a Histogram<u64>,
}

impl Progress {
    /// Writes to stderr, unless `quiet`.
    pub(crate) fn new(quiet: bool) -> Self {
        // A dumb terminal shows the escape sequences instead of obeying them.
        let dumb = std::env::var_os("TERM").is_some_and(|name| name == "dumb");
        let terminal = io::stderr().is_terminal() && !dumb;
        Self { quiet, terminal, drawn: 0, history: VecDeque::with_capacity(HISTORY) }
    }

    /// Shows the state: on a terminal a few lines that replace those before, elsewhere a line more.
    pub(crate) fn live(&mut self, live: &Live<'_>) {
        if live.phase != Phase::Connect && !live.delivery.is_empty() {
            if self.history.len() == HISTORY {
                self.history.pop_front();
            }
            self.history.push_back(live.delivery.value_at_quantile(0.99));
        }
        if !self.terminal {
            return self.note(&live_line(live));
        }
        if !self.quiet {
            // A line that wraps could not be replaced.
            let width = columns().saturating_sub(1);
            let lines = view(live, &self.history, width);
            let mut text = replaced(self.drawn);
            for line in &lines {
                text.extend(line.chars().take(width));
                text.push('\n');
            }
            self.drawn = lines.len();
            write(&text);
        }
    }

    /// Writes a line that stays.
    pub(crate) fn note(&mut self, line: &str) {
        if !self.quiet {
            self.clear();
            write(&format!("{line}\n"));
        }
    }

    /// Removes the live view.
    pub(crate) fn clear(&mut self) {
        if self.drawn > 0 {
            write(&replaced(self.drawn));
            self.drawn = 0;
        }
    }
}

/// Moves up to the first of so many lines and erases them.
fn replaced(lines: usize) -> String {
    if lines == 0 { String::new() } else { format!("\u{1b}[{lines}A\r\u{1b}[J") }
}

/// Width of the terminal on stderr.
fn columns() -> usize {
    rustix::termios::tcgetwinsize(io::stderr())
        .ok()
        .map(|size| usize::from(size.ws_col))
        .filter(|columns| *columns > 0)
        .unwrap_or(COLUMNS_DEFAULT)
}

fn write(text: &str) {
    let mut stderr = io::stderr().lock();
    drop(stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush()));
}

fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Connect => "connect",
        Phase::Warmup => "warm-up",
        Phase::Measure => "measure",
        Phase::Drain => "drain",
    }
}

/// The live view of a terminal that is so wide.
fn view(live: &Live<'_>, history: &VecDeque<u64>, width: usize) -> Vec<String> {
    let (connected, clients) = live.connected;
    let name = phase_name(live.phase);
    let of = live.planned_seconds.map_or(String::new(), |planned| format!(" of {planned:.0}"));
    let lost = match live.disconnected {
        0 => String::new(),
        count => format!("   {} DISCONNECTED", grouped(count)),
    };
    let first = format!(
        "{name:<LABEL$}{:.0}{of} s   {} of {} connected{lost}",
        live.elapsed_seconds,
        grouped(connected),
        grouped(clients)
    );
    if live.phase == Phase::Connect {
        return vec![first, format!("{:<LABEL$}{}", "", bar(connected, clients, width))];
    }
    let labelled = |label: &str, text: String| format!("{label:<LABEL$}{text}");
    let mut lines = vec![first];
    lines.push(labelled("sent", rates(live.sent)));
    lines.push(labelled(
        "delivered",
        format!("{}   backlog {}", rates(live.delivered), grouped(live.backlog)),
    ));
    let percentiles = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];
    let percentiles =
        percentiles.map(|(name, quantile)| format!("{name} {}", latency(live.delivery, quantile)));
    lines.push(labelled("latency", percentiles.join("  ")));
    if !history.is_empty() {
        lines.push(labelled("p99", sparkline(history, width.saturating_sub(LABEL))));
    }
    lines
}

/// What happened in this second beside what should have.
fn rates((actual, expected): (u64, u64)) -> String {
    format!("{}/s of {}/s", grouped(actual), grouped(expected))
}

/// How much of all is done.
fn bar(done: u64, all: u64, width: usize) -> String {
    let width = width.saturating_sub(LABEL).min(HISTORY);
    let share = fraction(done.min(all)) / fraction(all.max(1));
    let full = usize::try_from(crate::units::nearest(share * fraction(width as u64)));
    let full = full.unwrap_or(width).min(width);
    "█".repeat(full) + &"░".repeat(width - full)
}

/// The last seconds, as many as there is room for, between their least and their greatest value.
fn sparkline(history: &VecDeque<u64>, width: usize) -> String {
    let (low, high) = (history.iter().min(), history.iter().max());
    let (Some(&low), Some(&high)) = (low, high) else {
        return String::new();
    };
    let scale = format!("  {} to {}", duration(low), duration(high));
    let room = width.saturating_sub(scale.chars().count());
    // Logarithmic: a stall of a second must not flatten everything else.
    let span = (fraction(high.max(1)) / fraction(low.max(1))).ln();
    let height = |value: u64| match span {
        span if span > 0.0 => (fraction(value.max(1)) / fraction(low.max(1))).ln() / span,
        _ => 0.0,
    };
    let bars = history.iter().skip(history.len().saturating_sub(room)).map(|&value| {
        let step = crate::units::nearest(height(value) * fraction((BARS.len() - 1) as u64));
        usize::try_from(step).ok().and_then(|step| BARS.get(step)).copied().unwrap_or('█')
    });
    bars.collect::<String>() + &scale
}

/// One line: what matters most first, for a narrow terminal cuts the rest off.
fn live_line(live: &Live<'_>) -> String {
    let name = phase_name(live.phase);
    let (connected, clients) = live.connected;
    let mut parts = vec![format!("{name} {:.0} s", live.elapsed_seconds)];
    if live.phase != Phase::Connect {
        parts.extend(flow(live));
    }
    parts.push(format!("{}/{} connected", grouped(connected), grouped(clients)));
    if live.disconnected > 0 {
        parts.push(format!("{} disconnected", grouped(live.disconnected)));
    }
    parts.join("  ")
}

fn flow(live: &Live<'_>) -> [String; 4] {
    let (delivered, due) = live.delivered;
    [
        format!("{} sent/s", grouped(live.sent.0)),
        format!("{} of {} delivered/s", grouped(delivered), grouped(due)),
        format!("p50 {} p99 {}", latency(live.delivery, 0.5), latency(live.delivery, 0.99)),
        format!("backlog {}", grouped(live.backlog)),
    ]
}

fn latency(histogram: &Histogram<u64>, quantile: f64) -> String {
    if histogram.is_empty() {
        return "-".to_owned();
    }
    duration(histogram.value_at_quantile(quantile))
}

fn duration(nanoseconds: u64) -> String {
    let microseconds = fraction(nanoseconds) / 1e3;
    if microseconds < 1e3 {
        format!("{} µs", decimal(microseconds))
    } else if microseconds < 1e6 {
        format!("{} ms", decimal(microseconds / 1e3))
    } else {
        format!("{} s", decimal(microseconds / 1e6))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recorder::histogram;

    fn samples() -> Histogram<u64> {
        let mut delivery = histogram();
        for microseconds in 1..=100 {
            delivery.saturating_record(microseconds * 1000);
        }
        delivery
    }

    fn measuring(delivery: &Histogram<u64>) -> Live<'_> {
        Live {
            phase: Phase::Measure,
            elapsed_seconds: 7.2,
            connected: (4998, 5000),
            planned_seconds: Some(36.0),
            sent: (833, 834),
            delivered: (2_000_000, 2_083_333),
            backlog: 83_333,
            disconnected: 2,
            delivery,
        }
    }

    #[test]
    fn the_line_shows_what_is_due_beside_what_came() {
        let delivery = samples();
        let live = measuring(&delivery);
        assert_eq!(
            live_line(&live),
            "measure 7 s  833 sent/s  2,000,000 of 2,083,333 delivered/s  p50 50.2 µs p99 99.3 µs  \
             backlog 83,333  4,998/5,000 connected  2 disconnected"
        );
        let connecting = Live { phase: Phase::Connect, disconnected: 0, ..live };
        assert_eq!(live_line(&connecting), "connect 7 s  4,998/5,000 connected");
    }

    #[test]
    fn the_view_of_a_terminal_has_a_line_for_each_question() {
        let delivery = samples();
        let history = VecDeque::from([1_000_000, 10_000_000, 100_000_000]);
        assert_eq!(
            view(&measuring(&delivery), &history, 80),
            [
                "measure   7 of 36 s   4,998 of 5,000 connected   2 DISCONNECTED",
                "sent      833/s of 834/s",
                "delivered 2,000,000/s of 2,083,333/s   backlog 83,333",
                "latency   p50 50.2 µs  p90 90.1 µs  p99 99.3 µs  p99.9 100 µs  max 100 µs",
                "p99       ▁▅█  1.0 ms to 100 ms",
            ]
        );
        let connecting = Live {
            phase: Phase::Connect,
            connected: (5, 10),
            planned_seconds: None,
            disconnected: 0,
            ..measuring(&delivery)
        };
        let lines = view(&connecting, &VecDeque::new(), 20);
        assert_eq!(lines, ["connect   7 s   5 of 10 connected", "          █████░░░░░"]);
    }

    #[test]
    fn the_newest_seconds_have_the_room_that_there_is() {
        let history: VecDeque<u64> = (1..=60).map(|i| i * 1_000_000).collect();
        let line = sparkline(&history, 30);
        assert_eq!(line.chars().count(), 30, "{line}");
        assert!(line.contains('█') && line.ends_with("  1.0 ms to 60.0 ms"), "{line}");
        let even = sparkline(&VecDeque::from([5_000; 4]), 40);
        assert!(even.starts_with("▁▁▁▁  "), "{even}");
    }

    #[test]
    fn latencies_keep_three_digits() {
        let mut one = histogram();
        one.saturating_record(2_500_000_000);
        assert_eq!(latency(&one, 0.5), "2.5 s");
        assert_eq!(latency(&histogram(), 0.5), "-");
    }
}
