//! Progress on stderr: one line that is redrawn on a terminal, a line each second elsewhere.

use std::io::{self, IsTerminal, Write};

use hdrhistogram::Histogram;
use reports::Phase;

use super::announce::decimal;
use crate::units::{fraction, grouped};

/// Width of a terminal that does not tell.
const COLUMNS_DEFAULT: usize = 80;

/// Writes progress. That nobody can read it is no reason to stop measuring, so errors are dropped.
#[derive(Debug)]
pub(crate) struct Progress {
    quiet: bool,
    terminal: bool,
    /// Columns of the live line that is on the screen.
    drawn: usize,
}

/// What the live line shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Live<'a> {
    /// What the run does.
    pub phase: Phase,
    /// Seconds since the start of the run.
    pub elapsed_seconds: f64,
    /// Open connections, of so many.
    pub connected: (u64, u64),
    /// Publications of this second.
    pub sent: u64,
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
        Self { quiet, terminal: io::stderr().is_terminal(), drawn: 0 }
    }

    /// Shows the state; on a terminal it replaces the one before.
    pub(crate) fn live(&mut self, line: &str) {
        if !self.terminal {
            return self.note(line);
        }
        if !self.quiet {
            // A line that wraps could not be replaced.
            let shown: String = line.chars().take(columns().saturating_sub(1)).collect();
            let width = self.drawn;
            self.drawn = shown.chars().count();
            write(&format!("\r{shown:<width$}"));
        }
    }

    /// Writes a line that stays.
    pub(crate) fn note(&mut self, line: &str) {
        if !self.quiet {
            self.clear();
            write(&format!("{line}\n"));
        }
    }

    /// Removes the live line.
    pub(crate) fn clear(&mut self) {
        if self.drawn > 0 {
            write(&format!("\r{:width$}\r", "", width = self.drawn));
            self.drawn = 0;
        }
    }
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

/// One line: what matters most first, for a narrow terminal cuts the rest off.
pub(crate) fn live_line(live: &Live<'_>) -> String {
    let name = match live.phase {
        Phase::Connect => "connect",
        Phase::Warmup => "warm-up",
        Phase::Measure => "measure",
        Phase::Drain => "drain",
    };
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
        format!("{} sent/s", grouped(live.sent)),
        format!("{} of {} delivered/s", grouped(delivered), grouped(due)),
        format!("p50 {} p99 {}", latency(live.delivery, 0.5), latency(live.delivery, 0.99)),
        format!("backlog {}", grouped(live.backlog)),
    ]
}

fn latency(histogram: &Histogram<u64>, quantile: f64) -> String {
    if histogram.is_empty() {
        return "-".to_owned();
    }
    let microseconds = fraction(histogram.value_at_quantile(quantile)) / 1e3;
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

    #[test]
    fn the_line_shows_what_is_due_beside_what_came() {
        let mut delivery = histogram();
        for microseconds in 1..=100 {
            delivery.saturating_record(microseconds * 1000);
        }
        let live = Live {
            phase: Phase::Measure,
            elapsed_seconds: 7.2,
            connected: (4998, 5000),
            sent: 833,
            delivered: (2_000_000, 2_083_333),
            backlog: 83_333,
            disconnected: 2,
            delivery: &delivery,
        };
        assert_eq!(
            live_line(&live),
            "measure 7 s  833 sent/s  2,000,000 of 2,083,333 delivered/s  p50 50.2 µs p99 99.3 µs  \
             backlog 83,333  4,998/5,000 connected  2 disconnected"
        );
        let connecting = Live { phase: Phase::Connect, disconnected: 0, ..live };
        assert_eq!(live_line(&connecting), "connect 7 s  4,998/5,000 connected");
    }

    #[test]
    fn latencies_keep_three_digits() {
        let mut one = histogram();
        one.saturating_record(2_500_000_000);
        assert_eq!(latency(&one, 0.5), "2.5 s");
        assert_eq!(latency(&histogram(), 0.5), "-");
    }
}
