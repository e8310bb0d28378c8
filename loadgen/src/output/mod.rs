//! What a person or a script sees: the plan, the progress, the summary, the files.

mod announce;
mod ledger;
mod progress;
mod prometheus;
mod summary;

use std::io::{self, IsTerminal, Write};

use reports::Summary;

pub(crate) use announce::announcement;
pub(crate) use ledger::counts;
pub(crate) use progress::{Live, Progress};
pub(crate) use prometheus::Exporter;
pub(crate) use summary::{Measured, Throughput, summarize};

use crate::cli::Format;

/// Prints the end of the run on stdout. A reader that went away is no error.
pub(crate) fn print(summary: &Summary, format: Format) -> io::Result<()> {
    let mut text = Vec::new();
    match format {
        Format::Json => reports::write_summary(&mut text, summary)?,
        Format::Human => {
            let color = io::stdout().is_terminal() && colors_wanted();
            text.extend_from_slice(reports::render_text(summary, color).as_bytes());
        }
    }
    print_bytes(&text)
}

/// Prints text on stdout, likewise.
pub(crate) fn print_text(text: &str) -> io::Result<()> {
    print_bytes(text.as_bytes())
}

fn print_bytes(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Whether nobody asked for a terminal without colours, as <https://no-color.org> has it.
fn colors_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
