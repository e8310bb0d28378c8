//! Axes: from a value to its place, and the values that are worth a line.

use crate::units::{metric_bytes, trimmed};

/// What an axis counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Seconds since the start of the run.
    Time,
    /// Microseconds.
    Latency,
    /// Things, or things per second.
    Count,
    /// Per cent of one core.
    Percent,
    /// Bytes.
    Bytes,
    /// 1/(1-p) of a percentile p.
    Percentile,
}

/// An axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale {
    unit: Unit,
    log: bool,
    min: f64,
    max: f64,
}

/// A value on an axis that has a line and, when there is room, a label.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tick {
    pub(crate) value: f64,
    pub(crate) label: Option<String>,
}

/// Lines on an axis that is not logarithmic, about.
const TICKS: f64 = 5.0;

/// Width of a character of a label, as a part of the axis: that of a narrow screen, where letters are largest.
const LABEL_CHARACTER: f64 = 0.02;

/// Decades of a logarithmic axis up to which 2 and 5 have labels too.
const DECADES_LABELLED: f64 = 1.9;

/// Steps of the time axis, in seconds.
const TIME_STEPS: [f64; 18] = [
    0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0,
    3_600.0, 7_200.0, 21_600.0,
];

impl Scale {
    /// From zero to at least `max`.
    pub(crate) fn from_zero(unit: Unit, max: f64) -> Self {
        let max = if max.is_finite() && max > 0.0 { max } else { 1.0 };
        let step = nice_step(max);
        Self { unit, log: false, min: 0.0, max: (max / step).ceil() * step }
    }

    /// The time of a run.
    pub(crate) fn time(from: f64, to: f64) -> Self {
        Self { unit: Unit::Time, log: false, min: from, max: to.max(from + 1e-3) }
    }

    /// Logarithmic, from at most `min` to at least `max`, both greater than zero.
    pub(crate) fn log(unit: Unit, min: f64, max: f64) -> Self {
        let (min, max) = if min.is_finite() && max.is_finite() && min > 0.0 && max >= min {
            (min, max)
        } else {
            (1.0, 10.0)
        };
        let (low, high) = (step_below(min), step_above(max));
        Self { unit, log: true, min: low, max: if high > low { high } else { low * 10.0 } }
    }

    /// The axis of `HdrHistogram`, from the least value to the one that `count` samples end at.
    pub(crate) fn percentile(count: f64) -> Self {
        Self { unit: Unit::Percentile, log: true, min: 1.0, max: count.max(10.0) }
    }

    /// Where a value lies, 0 at the start and 1 at the end; beyond both it is cut off.
    pub(crate) fn position(&self, value: f64) -> f64 {
        let place = if self.log {
            (value.max(self.min) / self.min).log10() / (self.max / self.min).log10()
        } else {
            (value - self.min) / (self.max - self.min)
        };
        place.clamp(0.0, 1.0)
    }

    /// Least and greatest value.
    pub(crate) fn bounds(&self) -> (f64, f64) {
        (self.min, self.max)
    }

    /// A value in the words of the axis, to be read on its own.
    pub(crate) fn read(&self, value: f64) -> String {
        match self.unit {
            Unit::Time => crate::units::seconds(value),
            Unit::Latency => crate::units::microseconds(value),
            Unit::Count => crate::units::rate(value),
            Unit::Percent => format!("{value:.0} %"),
            Unit::Bytes => metric_bytes(value),
            Unit::Percentile => percentile(value),
        }
    }

    /// The lines of the axis.
    pub(crate) fn ticks(&self) -> Vec<Tick> {
        match (self.unit, self.log) {
            (Unit::Percentile, _) => self.percentile_ticks(),
            (Unit::Time, _) => self.even_ticks(self.time_step()),
            (_, true) => self.log_ticks(),
            (_, false) => self.even_ticks(nice_step(self.max)),
        }
    }

    fn time_step(&self) -> f64 {
        let span = self.max - self.min;
        TIME_STEPS.into_iter().find(|step| span / step <= 7.0).unwrap_or(span / 6.0)
    }

    fn even_ticks(&self, step: f64) -> Vec<Tick> {
        let first = (self.min / step).ceil();
        let steps = ((self.max / step + 1e-9).floor() - first).clamp(0.0, 50.0);
        (0_u32..=50)
            .map(f64::from)
            .take_while(|&index| index <= steps)
            .map(|index| (first + index) * step)
            .map(|value| Tick { value, label: Some(self.label(value, step)) })
            .collect()
    }

    fn log_ticks(&self) -> Vec<Tick> {
        let decades = (self.max / self.min).log10();
        let mut ticks = Vec::new();
        let mut decade = 10_f64.powf(self.min.log10().floor());
        while decade <= self.max * 1.000_1 {
            for (factor, is_decade) in [(1.0, true), (2.0, false), (5.0, false)] {
                let value = decade * factor;
                if value < self.min * 0.999_9 || value > self.max * 1.000_1 {
                    continue;
                }
                let labelled = is_decade || decades <= DECADES_LABELLED;
                ticks.push(Tick { value, label: labelled.then(|| self.label(value, value)) });
            }
            decade *= 10.0;
        }
        ticks
    }

    fn percentile_ticks(&self) -> Vec<Tick> {
        let mut ticks = vec![Tick { value: 1.0, label: Some("0 %".to_owned()) }];
        let mut value = 10.0;
        while value <= self.max * 1.000_1 {
            ticks.push(Tick { value, label: Some(percentile(value)) });
            value *= 10.0;
        }
        self.thin_out(&mut ticks);
        ticks
    }

    /// Takes away the labels that would lie over the next one: nines make them longer to the right. The last stays,
    /// for it says how far the axis goes.
    fn thin_out(&self, ticks: &mut [Tick]) {
        let mut free_until = f64::INFINITY;
        for tick in ticks.iter_mut().rev() {
            let characters = tick.label.as_ref().map_or(0, |label| label.chars().count());
            #[expect(clippy::cast_precision_loss, reason = "a few characters")]
            let half = characters as f64 * LABEL_CHARACTER / 2.0;
            let place = self.position(tick.value);
            if place + half > free_until {
                tick.label = None;
            } else {
                free_until = place - half - LABEL_CHARACTER;
            }
        }
    }

    fn label(&self, value: f64, step: f64) -> String {
        match self.unit {
            Unit::Time if step >= 3_600.0 => format!("{} h", trimmed(value / 3_600.0)),
            Unit::Time if step >= 60.0 => format!("{} min", trimmed(value / 60.0)),
            Unit::Time => format!("{} s", trimmed(value)),
            Unit::Latency if value >= 1e6 => format!("{} s", trimmed(value / 1e6)),
            Unit::Latency if value >= 1e3 => format!("{} ms", trimmed(value / 1e3)),
            Unit::Latency => format!("{} µs", trimmed(value)),
            // Over several decades each value has the prefix that fits it.
            Unit::Count if self.log && value >= 1e6 => format!("{} M", trimmed(value / 1e6)),
            Unit::Count if self.log && value >= 1e3 => format!("{} k", trimmed(value / 1e3)),
            Unit::Count if self.log => trimmed(value),
            Unit::Count if self.max >= 1e6 => format!("{} M", trimmed(value / 1e6)),
            Unit::Count if self.max >= 10e3 => format!("{} k", trimmed(value / 1e3)),
            Unit::Count => trimmed(value),
            Unit::Percent => format!("{} %", trimmed(value)),
            Unit::Bytes if self.max >= 1e9 => format!("{} GB", trimmed(value / 1e9)),
            Unit::Bytes => format!("{} MB", trimmed(value / 1e6)),
            Unit::Percentile => percentile(value),
        }
    }
}

/// `99.9 %` of 1,000.
fn percentile(one_in: f64) -> String {
    let percent = 100.0 * (1.0 - 1.0 / one_in.max(1.0));
    // As many nines as matter at this distance from 100 %.
    let decimals = (one_in.max(1.0).log10().ceil() - 1.0).clamp(0.0, 7.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 7")]
    let text = format!("{percent:.*}", decimals as usize);
    let text =
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} %")
}

/// 1, 2 or 5 times a power of ten, so that about [`TICKS`] steps reach `max`.
fn nice_step(max: f64) -> f64 {
    let rough = max / TICKS;
    let decade = 10_f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * decade >= rough * 0.999);
    factor.unwrap_or(10.0) * decade
}

fn step_below(value: f64) -> f64 {
    let decade = 10_f64.powf(value.log10().floor());
    [5.0, 2.0].into_iter().find(|factor| factor * decade <= value * 1.000_1).unwrap_or(1.0) * decade
}

fn step_above(value: f64) -> f64 {
    let decade = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0].into_iter().find(|factor| factor * decade >= value * 0.999_9).unwrap_or(10.0)
        * decade
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: Scale) -> Vec<String> {
        scale.ticks().into_iter().filter_map(|tick| tick.label).collect()
    }

    #[test]
    fn lines_are_at_round_values() {
        assert_eq!(
            labels(Scale::from_zero(Unit::Count, 2_083_333.0)),
            ["0 M", "0.5 M", "1 M", "1.5 M", "2 M", "2.5 M"]
        );
        assert_eq!(labels(Scale::from_zero(Unit::Percent, 99.0)).last().unwrap(), "100 %");
        assert_eq!(labels(Scale::time(0.0, 41.0)), ["0 s", "10 s", "20 s", "30 s", "40 s"]);
        assert_eq!(labels(Scale::time(0.0, 3_600.0)).last().unwrap(), "60 min");
        assert_eq!(
            labels(Scale::log(Unit::Latency, 8_100.0, 61_000.0)),
            ["5 ms", "10 ms", "20 ms", "50 ms", "100 ms"]
        );
        assert_eq!(
            labels(Scale::log(Unit::Latency, 90.0, 1_200_000.0)),
            ["100 µs", "1 ms", "10 ms", "100 ms", "1 s"]
        );
        assert_eq!(
            labels(Scale::log(Unit::Count, 150.0, 1_200_000.0)),
            ["100", "1 k", "10 k", "100 k", "1 M"]
        );
        assert_eq!(
            labels(Scale::percentile(62_500.0)),
            ["0 %", "90 %", "99 %", "99.9 %", "99.99 %"]
        );
    }

    #[test]
    fn percentiles_of_many_samples_do_not_lie_over_each_other() {
        for samples in [1e3, 62_500.0, 1e7, 62_500_000.0, 5e9, 1e12] {
            let scale = Scale::percentile(samples);
            let ticks = scale.ticks();
            let labelled = ticks.iter().filter_map(|tick| Some((tick.value, tick.label.as_ref()?)));
            let spans: Vec<(f64, f64)> = labelled
                .map(|(value, label)| {
                    #[expect(clippy::cast_precision_loss, reason = "a few characters")]
                    let half = label.chars().count() as f64 * LABEL_CHARACTER / 2.0;
                    (scale.position(value) - half, scale.position(value) + half)
                })
                .collect();
            assert!(spans.windows(2).all(|pair| pair[0].1 < pair[1].0), "{samples}: {spans:?}");
            assert!(spans.len() >= 4, "{samples}: {spans:?}");
            assert!(ticks.last().is_some_and(|tick| tick.label.is_some()));
        }
    }

    #[test]
    fn places_run_from_0_to_1() {
        let log = Scale::log(Unit::Latency, 10.0, 1_000.0);
        for (value, place) in [(10.0, 0.0), (100.0, 0.5), (1_000.0, 1.0), (1.0, 0.0), (1e9, 1.0)] {
            assert!((log.position(value) - place).abs() < 1e-9, "{value}");
        }
        let linear = Scale::from_zero(Unit::Count, 10.0);
        assert!((linear.position(5.0) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn senseless_bounds_give_an_axis_all_the_same() {
        for scale in [
            Scale::from_zero(Unit::Count, 0.0),
            Scale::from_zero(Unit::Bytes, f64::NAN),
            Scale::log(Unit::Latency, 0.0, 0.0),
            Scale::log(Unit::Latency, 5.0, 5.0),
            Scale::time(0.0, 0.0),
            Scale::percentile(0.0),
        ] {
            let (min, max) = scale.bounds();
            assert!(max > min, "{scale:?}");
            assert!(scale.ticks().len() < 60 && scale.position(1.0).is_finite(), "{scale:?}");
        }
    }

    #[test]
    fn percentiles_have_as_many_nines_as_they_need() {
        for (one_in, text) in
            [(1.0, "0 %"), (2.0, "50 %"), (10.0, "90 %"), (1_000.0, "99.9 %"), (1e6, "99.9999 %")]
        {
            assert_eq!(percentile(one_in), text);
        }
    }
}
