//! Any bytes, read as the Control Packets of a Client of MQTT 3.1.1, or of 3.1.

#![no_main]

use broker_core::{codec, topic};
use codec::ProtocolVersion;
use libfuzzer_sys::fuzz_target;

#[path = "../../core/tests/support/allocations.rs"]
mod allocations;
#[path = "../../core/src/codec/tests/any_packet.rs"]
mod any_packet;
#[path = "../../core/tests/hostile/control_packet.rs"]
mod control_packet;

fuzz_target!(|bytes: &[u8]| {
    control_packet::check(bytes, ProtocolVersion::V4);
});
