//! Walks through retained messages against a map of what was there from the first step to the last.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::retaining::{ROOMY, message};
use crate::topic::{FilterLevels, Retained, Step};

#[derive(Clone, Debug)]
enum Act {
    /// Stores a message, or deletes one without payload.
    Set(String, Vec<u8>),
    /// Takes so many steps.
    Walk(usize),
    /// Sends a message ahead, if there is one.
    LeaveOut(String),
}

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => (super::any_name(), vec(any::<u8>(), 0..2)).prop_map(|(t, p)| Act::Set(t, p)),
        3 => (0..4_usize).prop_map(Act::Walk),
        1 => super::any_name().prop_map(Act::LeaveOut),
    ]
}

/// Topics that a walk is to come to, with the payload that they had when it began.
type Due = BTreeMap<String, Vec<u8>>;

fn set(retained: &mut Retained, version: &mut u64, topic: &str, payload: &[u8]) {
    *version += 1;
    retained.set(&message(topic, payload), *version).expect("room");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn a_walk_finds_what_stays_and_nothing_twice(
        before in vec((super::any_name(), vec(any::<u8>(), 0..2)), 0..40),
        acts in vec(any_act(), 0..60),
        filter in super::any_filter(),
    ) {
        let mut retained = Retained::new(5, ROOMY);
        let mut version = 0;
        for (topic, payload) in &before {
            set(&mut retained, &mut version, topic, payload);
        }
        let filter = super::filter(&filter);
        let mut due = Due::new();
        retained.matches(filter, |m| {
            due.insert(m.topic.to_string(), m.payload.to_vec());
        });
        let levels = FilterLevels::new(filter);
        let mut walk = retained.begin_walk();
        let mut found = |retained: &mut Retained, due: &mut Due, mut steps: usize| loop {
            match retained.step(&mut walk, &levels, &mut steps) {
                Step::Found(m) => assert_eq!(due.remove(&*m.topic), Some(m.payload.to_vec())),
                Step::Paused => return (walk.clone(), false),
                Step::Done => return (walk.clone(), true),
            }
        };
        for act in acts {
            match act {
                Act::Set(topic, payload) => {
                    set(&mut retained, &mut version, &topic, &payload);
                    due.remove(&topic);
                }
                Act::LeaveOut(topic) => {
                    let place = retained.get(super::name(&topic)).map(|(place, _)| place);
                    if let Some(place) = place {
                        retained.leave_out(place);
                        due.remove(&topic);
                    }
                }
                Act::Walk(steps) => {
                    let (walk, _) = found(&mut retained, &mut due, steps);
                    for (topic, _) in &before {
                        if let Some((place, _)) = retained.get(super::name(topic))
                            && filter.matches(super::name(topic))
                        {
                            let ahead = retained.is_ahead(&walk, place);
                            prop_assert_eq!(ahead, due.contains_key(topic), "{}", topic);
                        }
                    }
                }
            }
        }
        let (_, done) = found(&mut retained, &mut due, 10_000);
        prop_assert!(done && due.is_empty(), "{:?} was not found", due);
    }
}

/// What a walk stands on stays until it goes on, and no longer.
#[test]
fn a_walk_that_ends_leaves_nothing_behind() {
    let mut retained = Retained::new(5, ROOMY);
    for number in 0..3 {
        retained.set(&message(&format!("a/{number}/b"), b"1"), number + 1).expect("room");
    }
    let levels = FilterLevels::new(super::filter("a/+/b"));
    let mut walks: Vec<_> = (0..4).map(|_| retained.begin_walk()).collect();
    for (count, walk) in walks.iter_mut().enumerate() {
        for _ in 0..count {
            let step = retained.step(walk, &levels, &mut 100);
            assert!(matches!(step, Step::Found(_)));
        }
    }
    // So many deletions that the first are forgotten.
    for number in 0..5_000 {
        retained.set(&message(&format!("a/{number}/b"), b""), number + 10).expect("deleted");
    }
    let nodes = retained.nodes();
    assert!(nodes > 2 * 4_096 + 1, "{nodes}: the walks hold theirs");
    for walk in walks {
        retained.end_walk(walk);
    }
    assert_eq!(retained.nodes(), 2 * 4_096 + 1);
}

/// The steps bound the work of one call, whatever there is to be found.
#[test]
fn steps_bound_a_search_in_vain() {
    let mut retained = Retained::new(5, ROOMY);
    for number in 0..1_000 {
        retained.set(&message(&format!("{number}/a"), b"1"), number + 1).expect("room");
    }
    let levels = FilterLevels::new(super::filter("+/b"));
    let mut walk = retained.begin_walk();
    let calls = (1..100).find(|_| retained.step(&mut walk, &levels, &mut 100) == Step::Done);
    assert!(calls.is_some_and(|calls| (10..=11).contains(&calls)), "{calls:?}");
}
