//! Builds that are slow on purpose, to prove that the performance checks find what they must find.
//!
//! With the feature `slow-down` alone, and what is slow is fixed when it is built: `KELVIN_SLOW=PLACE:PERCENT`.
//! Nothing is slow without the variable. The places of this package are `codec`, each PUBLISH that is
//! read, and `matching`, each search for the subscribers of a Topic Name; those of the package
//! `broker` are `turn` and `flush`. The percentage is of what the place itself takes here; there, of
//! all that the thread does.

use std::hint::black_box;

/// Instructions to read a PUBLISH at most, as callgrind counts them: 328 at QoS 0 of MQTT 3.1.1, 517 with a Topic
/// Alias. Properties besides it cost more.
const CODEC: u32 = 520;

/// Instructions to find the subscribers of a name of five levels in a tree of a thousand filters.
const MATCHING: u32 = 3_000;

/// Instructions of [`spend`] without its rounds.
const SETUP: u32 = 3;

/// Instructions that one round of it costs.
const ROUND: u32 = 4;

/// The percentage by which `place` is to be slowed down; 0 without `KELVIN_SLOW`, or when that names another
/// place.
///
/// # Panics
/// While it is built, when `KELVIN_SLOW` is not `PLACE:PERCENT` with a known place and two digits at most.
pub const fn percent(place: &str) -> u32 {
    let Some(setting) = option_env!("KELVIN_SLOW") else { return 0 };
    let setting = setting.as_bytes();
    let mut colon = 0;
    while colon < setting.len() && setting[colon] != b':' {
        colon += 1;
    }
    let (name, digits) = setting.split_at(colon);
    assert!(
        same(name, b"codec")
            || same(name, b"matching")
            || same(name, b"turn")
            || same(name, b"flush"),
        "KELVIN_SLOW is PLACE:PERCENT, with codec, matching, turn or flush as the place"
    );
    assert!(digits.len() == 2 || digits.len() == 3, "the percentage of KELVIN_SLOW is 1 to 99");
    let mut percent = 0;
    let mut at = 1;
    while at < digits.len() {
        assert!(digits[at].is_ascii_digit(), "the percentage of KELVIN_SLOW is a number");
        percent = percent * 10 + (digits[at] - b'0') as u32;
        at += 1;
    }
    if same(name, place.as_bytes()) { percent } else { 0 }
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}

const fn rounds(place: &str, instructions: u32) -> u32 {
    let wanted = (percent(place) * instructions).div_ceil(100);
    wanted.saturating_sub(SETUP).div_ceil(ROUND)
}

/// To be called once for each PUBLISH that is read.
#[inline]
pub(crate) fn codec() {
    spend(const { rounds("codec", CODEC) });
}

/// To be called once for each search in the tree of filters.
#[inline]
pub(crate) fn matching() {
    spend(const { rounds("matching", MATCHING) });
}

#[inline]
fn spend(rounds: u32) {
    if rounds == 0 {
        return;
    }
    // A number that the compiler knows would be unrolled, to a third of the instructions.
    for round in 0..black_box(rounds) {
        black_box(round);
    }
}
