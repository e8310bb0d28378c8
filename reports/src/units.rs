//! Figures as people read them: three digits that matter, a unit that fits, thousands separated.

/// Digits of a figure that matter.
const DIGITS: i32 = 3;

/// A count with its thousands separated: `2,083,333`.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A rate to the whole number above ten, to three digits below: `2,083,333`, `0.333`.
pub(crate) fn rate(per_second: f64) -> String {
    if per_second >= 10.0 { whole(per_second) } else { significant(per_second) }
}

/// A duration given in microseconds: `0.52 µs`, `210 µs`, `24.0 ms`, `1.20 s`.
pub(crate) fn microseconds(value: f64) -> String {
    scaled(value, 1_000.0, &["µs", "ms", "s"])
}

/// A duration given in nanoseconds: `34.1 ns`, `1.20 µs`.
pub(crate) fn nanoseconds(value: f64) -> String {
    scaled(value, 1_000.0, &["ns", "µs", "ms", "s"])
}

/// A size, in the decimal units of storage and of networks: `78.0 MB`.
pub(crate) fn bytes(value: u64) -> String {
    scaled(float(value), 1_000.0, &["B", "kB", "MB", "GB", "TB"])
}

/// The same of a figure that is no whole number.
pub(crate) fn metric_bytes(value: f64) -> String {
    scaled(value, 1_000.0, &["B", "kB", "MB", "GB", "TB"])
}

/// A figure with at most three digits after the point, none of them for nothing: `2`, `2.5`.
pub(crate) fn trimmed(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A throughput: `12.3 M`, to be followed by what is counted.
pub(crate) fn metric(value: f64) -> String {
    scaled(value, 1_000.0, &["", "k", "M", "G", "T"])
}

/// A part of a whole in per cent, rounded down so that `100 %` means all of it; `-` of nothing.
pub(crate) fn share(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    let hundredths = u128::from(part) * 10_000 / u128::from(whole);
    match hundredths {
        10_000 => "100 %".to_owned(),
        0 if part > 0 => "under 0.01 %".to_owned(),
        0 => "0 %".to_owned(),
        _ => format!("{}.{:02} %", hundredths / 100, hundredths % 100),
    }
}

/// Seconds without digits that say nothing: `3 s`, `0.25 s`.
pub(crate) fn seconds(value: f64) -> String {
    let text = format!("{value:.2}");
    format!("{} s", text.trim_end_matches('0').trim_end_matches('.'))
}

#[expect(clippy::cast_precision_loss, reason = "for display; exact below 2^53")]
pub(crate) fn float(value: u64) -> f64 {
    value as f64
}

/// Divides by `step` until the figure, as it will be shown, fits its unit.
fn scaled(value: f64, step: f64, units: &[&str]) -> String {
    let mut value = value;
    let mut units = units.iter();
    let mut unit = units.next().copied().unwrap_or_default();
    // 999.6 is shown as 1,000, so it belongs to the next unit.
    while value >= step - 0.5
        && let Some(next) = units.next()
    {
        value /= step;
        unit = next;
    }
    format!("{} {unit}", significant(value)).trim_end().to_owned()
}

/// Three digits that matter, and every digit before the point.
fn significant(value: f64) -> String {
    if !value.is_finite() {
        return "-".to_owned();
    }
    if value.abs() < 0.000_5 {
        return "0".to_owned();
    }
    if value.abs() >= 99.95 {
        return whole(value);
    }
    // 9.996 is shown as 10.0, not as 10.00.
    let decimals = match value.abs() {
        v if v >= 9.995 => DIGITS - 2,
        v if v >= 0.999_5 => DIGITS - 1,
        _ => DIGITS,
    };
    format!("{value:.*}", usize::try_from(decimals).unwrap_or_default())
}

/// Rounds to a whole number, which may not be negative.
fn whole(value: f64) -> String {
    if !value.is_finite() {
        return "-".to_owned();
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, and a negative figure has no meaning here"
    )]
    let rounded = value.round() as u64;
    count(rounded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        for (value, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (62_500_000, "62,500,000"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ] {
            assert_eq!(count(value), text);
        }
    }

    #[test]
    fn a_duration_has_the_unit_that_fits_and_three_digits() {
        for (value, text) in [
            (0.0, "0 µs"),
            (0.000_1, "0 µs"),
            (0.52, "0.520 µs"),
            (1.0, "1.00 µs"),
            (9.996, "10.0 µs"),
            (99.96, "100 µs"),
            (210.4, "210 µs"),
            (999.4, "999 µs"),
            (999.6, "1.00 ms"),
            (24_000.0, "24.0 ms"),
            (999_600.0, "1.00 s"),
            (7_204_000.0, "7.20 s"),
            (1_234_000_000.0, "1,234 s"),
            (f64::NAN, "-"),
            (f64::INFINITY, "-"),
        ] {
            assert!(microseconds(value).starts_with(text), "{value}: {}", microseconds(value));
        }
        assert_eq!(nanoseconds(34.12), "34.1 ns");
        assert_eq!(bytes(78_000_000), "78.0 MB");
        assert_eq!(metric(12_345_678.0), "12.3 M");
        assert_eq!(metric(12.0), "12.0");
    }

    #[test]
    fn a_hundred_per_cent_means_all() {
        for (part, whole, text) in [
            (5, 5, "100 %"),
            (62_499_999, 62_500_000, "99.99 %"),
            (1, 62_500_000, "under 0.01 %"),
            (0, 5, "0 %"),
            (5, 0, "-"),
            (1, 3, "33.33 %"),
            (u64::MAX, u64::MAX, "100 %"),
        ] {
            assert_eq!(share(part, whole), text);
        }
    }

    #[test]
    fn rates_and_seconds_say_no_more_than_is_known() {
        assert_eq!(rate(2_083_333.4), "2,083,333");
        assert_eq!(rate(833.3), "833");
        assert_eq!(rate(0.333_3), "0.333");
        assert_eq!(seconds(3.0), "3 s");
        assert_eq!(seconds(0.25), "0.25 s");
        assert_eq!(seconds(30.004), "30 s");
        assert_eq!(seconds(100.0), "100 s");
        assert_eq!(seconds(3.333), "3.33 s");
    }
}
