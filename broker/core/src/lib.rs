//! The MQTT broker as a deterministic machine: no sockets, no clock, no threads.
//!
//! [`Shard`] is the whole of it: bytes of Network Connections come in, bytes for others go out,
//! and the time is an argument. What drives it (threads, sockets, tokio) is the package `broker`;
//! a test or a bench drives it by hand:
//!
//! ```
//! use std::io::IoSlice;
//! use std::sync::Arc;
//! use broker_core::{Limits, Shard, ShardGroup, Time};
//!
//! let group = Arc::new(ShardGroup::new(1, 42));
//! let mut shard = Shard::new(group, 0, Limits::default(), None);
//! let connection = shard.open(Time::ZERO);
//! let connect = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a";
//! shard.handle_bytes(Time::from_millis(1), connection, connect);
//!
//! let mut slices = [IoSlice::new(&[]); 4];
//! let output = shard.output(connection).expect("it is open");
//! assert_eq!(output.slices(&mut slices), 1);
//! assert_eq!(&*slices[0], b"\x20\x02\x00\x00", "CONNACK, accepted");
//! ```
//!
//! Modules build on those before them: [`topic`], [`codec`], [`session`], then the shard.

#![forbid(unsafe_code)]

mod access;
mod features;
mod limits;
mod message;
mod payload;
mod qos;
mod statistics;
mod time;

pub mod topic;

pub mod codec;

pub mod session;

mod shard;

#[cfg(feature = "slow-down")]
pub mod slow_down;

pub use access::{
    Admission, Authenticator, Identity, Policy, Principal, Refusal, Rights, SessionAccess, Step,
};
pub use features::Features;
pub use limits::Limits;
pub use message::{Message, Publication};
pub use payload::Payload;
pub use qos::QoS;
pub use shard::{
    AuthenticationAnswer, AuthenticationStep, Client, CloseCause, Closed, ConnectionKey, Event,
    EventKinds, Forward, LARGE_PACKET_MIN, Observer, Output, SHARED_PAYLOAD_MIN, Shard, ShardGroup,
    Violation,
};
pub use statistics::Statistics;
pub use time::Time;
