//! What is typed after `broker`, and what it means.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::time::Duration;

use broker::Limits;
use clap::Parser;

use crate::listen::ListenArguments;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::level_filters::LevelFilter;

/// The port that MQTT has from IANA.
const PORT_DEFAULT: u16 = 1883;

/// Descriptors that are no connections: listeners, epoll, the log.
const DESCRIPTORS_RESERVED: u64 = 64;

const EXAMPLES: &str = "\
Examples:
  broker                              on 127.0.0.1 and ::1, port 1883
  broker --port 1884 --shards 2       two threads, each with its own clients
  broker --bind 0.0.0.0               for other machines too: anybody may come in
  broker --listen ws://127.0.0.1 --listen unix:/run/broker.socket
  broker --listen mqtts://0.0.0.0 --tls-cert chain.pem --tls-key key.pem
  mosquitto_sub -t temperature -v     what the sensors say
  loadgen --clients 5000 --rate 3s -h 127.0.0.1

Exit status:
  0   stopped by SIGINT or SIGTERM, connections closed
  2   usage error
  3   could not run, such as when the port is in use";

/// An MQTT broker: 3.1 and 3.1.1, QoS 0 to 2, one thread per shard.
///
/// Everything is kept in memory. Each limit, when it is hit, is counted and never crashes.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Cli {
    /// TCP port; 0 lets the system choose [default: 1883]
    #[arg(short, long)]
    port: Option<u16>,

    /// Address to listen on, repeatable [default: both loopback addresses]
    ///
    /// There is no authentication: on any other address everybody who reaches it may come in.
    #[arg(short, long, value_name = "ADDRESS")]
    pub(crate) bind: Vec<IpAddr>,

    #[command(flatten)]
    pub(crate) listen: ListenArguments,

    /// Threads that share the clients
    ///
    /// One is best when the load generator needs the other core; see docs in ARCHITECTURE.md.
    #[arg(long, value_name = "N", default_value = "1")]
    shards: NonZeroUsize,

    /// Connections at once [default: what the descriptor limit allows]
    #[arg(long, value_name = "N", help_heading = "Limits")]
    max_connections: Option<usize>,

    /// Bytes of one packet
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().packet_bytes_max, help_heading = "Limits")]
    max_packet_size: usize,

    /// Bytes that wait for one slow connection; past it QoS 0 messages to it are dropped
    #[arg(long, value_name = "BYTES", default_value_t = Limits::default().output_bytes_max, help_heading = "Limits")]
    max_output: usize,

    /// QoS 1 and 2 messages of one session that are sent and not yet acknowledged
    #[arg(long, value_name = "N", default_value_t = Limits::default().inflight_max, help_heading = "Limits", value_parser = clap::value_parser!(u16).range(1..))]
    max_inflight: u16,

    /// QoS 1 and 2 messages that wait in one session; past it the newest are dropped
    #[arg(long, value_name = "N", default_value_t = Limits::default().queued_messages_max, help_heading = "Limits")]
    max_queued: usize,

    /// Seconds from the opening of a connection to its CONNECT
    #[arg(long, value_name = "SECONDS", default_value_t = Limits::default().connect_timeout.as_secs(), help_heading = "Limits")]
    connect_timeout: u64,

    /// Say more: each connection that ends
    #[arg(short, long)]
    verbose: bool,

    /// Say errors only
    #[arg(short, long, conflicts_with = "verbose")]
    quiet: bool,
}

impl Cli {
    pub(crate) const fn log_level(&self) -> LevelFilter {
        match (self.quiet, self.verbose) {
            (true, _) => LevelFilter::ERROR,
            (false, true) => LevelFilter::DEBUG,
            (false, false) => LevelFilter::INFO,
        }
    }

    pub(crate) const fn shards(&self) -> usize {
        self.shards.get()
    }

    /// Both loopback addresses unless others, or other listeners alone, are named: `localhost` may
    /// mean either.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        if self.bind.is_empty() && self.port.is_none() && self.listen.is_given() {
            return Vec::new();
        }
        let loopback = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        let addresses = if self.bind.is_empty() { &loopback[..] } else { &self.bind };
        let port = self.port.unwrap_or(PORT_DEFAULT);
        addresses.iter().map(|&address| SocketAddr::new(address, port)).collect()
    }

    /// `descriptors` is how many this process may open.
    pub(crate) fn limits(&self, descriptors: u64) -> Limits {
        let mut limits = Limits::default();
        let room = descriptors.saturating_sub(DESCRIPTORS_RESERVED);
        limits.connections_max = self.max_connections.unwrap_or_else(|| {
            limits.connections_max.min(usize::try_from(room).unwrap_or(usize::MAX))
        });
        limits.packet_bytes_max = self.max_packet_size;
        limits.output_bytes_max = self.max_output;
        limits.inflight_max = self.max_inflight;
        limits.queued_messages_max = self.max_queued;
        limits.handshake_timeout = self.listen.handshake_timeout();
        limits.connect_timeout = Duration::from_secs(self.connect_timeout);
        limits
    }
}

/// Lets this process open as many descriptors as it may ask for; returns how many that are.
pub(crate) fn raise_descriptor_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!("cannot raise the limit of open files: {error}");
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_documented_invocation_parses() {
        let cli = Cli::parse_from(["broker", "--port", "1883"]);
        assert_eq!(cli.addresses().len(), 2);
        assert_eq!(cli.limits(1064).connections_max, 1000);
    }

    #[test]
    fn listeners_replace_the_default_and_join_what_is_asked_for() {
        let count = |arguments: &[&str]| {
            let arguments = ["broker", "--listen", "ws://[::1]"].iter().chain(arguments);
            let cli = Cli::parse_from(arguments);
            (cli.addresses().len(), cli.listen.listeners().count())
        };
        assert_eq!(count(&[]), (0, 1));
        assert_eq!(count(&["--listen", "unix:/run/a"]), (0, 2));
        assert_eq!(count(&["--port", "1884"]), (2, 1));
        assert_eq!(count(&["--bind", "127.0.0.1"]), (1, 1));
    }
}
