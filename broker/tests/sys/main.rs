//! What the broker publishes under `$SYS`, over real sockets.

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "the conformance tests use the rest")]
mod support;
#[path = "../support/v5/mod.rs"]
#[expect(dead_code, reason = "the conformance tests use the rest")]
mod v5;

mod figures;
mod publishing;
mod watcher;
