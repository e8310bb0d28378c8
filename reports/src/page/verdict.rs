//! What the run is worth, first of all.

use maud::{Markup, html};

use crate::Summary;

/// How a verdict looks: its colour, and a sign that says the same without colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tone {
    None,
    Bad,
}

/// The banner at the top of a report.
pub(super) fn banner(summary: &Summary) -> Markup {
    let (tone, word, means) = if summary.complete {
        (Tone::None, "No verdict", "The run was measured by a version that gave none.")
    } else {
        (Tone::Bad, "Interrupted", "The figures cover what was measured until then.")
    };
    html! {
        section.verdict.(class(tone)) aria-label="Verdict" {
            p.word { (sign(tone)) span { (word) } }
            p.means { (means) }
        }
        (warnings(summary))
    }
}

/// The verdict in a cell of a table.
pub(super) fn word(summary: &Summary) -> &'static str {
    if summary.complete { "-" } else { "INTERRUPTED" }
}

fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::None => "none",
        Tone::Bad => "bad",
    }
}

/// A sign for those who do not see the colour.
fn sign(tone: Tone) -> Markup {
    let path = match tone {
        Tone::None => "M9 16h14",
        Tone::Bad => "M10 10l12 12M22 10L10 22",
    };
    html! {
        svg viewBox="0 0 32 32" aria-hidden="true" fill="none" stroke="currentColor" stroke-width="3" stroke-linecap="round" stroke-linejoin="round" {
            circle cx="16" cy="16" r="14" {}
            path d=(path) {}
        }
    }
}

fn warnings(summary: &Summary) -> Markup {
    html! {
        @if !summary.warnings.is_empty() {
            ul.warnings aria-label="Warnings" {
                @for warning in &summary.warnings { li { (warning) } }
            }
        }
    }
}
