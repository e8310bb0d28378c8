//! Enhanced authentication on a shard driven by hand: its steps are taken when the test says so.

use std::io::IoSlice;
use std::sync::Arc;

use broker_core::codec::ReasonCode;
use broker_core::{
    Admission, AuthenticationAnswer, Authenticator, CloseCause, ConnectionKey, Limits, Principal,
    Shard, ShardGroup, Step, Time,
};

/// A CONNECT of MQTT 5.0: Client Identifier `a`, method `m`.
const CONNECT: &[u8] = b"\x10\x12\0\x04MQTT\x05\x02\0\0\x04\x15\0\x01m\0\x01a";
/// AUTH that asks for re-authentication by that method.
const AGAIN: &[u8] = b"\xf0\x06\x19\x04\x15\0\x01m";
/// AUTH that goes on.
const GO_ON: &[u8] = b"\xf0\x06\x18\x04\x15\0\x01m";
/// AUTH of success.
const PROVED: &[u8] = b"\xf0\x06\x00\x04\x15\0\x01m";

/// Asks once, then is content.
struct Asks;

impl Authenticator for Asks {
    fn start(&mut self, _: Option<&[u8]>) -> Step {
        Step::Continue(vec![7])
    }

    fn proceed(&mut self, _: Option<&[u8]>) -> Step {
        Step::Success { principal: Principal::default(), data: None }
    }
}

fn shard() -> Shard {
    Shard::new(Arc::new(ShardGroup::new(1, 1)), 0, Limits::default(), None)
}

/// Opens a Network Connection that has sent its CONNECT.
fn begin(shard: &mut Shard) -> ConnectionKey {
    let key = shard.open(Time::ZERO);
    shard.admit(key, Admission::Authenticator(Box::new(Asks)));
    shard.handle_bytes(Time::ZERO, key, CONNECT);
    key
}

fn take_step(shard: &mut Shard) -> AuthenticationAnswer {
    assert!(shard.has_work(), "the driver is to look for steps");
    shard.poll_authentication().expect("a step is to be taken").take()
}

/// What waits for a connection, which is then written.
fn output(shard: &mut Shard, key: ConnectionKey) -> Vec<u8> {
    let mut slices = [IoSlice::new(&[]); 4];
    let Some(output) = shard.output(key) else { return Vec::new() };
    let count = output.slices(&mut slices);
    let bytes: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.to_vec()).collect();
    shard.advance(key, bytes.len());
    bytes
}

/// A Client that is in.
fn connected(shard: &mut Shard) -> ConnectionKey {
    let key = begin(shard);
    let answer = take_step(shard);
    shard.handle_authentication(Time::ZERO, answer);
    assert_eq!(output(shard, key), b"\xf0\x0a\x18\x08\x15\0\x01m\x16\0\x01\x07");
    assert!(!shard.is_client(key), "it has proved nothing yet");
    shard.handle_bytes(Time::ZERO, key, GO_ON);
    let answer = take_step(shard);
    shard.handle_authentication(Time::ZERO, answer);
    assert_eq!(output(shard, key)[0], 0x20);
    assert!(shard.is_client(key));
    key
}

#[test]
fn a_client_is_in_when_the_last_step_is_taken() {
    let mut shard = shard();
    let key = connected(&mut shard);
    for _ in 0..2 {
        shard.handle_bytes(Time::ZERO, key, AGAIN);
        let answer = take_step(&mut shard);
        shard.handle_authentication(Time::ZERO, answer);
        assert_eq!(output(&mut shard, key)[2], ReasonCode::ContinueAuthentication.code());
        shard.handle_bytes(Time::ZERO, key, GO_ON);
        // Other packets do not wait for the step.
        shard.handle_bytes(Time::ZERO, key, b"\xc0\0");
        assert_eq!(output(&mut shard, key), b"\xd0\0");
        let answer = take_step(&mut shard);
        shard.handle_authentication(Time::ZERO, answer);
        assert_eq!(output(&mut shard, key), PROVED);
    }
    assert!(shard.poll_authentication().is_none());
}

/// A connection that ends while a step is taken gets no answer, and neither does the one that has
/// its place.
#[test]
fn an_answer_to_a_connection_that_has_gone_reaches_nobody() {
    let mut shard = shard();
    let gone = begin(&mut shard);
    let late = take_step(&mut shard);
    shard.handle_closed(Time::ZERO, gone, CloseCause::Lost);
    assert!(!shard.is_open(gone));
    while let Some(closed) = shard.poll_closed() {
        shard.remove(closed.key);
    }
    let next = begin(&mut shard);
    shard.handle_authentication(Time::ZERO, late);
    assert!(output(&mut shard, gone).is_empty() && output(&mut shard, next).is_empty());
    let statistics = shard.statistics();
    assert_eq!((statistics.connects_accepted, statistics.sessions), (0, 0));
}

/// One whose session is taken over in the middle of a re-authentication leaves the newer alone.
#[test]
fn a_take_over_ends_a_reauthentication() {
    let mut shard = shard();
    let older = connected(&mut shard);
    shard.handle_bytes(Time::ZERO, older, AGAIN);
    let late = take_step(&mut shard);
    let newer = connected(&mut shard);
    assert_eq!(output(&mut shard, older)[2], ReasonCode::SessionTakenOver.code());
    shard.handle_authentication(Time::ZERO, late);
    assert!(output(&mut shard, older).is_empty() && output(&mut shard, newer).is_empty());
    assert!(shard.is_client(newer));
}

/// The time that a CONNECT has does not begin anew with a step.
#[test]
fn the_exchange_ends_with_the_time_of_the_connect() {
    let mut shard = shard();
    let key = begin(&mut shard);
    let answer = take_step(&mut shard);
    let almost = Time::ZERO + Limits::default().connect_timeout;
    shard.handle_authentication(Time::from_millis(almost.as_millis() - 1), answer);
    shard.handle_timeout(Time::from_millis(almost.as_millis() - 1));
    assert!(shard.is_open(key));
    shard.handle_timeout(almost);
    assert!(!shard.is_open(key));
    assert_eq!(shard.statistics().connect_timeouts, 1);
}

#[test]
fn a_step_that_cannot_be_taken_refuses() {
    let mut shard = shard();
    let key = begin(&mut shard);
    let step = shard.poll_authentication().expect("a step is to be taken");
    shard.handle_authentication(Time::ZERO, AuthenticationAnswer::unavailable(step.key()));
    assert_eq!(output(&mut shard, key), b"\x20\x03\0\x88\0");
    assert!(!shard.is_open(key));
}
