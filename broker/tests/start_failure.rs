//! A broker that cannot start all of its threads leaves none behind. Alone in its process: the
//! limit of open files is the process's.

#![cfg(target_os = "linux")]

use std::fs;
use std::net::{SocketAddr, TcpListener};

use broker::{Broker, StartError};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// More than descriptors are left for: each shard needs a few.
const SHARDS: usize = 64;

fn open_descriptors() -> u64 {
    fs::read_dir("/proc/self/fd").expect("Linux has it").count() as u64
}

fn shard_threads() -> usize {
    let tasks = fs::read_dir("/proc/self/task").expect("Linux has it").flatten();
    let names = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.starts_with("kelvin-shard")).count()
}

#[test]
fn threads_that_have_started_end_when_a_later_one_cannot() {
    let limit = getrlimit(Resource::Nofile);
    let room = Rlimit { current: Some(open_descriptors() + 30), ..limit };
    let place = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
    let address = place.local_addr().expect("it is bound");
    drop(place);
    setrlimit(Resource::Nofile, room).expect("less is always allowed");
    let result = Broker::builder().listen(address).shards(SHARDS).start();
    setrlimit(Resource::Nofile, limit).expect("it was so before");
    let error = result.expect_err("there are too few descriptors");
    assert!(matches!(error, StartError::Shard(_)), "{error}");
    assert_eq!(shard_threads(), 0, "threads of the broker that did not start");
    drop(TcpListener::bind(address).expect("nobody listens there any more"));
    // What went wrong once does not stand in the way of another try.
    let broker = Broker::builder().listen(address).shards(2).start().expect("it starts");
    assert_eq!(broker.local_addresses(), [address]);
    broker.stop();
    assert_eq!(shard_threads(), 0);
}
