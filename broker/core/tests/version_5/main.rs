//! What MQTT 5.0 added, on shards driven by hand: time is simulated, packets are written and read
//! apart from the broker's codec.

mod aliases;
mod broker;
mod delivering;
mod expiring;
mod sessions;
mod sharing;
mod wire;
