//! Any bytes as what a hostile Client sends, to a shard that has a well-behaved one.

#![no_main]

use std::cell::RefCell;

use libfuzzer_sys::fuzz_target;

#[path = "../../core/tests/hostile/connection.rs"]
mod connection;

thread_local! {
    /// One for all runs: each leaves it as it was, or fails.
    static WORLD: RefCell<connection::World> = RefCell::new(connection::World::new());
}

fuzz_target!(|bytes: &[u8]| {
    WORLD.with_borrow_mut(|world| world.check(bytes));
});
