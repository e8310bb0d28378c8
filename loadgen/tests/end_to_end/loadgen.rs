//! Runs the binary and reads what it leaves.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use reports::{Judgement, Summary};

/// Far longer than any run here takes: only a hang reaches it.
const DEADLINE: Duration = Duration::from_mins(1);

/// A folder for the files of one test.
pub(crate) struct Folder {
    path: PathBuf,
}

/// A run that has ended.
pub(crate) struct Run {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    folder: Folder,
}

impl Folder {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("run-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Self { path }
    }

    /// Writes a file into it, to be named on a command line.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path.join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Starts the binary with these arguments, its files in this folder.
    pub(crate) fn start(&self, arguments: &str) -> Child {
        Command::new(env!("CARGO_BIN_EXE_loadgen"))
            .arg("--out")
            .arg(&self.path)
            .args(arguments.split_whitespace())
            // Not the ceiling of whoever runs the tests.
            .env("XDG_DATA_HOME", &self.path)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Starts `loadgen compare` with these words, its files in this folder.
    pub(crate) fn start_compare(&self, words: &str) -> Child {
        self.start_command("compare", words)
    }

    /// Starts a command of the binary that makes several runs, its files in this folder.
    pub(crate) fn start_command(&self, command: &str, words: &str) -> Child {
        Command::new(env!("CARGO_BIN_EXE_loadgen"))
            .args([command, "--out"])
            .arg(&self.path)
            .args(words.split_whitespace())
            .env("XDG_DATA_HOME", &self.path)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Starts the binary with these arguments alone.
    pub(crate) fn start_bare(&self, arguments: &str) -> Child {
        Command::new(env!("CARGO_BIN_EXE_loadgen"))
            .args(arguments.split_whitespace())
            .env("XDG_DATA_HOME", &self.path)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Waits for the end of a child that was started here.
    pub(crate) fn wait(self, mut child: Child) -> Run {
        let start = Instant::now();
        // What it prints fits a pipe, so nobody has to read before the end.
        while child.try_wait().unwrap().is_none() {
            if start.elapsed() > DEADLINE {
                child.kill().unwrap();
                let output = child.wait_with_output().unwrap();
                panic!("it hangs: {}", String::from_utf8_lossy(&output.stderr));
            }
            thread::sleep(Duration::from_millis(5));
        }
        self.ended(child.wait_with_output().unwrap())
    }

    fn ended(self, output: Output) -> Run {
        Run {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            folder: self,
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.path));
    }
}

/// Runs the binary to its end.
pub(crate) fn loadgen(arguments: &str) -> Run {
    let folder = Folder::new();
    let child = folder.start(arguments);
    folder.wait(child)
}

impl Run {
    /// The folder of the test, for another run.
    pub(crate) fn into_folder(self) -> Folder {
        self.folder
    }

    /// The folder of the run; `None` when it left none.
    pub(crate) fn folder(&self) -> Option<PathBuf> {
        fs::read_dir(&self.folder.path)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| !path.ends_with("kelvin"))
    }

    /// `summary.json` of a run with this exit status.
    ///
    /// On a machine that is busy with something else the generator is the limit, and rightly says so with
    /// a status of its own: what is asked here is then asked of the files alone.
    pub(crate) fn summary(&self, code: i32) -> Summary {
        let folder = self.folder().unwrap_or_else(|| panic!("no files: {}", self.stderr));
        let summary = Summary::read(&folder).unwrap();
        let judgement = summary.verdict.as_ref().map(|verdict| verdict.verdict);
        let limited = judgement == Some(Judgement::GeneratorLimited);
        let expected = if limited && matches!(code, 0 | 99) { 4 } else { code };
        assert_eq!(self.code, Some(expected), "{}", self.stderr);
        summary
    }

    /// The one line of a run that was not carried out.
    pub(crate) fn error(&self) -> &str {
        assert_eq!(self.code, Some(3), "{}", self.stderr);
        let mut errors = self.stderr.lines().filter(|line| line.starts_with("error: "));
        let error = errors.next().unwrap_or_else(|| panic!("no error: {}", self.stderr));
        assert_eq!(errors.next(), None);
        error.trim_start_matches("error: ")
    }
}
