//! `--rate`: how often publications are due, in the ways people say it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::units::{SECOND_NS, fraction, nanoseconds, nearest};

/// The longest period and the slowest rate: one publication in thirty days.
const PERIOD_MAX_NS: u64 = 30 * 86_400 * SECOND_NS;

/// How a closed loop is written.
const MAX: &str = "max";

/// How often publications are due.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rate {
    /// `3s`: each publisher publishes once in this time.
    Period(Duration),
    /// `500/s`: publications per second, all publishers together.
    Total(f64),
    /// `10/s/client`: publications per second of each publisher.
    PerClient(f64),
    /// `max`: a closed loop, in which each publisher publishes as soon as its window allows.
    Max,
}

/// Why a rate was not understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    /// Neither a duration nor a number with a unit of time.
    #[error(
        "'{0}' is not a rate; write 3s (a period per publisher), 500/s (the total over all \
         publishers), 10/s/client (a frequency per publisher) or max (a closed loop)"
    )]
    NotARate(String),
    /// The unit after the slash is none of ms, s, m, h.
    #[error("'{0}' is not a unit of time; write /ms, /s, /m or /h")]
    Unit(String),
    /// What follows the unit is not `/client`.
    #[error(
        "'{0}' cannot follow the unit of time; only /client can, for a frequency per publisher"
    )]
    Suffix(String),
    /// Zero, negative, or not finite.
    #[error("a rate must be greater than zero, not '{0}'")]
    NotPositive(String),
    /// Less than once in thirty days.
    #[error("'{0}' is slower than once in thirty days")]
    TooSlow(String),
    /// More often than once a nanosecond for one publisher.
    #[error(
        "this rate is more than one publication per nanosecond for each publisher; lower --rate"
    )]
    TooFast,
}

impl Rate {
    /// Time between two publications of one publisher when `publishers` share the load; 0 where there is
    /// none, in a closed loop.
    pub fn period_ns(self, publishers: u32) -> Result<u64, RateError> {
        let period_ns = match self {
            Self::Period(period) => nanoseconds(period),
            Self::Total(per_second) => nearest(f64::from(publishers) * 1e9 / per_second),
            Self::PerClient(per_second) => nearest(1e9 / per_second),
            Self::Max => return Ok(0),
        };
        match period_ns {
            0 => Err(RateError::TooFast),
            PERIOD_MAX_NS.. => Err(RateError::TooSlow(self.to_string())),
            _ => Ok(period_ns),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Period(period) => humantime::format_duration(*period).fmt(formatter),
            Self::Total(per_second) => write!(formatter, "{per_second}/s"),
            Self::PerClient(per_second) => write!(formatter, "{per_second}/s/client"),
            Self::Max => formatter.write_str(MAX),
        }
    }
}

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        match text.split_once('/') {
            None if text == MAX => Ok(Self::Max),
            None => period(text),
            Some((count, unit)) => frequency(text, count, unit),
        }
    }
}

fn period(text: &str) -> Result<Rate, RateError> {
    // A bare number could be meant as either reading, so it is neither.
    let period =
        humantime::parse_duration(text).map_err(|_| RateError::NotARate(text.to_owned()))?;
    if period.is_zero() {
        return Err(RateError::NotPositive(text.to_owned()));
    }
    if nanoseconds(period) > PERIOD_MAX_NS {
        return Err(RateError::TooSlow(text.to_owned()));
    }
    Ok(Rate::Period(period))
}

fn frequency(text: &str, count: &str, unit: &str) -> Result<Rate, RateError> {
    let count: f64 = count.trim().parse().map_err(|_| RateError::NotARate(text.to_owned()))?;
    if !count.is_finite() || count <= 0.0 {
        return Err(RateError::NotPositive(text.to_owned()));
    }
    let (unit, suffix) = match unit.split_once('/') {
        None => (unit, None),
        Some((unit, suffix)) => (unit, Some(suffix)),
    };
    let unit_ns = match unit {
        "ms" => SECOND_NS / 1000,
        "s" => SECOND_NS,
        "m" => 60 * SECOND_NS,
        "h" => 3600 * SECOND_NS,
        other => return Err(RateError::Unit(other.to_owned())),
    };
    let per_second = count * 1e9 / fraction(unit_ns);
    if per_second * fraction(PERIOD_MAX_NS) < 1e9 {
        return Err(RateError::TooSlow(text.to_owned()));
    }
    match suffix {
        None => Ok(Rate::Total(per_second)),
        Some("client") => Ok(Rate::PerClient(per_second)),
        Some(other) => Err(RateError::Suffix(other.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_duration_is_a_period_per_publisher() {
        let rate: Rate = "3s".parse().unwrap();
        assert_eq!(rate, Rate::Period(Duration::from_secs(3)));
        assert_eq!(rate.period_ns(2500), Ok(3_000_000_000));
        assert_eq!("250ms".parse(), Ok(Rate::Period(Duration::from_millis(250))));
    }

    #[test]
    fn a_bare_frequency_is_the_total_over_all_publishers() {
        let rate: Rate = "500/s".parse().unwrap();
        assert_eq!(rate.period_ns(1000), Ok(2_000_000_000));
        assert_eq!("30/m".parse(), Ok(Rate::Total(0.5)));
        assert_eq!("2/ms".parse(), Ok(Rate::Total(2000.0)));
        assert_eq!("3600/h".parse(), Ok(Rate::Total(1.0)));
    }

    #[test]
    fn a_frequency_per_client_does_not_depend_on_the_number_of_publishers() {
        let rate: Rate = "10/s/client".parse().unwrap();
        assert_eq!(rate.period_ns(1), Ok(100_000_000));
        assert_eq!(rate.period_ns(1000), Ok(100_000_000));
    }

    #[test]
    fn a_closed_loop_has_no_period() {
        assert_eq!("max".parse(), Ok(Rate::Max));
        assert_eq!(Rate::Max.period_ns(7), Ok(0));
        assert_eq!(Rate::Max.to_string().parse(), Ok(Rate::Max));
    }

    #[test]
    fn every_error_says_what_to_write_instead() {
        let fault = |text: &str| text.parse::<Rate>().unwrap_err();
        assert_eq!(fault("fast"), RateError::NotARate("fast".into()));
        assert_eq!(fault("500"), RateError::NotARate("500".into()));
        assert_eq!(fault("x/s"), RateError::NotARate("x/s".into()));
        assert_eq!(fault("5/d"), RateError::Unit("d".into()));
        assert_eq!(fault("5/s/sensor"), RateError::Suffix("sensor".into()));
        assert_eq!(fault("0/s"), RateError::NotPositive("0/s".into()));
        assert_eq!(fault("-1/s"), RateError::NotPositive("-1/s".into()));
        assert_eq!(fault("NaN/s"), RateError::NotPositive("NaN/s".into()));
        assert_eq!(fault("0s"), RateError::NotPositive("0s".into()));
        assert_eq!(fault("40days"), RateError::TooSlow("40days".into()));
        assert_eq!(Rate::PerClient(1e10).period_ns(1), Err(RateError::TooFast));
    }

    proptest! {
        #[test]
        fn any_text_is_a_rate_or_an_error(text in ".{0,24}") {
            if let Ok(rate) = text.parse::<Rate>() {
                prop_assert!(rate.period_ns(1).is_ok() || rate.period_ns(1) == Err(RateError::TooFast)
                    || matches!(rate.period_ns(1), Err(RateError::TooSlow(_))));
            }
        }

        #[test]
        fn what_is_displayed_parses_to_the_same_period(
            kind in 0..3_u8, amount in 1..10_000_000_u32, publishers in 1..100_000_u32,
        ) {
            let rate = match kind {
                0 => Rate::Period(Duration::from_micros(u64::from(amount))),
                1 => Rate::Total(f64::from(amount) / 16.0),
                _ => Rate::PerClient(f64::from(amount) / 16.0),
            };
            let again: Rate = rate.to_string().parse().unwrap();
            prop_assert_eq!(again.period_ns(publishers), rate.period_ns(publishers));
        }
    }
}
