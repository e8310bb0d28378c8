//! Who may come in and what they may do, over real sockets: by files, by an embedder's trait, after
//! a reload, and where other brokers forgot to ask.

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "the conformance tests use the rest")]
mod support;

mod credentials;
mod embedder;
mod files;
mod limits;
mod revocation;
mod rights;
