//! Builds that are slow on purpose, to prove that the performance checks find what they must find.
//!
//! With the feature `slow-down` alone, and what is slow is fixed when it is built: `KELVIN_SLOW=PLACE:PERCENT`,
//! or several with commas between.
//! Nothing is slow without the variable.
//!
//! | place | where the work is added | the number is |
//! |---|---|---|
//! | `codec` | each PUBLISH that is read | percent of what the place itself takes |
//! | `matching` | each search in the tree of filters | percent of what the place itself takes |
//! | `read` | each PUBLISH that is read | percent of all that the thread does |
//! | `route` | each publication whose subscribers are looked up, also in the match cache | percent of all that the thread does |
//! | `turn` | a turn of the package `broker`, in the program | percent of all that the thread does |
//! | `flush` | a turn of the package `broker`, in the system | percent of all that the thread does |
//! | `allocation`, `syscall` | each delivery through a subscription | how many more it makes |
//!
//! What a share of the thread comes to, the package `broker` measures, which may look at a clock. For `read` and
//! `route` it tells this package what the thread [owes](owe), and the next calls pay it in equal parts.

use std::cell::Cell;
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
const PLACES: [&str; 8] =
    ["codec", "matching", "read", "route", "turn", "flush", "allocation", "syscall"];

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
            "KELVIN_SLOW is PLACE:PERCENT, with codec, matching, read, route, turn, flush, allocation or syscall as the place"
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
    if const { percent("read") } != 0 {
        DEBT.with(Debt::pay);
    }
}

/// To be called once for each publication, before its subscribers are looked up.
#[inline]
pub(crate) fn route() {
    if const { percent("route") } != 0 {
        DEBT.with(Debt::pay);
    }
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

/// Rounds of [`waste`] at once, some 200 ns: a call that has fewer to pay leaves them to the next. To enter and leave
/// the loop costs some 20 ns, which for each publication at QoS 0 would be another five per cent of it.
pub const PART: u32 = 400;

thread_local! {
    static DEBT: Debt = const { Debt::none() };
}

/// What a thread has yet to waste in `read` or `route`.
#[derive(Debug)]
struct Debt {
    calls: Cell<u32>,
    owed: Cell<u32>,
    left: Cell<u32>,
    each_call: Cell<u32>,
    /// What the calls came to since the last that paid.
    due: Cell<u32>,
}

/// What a thread wasted in `read` and `route` since it was asked before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paid {
    /// How often it came there.
    pub calls: u32,
    /// Rounds of [`waste`].
    pub rounds: u32,
}

/// What this thread wasted in `read` and `route` since the last time. To be followed by [`owe`]: until then it
/// owes nothing.
pub fn take_paid() -> Paid {
    DEBT.with(Debt::take_paid)
}

/// Makes this thread waste so many rounds in its next calls of `read` or `route`, never more: evenly, if there are as many as
/// `calls`, and no fewer than [`PART`] at once. What is left is [not paid](take_paid).
pub fn owe(rounds: u32, calls: u32) {
    DEBT.with(|debt| debt.owe(rounds, calls));
}

/// Wastes time in the program: what a round of it takes can be measured.
#[inline(never)]
pub fn waste(rounds: u32) {
    spend(rounds);
}

impl Debt {
    const fn none() -> Self {
        Self {
            calls: Cell::new(0),
            owed: Cell::new(0),
            left: Cell::new(0),
            each_call: Cell::new(0),
            due: Cell::new(0),
        }
    }

    #[inline]
    fn pay(&self) {
        self.calls.set(self.calls.get() + 1);
        let due = self.due.get().saturating_add(self.each_call.get()).min(self.left.get());
        if due < PART {
            self.due.set(due);
            return;
        }
        self.due.set(0);
        self.left.set(self.left.get() - due);
        waste(due);
    }

    fn take_paid(&self) -> Paid {
        let rounds = self.owed.take() - self.left.take();
        Paid { calls: self.calls.take(), rounds }
    }

    fn owe(&self, rounds: u32, calls: u32) {
        self.owed.set(rounds);
        self.left.set(rounds);
        self.each_call.set(rounds.div_ceil(calls.max(1)));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_owed_is_paid_in_equal_parts_and_never_twice() {
        let debt = Debt::none();
        debt.owe(3 * PART, 3);
        debt.pay();
        assert_eq!(debt.take_paid(), Paid { calls: 1, rounds: PART });
        debt.owe(3 * PART, 3);
        for _ in 0..5 {
            debt.pay();
        }
        assert_eq!(debt.take_paid(), Paid { calls: 5, rounds: 3 * PART });
    }

    #[test]
    fn nothing_is_paid_before_it_is_owed() {
        let debt = Debt::none();
        debt.pay();
        assert_eq!(debt.take_paid(), Paid { calls: 1, rounds: 0 });
        assert_eq!(debt.take_paid(), Paid::default());
    }

    #[test]
    fn small_parts_are_paid_together_and_what_is_too_small_is_left() {
        let debt = Debt::none();
        debt.owe(PART + PART / 2, 6);
        for _ in 0..3 {
            debt.pay();
        }
        assert_eq!(debt.take_paid(), Paid { calls: 3, rounds: 0 });
        debt.owe(PART + PART / 2, 6);
        for _ in 0..9 {
            debt.pay();
        }
        assert_eq!(debt.take_paid(), Paid { calls: 9, rounds: PART });
    }

    #[test]
    fn without_a_number_of_calls_the_first_pays_all() {
        let debt = Debt::none();
        debt.owe(PART + 7, 0);
        debt.pay();
        assert_eq!(debt.take_paid(), Paid { calls: 1, rounds: PART + 7 });
    }
}
