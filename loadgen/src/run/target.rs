//! The broker of a run: an embedded one, or where somebody else's is.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use crate::scenario::{Scenario, Target};
use crate::system::{BrokerProcess, listening_process};
use crate::transport::{Address, Dialer, Endpoint, Place, TlsError, TlsOptions};

/// How long an embedded broker may take to stop. The process ends anyway.
const STOP: Duration = Duration::from_secs(5);

/// Why there is no broker to load.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The embedded broker did not start.
    #[error("the embedded broker could not be started: {0}")]
    Start(#[from] broker::StartError),
    /// It started, but listens nowhere.
    #[error("the embedded broker could not be started: it listens nowhere")]
    NoAddress,
    /// TLS cannot be spoken.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The host has no address.
    #[error("the address of {host} is not known: {source}; write the broker's address instead")]
    Resolve {
        /// The host.
        host: String,
        /// Why.
        source: io::Error,
    },
}

/// The broker of a run.
#[derive(Debug)]
pub(super) struct Broker {
    dialer: Dialer,
    process: BrokerProcess,
    /// What the user says the process is.
    told: Option<u32>,
    embedded: Option<broker::Broker>,
}

impl Broker {
    /// Starts or finds it.
    pub(super) fn start(scenario: &Scenario) -> Result<Self, TargetError> {
        match &scenario.target {
            Target::Embedded { shards } => embedded(usize::from(*shards)),
            Target::External(endpoint) => {
                external(endpoint, &scenario.tls, scenario.options.broker_pid)
            }
        }
    }

    /// What opens the connections of the groups that have a door of their own.
    pub(super) fn doors(scenario: &Scenario) -> Result<Arc<[Option<Dialer>]>, TargetError> {
        let door = |endpoint: &Endpoint| -> Result<Dialer, TargetError> {
            Ok(Dialer::new(endpoint, address(endpoint)?, &scenario.tls)?)
        };
        scenario.groups.iter().map(|group| group.endpoint.as_ref().map(door).transpose()).collect()
    }

    pub(super) fn dialer(&self) -> &Dialer {
        &self.dialer
    }

    /// Looks for its process, now that it has answered.
    pub(super) fn locate(&mut self) {
        if self.process == BrokerProcess::Unknown {
            let listening = || listening_process(self.dialer.address());
            let process = self.told.or_else(listening);
            self.process = process.map_or(BrokerProcess::Unknown, BrokerProcess::Local);
        }
    }

    pub(super) fn process(&self) -> BrokerProcess {
        self.process
    }

    /// Stops an embedded broker, or goes on without it when it takes too long.
    pub(super) fn stop(&mut self) {
        let Some(broker) = self.embedded.take() else {
            return;
        };
        let (stopped, wait) = mpsc::sync_channel(1);
        thread::spawn(move || {
            broker.stop();
            let _nobody_waits = stopped.send(());
        });
        let _too_long = wait.recv_timeout(STOP);
    }
}

fn embedded(shards: usize) -> Result<Broker, TargetError> {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let broker = broker::Broker::builder().listen(any_port).shards(shards).start()?;
    let address = broker.local_addresses().first().copied().ok_or(TargetError::NoAddress)?;
    let dialer = Dialer::plain(Address::Network(address));
    Ok(Broker { dialer, process: BrokerProcess::Embedded, told: None, embedded: Some(broker) })
}

fn external(
    endpoint: &Endpoint,
    options: &TlsOptions,
    told: Option<u32>,
) -> Result<Broker, TargetError> {
    let address = address(endpoint)?;
    let dialer = Dialer::new(endpoint, address, options)?;
    Ok(Broker { dialer, process: BrokerProcess::Unknown, told, embedded: None })
}

/// Where an endpoint is.
pub(super) fn address(endpoint: &Endpoint) -> Result<Address, TargetError> {
    match &endpoint.place {
        Place::Network { host, port, .. } => Ok(Address::Network(resolve(host, *port)?)),
        Place::Path(path) => Ok(Address::Unix(path.clone())),
    }
}

fn resolve(host: &str, port: u16) -> Result<SocketAddr, TargetError> {
    let fault = |source| TargetError::Resolve { host: host.to_owned(), source };
    let addresses: Vec<_> = (host, port).to_socket_addrs().map_err(fault)?.collect();
    // Brokers often listen on IPv4 alone, and `localhost` often means IPv6 first.
    addresses
        .iter()
        .find(|address| address.is_ipv4())
        .or_else(|| addresses.first())
        .copied()
        .ok_or_else(|| fault(io::ErrorKind::NotFound.into()))
}
