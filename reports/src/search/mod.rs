//! The search for the highest rate at which a condition holds: its record, its table, its answer in words.

mod words;

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub(crate) use words::rate_text;

use crate::page::render_html_search;
use crate::text::delivery_rate;
use crate::units::float;
use crate::{Judgement, PAGE_FILE, Summary, ThresholdResult, WriteError};

/// The value of [`Search::schema`].
pub const SEARCH_SCHEMA: &str = "kelvin/search/v1";

/// The search for programs.
pub const SEARCH_FILE: &str = "search.json";
/// A row for each trial, in the order of the trials.
pub const KNEE_FILE: &str = "knee.csv";

/// A search, whole. Rates are publications per second of all publishers together, latencies microseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Search {
    /// Always [`SEARCH_SCHEMA`] in a file that this version writes.
    pub schema: String,
    /// When it began, RFC 3339 in UTC.
    pub started: String,
    /// The load, as typed after `loadgen`.
    pub load: String,
    /// The broker: `embedded`, a URL, or the name of the one that was started for each trial.
    pub broker: String,
    /// What had to hold, all of it.
    pub conditions: Vec<String>,
    /// The lowest rate that was of interest.
    pub lowest: f64,
    /// The highest; absent when there was no bound.
    pub highest: Option<f64>,
    /// How far the rates that held and that did not may be apart, as a share of the lower one.
    pub tolerance: f64,
    /// How often the rate that was found had to hold again.
    pub confirmations: u32,
    /// The trials, in order.
    pub trials: Vec<Trial>,
    /// What is known in the end.
    pub answer: Answer,
    /// The rate that the answer is about; absent where there is none.
    pub rate: Option<f64>,
    /// The answer as a sentence with its evidence, and what to do about it.
    pub sentence: String,
    /// What makes the answer doubtful, as sentences.
    pub warnings: Vec<String>,
}

/// What a search knows in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The condition holds at the rate, again and again, and not at one a little higher.
    Highest,
    /// It holds at the upper bound of the search.
    AtLeast,
    /// It holds at the rate; above it the generator is the limit.
    GeneratorLimit,
    /// It does not hold even at the rate, the lower bound.
    NotEven,
    /// The generator is the limit at the rate, the lower bound or the last to which the search went back.
    NotAsked,
    /// It held once, and not again, at the rate and at those above.
    Unconfirmed,
    /// A trial at the rate has too few samples to judge the condition by.
    TooFew,
    /// A trial at the rate could not be carried out.
    Broken,
    /// A signal ended the search; the rate is the greatest that held until then.
    Interrupted,
}

/// Why a trial was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SearchPhase {
    /// Doubling or halving, to have the answer between two rates.
    Bracket,
    /// To bring these together.
    Bisect,
    /// To see whether the rate that was found holds again.
    Confirm,
}

/// One run at one rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// From 1.
    pub number: u32,
    /// Why it was made.
    pub phase: SearchPhase,
    /// The rate that was asked for.
    pub offered: f64,
    /// Publications that were sent, per second.
    pub sent_per_second: Option<f64>,
    /// Deliveries per second that the offered rate owes.
    pub owed_per_second: f64,
    /// Deliveries that came, per second.
    pub delivered_per_second: Option<f64>,
    /// Median of the delivery latency from the due time; absent, like the other percentiles, when too few
    /// samples support it.
    pub p50_us: Option<f64>,
    /// 99th percentile.
    pub p99_us: Option<f64>,
    /// 99.9th percentile.
    pub p999_us: Option<f64>,
    /// Deliveries that were owed and never came.
    pub lost: u64,
    /// What the trial is worth.
    pub verdict: Option<Judgement>,
    /// Why, as sentences.
    pub reasons: Vec<String>,
    /// Whether the condition held; absent when the trial says nothing about it.
    pub passed: Option<bool>,
    /// Each part of the condition.
    pub thresholds: Vec<ThresholdResult>,
    /// The folder of the run, beside this file.
    pub run: String,
}

/// What `knee.csv` has of a trial.
#[derive(Debug, Serialize)]
struct Row<'a> {
    trial: u32,
    phase: SearchPhase,
    offered_per_second: f64,
    sent_per_second: Option<f64>,
    owed_per_second: f64,
    delivered_per_second: Option<f64>,
    p50_us: Option<f64>,
    p99_us: Option<f64>,
    p999_us: Option<f64>,
    lost: u64,
    verdict: &'a str,
    passed: Option<bool>,
    run: &'a str,
}

impl SearchPhase {
    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bracket => "bracket",
            Self::Bisect => "bisect",
            Self::Confirm => "confirm",
        }
    }
}

impl Trial {
    /// What a run says. Whether it passed is for the search to know.
    pub fn of(number: u32, phase: SearchPhase, offered: f64, run: &str, summary: &Summary) -> Self {
        let measured = summary.config.measured_seconds;
        let [p50, _, p99, p999, ..] = summary.latency.delivery.from_due.supported();
        let verdict = summary.verdict.as_ref();
        Self {
            number,
            phase,
            offered,
            sent_per_second: (measured > 0.0).then(|| float(summary.counts.sent) / measured),
            owed_per_second: summary.config.deliveries_per_second,
            delivered_per_second: delivery_rate(summary),
            p50_us: p50,
            p99_us: p99,
            p999_us: p999,
            lost: summary.counts.lost,
            verdict: verdict.map(|verdict| verdict.verdict),
            reasons: verdict
                .map(|verdict| verdict.reasons.iter().map(|reason| reason.text.clone()).collect())
                .unwrap_or_default(),
            passed: None,
            thresholds: summary.thresholds.clone(),
            run: run.to_owned(),
        }
    }
}

impl Search {
    /// States what is known in the end, and fills in what follows from it: [`Search::sentence`] and
    /// [`Search::warnings`]. `cause` is why a trial could not be carried out.
    pub fn conclude(&mut self, answer: Answer, about: Option<f64>, cause: &str) {
        self.answer = answer;
        self.rate = about;
        self.sentence = words::sentence(self, cause);
        self.warnings = words::doubts(self);
    }

    /// Writes `search.json`, `knee.csv` and `report.html`.
    ///
    /// # Errors
    /// [`WriteError::File`] names the file and the cause.
    pub fn write(&self, directory: &Path) -> Result<(), WriteError> {
        let files = [
            (SEARCH_FILE, self.json().into_bytes()),
            (KNEE_FILE, self.csv(directory)?),
            (PAGE_FILE, render_html_search(self).into_bytes()),
        ];
        for (name, text) in files {
            let path = directory.join(name);
            fs::write(&path, text).map_err(|source| WriteError::File { path, source })?;
        }
        Ok(())
    }

    /// The whole as JSON, with a last line end.
    pub fn json(&self) -> String {
        // Strings, numbers and lists: nothing in it can fail to be JSON.
        let text = serde_json::to_string_pretty(self);
        text.map(|text| text + "\n").unwrap_or_default()
    }

    fn csv(&self, directory: &Path) -> Result<Vec<u8>, WriteError> {
        let fault = |source| WriteError::File { path: directory.join(KNEE_FILE), source };
        let mut writer = csv::Writer::from_writer(Vec::new());
        for trial in &self.trials {
            writer.serialize(Row::from(trial)).map_err(|error| fault(error.into()))?;
        }
        writer.into_inner().map_err(|error| fault(error.into_error()))
    }
}

impl<'a> From<&'a Trial> for Row<'a> {
    fn from(trial: &'a Trial) -> Self {
        Self {
            trial: trial.number,
            phase: trial.phase,
            offered_per_second: trial.offered,
            sent_per_second: trial.sent_per_second,
            owed_per_second: trial.owed_per_second,
            delivered_per_second: trial.delivered_per_second,
            p50_us: trial.p50_us,
            p99_us: trial.p99_us,
            p999_us: trial.p999_us,
            lost: trial.lost,
            verdict: trial.verdict.map_or("", Judgement::name),
            passed: trial.passed,
            run: &trial.run,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::fixture::{TestDirectory, literal};

    fn trial(number: u32, phase: SearchPhase, offered: f64, p99_us: f64) -> Trial {
        let passed = p99_us < 50_000.0;
        let mut summary = literal();
        summary.config.deliveries_per_second = offered * 2_500.0;
        summary.latency.delivery.from_due.p99 = Some(p99_us);
        summary.thresholds = vec![ThresholdResult {
            threshold: "delivery:p(99)<50ms".to_owned(),
            observed: Some(p99_us),
            limit: 50_000.0,
            unit: "us".to_owned(),
            passed,
            aborted: false,
        }];
        let run = format!("20261124T070000Z-trial-{number}");
        Trial { passed: Some(passed), ..Trial::of(number, phase, offered, &run, &summary) }
    }

    /// A search that found a rate.
    pub(crate) fn found() -> Search {
        let mut search = Search {
            schema: SEARCH_SCHEMA.to_owned(),
            started: "2026-11-24T07:00:00.000Z".to_owned(),
            load: "--clients 5000 -t <b>".to_owned(),
            broker: "embedded".to_owned(),
            conditions: vec!["delivery:p(99)<50ms".to_owned()],
            lowest: 1.0,
            highest: None,
            tolerance: 0.05,
            confirmations: 1,
            trials: vec![
                trial(1, SearchPhase::Bracket, 1_000.0, 20_000.0),
                trial(2, SearchPhase::Bracket, 2_000.0, 81_000.0),
                trial(3, SearchPhase::Bisect, 1_410.0, 30_000.0),
                trial(4, SearchPhase::Confirm, 1_410.0, 31_000.0),
            ],
            answer: Answer::Interrupted,
            rate: None,
            sentence: String::new(),
            warnings: Vec::new(),
        };
        search.conclude(Answer::Highest, Some(1_410.0), "");
        search
    }

    #[test]
    fn the_answer_is_a_sentence_with_its_evidence() {
        let mut search = found();
        assert_eq!(
            search.sentence,
            "delivery:p(99)<50ms holds up to 1,410 publications/s (2,083,333 deliveries/s): in 2 trial(s) there, \
             and not at 2,000/s (delivery:p(99)<50ms: 81.0 ms)"
        );
        let of = |search: &mut Search, answer, rate| {
            search.conclude(answer, rate, "no such \u{1b}[1mhost");
            search.sentence.clone()
        };
        let search = &mut search;
        for (answer, rate, part) in [
            (Answer::AtLeast, Some(1_410.0), "raise --to"),
            (
                Answer::GeneratorLimit,
                Some(1_410.0),
                "the generator is the limit, not the broker (all of",
            ),
            (Answer::NotEven, Some(2_000.0), "does not hold even at 2,000 publications/s"),
            (Answer::NotAsked, Some(2_000.0), "the limit of the broker is not known"),
            (Answer::Unconfirmed, Some(2_000.0), "no rate can be named"),
            (Answer::TooFew, Some(2_000.0), "too short to judge by"),
            (
                Answer::Broken,
                Some(9.0),
                "no such \u{fffd}[1mhost; the condition held at 1,410/s before",
            ),
            (Answer::Interrupted, Some(1_410.0), "held at 1,410 publications/s"),
            (Answer::Interrupted, None, "before delivery:p(99)<50ms held at any rate"),
        ] {
            let sentence = of(search, answer, rate);
            assert!(sentence.contains(part), "{part}: {sentence}");
        }
    }

    #[test]
    fn a_condition_that_holds_on_a_broker_that_falls_behind_is_doubtful() {
        let mut search = found();
        assert!(search.warnings.is_empty());
        for trial in &mut search.trials {
            trial.verdict = Some(Judgement::BrokerLimited);
        }
        search.conclude(Answer::Highest, Some(1_410.0), "");
        let [warning] = &search.warnings[..] else { panic!("{:?}", search.warnings) };
        assert!(
            warning.starts_with("2 of 2 trial(s) at this rate are BROKER-LIMITED"),
            "{warning}"
        );
    }

    #[test]
    fn a_search_is_written_and_reads_back() {
        let directory = TestDirectory::new();
        let search = found();
        search.write(directory.path()).unwrap();
        let read = |name: &str| fs::read_to_string(directory.path().join(name)).unwrap();
        assert_eq!(serde_json::from_str::<Search>(&read(SEARCH_FILE)).unwrap(), search);
        let knee = read(KNEE_FILE);
        let lines: Vec<&str> = knee.lines().collect();
        assert_eq!(
            lines[0],
            "trial,phase,offered_per_second,sent_per_second,owed_per_second,delivered_per_second,p50_us,p99_us,\
             p999_us,lost,verdict,passed,run"
        );
        assert!(lines[2].starts_with("2,bracket,2000.0,"), "{}", lines[2]);
        assert!(
            lines[2].ends_with(",81000.0,31000.0,0,VALID,false,20261124T070000Z-trial-2"),
            "{}",
            lines[2]
        );
        assert_eq!(lines.len(), 5);
        assert!(read(PAGE_FILE).contains("HIGHEST RATE"));
    }

    #[test]
    fn a_line_of_the_table_fits_below_its_titles() {
        let trial = &found().trials[1];
        let (titles, line) = (Trial::titles(), trial.line());
        assert!(line.ends_with("not held: delivery:p(99)<50ms: 81.0 ms"), "{line}");
        let place = |text: &str, part: &str| text[..text.find(part).unwrap()].chars().count();
        assert_eq!(place(&titles, "result"), place(&line, "not held"));
    }
}
