//! Every limit at work over real sockets, at 3.1.1 and 5.0, and `docs/limits.md` held against them.

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "the conformance tests use the rest")]
mod support;
#[path = "../support/v5/mod.rs"]
#[expect(dead_code, reason = "the conformance tests use the rest")]
mod v5;

mod at_work;
mod table;
