//! [`Output`] against one plain queue of bytes.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::output::{BufferPool, Output};
use crate::payload::Payload;

#[derive(Clone, Debug)]
enum Step {
    /// A packet of so many bytes.
    Append(usize),
    /// A payload of so many bytes, shared.
    AppendShared(usize),
    /// The socket takes so much of what a write of so many slices offers.
    Write { slices: usize, share: f64 },
    /// The connection has nothing to do: its buffer goes back, and comes again.
    Idle,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => prop_oneof![12 => 1_usize..40, 1 => 1_usize..40_000].prop_map(Step::Append),
        2 => (1_usize..3000).prop_map(Step::AppendShared),
        4 => (1_usize..6, prop_oneof![Just(1.0), 0.0..1.0])
            .prop_map(|(slices, share)| Step::Write { slices, share }),
        1 => Just(Step::Idle),
    ]
}

/// Bytes that tell their place.
fn bytes(from: &mut u32, count: usize) -> Vec<u8> {
    let mut next = || {
        *from = from.wrapping_add(1);
        from.wrapping_mul(2_654_435_761).to_be_bytes()[0]
    };
    (0..count).map(|_| next()).collect()
}

fn offered(output: &Output, slots: usize) -> Vec<Vec<u8>> {
    let mut slices = vec![IoSlice::new(&[]); slots];
    let count = output.slices(&mut slices);
    assert!(count <= slots);
    slices[..count].iter().map(|slice| slice.to_vec()).collect()
}

fn check(steps: Vec<Step>) {
    let (mut output, mut pool) = (Output::default(), BufferPool::default());
    let mut plain: VecDeque<u8> = VecDeque::new();
    let mut counter = 0;
    for step in steps {
        match step {
            Step::Append(count) => {
                let bytes = bytes(&mut counter, count);
                output.lend(&mut pool);
                output.append(&bytes);
                plain.extend(bytes);
            }
            Step::AppendShared(count) => {
                let payload = Payload::from(bytes(&mut counter, count));
                output.lend(&mut pool);
                output.append_shared(&payload);
                plain.extend(payload.iter());
            }
            Step::Write { slices, share } => {
                let bytes = offered(&output, slices).concat();
                assert!(plain.iter().take(bytes.len()).eq(&bytes), "the front is offered");
                assert_eq!(bytes.is_empty(), plain.is_empty(), "something is offered");
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    clippy::cast_precision_loss,
                    reason = "a share of a small number"
                )]
                let written = (bytes.len() as f64 * share) as usize;
                plain.drain(..written);
                assert_eq!(output.advance(written), plain.is_empty());
            }
            Step::Idle if plain.is_empty() => output.give_back(&mut pool),
            Step::Idle => {}
        }
        assert_eq!(output.pending(), plain.len());
        if let Some(slice) = output.as_slice() {
            assert!(plain.iter().eq(slice), "all in one piece");
        }
    }
    let all = offered(&output, 1000).concat();
    assert!(plain.iter().eq(&all), "nothing is missing at the end");
}

proptest! {
    #[test]
    fn output_is_a_queue_of_bytes(steps in vec(any_step(), 0..100)) {
        check(steps);
    }
}

#[test]
fn many_slices_are_offered_as_far_as_there_is_room() {
    let mut output = Output::default();
    let payload = Payload::from(vec![7; 2048]);
    for _ in 0..100 {
        output.append(b"head");
        output.append_shared(&payload);
    }
    assert_eq!(offered(&output, 1), [b"head"]);
    assert_eq!(offered(&output, 64).len(), 64);
    assert_eq!(offered(&output, 1000).len(), 200);
    // A write that ends within a payload.
    output.advance(4 + 2048 + 4 + 100);
    assert_eq!(offered(&output, 2)[0].len(), 1948);
    assert_eq!(output.pending(), 98 * 2052 + 1948);
    assert_eq!(output.as_slice(), None);
}

#[test]
fn a_payload_is_let_go_when_it_is_written() {
    let mut output = Output::default();
    let bytes: Arc<[u8]> = vec![7; 2048].into();
    let payload = Payload::from(Arc::clone(&bytes));
    output.append_shared(&payload);
    output.append_shared(&payload);
    drop(payload);
    assert_eq!(Arc::strong_count(&bytes), 3);
    output.advance(2048);
    assert_eq!(Arc::strong_count(&bytes), 2);
    output.advance(2048);
    assert_eq!(Arc::strong_count(&bytes), 1);
    assert_eq!(output.as_slice(), Some(&[][..]));
}
