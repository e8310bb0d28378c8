//! What fuzzing starts from: valid and invalid inputs for each target.

use super::packets::Example;
use super::{packets, packets_v5};

/// Every packet of the codec's tables, those of MQTT 3.1 and 3.1.1 first.
pub(crate) fn packets() -> impl Iterator<Item = Example> {
    packets::all().chain(packets_v5::all())
}

/// Topic Filters and Topic Names, with a line feed between them.
pub(crate) const TOPICS: &[&str] = &[
    "sport/tennis/#\nsport/tennis/player1",
    "sport/#\nsport",
    "+/tennis/+\nsport/tennis/player1",
    "+/+\n/finance",
    "#\n$SYS/a",
    "$SYS/+/Clients\n$SYS/monitor/Clients",
    "a//b\na//b",
    "a/#/b\na+b",
    "é/+\né/𝄞",
];

/// What a connection begins with, for each version.
const CONNECTS: [&[u8]; 3] = [
    b"\x10\x0f\x00\x06MQIsdp\x03\x00\x00\x00\x00\x01a",
    b"\x10\x16\x00\x04MQTT\x04\x26\x00\x0a\x00\x01a\x00\x01w\x00\x04gone",
    b"\x10\x25\x00\x04MQTT\x05\x06\x00\x0a\x0b\x11\x00\x00\x00\x0a\x21\x00\x03\x22\x00\x02\x00\x01b\
        \x05\x18\x00\x00\x00\x05\x00\x01w\x00\x01x",
];

/// Whole connections for the target `connection`, whose first byte says how they come: all packets of
/// one version that are accepted, each alone and all of them one after another.
pub(crate) fn connections() -> Vec<Vec<u8>> {
    let all = [packets::all().collect::<Vec<_>>(), packets_v5::all().collect()];
    let mut connections = Vec::new();
    for connect in CONNECTS {
        let of_5_0 = usize::from(connect[8] == 5);
        let good = || all[of_5_0].iter().filter(|example| example.outcome.is_ok());
        let rest = || good().filter(|example| example.bytes[0] != 0x10);
        let mut stream = connect.to_vec();
        for (number, example) in rest().enumerate() {
            let how = u8::try_from(number % 32).unwrap_or_default();
            connections.push([&[how], connect, example.bytes].concat());
            if example.bytes[0] != 0xe0 {
                stream.extend_from_slice(example.bytes);
            }
        }
        connections.extend([0, 1, 16, 24].map(|how| [&[how], &stream[..]].concat()));
    }
    connections
}
