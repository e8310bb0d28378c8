//! The `broker` binary: a stand-alone MQTT broker.

mod cli;

use std::process::ExitCode;

use anyhow::Context;
use broker::{Broker, StartError};
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
        for address in broker.local_addresses() {
            tracing::info!("listening on mqtt://{address}, {} shard(s)", cli.shards());
        }
        let signal = signals.next().await;
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

fn start(cli: &Cli, descriptors: u64) -> Result<Broker, StartError> {
    let builder = || Broker::builder().shards(cli.shards()).limits(cli.limits(descriptors));
    let addresses = cli.addresses();
    match addresses.iter().fold(builder(), |builder, &address| builder.listen(address)).start() {
        // A machine without IPv6 has one loopback address less, unless it was asked for.
        Err(StartError::Listen { address, error })
            if cli.bind.is_empty() && address.is_ipv6() && !is_in_use(&error) =>
        {
            tracing::debug!("not listening on {address}: {error}");
            let rest = addresses.iter().filter(|&&other| other != address);
            rest.fold(builder(), |builder, &address| builder.listen(address)).start()
        }
        result => result,
    }
}

fn is_in_use(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::AddrInUse
}

/// SIGINT and SIGTERM.
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}
