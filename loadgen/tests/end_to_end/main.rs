//! The binary from end to end: against a scripted broker that misbehaves on purpose, and against
//! the embedded one.

mod command_line;
mod embedded;
mod faults;
mod interruption;
mod loadgen;
mod refusals;
mod scripted;
