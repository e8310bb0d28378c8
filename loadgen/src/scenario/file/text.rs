//! Values that a file holds as text.

use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::mqtt::Version;
use crate::units::{fraction, nanoseconds, nearest};

/// A value that [`FromStr`] reads and [`Display`] writes. A number in the file reads as its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<T>(pub T);

impl<T: Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de, T> Deserialize<'de> for Text<T>
where
    T: FromStr,
    T::Err: Display,
{
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextVisitor(PhantomData))
    }
}

struct TextVisitor<T>(PhantomData<T>);

impl<T> Visitor<'_> for TextVisitor<T>
where
    T: FromStr,
    T::Err: Display,
{
    type Value = Text<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        text.parse().map(Text).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        self.visit_str(&number.to_string())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        self.visit_str(&number.to_string())
    }
}

/// A length of time, as `1m 30s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(pub Duration);

impl Time {
    /// In nanoseconds.
    pub(crate) fn ns(self) -> u64 {
        nanoseconds(self.0)
    }
}

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        humantime::parse_duration(text)
            .map(Self)
            .map_err(|_| format!("'{text}' is not a time; write 250ms, 3s or 1m 30s"))
    }
}

impl Display for Time {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(formatter)
    }
}

/// A moment of the measured part: `5s` after it begins, or `25%` of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Moment {
    /// So long after it begins.
    After(Time),
    /// When so many per cent of it are over.
    Percent(f64),
}

impl Moment {
    /// In nanoseconds since the load began, the warm-up first.
    pub(crate) fn since_start_ns(self, warmup_ns: u64, duration_ns: u64) -> u64 {
        let offset_ns = match self {
            Self::After(time) => time.ns(),
            Self::Percent(percent) => nearest(fraction(duration_ns) * percent / 100.0),
        };
        warmup_ns.saturating_add(offset_ns)
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(percent) = text.strip_suffix('%') else {
            return text.parse().map(Self::After).map_err(|_| {
                format!(
                    "'{text}' is not a moment; write 5s (into the measured part) or 25% (of it)"
                )
            });
        };
        match percent.trim().parse() {
            Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(Self::Percent(percent)),
            _ => Err(format!("'{text}' is not between 0% and 100%")),
        }
    }
}

impl Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::After(time) => time.fmt(formatter),
            Self::Percent(percent) => write!(formatter, "{percent}%"),
        }
    }
}

/// A number of bytes: `256`, `1kb`, `2 MB`; powers of 1000, or of 1024 with `KiB` and `MiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(pub u32);

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fault = || format!("'{text}' is not a size; write 256, 1kb or 64KiB");
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let factor = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "k" | "kb" => 1000,
            "kib" => 1024,
            "m" | "mb" => 1_000_000,
            "mib" => 1024 * 1024,
            _ => return Err(fault()),
        };
        let number: u32 = number.parse().map_err(|_| fault())?;
        number.checked_mul(factor).map(Self).ok_or_else(fault)
    }
}

impl Display for Bytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "3" | "3.1" => Ok(Self::V31),
            "4" | "3.1.1" => Ok(Self::V311),
            "5" | "5.0" => Ok(Self::V5),
            _ => Err(format!("'{text}' is not a version of MQTT; write 3.1, 3.1.1 or 5")),
        }
    }
}

impl Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name().fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault<T: FromStr<Err = String>>(text: &str) -> String {
        text.parse::<T>().map(drop).unwrap_err()
    }

    #[test]
    fn moments_are_of_the_measured_part() {
        let at = |text: &str| text.parse::<Moment>().unwrap().since_start_ns(100, 1000);
        assert_eq!((at("25%"), at("0%"), at("100%")), (350, 100, 1100));
        assert_eq!(at("5ns"), 105);
        assert!(fault::<Moment>("101%").contains("between"));
        assert!(fault::<Moment>("later").contains("25% (of it)"));
    }

    #[test]
    fn sizes_have_units() {
        let bytes = |text: &str| text.parse().map(|Bytes(bytes)| bytes);
        assert_eq!(bytes("256"), Ok(256));
        assert_eq!(bytes("1kb"), Ok(1000));
        assert_eq!(bytes("2 MB"), Ok(2_000_000));
        assert_eq!(bytes("64KiB"), Ok(65_536));
        for wrong in ["", "kb", "1gb", "-1", "5000 MB"] {
            assert!(fault::<Bytes>(wrong).contains("is not a size"), "{wrong}");
        }
    }

    #[test]
    fn what_is_written_reads_the_same() {
        for text in ["25%", "1m 30s", "250ms"] {
            assert_eq!(text.parse::<Moment>().unwrap().to_string(), text);
        }
        for version in [Version::V31, Version::V311, Version::V5] {
            assert_eq!(version.to_string().parse(), Ok(version));
        }
    }
}
