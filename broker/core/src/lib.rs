//! The broker as a deterministic machine.
#![forbid(unsafe_code)]
pub mod codec;
mod limits;
mod message;
mod qos;
mod time;
pub mod topic;
/// x
#[derive(Debug)]
pub struct Statistics;
pub use limits::Limits;
pub use message::{Message, Publication};
pub use qos::QoS;
pub use time::Time;
