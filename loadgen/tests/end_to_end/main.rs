//! The binary from end to end: against a scripted broker that misbehaves on purpose, and against
//! the embedded one.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod closed_loop;
mod command_line;
mod compare;
mod connect;
mod duet;
mod embedded;
mod faults;
mod interruption;
mod loadgen;
mod merge;
mod prometheus;
mod refusals;
mod scenarios;
mod scripted;
mod search;
mod thresholds;
mod transports;
mod truth;
mod version_5;
#[path = "../witness/client.rs"]
mod witness;
