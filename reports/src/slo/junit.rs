//! The conditions of a run and its verdict as JUnit XML.

use std::io::{self, Write};

use crate::junit::{Case, CaseStatus, junit};
use crate::text::threshold_text;
use crate::{Judgement, Summary};

/// Writes one test case for each threshold and one for the verdict, which fails when the generator was the
/// limit.
///
/// # Errors
/// What the writer returns.
pub fn write_junit(mut writer: impl Write, summary: &Summary) -> io::Result<()> {
    let status = |passed| if passed { CaseStatus::Passed } else { CaseStatus::Failed };
    let thresholds = summary.thresholds.iter().map(|result| Case {
        name: result.threshold.clone(),
        status: status(result.passed),
        text: if result.passed { String::new() } else { threshold_text(result) },
    });
    let verdict = summary.verdict.as_ref().map(|verdict| {
        let reasons: Vec<&str> =
            verdict.reasons.iter().map(|reason| reason.text.as_str()).collect();
        Case {
            name: "verdict".to_owned(),
            status: status(verdict.verdict != Judgement::GeneratorLimited),
            text: format!("{}: {}", verdict.verdict.name(), reasons.join("; ")),
        }
    });
    writer.write_all(junit("loadgen", "thresholds", thresholds.chain(verdict))?.as_bytes())
}

#[cfg(test)]
mod tests {
    use quick_junit::Report;

    use super::*;
    use crate::ThresholdResult;
    use crate::fixture::literal;

    #[test]
    fn each_threshold_is_a_case_and_so_is_the_verdict() {
        let mut summary = literal();
        for (threshold, passed) in [("lost==0", true), ("delivery:p(99)<1ms", false)] {
            summary.thresholds.push(ThresholdResult {
                threshold: threshold.to_owned(),
                observed: Some(24_100.0),
                limit: 1_000.0,
                unit: "us".to_owned(),
                passed,
                aborted: false,
            });
        }
        let mut xml = Vec::new();
        write_junit(&mut xml, &summary).unwrap();
        let report = Report::deserialize_from_str(std::str::from_utf8(&xml).unwrap()).unwrap();
        assert_eq!((report.tests, report.failures), (3, 1));
        let names: Vec<_> =
            report.test_suites[0].test_cases.iter().map(|case| case.name.to_string()).collect();
        assert_eq!(names, ["lost==0", "delivery:p(99)<1ms", "verdict"]);
        if let Some(verdict) = &mut summary.verdict {
            verdict.verdict = Judgement::GeneratorLimited;
        }
        let mut xml = Vec::new();
        write_junit(&mut xml, &summary).unwrap();
        let report = Report::deserialize_from_str(std::str::from_utf8(&xml).unwrap()).unwrap();
        assert_eq!(report.failures, 2);
    }
}
