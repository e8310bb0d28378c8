//! `report.html`: one file that shows a run, or several beside each other, and asks nobody for anything.
//!
//! Everything is inside: the style sheet, the drawings, the few lines of script that show figures under the
//! pointer. A Content Security Policy forbids whatever would leave the file. The same input gives the same bytes.

mod chart;
mod compare;
mod distribution;
mod glossary;
mod ledger;
mod over_time;
mod rounds;
mod run;
mod search;
mod slices;
mod trend;
mod verdict;

use maud::{DOCTYPE, Markup, PreEscaped, html};

pub use compare::render_html_comparison;
pub(crate) use distribution::leg_name;
pub(crate) use rounds::render_html_rounds;
pub use run::render_html;
pub(crate) use search::render_html_search;
pub use trend::render_trend;
pub(crate) use verdict::observed;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// What the page may do: its own styles, and the one script of this hash (`sha256sum` of `script.js`, base64).
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; \
                      form-action 'none'; script-src 'sha256-7bw5Eksj/VAkX91u9RkzvrejPv7dQ3WfNvummtqsNGM='";

/// A page around `body`.
fn document(title: &str, brand: &str, heading: &Markup, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (title) }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                header.top {
                    p.brand { b { "Kelvin" } span { (brand) } }
                    (heading)
                }
                main { (body) }
                footer.foot {
                    "Made by Kelvin " (env!("CARGO_PKG_VERSION")) " from the files of the run. This page is one \
                     file: it loads nothing and sends nothing."
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

/// A row of a table of two columns; nothing without a value.
fn row(name: &str, value: &str) -> Markup {
    html! { @if !value.is_empty() { tr { th scope="row" { (name) } td { (value) } } } }
}

#[cfg(test)]
mod tests {
    use base64ct::{Base64, Encoding};
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn the_policy_lets_the_script_of_this_package_run_and_no_other() {
        let hash = Base64::encode_string(&Sha256::digest(SCRIPT.as_bytes()));
        assert!(POLICY.contains(&format!("'sha256-{hash}'")), "the hash is now {hash}");
    }

    #[test]
    fn neither_style_nor_script_leaves_the_page_or_ends_its_element() {
        for text in [STYLE, SCRIPT] {
            for forbidden in ["http", "url(", "import", "fetch", "</"] {
                assert!(!text.contains(forbidden), "{forbidden}");
            }
        }
    }
}
