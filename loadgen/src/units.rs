//! Conversions between the integer nanoseconds of the inside and the units people read.

/// Nanoseconds in a second.
pub(crate) const SECOND_NS: u64 = 1_000_000_000;

/// Seconds as a fraction; exact to the microsecond for a century.
#[expect(clippy::cast_precision_loss, reason = "for display: 53 bits of nanoseconds are 104 days")]
pub(crate) fn seconds(duration_ns: u64) -> f64 {
    duration_ns as f64 / 1e9
}

/// A count as a fraction, for rates.
#[expect(clippy::cast_precision_loss, reason = "for display: exact up to 2^53")]
pub(crate) fn fraction(count: u64) -> f64 {
    count as f64
}

/// A non-negative fraction as the nearest integer; saturates.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and every caller passes a non-negative value"
)]
pub(crate) fn nearest(value: f64) -> u64 {
    value.round() as u64
}

/// A [`std::time::Duration`] in nanoseconds; saturates after 584 years.
pub(crate) fn nanoseconds(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Groups the digits of a count by thousands, as `62,500,000`.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count and what is counted, as `1 thread` and `5,000 threads`.
pub(crate) fn counted(count: u64, noun: &str) -> String {
    let plural = match noun {
        _ if count == 1 => "",
        _ if noun.ends_with('s') => "es",
        _ => "s",
    };
    format!("{} {noun}{plural}", grouped(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_has_its_number() {
        assert_eq!(counted(0, "thread"), "0 threads");
        assert_eq!(counted(1, "address"), "1 address");
        assert_eq!(counted(5_000, "address"), "5,000 addresses");
    }

    #[test]
    fn digits_are_grouped_by_thousands() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1000), "1,000");
        assert_eq!(grouped(62_500_000), "62,500,000");
    }
}
