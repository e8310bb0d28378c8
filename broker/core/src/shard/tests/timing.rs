//! Keep alive and the time for a CONNECT, to the millisecond.

use std::time::Duration;

use super::super::{CloseCause, Closed, Shard};
use super::{client, connect, shard, take_output};
use crate::time::Time;

const PINGREQ: [u8; 2] = [0xc0, 0];

/// Lets the time pass as a driver does, timer by timer, up to `end`.
fn pass(shard: &mut Shard, end: Time) {
    while let Some(time) = shard.poll_timeout().filter(|time| *time <= end) {
        shard.handle_timeout(time);
        assert!(shard.poll_timeout().is_none_or(|next| next > time), "a timer does not go on");
    }
    shard.handle_timeout(end);
}

/// When and why the next connection is closed, up to an hour from now.
fn next_close(shard: &mut Shard, now: Time) -> Option<(u64, CloseCause)> {
    for millis in now.as_millis()..now.as_millis() + 3_600_000 {
        let time = Time::from_millis(millis);
        if shard.poll_timeout().is_some_and(|timeout| timeout <= time) {
            shard.handle_timeout(time);
        }
        if let Some(Closed { key, cause, .. }) = shard.poll_closed() {
            shard.remove(key);
            return Some((millis, cause));
        }
    }
    None
}

#[test]
fn silence_ends_at_one_and_a_half_times_the_keep_alive() {
    for keep_alive in [1, 10, 39, 40, 41, 60, 600] {
        let mut shard = shard(|_| {});
        let start = Time::from_millis(1234);
        client(&mut shard, start, b'a', keep_alive);
        let end = 1234 + u64::from(keep_alive) * 1500;
        assert_eq!(next_close(&mut shard, start), Some((end, CloseCause::KeepAliveTimeout)));
        assert_eq!(shard.statistics().keep_alive_timeouts, 1);
        pass(&mut shard, Time::from_millis(end + 60_000));
        assert_eq!(shard.poll_timeout(), None, "no timer is left");
    }
}

#[test]
fn every_packet_starts_the_keep_alive_anew() {
    let mut shard = shard(|_| {});
    let key = client(&mut shard, Time::ZERO, b'a', 10);
    let mut last = Time::ZERO;
    for step in [14_999, 1, 14_999, 7_000, 14_999] {
        last = last + Duration::from_millis(step);
        pass(&mut shard, last);
        shard.handle_bytes(last, key, &PINGREQ);
        assert_eq!(take_output(&mut shard, key), [0xd0, 0]);
    }
    let end = last.as_millis() + 15_000;
    assert_eq!(next_close(&mut shard, last), Some((end, CloseCause::KeepAliveTimeout)));
}

#[test]
fn without_keep_alive_silence_may_last() {
    let mut shard = shard(|_| {});
    client(&mut shard, Time::ZERO, b'a', 0);
    assert_eq!(next_close(&mut shard, Time::ZERO), None);
    assert_eq!(shard.poll_timeout(), None, "no timer runs for it");
}

#[test]
fn a_connect_must_come_in_time_and_whole() {
    for sent in [0, 1, 14] {
        let mut shard = shard(|limits| limits.connect_timeout = Duration::from_secs(7));
        let start = Time::from_millis(99);
        let key = shard.open(start);
        shard.handle_bytes(start, key, &connect(b'a', 1)[..sent]);
        assert_eq!(next_close(&mut shard, start), Some((7099, CloseCause::ConnectTimeout)));
        assert_eq!(shard.statistics().connect_timeouts, 1);
    }
}

#[test]
fn a_late_timer_closes_only_what_is_overdue() {
    let mut shard = shard(|_| {});
    client(&mut shard, Time::ZERO, b'a', 10);
    let lively = client(&mut shard, Time::ZERO, b'b', 10);
    shard.handle_bytes(Time::from_millis(20_000), lively, &PINGREQ);
    shard.handle_timeout(Time::from_millis(30_000));
    let closed = shard.poll_closed().expect("one of them is overdue");
    assert_eq!(closed.client_identifier.as_deref(), Some("a"));
    assert_eq!(shard.poll_closed(), None);
}

#[test]
fn connections_that_come_and_go_leave_their_timers_for_a_minute_at_most() {
    let mut shard = shard(|_| {});
    for number in 0..10_000 {
        let now = Time::from_millis(number);
        let key = client(&mut shard, now, b'a', u16::MAX);
        shard.handle_closed(now, key, CloseCause::Lost);
        while let Some(Closed { key, .. }) = shard.poll_closed() {
            shard.remove(key);
        }
    }
    pass(&mut shard, Time::from_millis(10_000 + 60_000));
    assert_eq!(shard.poll_timeout(), None);
    assert_eq!(shard.statistics().connections, 0);
}
