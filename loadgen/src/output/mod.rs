//! What a person or a script sees: the plan, the progress, the summary, the files.

mod announce;
mod ledger;
mod progress;
mod summary;

use std::io::{self, IsTerminal, Write};

use reports::Summary;

pub(crate) use announce::announcement;
pub(crate) use progress::{Live, Progress, live_line};
pub(crate) use summary::{Measured, Throughput, summarize};

use crate::cli::Format;

/// Prints the end of the run on stdout. A reader that went away is no error.
pub(crate) fn print(summary: &Summary, format: Format) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    let printed = match format {
        Format::Json => reports::write_summary(&mut stdout, summary),
        Format::Human => {
            let color = stdout.is_terminal();
            stdout.write_all(reports::render_text(summary, color).as_bytes())
        }
    };
    match printed.and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
