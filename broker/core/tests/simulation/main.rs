//! Simulations of a whole broker: a group of shards driven by hand, with Clients that come, go,
//! publish, subscribe and lose connections, checked after every step against a naive model.
//!
//! All of it is deterministic: proptest chooses the steps, nothing else chooses anything. Clients
//! speak 3.1.1 or 5.0. The broker's output is decoded with mqttbytes and with a reader of the tests,
//! so that a fault of its codec cannot hide.

mod client;
mod dialect;
mod model;
mod steps;
#[expect(dead_code, reason = "the tests of version 5 need more of it")]
#[path = "../version_5/wire.rs"]
mod wire;
mod world;

use proptest::collection::vec;
use proptest::prelude::*;

use steps::{Step, any_step};
use world::World;

/// Runs some steps, lets everything that is on its way arrive, and holds all that was promised
/// against what came.
fn simulate(shards: usize, window: u16, replay_bytes_max: usize, steps: Vec<Step>) {
    let mut world = World::new(shards, window, replay_bytes_max);
    for step in steps {
        world.take(step);
    }
    world.let_everything_arrive();
    world.check_deliveries();
    world.check_retained_messages_agree();
    world.end_all_sessions();
    world.check_that_nothing_is_left();
}

/// Steps of a run at most. `PROPTEST_CASES` sets the number of runs.
const STEPS: usize = 200;

proptest! {
    #[test]
    fn one_shard_does_what_the_model_does(
        window in 1_u16..5,
        replay_bytes_max in 0..300_usize,
        steps in vec(any_step(), 0..STEPS),
    ) {
        simulate(1, window, replay_bytes_max, steps);
    }

    #[test]
    fn several_shards_do_what_the_model_does(
        shards in 2_usize..5,
        window in 1_u16..5,
        replay_bytes_max in 0..300_usize,
        steps in vec(any_step(), 0..STEPS),
    ) {
        simulate(shards, window, replay_bytes_max, steps);
    }
}
