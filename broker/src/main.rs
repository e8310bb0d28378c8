//! The `broker` binary: a stand-alone MQTT broker.

mod cli;
mod listen;

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Context;
use broker::{Broker, Builder, Listener, StartError};
use clap::Parser;
use tracing::level_filters::LevelFilter;

use cli::Cli;

/// Messages of many sizes live and die on one thread: measured against the system's allocator in
/// ARCHITECTURE.md.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The run could not be carried out.
const EXIT_UNABLE: u8 = 3;

fn main() -> ExitCode {
    let cli = Cli::parse();
    log_to_stderr(cli.log_level());
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::from(EXIT_UNABLE)
        }
    }
}

fn log_to_stderr(level: LevelFilter) {
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_target(false)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .init();
}

fn run(cli: &Cli) -> anyhow::Result<()> {
    let descriptors = cli::raise_descriptor_limit();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .context("cannot start the runtime of the main thread")?;
    runtime.block_on(async {
        let mut signals = Signals::new().context("cannot listen for signals")?;
        let broker = start(cli, descriptors)?;
        for url in broker.local_urls() {
            tracing::info!("listening on {url}, {} shard(s)", cli.shards());
        }
        let signal = loop {
            match signals.next().await {
                "SIGHUP" => reload(&broker),
                signal => break signal,
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

fn reload(broker: &Broker) {
    match broker.reload() {
        Ok(()) => tracing::info!("SIGHUP: certificates and keys are read again"),
        Err(error) => tracing::error!("SIGHUP: nothing is changed: {error}"),
    }
}

fn start(cli: &Cli, descriptors: u64) -> Result<Broker, StartError> {
    let builder = |addresses: &[SocketAddr]| {
        let builder = Broker::builder().shards(cli.shards()).limits(cli.limits(descriptors));
        let builder = cli.listen.tls().into_iter().fold(builder, Builder::tls);
        let listeners = addresses.iter().copied().map(Listener::from);
        listeners.chain(cli.listen.listeners().cloned()).fold(builder, Builder::listen)
    };
    let addresses = cli.addresses();
    let (ipv6, ipv4) = addresses.iter().partition::<Vec<_>, _>(|address| address.is_ipv6());
    match builder(&addresses).start() {
        // A machine without IPv6 has one loopback address less, unless it was asked for.
        Err(StartError::Listen { listener, error })
            if cli.bind.is_empty()
                && !is_in_use(&error)
                && ipv6.iter().any(|&address| Listener::from(address).to_string() == listener) =>
        {
            tracing::debug!("not listening on {listener}: {error}");
            builder(&ipv4).start()
        }
        result => result,
    }
}

fn is_in_use(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::AddrInUse
}

/// SIGINT, SIGTERM and SIGHUP.
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.hang_up.recv() => "SIGHUP",
        }
    }
}
