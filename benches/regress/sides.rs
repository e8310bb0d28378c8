//! The two sides: checked out, built, and kept by commit.

use std::collections::hash_map::DefaultHasher;
use std::ffi::OsString;
use std::fs;
use std::hash::{Hash, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};

use crate::count::run;

/// The package of the scenarios, from the root of the repository.
const SCENARIOS: &str = "benches/counted";

/// How the control of gate 2 is slowed down: 5 % more of its own CPU time.
const CONTROL: &str = "turn:5";

/// Where everything lies.
#[derive(Debug)]
pub(crate) struct Places {
    /// The root of the repository.
    pub(crate) root: PathBuf,
    /// Cargo's target folder of the new side.
    target: PathBuf,
    /// What belongs to comparisons.
    pub(crate) work: PathBuf,
}

/// What plays in gate 2.
#[derive(Debug)]
pub(crate) struct Brokers {
    pub(crate) base: PathBuf,
    pub(crate) new: PathBuf,
    /// The new one, slow on purpose: a duet that does not find it says nothing.
    pub(crate) control: PathBuf,
}

/// The binary of the scenarios on one side.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) counted: PathBuf,
    /// Why not all scenarios are in it.
    pub(crate) note: Option<String>,
}

impl Places {
    /// Finds them from the directory where the command was given.
    pub(crate) fn find() -> anyhow::Result<Self> {
        let root = PathBuf::from(git(Path::new("."), &["rev-parse", "--show-toplevel"])?);
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let target = std::path::absolute(target)?;
        let work = target.join("regress");
        fs::create_dir_all(&work).with_context(|| work.display().to_string())?;
        Ok(Self { root, target, work })
    }

    /// The commit to compare with: the one that was asked for, or the merge base with main, or on main itself the
    /// one before.
    pub(crate) fn base(&self, asked: Option<&str>) -> anyhow::Result<String> {
        let commit = |name: &str| {
            git(&self.root, &["rev-parse", "--verify", "--quiet", &format!("{name}^{{commit}}")])
        };
        if let Some(name) = asked {
            return commit(name).with_context(|| format!("there is no commit {name}"));
        }
        let head = commit("HEAD")?;
        let main = commit("main").or_else(|_| commit("origin/main"));
        let main = main.context("there is no branch main: name the commit to compare with")?;
        let base = git(&self.root, &["merge-base", "HEAD", &main])?;
        if base == head { commit("HEAD^").context("HEAD has no parent here") } else { Ok(base) }
    }

    /// Builds the new side from the working tree. With `inject` it is slow on purpose.
    pub(crate) fn build_new(&self, inject: Option<&str>) -> anyhow::Result<Built> {
        let mut command = cargo_build(&self.root, &self.target, true);
        command.args(["-p", "counted"]);
        if let Some(setting) = inject {
            command.args(["--features", "broker-core/slow-down"]).env("KELVIN_SLOW", setting);
        }
        build(&mut command)?;
        let kept = self.work.join("new").join("counted");
        keep(&self.target.join("release/counted"), &kept)?;
        Ok(Built { counted: kept, note: None })
    }

    /// Builds the scenarios of the working tree on top of a commit, or takes what an earlier comparison built.
    pub(crate) fn build_base(&self, commit: &str) -> anyhow::Result<Built> {
        let kept = self.work.join(commit).join(self.key()?).join("counted");
        let note_file = kept.with_file_name("note");
        if !kept.exists() {
            let tree = self.check_out(commit)?;
            let note = self.build_scenarios(&tree)?;
            keep(&self.work.join("target/release/counted"), &kept)?;
            fs::write(&note_file, note)?;
        }
        let note = Some(fs::read_to_string(&note_file).unwrap_or_default());
        Ok(Built { counted: kept, note: note.filter(|note| !note.is_empty()) })
    }

    /// Builds the brokers of gate 2, and the load generator.
    pub(crate) fn build_brokers(&self, commit: &str) -> anyhow::Result<Brokers> {
        let base = self.work.join(commit).join(hash_of(&compiler()?)).join("broker");
        if !base.exists() {
            let tree = self.check_out(commit)?;
            build(cargo_build(&tree, &self.work.join("target"), true).args(["-p", "broker"]))?;
            keep(&self.work.join("target/release/broker"), &base)?;
        }
        let built = self.target.join("release/broker");
        let [control, new] =
            ["broker-slowed", "broker"].map(|name| self.work.join("new").join(name));
        let mut command = cargo_build(&self.root, &self.target, true);
        command.args(["-p", "broker", "--features", "slow-down"]).env("KELVIN_SLOW", CONTROL);
        build(&mut command)?;
        keep(&built, &control)?;
        // The broker as it is comes last, so that it is what lies in the target folder afterwards.
        let mut command = cargo_build(&self.root, &self.target, true);
        build(command.args(["-p", "broker", "-p", "loadgen", "--bins"]))?;
        keep(&built, &new)?;
        Ok(Brokers { base, new, control })
    }

    /// The load generator of the working tree, once [`build_brokers`](Self::build_brokers) has built it.
    pub(crate) fn loadgen(&self) -> PathBuf {
        self.target.join("release/loadgen")
    }

    /// One work tree serves all commits, so that their dependencies are built once.
    fn check_out(&self, commit: &str) -> anyhow::Result<PathBuf> {
        let tree = self.work.join("tree");
        if tree.join(".git").exists() {
            git(&tree, &["checkout", "--quiet", "--force", "--detach", commit])?;
            git(&tree, &["clean", "--quiet", "--force", "-d", "-x"])?;
        } else {
            // Git may remember one that was removed with the target folder.
            git(&self.root, &["worktree", "prune"])?;
            let path = tree.to_string_lossy();
            git(&self.root, &["worktree", "add", "--quiet", "--force", "--detach", &path, commit])?;
        }
        Ok(tree)
    }

    /// Lays the scenarios over `tree` and builds them there; returns why not all, or nothing.
    fn build_scenarios(&self, tree: &Path) -> anyhow::Result<String> {
        let theirs = tree.join(SCENARIOS);
        if theirs.exists() {
            fs::remove_dir_all(&theirs)?;
        }
        copy_directory(&self.root.join(SCENARIOS), &theirs)?;
        let locked = add_member(tree)?;
        let target = self.work.join("target");
        let package = ["-p", "counted", "--bin", "counted"];
        let whole = build(cargo_build(tree, &target, locked).args(package));
        let Err(error) = whole else { return Ok(String::new()) };
        say(&format!(
            "the whole broker's scenarios do not build there, those of broker-core may: {error:#}"
        ));
        build(cargo_build(tree, &target, locked).args(package).arg("--no-default-features"))
            .context("the scenarios do not build on that commit: its interface is another one")?;
        Ok("the loopback scenarios do not build on that commit".to_owned())
    }

    /// What a kept build depends on besides its commit: compiler, flags, scenarios.
    fn key(&self) -> anyhow::Result<String> {
        let mut files = Vec::new();
        list_files(&self.root.join(SCENARIOS), &mut files)?;
        files.sort();
        let texts = files.iter().map(fs::read).collect::<io::Result<Vec<_>>>()?;
        Ok(hash_of(&(compiler()?, texts)))
    }
}

/// The compiler and its flags, on which every kept build depends.
fn compiler() -> anyhow::Result<(String, Option<OsString>)> {
    Ok((run(Command::new("rustc").arg("-vV"))?, std::env::var_os("RUSTFLAGS")))
}

fn hash_of(what: &impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

/// Makes the scenarios a member of the workspace, if they are none. Whether the lock file knows them; one that does not
/// still fixes the versions of everything else.
fn add_member(tree: &Path) -> anyhow::Result<bool> {
    let manifest = tree.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).with_context(|| manifest.display().to_string())?;
    if !text.contains(&format!("\"{SCENARIOS}\"")) {
        let members = "members = [";
        ensure!(text.contains(members), "{} has no list of members", manifest.display());
        let with = format!("{members}\"{SCENARIOS}\", ");
        fs::write(&manifest, text.replacen(members, &with, 1))?;
    }
    let lock = fs::read_to_string(tree.join("Cargo.lock")).unwrap_or_default();
    Ok(lock.contains("name = \"counted\""))
}

fn cargo_build(directory: &Path, target: &Path, locked: bool) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(directory).args(["build", "--release", "--quiet"]);
    command.env("CARGO_TARGET_DIR", target);
    if locked {
        command.arg("--locked");
    }
    command
}

fn build(command: &mut Command) -> anyhow::Result<()> {
    let directory = command.get_current_dir().map(Path::to_path_buf).unwrap_or_default();
    say(&format!("building in {}", directory.display()));
    run(command).map(drop)
}

/// Tells whoever waits what is being done.
pub(crate) fn say(text: &str) {
    // Nothing is left to be done when standard error is closed.
    drop(writeln!(io::stderr(), "regress: {text}"));
}

fn keep(built: &Path, kept: &Path) -> anyhow::Result<()> {
    if let Some(directory) = kept.parent() {
        fs::create_dir_all(directory)?;
    }
    fs::copy(built, kept).map(drop).with_context(|| built.display().to_string())
}

fn list_files(directory: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(directory).with_context(|| directory.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            list_files(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn copy_directory(from: &Path, to: &Path) -> anyhow::Result<()> {
    let mut files = Vec::new();
    list_files(from, &mut files)?;
    for file in files {
        keep(&file, &to.join(file.strip_prefix(from)?))?;
    }
    Ok(())
}

/// What git answers.
pub(crate) fn git(directory: &Path, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(directory)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .context("cannot run git")?;
    if !output.status.success() {
        bail!("git {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
