//! The `broker` binary: a stand-alone MQTT broker.

mod cli;
mod config;
mod listen;
mod passwd;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use broker::{Broker, FileAccess, Listener, StartError};
use clap::Parser;
use tracing::level_filters::LevelFilter;

use cli::{Cli, Command};
use config::Config;

/// Messages of many sizes live and die on one thread: measured against the system's allocator in
/// ARCHITECTURE.md.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A flag or a file is wrong.
const EXIT_USAGE: u8 = 2;

/// The run could not be carried out.
const EXIT_UNABLE: u8 = 3;

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Some(Command::Passwd(passwd)) = &cli.command {
        log_to_stderr(LevelFilter::INFO);
        return exit(passwd.run(), EXIT_UNABLE);
    }
    let descriptors = cli::raise_descriptor_limit();
    let (config, access) = match settle(&cli, descriptors) {
        Ok(settled) => settled,
        Err(errors) => {
            log_to_stderr(LevelFilter::ERROR);
            for error in errors {
                tracing::error!("{error:#}");
            }
            return ExitCode::from(EXIT_USAGE);
        }
    };
    log_to_stderr(config.log_level.into());
    if cli.check_config {
        return exit(print(&config), EXIT_UNABLE);
    }
    let may_skip_ipv6 = cli.listens_by_default(&config);
    exit(run(&config, access.as_ref(), may_skip_ipv6), EXIT_UNABLE)
}

fn exit(result: anyhow::Result<()>, code: u8) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::from(code)
        }
    }
}

/// Flags and files, checked; those of TLS only for `--check-config`, else they are read at the
/// start.
fn settle(
    cli: &Cli,
    descriptors: u64,
) -> Result<(Config, Option<Arc<FileAccess>>), Vec<anyhow::Error>> {
    let config = cli.config(descriptors).map_err(|error| vec![error.into()])?;
    let access = config.access_files().map(FileAccess::load).transpose();
    let tls = if cli.check_config { check_tls(&config) } else { Ok(()) };
    match (access, tls) {
        (Ok(access), Ok(())) => Ok((config, access.map(Arc::new))),
        (access, tls) => {
            let access = access.err().map(anyhow::Error::from);
            Err(access.into_iter().chain(tls.err()).collect())
        }
    }
}

fn check_tls(config: &Config) -> anyhow::Result<()> {
    Ok(describe(config, None, &config.listeners()?)?.check()?)
}

fn print(config: &Config) -> anyhow::Result<()> {
    let text = toml::to_string(config).context("cannot print the configuration")?;
    write!(std::io::stdout(), "{text}").context("cannot print the configuration")
}

fn log_to_stderr(level: LevelFilter) {
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_target(false)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .init();
}

fn run(
    config: &Config,
    access: Option<&Arc<FileAccess>>,
    may_skip_ipv6: bool,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .context("cannot start the runtime of the main thread")?;
    runtime.block_on(async {
        let mut signals = Signals::new().context("cannot listen for signals")?;
        let broker = start(config, access, may_skip_ipv6)?;
        for url in broker.local_urls() {
            tracing::info!("listening on {url}, {} shard(s)", config.shards);
        }
        let signal = loop {
            match signals.next().await {
                Signal::Reload => reload(&broker, access.map(|access| &**access)),
                Signal::Stop(signal) => break signal,
            }
        };
        let statistics = broker.statistics();
        tracing::info!(
            "{signal}: closing {} connections; {} messages came in, {} went out, {} were dropped",
            statistics.connections,
            statistics.publications_received,
            statistics.deliveries,
            statistics.dropped_output_full + statistics.dropped_queue_full,
        );
        broker.stop();
        Ok(())
    })
}

/// Reads again what may change while the broker runs. What has an error stays as it was.
fn reload(broker: &Broker, access: Option<&FileAccess>) {
    match broker.reload() {
        Ok(()) => tracing::info!("SIGHUP: certificates and keys are read again"),
        Err(error) => tracing::error!("SIGHUP: certificates and keys are not changed: {error}"),
    }
    let Some(access) = access else { return };
    match access.reload() {
        Ok(()) => {
            broker.recheck_access();
            tracing::info!("SIGHUP: passwords and rules are read again");
        }
        Err(error) => tracing::error!("SIGHUP: passwords and rules are not changed: {error}"),
    }
}

/// The broker of a configuration.
fn describe(
    config: &Config,
    access: Option<&Arc<FileAccess>>,
    listeners: &[Listener],
) -> anyhow::Result<broker::Builder> {
    let limits = config.limits.limits(broker::Limits::default().connections_max);
    let mut builder = Broker::builder()
        .shards(config.shards.get())
        .limits(limits)
        .features(config.features.features()?)
        .sys_interval(Duration::from_secs(config.sys_interval_seconds));
    if let Some(access) = access {
        builder = builder.shared_access(Arc::clone(access) as _);
    }
    if let Some(tls) = config.tls() {
        builder = builder.tls(tls);
    }
    Ok(listeners.iter().cloned().fold(builder, broker::Builder::listen))
}

fn start(
    config: &Config,
    access: Option<&Arc<FileAccess>>,
    may_skip_ipv6: bool,
) -> anyhow::Result<Broker> {
    let builder = |listeners: &[Listener]| describe(config, access, listeners);
    let mut listeners = config.listeners()?;
    match builder(&listeners)?.start() {
        // A machine without IPv6 has one loopback address less, unless it was asked for.
        Err(StartError::Listen { listener, error })
            if may_skip_ipv6 && listener.starts_with("mqtt://[::1]") && !is_in_use(&error) =>
        {
            tracing::debug!("not listening on {listener}: {error}");
            listeners.retain(|other| other.to_string() != listener);
            Ok(builder(&listeners)?.start()?)
        }
        result => Ok(result?),
    }
}

fn is_in_use(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::AddrInUse
}

/// What a signal asks for.
enum Signal {
    Reload,
    Stop(&'static str),
}

/// SIGINT, SIGTERM and SIGHUP.
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Stop("SIGINT"),
            _ = self.terminate.recv() => Signal::Stop("SIGTERM"),
            _ = self.hangup.recv() => Signal::Reload,
        }
    }
}
