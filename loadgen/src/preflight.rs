//! The plan in numbers, before anything is connected, and an error when it cannot work.

use std::fmt;
use std::fs;

use crate::payload::StampPlace;
use crate::plan::Plan;
use crate::scenario::{Scenario, Target};
use crate::system::descriptors;
use crate::transport::{Address, CONNECTIONS_PER_SOURCE, Endpoint, Scheme};
use crate::units::{counted, fraction, grouped, nearest};

/// Ports that connections from one source address to one broker may use, when the system does not tell:
/// Linux's default range.
const PORTS: u64 = 28_232;

/// What a run with hardly a client takes: program, histograms, the last seconds' intervals. Measured.
const PROCESS_BYTES: u64 = 36 << 20;

/// User memory of one client: its connection, its place in the lists, its share of the poller.
const CLIENT_BYTES: u64 = 1_024;

/// Memory of one Client in the embedded broker, with its subscription and what it takes while it is written to.
const EMBEDDED_CLIENT_BYTES: u64 = 1_536;

/// Memory of a pair of publisher and subscriber in the ledger.
const PAIR_BYTES: u64 = 8;

/// Histograms and buffers of one thread.
const THREAD_BYTES: u64 = 4 << 20;

/// Bytes of a PUBLISH beside its topic and payload: fixed header, lengths, Packet Identifier.
const PUBLISH_BYTES: usize = 8;

/// What a run will do and need.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Preflight {
    publications_per_second: f64,
    deliveries_per_second: f64,
    packet_bytes: u64,
    clients: u64,
    /// Clients of the TCP port that most of them connect to: each port of the broker has the source ports anew.
    clients_of_port: u64,
    descriptors: u64,
    descriptors_max: u64,
    /// Ports of one source address; `None` where there are no ports.
    ports: Option<u64>,
    source_addresses: u64,
    memory_bytes: u64,
    memory_available: Option<u64>,
}

/// Why a plan cannot work, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PreflightError {
    /// Not enough ports.
    #[error(
        "{clients} connections to one broker need {needed} source addresses, for each has {ports} ports, and \
         there are {given}; give more with --ifaddr A,B,..., widen net.ipv4.ip_local_port_range, or use at \
         most --clients {possible}"
    )]
    Ports {
        /// Connections.
        clients: u64,
        /// Source addresses that they need.
        needed: u64,
        /// Source addresses that there are.
        given: u64,
        /// Ports of each.
        ports: u64,
        /// Connections that would fit.
        possible: u64,
    },
    /// Not enough memory.
    #[error(
        "the run needs about {} MB of memory, most of it 8 bytes for each of {} publisher-subscriber pairs, and \
         {} MB are available; use fewer --clients, or a --topology with fewer pairs",
        .needed / 1_000_000, grouped(*.pairs), .available / 1_000_000
    )]
    Memory {
        /// Bytes that are needed.
        needed: u64,
        /// Pairs of the ledger.
        pairs: u64,
        /// Bytes that there are.
        available: u64,
    },
}

/// What the machine has.
#[derive(Clone, Copy, Debug)]
struct Supply {
    descriptors_max: u64,
    ports: u64,
    memory_available: Option<u64>,
}

impl Preflight {
    /// Works the plan out and checks it against this machine.
    pub(crate) fn check(
        scenario: &Scenario,
        plan: &Plan,
        address: &Address,
    ) -> Result<Self, PreflightError> {
        let supply = Supply {
            descriptors_max: descriptors().1,
            ports: local_ports().unwrap_or(PORTS),
            memory_available: memory_available(),
        };
        Self::of(scenario, plan, address, supply)
    }

    fn of(
        scenario: &Scenario,
        plan: &Plan,
        address: &Address,
        supply: Supply,
    ) -> Result<Self, PreflightError> {
        let clients = u64::from(scenario.clients());
        let pairs = pairs(scenario, plan);
        let embedded = matches!(scenario.target, Target::Embedded { .. });
        let publications = scenario.publications_per_second();
        let packet = PUBLISH_BYTES + plan.topic_bytes_max() + scenario.overview.payload_bytes;
        let clients_of_port = clients_of_port(scenario, address);
        let (source_addresses, ports) = sources(scenario, address, supply.ports);
        let ports = ports.filter(|_| clients_of_port > 0);
        let plan = Self {
            publications_per_second: publications,
            deliveries_per_second: plan.deliveries_per_second(),
            packet_bytes: packet as u64,
            clients,
            clients_of_port,
            descriptors: clients * if embedded { 2 } else { 1 },
            descriptors_max: supply.descriptors_max,
            ports,
            source_addresses,
            memory_bytes: PROCESS_BYTES
                + clients * (CLIENT_BYTES + if embedded { EMBEDDED_CLIENT_BYTES } else { 0 })
                + pairs * PAIR_BYTES
                + u64::from(scenario.threads) * THREAD_BYTES,
            memory_available: supply.memory_available,
        };
        plan.ports_suffice()?;
        match plan.memory_available {
            Some(available) if plan.memory_bytes > available => {
                Err(PreflightError::Memory { needed: plan.memory_bytes, pairs, available })
            }
            _ => Ok(plan),
        }
    }

    fn ports_suffice(&self) -> Result<(), PreflightError> {
        let Some(ports) = self.ports else {
            return Ok(());
        };
        let possible = ports * self.source_addresses;
        if self.clients_of_port <= possible {
            return Ok(());
        }
        Err(PreflightError::Ports {
            clients: self.clients_of_port,
            needed: self.clients_of_port.div_ceil(ports.max(1)),
            given: self.source_addresses,
            ports,
            possible,
        })
    }
}

impl fmt::Display for Preflight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = |value: f64| grouped(nearest(value));
        let wire = fraction(self.packet_bytes);
        write!(
            f,
            "publications  {}/s, {} B/s on the wire\n\
             deliveries    {}/s, {} B/s on the wire\n\
             connections   {}, {} of {} open files",
            whole(self.publications_per_second),
            whole(self.publications_per_second * wire),
            whole(self.deliveries_per_second),
            whole(self.deliveries_per_second * wire),
            grouped(self.clients),
            grouped(self.descriptors),
            grouped(self.descriptors_max),
        )?;
        if let Some(ports) = self.ports {
            let addresses = counted(self.source_addresses, "source address");
            let each = if self.source_addresses == 1 { "" } else { " each" };
            write!(f, "\nports         {} of {addresses}{each}", grouped(ports))?;
        }
        write!(f, "\nmemory        about {} MB", self.memory_bytes.div_ceil(1_000_000))?;
        match self.memory_available {
            Some(available) => write!(f, " of {} MB available", grouped(available / 1_000_000)),
            None => Ok(()),
        }
    }
}

/// Pairs that the ledger keeps.
fn pairs(scenario: &Scenario, plan: &Plan) -> u64 {
    match scenario.overview.stamp_place {
        StampPlace::Nowhere => 0,
        StampPlace::Payload | StampPlace::Correlation | StampPlace::Mixed => plan.pairs(),
    }
}

/// Clients of the busiest TCP port of the broker; none where all doors are Unix sockets.
fn clients_of_port(scenario: &Scenario, address: &Address) -> u64 {
    let own = scenario.groups.iter().filter_map(|group| group.endpoint.as_ref());
    let is_unix = matches!(address, Address::Unix(_));
    let clients = |door: Option<&Endpoint>| -> u64 {
        let groups = scenario.groups.iter().filter(|group| group.endpoint.as_ref() == door);
        groups.map(|group| u64::from(group.clients)).sum()
    };
    let usual = if is_unix { 0 } else { clients(None) };
    let doors = own.filter(|door| door.scheme != Scheme::Unix).map(|door| clients(Some(door)));
    doors.chain([usual]).max().unwrap_or(0)
}

/// Source addresses, and the ports of each. A loopback broker is reached from as many as are needed.
fn sources(scenario: &Scenario, address: &Address, ports: u64) -> (u64, Option<u64>) {
    let given = scenario.options.source_addresses.len() as u64;
    match address {
        Address::Network(_) if given > 0 => (given, Some(ports)),
        Address::Network(address) if address.is_ipv4() && address.ip().is_loopback() => {
            let each = ports.clamp(1, CONNECTIONS_PER_SOURCE.into());
            (u64::from(scenario.clients()).div_ceil(each).max(1), Some(ports))
        }
        // Beside a Unix socket, groups may take a TCP port all the same.
        Address::Unix(_) | Address::Network(_) => (1, Some(ports)),
    }
}

fn local_ports() -> Option<u64> {
    let text = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    let mut bounds = text.split_whitespace().map(str::parse::<u64>);
    let (first, last) = (bounds.next()?.ok()?, bounds.next()?.ok()?);
    (last + 1).checked_sub(first)
}

fn memory_available() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = value.split_whitespace().next()?.parse().ok()?;
    kibibytes.checked_mul(1_024)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    const SUPPLY: Supply =
        Supply { descriptors_max: 20_000, ports: 28_000, memory_available: Some(8_000_000_000) };

    #[expect(clippy::unwrap_in_result, reason = "only the check may fail")]
    fn preflight(
        arguments: &str,
        address: &str,
        supply: Supply,
    ) -> Result<Preflight, PreflightError> {
        let scenario = scenario(arguments);
        let scenario = std::sync::Arc::new(scenario);
        let plan = Plan::new(&scenario, *b"abc").unwrap();
        Preflight::of(&scenario, &plan, &network(address), supply)
    }

    fn scenario(arguments: &str) -> Scenario {
        let words = ["loadgen"].into_iter().chain(arguments.split_whitespace());
        Scenario::resolve(&Cli::try_parse_from(words).unwrap(), String::new()).unwrap()
    }

    fn network(address: &str) -> Address {
        Address::Network(address.parse().unwrap())
    }

    #[test]
    fn the_main_job_in_numbers() {
        let plan = preflight("--clients 5000 --rate 3s", "127.0.0.1:1883", SUPPLY).unwrap();
        let text = plan.to_string();
        for line in [
            "publications  833/s, 43,333 B/s on the wire",
            "deliveries    2,083,333/s, 108,333,333 B/s on the wire",
            "connections   5,000, 10,000 of 20,000 open files",
            "ports         28,000 of 1 source address",
            "memory        about 105 MB of 8,000 MB available",
        ] {
            assert!(text.lines().any(|l| l == line), "no line `{line}` in\n{text}");
        }
    }

    #[test]
    fn connections_need_ports_unless_the_broker_is_on_loopback() {
        let many = "--clients 60000 --topology pairs -h broker";
        assert!(preflight(many, "127.0.0.1:1883", SUPPLY).is_ok());
        let error = preflight(many, "192.0.2.1:1883", SUPPLY).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("60000 connections to one broker need 3 source addresses"),
            "{text}"
        );
        assert!(text.ends_with("or use at most --clients 28000"), "{text}");
        let enough = format!("{many} --ifaddr 192.0.2.2,192.0.2.3,192.0.2.4");
        assert!(preflight(&enough, "192.0.2.1:1883", SUPPLY).is_ok());
    }

    #[test]
    fn each_port_of_the_broker_has_the_source_ports_anew() {
        let mut scenario = scenario("--clients 60000 --topology pairs -h broker");
        let check = |scenario: &Scenario, address: &Address| {
            let scenario = std::sync::Arc::new(scenario.clone());
            let plan = Plan::new(&scenario, *b"abc").unwrap();
            Preflight::of(&scenario, &plan, address, SUPPLY)
        };
        let remote = network("192.0.2.1:1883");
        assert!(matches!(
            check(&scenario, &remote),
            Err(PreflightError::Ports { clients: 60_000, .. })
        ));
        scenario.groups[0].endpoint = Some(Endpoint::tcp("broker", Some(1884)));
        // Thirty thousand each are still more than 28,000 ports.
        assert!(matches!(
            check(&scenario, &remote),
            Err(PreflightError::Ports { clients: 30_000, .. })
        ));
        let unix = Address::Unix("/run/mqtt".into());
        assert!(matches!(
            check(&scenario, &unix),
            Err(PreflightError::Ports { clients: 30_000, .. })
        ));
        scenario.groups[0].endpoint = None;
        assert!(check(&scenario, &unix).is_ok_and(|plan| plan.ports.is_none()));
    }

    #[test]
    fn a_ledger_that_does_not_fit_is_refused() {
        let supply = Supply { memory_available: Some(80_000_000), ..SUPPLY };
        let error = preflight("--clients 5000", "127.0.0.1:1883", supply).unwrap_err();
        assert!(error.to_string().contains("6,250,000 publisher-subscriber pairs"), "{error}");
        assert!(preflight("--clients 5000 --topology pairs", "127.0.0.1:1883", supply).is_ok());
    }
}
