//! How many Network Connections there may be, in all, from one address and in one second.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use broker_core::{Limits, Statistics, Time};

/// Counts the Network Connections of a broker.
#[derive(Debug)]
pub(crate) struct Permits {
    connections_max: usize,
    per_address_max: usize,
    per_second_max: u32,
    counts: Arc<Counts>,
    second: Mutex<Second>,
    refused: AtomicU64,
    refused_address: AtomicU64,
    refused_rate: AtomicU64,
}

#[derive(Debug, Default)]
struct Counts {
    connections: AtomicUsize,
    /// Addresses that have connections now; kept only when there is a limit for them.
    addresses: Mutex<HashMap<IpAddr, usize>>,
}

/// Connections that came in a second of the broker's clock.
#[derive(Debug, Default)]
struct Second {
    number: u64,
    came: u32,
}

/// The right to one Network Connection, until it is dropped.
#[derive(Debug)]
pub(crate) struct ConnectionPermit {
    counts: Arc<Counts>,
    /// What it counts for where addresses are counted: elsewhere it takes no room.
    address: Option<Box<IpAddr>>,
}

/// The limit that does not allow another Network Connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoPermit {
    #[error("the limit of {0} connections is reached")]
    Connections(usize),
    #[error("the limit of {0} connections from one address is reached")]
    Address(usize),
    #[error("the limit of {0} connections in one second is reached")]
    Rate(u32),
}

impl Permits {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            connections_max: limits.connections_max,
            per_address_max: limits.connections_per_address_max,
            per_second_max: limits.connections_per_second_max,
            counts: Arc::default(),
            second: Mutex::default(),
            refused: AtomicU64::new(0),
            refused_address: AtomicU64::new(0),
            refused_rate: AtomicU64::new(0),
        }
    }

    /// `address` is where the Network Connection comes from, `None` for this machine's own.
    pub(crate) fn take(
        &self,
        address: Option<IpAddr>,
        now: Time,
    ) -> Result<ConnectionPermit, NoPermit> {
        let result = self.try_take(address, now);
        let counter = match result {
            Ok(_) => return result,
            Err(NoPermit::Connections(_)) => &self.refused,
            Err(NoPermit::Address(_)) => &self.refused_address,
            Err(NoPermit::Rate(_)) => &self.refused_rate,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        result
    }

    fn try_take(&self, address: Option<IpAddr>, now: Time) -> Result<ConnectionPermit, NoPermit> {
        if self.per_second_max > 0 && !self.counts_in_second(now) {
            return Err(NoPermit::Rate(self.per_second_max));
        }
        // Gives back what it has counted when it is dropped on the way out.
        let mut permit = ConnectionPermit { counts: Arc::clone(&self.counts), address: None };
        if self.counts.connections.fetch_add(1, Ordering::Relaxed) >= self.connections_max {
            return Err(NoPermit::Connections(self.connections_max));
        }
        if let (Some(address), true) = (address.map(network), self.per_address_max > 0) {
            let mut addresses = lock(&self.counts.addresses);
            let count = addresses.entry(address).or_default();
            if *count >= self.per_address_max {
                return Err(NoPermit::Address(self.per_address_max));
            }
            *count += 1;
            permit.address = Some(Box::new(address));
        }
        Ok(permit)
    }

    fn counts_in_second(&self, now: Time) -> bool {
        let number = now.as_millis() / 1000;
        let mut second = lock(&self.second);
        if second.number != number {
            *second = Second { number, came: 0 };
        }
        let may = second.came < self.per_second_max;
        second.came += u32::from(may);
        may
    }

    pub(crate) fn add_to(&self, statistics: &mut Statistics) {
        // Some wait for their CONNECT and belong to no shard yet.
        statistics.connections = self.counts.connections.load(Ordering::Relaxed) as u64;
        statistics.connections_refused += self.refused.load(Ordering::Relaxed);
        statistics.connections_refused_address += self.refused_address.load(Ordering::Relaxed);
        statistics.connections_refused_rate += self.refused_rate.load(Ordering::Relaxed);
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.counts.connections.fetch_sub(1, Ordering::Relaxed);
        let Some(address) = self.address.as_deref() else { return };
        let mut addresses = lock(&self.counts.addresses);
        if let Some(count) = addresses.get_mut(address) {
            *count -= 1;
            if *count == 0 {
                addresses.remove(address);
            }
        }
    }
}

/// What counts as one address: of IPv6 the /64, all of which one host may use.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & (u128::MAX << 64)).into()),
        address @ IpAddr::V4(_) => address,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(connections: usize, per_address: usize, per_second: u32) -> Permits {
        let mut limits = Limits::default();
        limits.connections_max = connections;
        limits.connections_per_address_max = per_address;
        limits.connections_per_second_max = per_second;
        Permits::new(&limits)
    }

    fn take(permits: &Permits, address: &str) -> Result<ConnectionPermit, NoPermit> {
        permits.take(address.parse().ok(), Time::ZERO)
    }

    #[test]
    fn what_is_refused_leaves_no_trace() {
        let permits = permits(2, 1, 0);
        let first = take(&permits, "10.0.0.1").expect("the first");
        let refused = take(&permits, "10.0.0.1");
        assert_eq!(refused.err(), Some(NoPermit::Address(1)));
        let second = take(&permits, "::ffff:10.0.0.2").expect("another one");
        let refused = take(&permits, "10.0.0.3");
        assert_eq!(refused.err(), Some(NoPermit::Connections(2)));
        drop(first);
        assert!(take(&permits, "10.0.0.2").is_err());
        drop(second);
        assert!(take(&permits, "10.0.0.2").is_ok());
        assert!(lock(&permits.counts.addresses).is_empty());
        let mut statistics = Statistics::default();
        permits.add_to(&mut statistics);
        assert_eq!(statistics.connections, 0);
        assert_eq!(
            (statistics.connections_refused, statistics.connections_refused_address),
            (1, 2)
        );
    }

    #[test]
    fn the_addresses_of_one_host_count_together() {
        let permits = permits(9, 1, 0);
        let _first = take(&permits, "2001:db8::1").expect("the first");
        assert!(take(&permits, "2001:db8::2").is_err());
        assert!(take(&permits, "2001:db8:0:1::2").is_ok());
    }

    #[test]
    fn each_second_begins_anew() {
        let permits = permits(9, 0, 2);
        let take = |millis| permits.take(None, Time::from_millis(millis)).is_ok();
        assert_eq!([0, 1, 999, 1000, 1001, 1002].map(take), [true, true, false, true, true, false]);
    }
}
