//! Builds that are slow on purpose, to prove that the performance checks find what they must find.
//!
//! With the feature `slow-down` alone, and what is slow is fixed when it is built: `KELVIN_SLOW=PLACE:PERCENT`,
//! or several with commas between.
//! Nothing is slow without the variable. The places of this package are `codec`, each PUBLISH that is
//! read, and `matching`, each search for the subscribers of a Topic Name; those of the package
//! `broker` are `turn` and `flush`. The percentage is of what the place itself takes here; there, of
//! all that the thread does. `allocation` and `syscall` are no shares: the number is how many more each delivery
//! through a subscription makes.

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

/// What `place` can be.
const PLACES: [&str; 6] = ["codec", "matching", "turn", "flush", "allocation", "syscall"];

/// The percentage by which `place` is to be slowed down; 0 without `KELVIN_SLOW`, or when that does not name the
/// place.
///
/// # Panics
/// While it is built, when `KELVIN_SLOW` is not `PLACE:PERCENT`, or several with commas between, with known places
/// and two digits at most.
pub const fn percent(place: &str) -> u32 {
    let Some(setting) = option_env!("KELVIN_SLOW") else { return 0 };
    let mut rest = setting.as_bytes();
    let mut found = 0;
    while !rest.is_empty() {
        let (entry, after) = split(rest, b',');
        let (name, digits) = split(entry, b':');
        assert!(
            is_place(name),
            "KELVIN_SLOW is PLACE:PERCENT, with codec, matching, turn, flush, allocation or syscall as the place"
        );
        let percent = number(digits);
        if same(name, place.as_bytes()) {
            found = percent;
        }
        rest = after;
    }
    found
}

/// What stands before the first `at`, and what behind it.
const fn split(text: &[u8], at: u8) -> (&[u8], &[u8]) {
    let mut end = 0;
    while end < text.len() && text[end] != at {
        end += 1;
    }
    let (before, rest) = text.split_at(end);
    let (_, after) = rest.split_at(if rest.is_empty() { 0 } else { 1 });
    (before, after)
}

const fn is_place(name: &[u8]) -> bool {
    let mut at = 0;
    while at < PLACES.len() {
        if same(name, PLACES[at].as_bytes()) {
            return true;
        }
        at += 1;
    }
    false
}

const fn number(digits: &[u8]) -> u32 {
    assert!(digits.len() == 1 || digits.len() == 2, "the percentage of KELVIN_SLOW is 1 to 99");
    let mut number = 0;
    let mut at = 0;
    while at < digits.len() {
        assert!(digits[at].is_ascii_digit(), "the percentage of KELVIN_SLOW is a number");
        number = number * 10 + (digits[at] - b'0') as u32;
        at += 1;
    }
    number
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

/// To be called once for each subscriber that is delivered to.
#[inline]
pub(crate) fn delivery() {
    for _ in 0..const { percent("allocation") } {
        drop(black_box(Box::new(0_u8)));
    }
    for _ in 0..const { percent("syscall") } {
        // Nothing else that the standard library offers without a file is a system call each time.
        black_box(std::process::id());
    }
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
