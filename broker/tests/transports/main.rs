//! The transports over real sockets, with clients made of other parts than the broker's.

mod clauses;
mod client;
mod delivery;
mod handshakes;
mod identities;
#[path = "../support/packets.rs"]
#[expect(dead_code, reason = "shared with other tests, which use all of it")]
mod packets;
mod reload_by_signal;
mod server;
mod tls;
mod unix_sockets;
mod web_socket;
