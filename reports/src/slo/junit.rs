//! JUnit XML, which CI systems show without a plug-in.

use std::io::{self, Write};

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::text::{harmless, threshold_text};
use crate::{Judgement, Summary};

/// Writes one test case for each threshold and one for the verdict, which fails when the generator was the
/// limit.
///
/// # Errors
/// What the writer returns.
pub fn write_junit(mut writer: impl Write, summary: &Summary) -> io::Result<()> {
    let mut suite = TestSuite::new("thresholds");
    for result in &summary.thresholds {
        let status = if result.passed {
            TestCaseStatus::success()
        } else {
            failure(&threshold_text(result))
        };
        suite.add_test_case(TestCase::new(harmless(&result.threshold), status));
    }
    if let Some(verdict) = &summary.verdict {
        let reasons: Vec<String> =
            verdict.reasons.iter().map(|reason| harmless(&reason.text)).collect();
        let text = format!("{}: {}", verdict.verdict.name(), reasons.join("; "));
        let status = match verdict.verdict {
            Judgement::GeneratorLimited => failure(&text),
            _ => TestCaseStatus::success(),
        };
        let mut case = TestCase::new("verdict", status);
        case.set_system_out(text);
        suite.add_test_case(case);
    }
    let mut report = Report::new("loadgen");
    report.add_test_suite(suite);
    let text = report.to_string().map_err(io::Error::other)?;
    writer.write_all(text.as_bytes())
}

fn failure(text: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_message(text);
    status
}

#[cfg(test)]
mod tests {
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
