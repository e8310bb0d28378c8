//! Records the git commit that the package is built from, for `summary.json`.
//!
//! A measurement is worth little when nobody can tell which code it measured, so the commit is looked
//! up again whenever HEAD moves or a source file of the workspace changes. Without git, or outside the
//! repository, the commit is `unknown`; a build never fails for it.

use std::path::Path;
use std::process::Command;

/// What the binaries are built from, seen from the top of the repository.
const SOURCES: [&str; 6] = ["Cargo.toml", "Cargo.lock", "broker", "loadgen", "reports", "benches"];

/// What of it cargo shall watch, seen from this package. `reports/runs` fills with every run, so this
/// package names its sources one by one.
const WATCHED: [&str; 8] = [
    "../Cargo.toml",
    "../Cargo.lock",
    "../broker",
    "../loadgen",
    "../benches",
    "src",
    "build.rs",
    "Cargo.toml",
];

fn main() {
    for path in WATCHED {
        watch(path);
    }
    for name in ["HEAD", "logs/HEAD", "packed-refs"] {
        watch_git_path(name);
    }
    if let Some(reference) = git(&["symbolic-ref", "--quiet", "HEAD"]) {
        watch_git_path(&reference);
    }
    let commit = commit().unwrap_or_else(|| "unknown".to_owned());
    println!("cargo:rustc-env=KELVIN_COMMIT={commit}");
}

/// The commit in short, with `-dirty` when a tracked source file differs from it.
fn commit() -> Option<String> {
    // A copy of this package inside somebody else's repository must not claim that one's commit.
    if git(&["rev-parse", "--show-prefix"])? != "reports/" {
        return None;
    }
    let hash = git(&["rev-parse", "--short=12", "HEAD"])?;
    let mut arguments = vec!["-C", "..", "status", "--porcelain", "--untracked-files=no", "--"];
    arguments.extend(SOURCES);
    let changes = git(&arguments)?;
    Some(if changes.is_empty() { hash } else { format!("{hash}-dirty") })
}

/// What a git command prints, or `None` when there is no git or it fails.
fn git(arguments: &[&str]) -> Option<String> {
    // Without the option, `status` may rewrite the index of somebody who works in the repository.
    let output = Command::new("git").arg("--no-optional-locks").args(arguments).output().ok()?;
    if !output.status.success() {
        return None;
    }
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

fn watch_git_path(name: &str) {
    if let Some(path) = git(&["rev-parse", "--git-path", name]) {
        watch(&path);
    }
}

/// Watches what exists: cargo takes a missing file for a change, every time.
fn watch(path: &str) {
    if Path::new(path).exists() {
        println!("cargo:rerun-if-changed={path}");
    }
}
