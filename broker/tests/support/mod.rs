//! A broker within the test's process, and Clients that speak raw bytes over real sockets.
//!
//! Packets are built and read here by hand: neither the broker's codec nor a client library can
//! hide a fault by sharing it.

pub(crate) mod client;
pub(crate) mod packets;

use std::cell::{Cell, RefCell};
use std::io::Write;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use broker::{Broker, Builder, Limits, Statistics};
use broker_core::ShardGroup;

use client::Client;
use packets::Connect;

/// How long anything may take before a test gives up. Never reached when all is well.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// Fixed, so that a failure happens again.
const SEED: u64 = 20_261_124;

/// A running broker.
pub(crate) struct Server {
    broker: Broker,
    group: ShardGroup,
    identifiers: RefCell<Vec<(String, String)>>,
    opened: Cell<u64>,
}

/// Runs a test against brokers of 1, 2 and 4 shards.
pub(crate) fn everywhere(test: impl Fn(&Server)) {
    everywhere_with(&Limits::default(), test);
}

/// [`everywhere`] with limits other than the default.
pub(crate) fn everywhere_with(limits: &Limits, test: impl Fn(&Server)) {
    for shards in [1, 2, 4] {
        let _hint = Hint(shards);
        let limits = limits.clone();
        test(&Server::start(shards, |builder| builder.limits(limits)));
    }
}

/// The default limits with a change.
pub(crate) fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

/// Says on a failure how many shards there were.
struct Hint(usize);

impl Drop for Hint {
    fn drop(&mut self) {
        if thread::panicking() {
            writeln!(std::io::stderr(), "failed with {} shard(s)", self.0).unwrap_or_default();
        }
    }
}

impl Server {
    /// Starts a broker on a port that the system chooses.
    pub(crate) fn start(shards: usize, configure: impl FnOnce(Builder) -> Builder) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let builder = Broker::builder().listen(address).shards(shards).hash_seed(SEED);
        let broker = configure(builder).start().expect("the broker starts on a free port");
        let group = ShardGroup::new(shards, SEED);
        Self { broker, group, identifiers: RefCell::default(), opened: Cell::default() }
    }

    pub(crate) fn broker(&self) -> &Broker {
        &self.broker
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.broker.local_addresses()[0]
    }

    pub(crate) fn statistics(&self) -> Statistics {
        self.broker.statistics()
    }

    pub(crate) fn stop(self) {
        self.broker.stop();
    }

    /// The Client Identifier behind a name of the test. The first name lives on shard 0, the
    /// second on shard 1 and so on, so that what a test sends crosses shards where there are any.
    pub(crate) fn identifier(&self, name: &str) -> String {
        let mut identifiers = self.identifiers.borrow_mut();
        if let Some((_, identifier)) = identifiers.iter().find(|(known, _)| known == name) {
            return identifier.clone();
        }
        let shard = identifiers.len() % self.group.shards();
        let identifier = (0..10_000)
            .map(|number| format!("{name}{number}"))
            .find(|identifier| self.group.shard_of(identifier) == shard)
            .expect("one of many identifiers lives on the shard");
        identifiers.push((name.to_owned(), identifier.clone()));
        identifier
    }

    /// A Network Connection on which nothing has been sent.
    pub(crate) fn open(&self) -> Client {
        self.opened.set(self.opened.get() + 1);
        Client::open(self.address())
    }

    /// The CONNECT of a name: a clean session without keep alive.
    pub(crate) fn connect(&self, name: &str) -> Connect {
        Connect::new(&self.identifier(name))
    }

    /// A connected Client with a clean session.
    pub(crate) fn client(&self, name: &str) -> Client {
        self.accepted(&self.connect(name), false)
    }

    /// A connected Client whose session is kept, and had not been there.
    pub(crate) fn begin(&self, name: &str) -> Client {
        self.accepted(&self.connect(name).kept(), false)
    }

    /// A connected Client that goes on with its session.
    pub(crate) fn resume(&self, name: &str) -> Client {
        self.accepted(&self.connect(name).kept(), true)
    }

    /// A Client whose CONNECT is accepted, with or without Session Present.
    pub(crate) fn accepted(&self, connect: &Connect, session_present: bool) -> Client {
        let mut client = self.open();
        client.send(&connect.bytes());
        client.expect(&[0x20, 2, u8::from(session_present), 0]);
        client
    }

    /// Waits until the statistics say what they should.
    pub(crate) fn wait_for(&self, what: &str, holds: impl Fn(&Statistics) -> bool) {
        wait_until(what, || holds(&self.statistics()));
    }

    /// Waits until the broker has noticed that all Clients but `count` are gone.
    pub(crate) fn wait_for_connections(&self, count: u64) {
        self.wait_for("connections to be closed", |statistics| {
            // The figures may be older than the last connection.
            let opened = statistics.connections_opened
                + statistics.connections_refused
                + statistics.connections_refused_address
                + statistics.connections_refused_rate;
            opened >= self.opened.get() && statistics.connections == count
        });
    }
}

/// Waits for a condition, with a deadline.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < end, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Waits until all that `from` has sent has come to the shard of `to`, and has been handled there.
pub(crate) fn settle(from: &mut Client, to: &mut Client) {
    to.subscribe("settle", 0);
    from.publish("settle", "all is there");
    to.expect_message("settle", "all is there");
    to.unsubscribe("settle");
}
