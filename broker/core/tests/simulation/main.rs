//! Simulations of a whole broker: a group of shards driven by hand, with Clients that come, go,
//! publish, subscribe and lose connections, checked after every step against a naive model.
//!
//! All of it is deterministic: proptest chooses the steps, nothing else chooses anything. The
//! broker's output is decoded with mqttbytes, so that a fault of its codec cannot hide.

mod client;
mod model;
mod steps;
mod world;

use proptest::collection::vec;
use proptest::prelude::*;

use steps::{Step, any_step};
use world::World;

/// Runs some steps, lets everything that is on its way arrive, and holds all that was promised
/// against what came.
fn simulate(shards: usize, window: u16, steps: Vec<Step>) {
    let mut world = World::new(shards, window);
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
        steps in vec(any_step(), 0..STEPS),
    ) {
        simulate(1, window, steps);
    }

    #[test]
    fn several_shards_do_what_the_model_does(
        shards in 2_usize..5,
        window in 1_u16..5,
        steps in vec(any_step(), 0..STEPS),
    ) {
        simulate(shards, window, steps);
    }
}
