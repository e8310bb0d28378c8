//! A broker that is started for one round, and everything it leaves removed after it.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;
use tokio::sync::watch;

use super::description::{Description, Origin, Recipe, program};
use super::pin::Pin;
use crate::signals::Group;
use crate::transport::{Endpoint, Scheme};

/// CONNECT of MQTT 3.1.1 with Clean Session 1 and the Client Identifier `kelvin-ready`.
const CONNECT: &[u8] = b"\x10\x18\x00\x04MQTT\x04\x02\x00\x3c\x00\x0ckelvin-ready";
const CONNACK_ACCEPTED: [u8; 2] = [0x20, 0x02];
const DISCONNECT: &[u8] = b"\xe0\x00";

/// Between two looks whether a broker is ready, or gone.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How long an answer to one CONNECT is waited for.
const ANSWER: Duration = Duration::from_secs(2);

/// How long a broker may take to end after SIGTERM, before it is killed.
const STOP: Duration = Duration::from_secs(10);

/// Of a broker's own words, what an error message repeats.
const WORDS_BYTES_MAX: usize = 300;

/// Why a broker does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContenderError {
    /// Its program is not there.
    #[error("{program} is not installed{}", .install.as_ref().map_or(String::new(), |how| format!(": {how}")))]
    Absent {
        /// What was looked for.
        program: String,
        /// How to get it.
        install: Option<String>,
    },
    /// No port, folder or process for it.
    #[error("it could not be started: {0}")]
    Start(#[from] io::Error),
    /// It ended by itself.
    #[error("it {0}")]
    Ended(String),
    /// It accepts no client.
    #[error("it accepted no client within {0} s; raise ready_seconds if it needs longer")]
    NotReady(u32),
    /// A signal came.
    #[error("interrupted")]
    Interrupted,
}

/// A broker that runs.
#[derive(Debug)]
pub(crate) struct Contender {
    endpoint: Endpoint,
    tls: Option<Endpoint>,
    started: Option<Started>,
}

/// A process of ours. Dropping it ends the process and removes its folder.
#[derive(Debug)]
struct Started {
    child: Child,
    group: Option<Group>,
    directory: TempDir,
}

/// Ports of the loopback interface that nobody used a moment ago.
#[derive(Clone, Copy, Debug)]
struct Ports {
    first: u16,
    second: u16,
    tls: u16,
}

impl Contender {
    /// Starts the broker and waits until it accepts a client. One that runs already is taken as it is.
    pub(crate) fn start(
        description: &Description,
        pin: &Pin,
        interrupt: &watch::Receiver<bool>,
    ) -> Result<Self, ContenderError> {
        let recipe = match &description.origin {
            Origin::Running(endpoint) => {
                return Ok(Self { endpoint: endpoint.clone(), tls: None, started: None });
            }
            Origin::Started(recipe) => recipe,
        };
        let ports = Ports::free()?;
        let mut started = Started::spawn(recipe, pin, ports)?;
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let has_tls = recipe.has_tls();
        let is_ready = || accepts(at(ports.first)) && (!has_tls || listens(at(ports.tls)));
        let deadline = Instant::now() + Duration::from_secs(u64::from(recipe.ready_seconds));
        while !is_ready() {
            if let Some(status) = started.child.try_wait()? {
                return Err(ContenderError::Ended(started.how_it_ended(status)));
            }
            if *interrupt.borrow() {
                return Err(ContenderError::Interrupted);
            }
            if Instant::now() > deadline {
                return Err(ContenderError::NotReady(recipe.ready_seconds));
            }
            thread::sleep(LOOK_EVERY);
        }
        let endpoint = Endpoint::tcp("127.0.0.1", Some(ports.first));
        let tls = endpoint.door(Scheme::Tls, Some(ports.tls), None).filter(|_| has_tls);
        Ok(Self { endpoint, tls, started: Some(started) })
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Where it speaks TLS, if it was told to.
    pub(crate) fn tls(&self) -> Option<&Endpoint> {
        self.tls.as_ref()
    }

    /// Stops it. Says how it ended when it did so before it was asked to.
    pub(crate) fn stop(mut self) -> Option<String> {
        let started = self.started.as_mut()?;
        let status = started.child.try_wait().ok().flatten()?;
        Some(started.how_it_ended(status))
    }
}

impl Started {
    fn spawn(recipe: &Recipe, pin: &Pin, ports: Ports) -> Result<Self, ContenderError> {
        let Some((name, arguments)) = recipe.command.split_first() else {
            return Err(ContenderError::Ended("has no command".to_owned()));
        };
        let path = program(name).ok_or_else(|| ContenderError::Absent {
            program: name.clone(),
            install: Some(recipe.install.clone()).filter(|install| !install.is_empty()),
        })?;
        let directory = fresh_directory()?;
        let mut command = pin.command(&path);
        let child = Self::spawn_in(directory.path(), recipe, &mut command, arguments, ports)?;
        Ok(Self { group: Group::led_by(child.id()), child, directory })
    }

    fn spawn_in(
        directory: &Path,
        recipe: &Recipe,
        command: &mut Command,
        arguments: &[String],
        ports: Ports,
    ) -> io::Result<Child> {
        let config = directory.join(&recipe.config_name);
        let [certificate, key] = ["cert.pem", "key.pem"].map(|name| directory.join(name));
        if recipe.has_tls() {
            let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()])
                .map_err(io::Error::other)?;
            fs::write(&certificate, issued.cert.pem())?;
            fs::write(&key, issued.signing_key.serialize_pem())?;
        }
        let fill = |text: &str| {
            text.replace("{port}", &ports.first.to_string())
                .replace("{port2}", &ports.second.to_string())
                .replace("{tls_port}", &ports.tls.to_string())
                .replace("{cert}", &certificate.to_string_lossy())
                .replace("{key}", &key.to_string_lossy())
                .replace("{dir}", &directory.to_string_lossy())
                .replace("{config}", &config.to_string_lossy())
        };
        if let Some(text) = &recipe.config {
            fs::write(&config, fill(text))?;
        }
        let words = File::create(words_of(directory))?;
        command
            .args(arguments.iter().map(|argument| fill(argument)))
            .envs(recipe.environment.iter().map(|(name, value)| (name, fill(value))))
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(words.try_clone()?)
            .stderr(words)
            // A group of its own: a script and the server it started end together, and Ctrl-C in
            // the terminal does not take the broker away before the load has ended.
            .process_group(0)
            .spawn()
    }

    fn how_it_ended(&self, status: ExitStatus) -> String {
        let words = last_words(&words_of(self.directory.path()));
        let colon = if words.is_empty() { "" } else { ": " };
        format!("ended by itself ({status}){colon}{words}")
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = &self.group {
            group.signal(signal);
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        self.signal(Signal::TERM);
        let deadline = Instant::now() + STOP;
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                break;
            }
            thread::sleep(LOOK_EVERY);
        }
        // What is left of the group, the process itself included.
        self.signal(Signal::KILL);
        drop(self.child.wait());
    }
}

impl Ports {
    fn free() -> io::Result<Self> {
        // All at once, lest one be had twice.
        let listeners = [(); 3].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let [first, second, tls] = listeners;
        Ok(Self {
            first: first?.local_addr()?.port(),
            second: second?.local_addr()?.port(),
            tls: tls?.local_addr()?.port(),
        })
    }
}

/// Removed when it is dropped.
fn fresh_directory() -> io::Result<TempDir> {
    tempfile::Builder::new().prefix("kelvin-broker-").tempdir()
}

fn words_of(directory: &Path) -> PathBuf {
    directory.join("output.log")
}

/// The end of what a broker printed, on one line.
fn last_words(path: &Path) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let cut =
        line.char_indices().rev().map(|(at, _)| at).find(|at| line.len() - at >= WORDS_BYTES_MAX);
    line.get(cut.unwrap_or(0)..).unwrap_or_default().to_owned()
}

/// Whether somebody takes connections there.
fn listens(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, ANSWER).is_ok()
}

/// Whether a broker at this address accepts a client now.
fn accepts(address: SocketAddr) -> bool {
    let ask = || -> io::Result<bool> {
        let mut stream = TcpStream::connect_timeout(&address, ANSWER)?;
        stream.set_read_timeout(Some(ANSWER))?;
        stream.write_all(CONNECT)?;
        let mut answer = [0; 4];
        stream.read_exact(&mut answer)?;
        stream.write_all(DISCONNECT)?;
        Ok(answer.starts_with(&CONNACK_ACCEPTED) && answer.ends_with(&[0]))
    };
    ask().unwrap_or(false)
}
