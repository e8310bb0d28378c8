//! What is typed after `broker`, and what it means.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use broker::Limits;
use clap::{Parser, Subcommand};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::{Config, ConfigError, LogLevel, PORT, listener_url};
use crate::listen::ListenArguments;
use crate::passwd::Passwd;

/// Descriptors that are no connections: listeners, epoll, the log.
const DESCRIPTORS_RESERVED: u64 = 64;

const EXAMPLES: &str = "\
Examples:
  broker                              on 127.0.0.1 and ::1, port 1883
  broker --port 1884 --shards 2       two threads, each with its own clients
  broker passwd users alice           asks for a password
  broker --bind 0.0.0.0 --password-file users
                                      for other machines too
  broker --bind 0.0.0.0 --allow-anonymous
                                      anybody may come in
  broker --listen ws://127.0.0.1 --listen unix:/run/broker.socket
  broker --listen mqtts://0.0.0.0 --tls-cert chain.pem --tls-key key.pem --password-file users
  broker --config kelvin.toml --check-config
                                      what the file says, with all defaults
  mosquitto_sub -t temperature -v     what the sensors say
  loadgen --clients 5000 --rate 3s -h 127.0.0.1

SIGHUP reads certificates, keys, passwords and rules again; a file with an error changes nothing.

Exit status:
  0   stopped by SIGINT or SIGTERM, connections closed
  2   usage error, or an error in a configuration file
  3   could not run, such as when the port is in use";

/// An MQTT broker: 3.1, 3.1.1 and 5.0 over TCP, TLS, WebSocket and Unix sockets, one thread per
/// shard.
///
/// Everything is kept in memory. Each limit, when it is hit, is counted and never crashes.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = EXAMPLES,
    max_term_width = 100,
    args_conflicts_with_subcommands = true
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// Configuration file; the flags override it
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Check the configuration and the files it names, print it with all defaults, and stop
    #[arg(long)]
    pub(crate) check_config: bool,

    /// TCP port; 0 lets the system choose [default: 1883]
    #[arg(short, long)]
    port: Option<u16>,

    /// Address to listen on, repeatable [default: both loopback addresses]
    ///
    /// On any other address clients must prove who they are, unless --allow-anonymous is said.
    #[arg(short, long, value_name = "ADDRESS")]
    bind: Vec<IpAddr>,

    #[command(flatten)]
    pub(crate) listen: ListenArguments,

    /// Threads that share the clients [default: 1]
    ///
    /// One is best when the load generator needs the other core; ARCHITECTURE.md has the figures.
    #[arg(long, value_name = "N")]
    shards: Option<NonZeroUsize>,

    /// Seconds between two publications of what the broker counts, under $SYS/broker; 0 for none
    /// [default: 10]
    #[arg(long, value_name = "SECONDS")]
    sys_interval: Option<u64>,

    /// Users and hashes, as `broker passwd` and `mosquitto_passwd` make them
    #[arg(long, value_name = "FILE", help_heading = "Access")]
    password_file: Option<PathBuf>,

    /// Who may publish and subscribe to what, in mosquitto's format
    #[arg(long, value_name = "FILE", help_heading = "Access")]
    acl_file: Option<PathBuf>,

    /// Let clients in that give no user name [default: on loopback without a password file]
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        help_heading = "Access"
    )]
    allow_anonymous: Option<bool>,

    /// Connections at once [default: what the descriptor limit allows]
    #[arg(long, value_name = "N", help_heading = "Limits")]
    max_connections: Option<usize>,

    /// Connections at once from one address; 0 for any number [default: 0]
    #[arg(long, value_name = "N", help_heading = "Limits")]
    max_connections_per_address: Option<usize>,

    /// New connections in one second; 0 for any number [default: 0]
    #[arg(long, value_name = "N", help_heading = "Limits")]
    max_connect_rate: Option<u32>,

    /// Bytes of one packet [default: 16777216]
    #[arg(long, value_name = "BYTES", help_heading = "Limits")]
    max_packet_size: Option<usize>,

    /// Bytes that wait for one slow connection; past it QoS 0 messages to it are dropped
    /// [default: 8388608]
    #[arg(long, value_name = "BYTES", help_heading = "Limits")]
    max_output: Option<usize>,

    /// QoS 1 and 2 messages of one session that are sent and not yet acknowledged [default: 256]
    #[arg(long, value_name = "N", help_heading = "Limits", value_parser = clap::value_parser!(u16).range(1..))]
    max_inflight: Option<u16>,

    /// QoS 1 and 2 messages that wait in one session; past it the newest are dropped
    /// [default: 1000]
    #[arg(long, value_name = "N", help_heading = "Limits")]
    max_queued: Option<usize>,

    /// Seconds from the opening of a connection to its CONNECT [default: 10]
    #[arg(long, value_name = "SECONDS", help_heading = "Limits")]
    connect_timeout: Option<u64>,

    /// Say more: each connection that ends
    #[arg(short, long)]
    verbose: bool,

    /// Say errors only
    #[arg(short, long, conflicts_with = "verbose")]
    quiet: bool,
}

/// What else the binary can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Passwd(Passwd),
}

impl Cli {
    /// The configuration: the file's, where flags say nothing. `descriptors` is how many this
    /// process may open.
    pub(crate) fn config(&self, descriptors: u64) -> Result<Config, ConfigError> {
        let mut config = match &self.config {
            Some(path) => Config::load(path)?,
            None => Config::default(),
        };
        if self.port.is_some() || !self.bind.is_empty() || self.listen.is_given() {
            config.listeners = self.listeners();
        }
        set(&mut config.shards, self.shards);
        set(&mut config.sys_interval_seconds, self.sys_interval);
        set_some(&mut config.access.password_file, self.password_file.as_ref());
        set_some(&mut config.access.acl_file, self.acl_file.as_ref());
        set_some(&mut config.access.allow_anonymous, self.allow_anonymous.as_ref());
        match (self.quiet, self.verbose) {
            (true, _) => config.log_level = LogLevel::Error,
            (false, true) => config.log_level = LogLevel::Debug,
            (false, false) => {}
        }
        self.listen.set_tls(&mut config.tls);
        self.set_limits(&mut config, descriptors);
        config.resolve()
    }

    /// Both loopback addresses unless others, or other listeners alone, are named: `localhost` may
    /// mean either.
    fn listeners(&self) -> Vec<String> {
        let others = self.listen.listeners().map(ToString::to_string);
        if self.bind.is_empty() && self.port.is_none() && self.listen.is_given() {
            return others.collect();
        }
        let loopback = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        let addresses = if self.bind.is_empty() { &loopback[..] } else { &self.bind };
        let port = self.port.unwrap_or(PORT);
        addresses.iter().map(|&address| listener_url(address, port)).chain(others).collect()
    }

    fn set_limits(&self, config: &mut Config, descriptors: u64) {
        let limits = &mut config.limits;
        set_some(&mut limits.connections_max, self.max_connections.as_ref());
        set(&mut limits.connections_per_address_max, self.max_connections_per_address);
        set(&mut limits.connections_per_second_max, self.max_connect_rate);
        set(&mut limits.packet_bytes_max, self.max_packet_size);
        set(&mut limits.output_bytes_max, self.max_output);
        set(&mut limits.inflight_max, self.max_inflight);
        set(&mut limits.queued_messages_max, self.max_queued);
        set(&mut limits.connect_timeout_seconds, self.connect_timeout);
        set(&mut limits.handshake_timeout_seconds, self.listen.handshake_timeout);
        let room = descriptors.saturating_sub(DESCRIPTORS_RESERVED);
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        let room = Limits::default().connections_max.min(room);
        limits.connections_max.get_or_insert(room);
    }

    /// Whether the addresses are the ones that nobody named.
    pub(crate) fn listens_by_default(&self, config: &Config) -> bool {
        self.bind.is_empty()
            && (self.port.is_some() || config.listeners == Config::default().listeners)
    }
}

fn set<T>(setting: &mut T, flag: Option<T>) {
    if let Some(value) = flag {
        *setting = value;
    }
}

fn set_some<T: Clone>(setting: &mut Option<T>, flag: Option<&T>) {
    if let Some(value) = flag {
        *setting = Some(value.clone());
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
        let config = cli.config(1064).expect("good settings");
        assert_eq!(config, Config { limits: config.limits.clone(), ..resolved() });
        assert_eq!(config.limits.connections_max, Some(1000));
    }

    /// The default as a broker on loopback runs it.
    fn resolved() -> Config {
        Config::default().resolve().expect("good settings")
    }

    #[test]
    fn the_defaults_that_the_help_names_are_the_defaults() {
        let help = Cli::command().term_width(400).render_long_help().to_string();
        let limits = Limits::default();
        for number in [
            limits.packet_bytes_max,
            limits.output_bytes_max,
            limits.inflight_max.into(),
            limits.queued_messages_max,
            PORT.into(),
        ] {
            assert!(help.contains(&format!("[default: {number}]")), "{number}");
        }
        assert_eq!(limits.connect_timeout.as_secs(), 10);
    }

    #[test]
    fn another_address_needs_credentials_or_a_word() {
        let config = |arguments: &[&str]| {
            Cli::parse_from([&["broker", "--bind", "0.0.0.0"], arguments].concat()).config(1064)
        };
        let error = config(&[]).expect_err("nobody proves anything").to_string();
        assert!(error.contains("--allow-anonymous") && error.contains("--password-file"));
        assert_eq!(config(&["--allow-anonymous"]).expect("said").access_files(), None);
        let files = config(&["--password-file", "users"]).expect("safe").access_files();
        assert!(!files.expect("access control").allow_anonymous);
        assert!(config(&["--allow-anonymous=false"]).is_err(), "nobody could come in");
    }

    #[test]
    fn listeners_replace_the_default_and_join_what_is_asked_for() {
        let count = |arguments: &[&str]| {
            let arguments = ["broker", "--listen", "ws://[::1]"].iter().chain(arguments);
            let cli = Cli::parse_from(arguments);
            (cli.listeners().len() - cli.listen.listeners().count(), cli.listen.listeners().count())
        };
        assert_eq!(count(&[]), (0, 1));
        assert_eq!(count(&["--listen", "unix:/run/a"]), (0, 2));
        assert_eq!(count(&["--port", "1884"]), (2, 1));
        assert_eq!(count(&["--bind", "127.0.0.1"]), (1, 1));
    }
}
