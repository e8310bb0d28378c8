//! From text to a threshold.
//!
//! ```text
//! threshold = metric [ ":" method ] operator value [ "," "abort" [ "=" time ] ]
//! method    = "avg" | "min" | "max" | "med" | "p(" number ")" | "count" | "rate" | "share"
//! operator  = "<" | "<=" | ">" | ">=" | "==" | "===" | "!="
//! ```

use std::time::Duration;

use super::metric::{COUNTERS, Counter, KNOWN_EARLY, LATENCIES};
use super::{Metric, Operator, Reading, Statistic, Threshold, ThresholdError};

/// The operators, those first that begin with another one.
const OPERATORS: [(&str, Operator); 7] = [
    ("===", Operator::Equal),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

/// A day: no run waits longer with its judgement.
const DELAY_MAX_SECONDS: f64 = 86_400.0;

/// Units of a latency, in microseconds. A bare number is milliseconds, as in k6.
const TIME_UNITS: [(&str, f64); 6] =
    [("us", 1.0), ("µs", 1.0), ("ms", 1e3), ("s", 1e6), ("m", 60e6), ("", 1e3)];

const COUNT_UNITS: [(&str, f64); 4] = [("", 1.0), ("k", 1e3), ("M", 1e6), ("G", 1e9)];

const RATE_UNITS: [(&str, f64); 8] = [
    ("", 1.0),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("/s", 1.0),
    ("k/s", 1e3),
    ("M/s", 1e6),
    ("G/s", 1e9),
];

const SHARE_UNITS: [(&str, f64); 2] = [("%", 0.01), ("", 1.0)];

pub(super) fn threshold(text: &str) -> Result<Threshold, ThresholdError> {
    let (subject, operator, rest) = split(text)?;
    let (value, option) = match rest.split_once(',') {
        Some((value, option)) => (value.trim(), Some(option.trim())),
        None => (rest.trim(), None),
    };
    let mut metric = metric(subject)?;
    if let Metric::Counter(counter, reading @ Reading::Count) = &mut metric
        && value.ends_with('%')
        && !subject.contains(':')
    {
        *reading = Reading::Share;
        whole(counter)?;
    }
    let limit = value_of(&metric, value)?;
    let abort = option.map(abort).transpose()?;
    if abort.is_some()
        && let Metric::Latency(name, _) = metric
        && !KNOWN_EARLY.contains(&name)
    {
        return Err(ThresholdError::KnownAtEnd(name));
    }
    Ok(Threshold { text: text.trim().to_owned(), metric, operator, limit, abort })
}

/// Splits at the first operator.
fn split(text: &str) -> Result<(&str, Operator, &str), ThresholdError> {
    let at = text.find(['<', '>', '=', '!']).ok_or(ThresholdError::NoOperator)?;
    let (subject, rest) = text.split_at(at);
    let found =
        OPERATORS.iter().find_map(|(sign, operator)| Some((*operator, rest.strip_prefix(sign)?)));
    let (operator, rest) = found.ok_or(ThresholdError::NoOperator)?;
    Ok((subject.trim(), operator, rest))
}

fn metric(subject: &str) -> Result<Metric, ThresholdError> {
    let (name, method) = match subject.split_once(':') {
        Some((name, method)) => (name.trim(), Some(method.trim())),
        None => (subject, None),
    };
    if let Some(latency) = LATENCIES.iter().find(|latency| **latency == name) {
        let method = method.ok_or(ThresholdError::NoStatistic(latency))?;
        return Ok(Metric::Latency(latency, statistic(latency, method)?));
    }
    match COUNTERS.iter().find(|counter| counter.name == name) {
        Some(counter) => Ok(Metric::Counter(counter, reading(counter, method)?)),
        None => Err(unknown(name)),
    }
}

fn statistic(metric: &'static str, method: &str) -> Result<Statistic, ThresholdError> {
    match method {
        "avg" => Ok(Statistic::Average),
        "min" => Ok(Statistic::Least),
        "max" => Ok(Statistic::Greatest),
        "med" => Ok(Statistic::Quantile(0.5)),
        "count" => Ok(Statistic::Count),
        _ => match method.strip_prefix("p(").and_then(|rest| rest.strip_suffix(')')) {
            Some(number) => match number.trim().parse::<f64>() {
                Ok(percent) if (0.0..=100.0).contains(&percent) => {
                    Ok(Statistic::Quantile(percent / 100.0))
                }
                _ => Err(ThresholdError::Percentile(method.to_owned())),
            },
            None => Err(ThresholdError::Method {
                method: method.to_owned(),
                metric,
                possible: "p(N), med, avg, min, max and count",
            }),
        },
    }
}

fn reading(counter: &'static Counter, method: Option<&str>) -> Result<Reading, ThresholdError> {
    match method {
        None | Some("count") => Ok(Reading::Count),
        Some("rate") => Ok(Reading::Rate),
        Some("share") => whole(counter).map(|()| Reading::Share),
        Some(method) => Err(ThresholdError::Method {
            method: method.to_owned(),
            metric: counter.name,
            possible: "count, rate and share",
        }),
    }
}

fn whole(counter: &'static Counter) -> Result<(), ThresholdError> {
    counter.whole.map(|_| ()).ok_or(ThresholdError::NoWhole(counter.name))
}

fn unknown(name: &str) -> ThresholdError {
    let known = || LATENCIES.into_iter().chain(COUNTERS.iter().map(|counter| counter.name));
    let nearest = known().min_by_key(|candidate| strsim::damerau_levenshtein(name, candidate));
    ThresholdError::Metric {
        name: name.to_owned(),
        nearest: nearest.unwrap_or_default().to_owned(),
        known: known().collect::<Vec<_>>().join(", "),
    }
}

fn value_of(metric: &Metric, text: &str) -> Result<f64, ThresholdError> {
    match metric {
        Metric::Latency(_, Statistic::Count) | Metric::Counter(_, Reading::Count) => {
            quantity(text, &COUNT_UNITS, "a count takes none, k, M or G")
        }
        Metric::Latency(..) => {
            quantity(text, &TIME_UNITS, "a latency takes us, ms, s or m, and is in ms without")
        }
        Metric::Counter(_, Reading::Rate) => {
            quantity(text, &RATE_UNITS, "a rate takes /s, k/s or M/s, or none")
        }
        Metric::Counter(_, Reading::Share) => {
            quantity(text, &SHARE_UNITS, "a share takes %, or none from 0 to 1")
        }
    }
}

fn quantity(
    text: &str,
    units: &[(&str, f64)],
    possible: &'static str,
) -> Result<f64, ThresholdError> {
    let end = text.find(|c: char| !(c.is_ascii_digit() || ".-+".contains(c))).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: f64 = match number.parse() {
        Ok(number) if f64::is_finite(number) && number >= 0.0 => number,
        _ => return Err(ThresholdError::Number(text.to_owned())),
    };
    let unit = unit.trim();
    let scale = units.iter().find(|(name, _)| *name == unit).map(|(_, scale)| scale);
    match scale.map(|scale| number * scale) {
        Some(value) if value.is_finite() => Ok(value),
        Some(_) => Err(ThresholdError::Number(text.to_owned())),
        None => Err(ThresholdError::Unit { unit: unit.to_owned(), possible }),
    }
}

fn abort(option: &str) -> Result<Duration, ThresholdError> {
    let fault = || ThresholdError::Option(option.to_owned());
    let rest = option.strip_prefix("abort").ok_or_else(fault)?.trim();
    if rest.is_empty() {
        return Ok(Duration::ZERO);
    }
    let time = rest.strip_prefix('=').ok_or_else(fault)?.trim();
    let microseconds = quantity(time, &TIME_UNITS, "a time takes ms, s or m")?;
    let seconds = microseconds / 1e6;
    if seconds > DELAY_MAX_SECONDS {
        return Err(fault());
    }
    Ok(Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Threshold {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    fn error(text: &str) -> String {
        text.parse::<Threshold>().expect_err(text).to_string()
    }

    #[test]
    fn what_the_documentation_shows_parses() {
        for (text, limit, unit) in [
            ("delivery:p(99)<50ms", 50_000.0, "us"),
            ("delivery.from_send:p(99.9) <= 1.5s", 1_500_000.0, "us"),
            ("connect:p(95)<1s", 1_000_000.0, "us"),
            ("delivery:med<800us", 800.0, "us"),
            ("delivery:avg<200", 200_000.0, "us"),
            ("puback:count>=1k", 1_000.0, ""),
            ("lost==0", 0.0, ""),
            ("lost===0", 0.0, ""),
            ("lost<0.1%", 0.001, ""),
            ("lost:share<0.001", 0.001, ""),
            ("delivered:rate>=100k/s", 100_000.0, "/s"),
            ("delivered:rate>1M", 1_000_000.0, "/s"),
            ("retained!=3", 3.0, ""),
        ] {
            let threshold = parse(text);
            assert!(
                (threshold.limit - limit).abs() <= limit * 1e-12,
                "{text}: {}",
                threshold.limit
            );
            assert_eq!(threshold.unit(), unit, "{text}");
            assert_eq!(threshold.to_string(), text);
            assert_eq!(threshold.aborts_after(), None);
        }
    }

    #[test]
    fn a_threshold_can_end_the_run() {
        for (text, seconds) in [
            ("lost==0,abort", 0.0),
            ("lost==0 , abort", 0.0),
            ("delivery:p(99)<50ms,abort=10s", 10.0),
            ("send_lag:max<1s,abort=500ms", 0.5),
        ] {
            let wanted = Duration::from_secs_f64(seconds);
            assert_eq!(parse(text).aborts_after(), Some(wanted), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_what_is_right() {
        for (text, part) in [
            ("", "no comparison"),
            ("delivery:p(99)", "no comparison"),
            ("lost=0", "no comparison"),
            ("deliverry:p(99)<1s", "did you mean `delivery`?"),
            ("losst==0", "did you mean `lost`?"),
            ("delivery<1s", "delivery:p(99)"),
            ("delivery:p99<1s", "p(N), med, avg, min, max and count"),
            ("delivery:p(101)<1s", "from 0 to 100"),
            ("delivery:p(x)<1s", "from 0 to 100"),
            ("delivery:p(NaN)<1s", "from 0 to 100"),
            ("lost:p(99)<1", "count, rate and share"),
            ("delivery:max<1h", "us, ms, s or m"),
            ("delivery:max<", "no number"),
            ("lost==-1", "no number"),
            ("lost==1e999", "is no unit"),
            ("lost<5ms", "a count takes none"),
            ("delivered:rate>5%", "a rate takes"),
            ("offered<5%", "no part of anything"),
            ("lost==0,stop", "`abort` can"),
            ("lost==0,abort=", "no number"),
            ("lost==0,abort=90000s", "`abort` can"),
            ("connect:p(95)<1s,abort", "known at the end only"),
        ] {
            assert!(error(text).contains(part), "{text}: {}", error(text));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_threshold_or_an_error(text in "\\PC{0,40}") {
            let _either = text.parse::<Threshold>();
        }

        #[test]
        fn any_arrangement_of_its_words_is_a_threshold_or_an_error(
            words in proptest::collection::vec(
                prop_oneof![
                    Just("delivery"), Just("lost"), Just(":"), Just("p("), Just(")"), Just("99.9"),
                    Just("<"), Just("="), Just("=="), Just("!"), Just(">="), Just("ms"), Just("%"),
                    Just(","), Just("abort"), Just("1e308"), Just("k"), Just("µ"), Just(" "),
                ],
                0..10,
            ),
        ) {
            if let Ok(threshold) = words.concat().parse::<Threshold>() {
                prop_assert!(threshold.limit.is_finite() && threshold.limit >= 0.0);
            }
        }

        #[test]
        fn what_is_built_is_what_is_read(
            name in proptest::sample::select(&LATENCIES[..]),
            percent in 0..=1000_u32,
            sign in proptest::sample::select(&OPERATORS[..]),
            limit in 0..1_000_000_u32,
            unit in proptest::sample::select(&TIME_UNITS[..]),
        ) {
            let percent = f64::from(percent) / 10.0;
            let text = format!("{name}:p({percent}){}{limit}{}", sign.0, unit.0);
            let threshold = parse(&text);
            let quantile = Statistic::Quantile(percent / 100.0);
            prop_assert_eq!(threshold.metric, Metric::Latency(name, quantile));
            prop_assert_eq!(threshold.operator, sign.1);
            prop_assert!((threshold.limit - f64::from(limit) * unit.1).abs() < 1e-3);
        }
    }
}
