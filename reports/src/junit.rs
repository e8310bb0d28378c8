//! JUnit XML, which CI systems show without a plug-in.

use std::io;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::regress::Change;
use crate::text::harmless;

/// How a case ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CaseStatus {
    /// It holds.
    Passed,
    /// It does not.
    Failed,
    /// Nobody can tell.
    Skipped,
}

impl From<Change> for CaseStatus {
    fn from(change: Change) -> Self {
        match change {
            Change::Faster | Change::Same => Self::Passed,
            Change::Slower => Self::Failed,
            Change::Undecided | Change::CannotMeasure => Self::Skipped,
        }
    }
}

/// One test case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// What was looked at.
    pub name: String,
    /// How it ended.
    pub status: CaseStatus,
    /// Why; may be empty.
    pub text: String,
}

/// A report with one suite.
///
/// # Errors
/// What the writer of XML says.
pub fn junit(
    report: &str,
    suite: &str,
    cases: impl IntoIterator<Item = Case>,
) -> io::Result<String> {
    let mut suite = TestSuite::new(suite);
    suite.add_test_cases(cases.into_iter().map(|case| test_case(&case)));
    let mut report = Report::new(report);
    report.add_test_suite(suite);
    report.to_string().map_err(io::Error::other)
}

fn test_case(case: &Case) -> TestCase {
    let mut status = match case.status {
        CaseStatus::Passed => TestCaseStatus::success(),
        CaseStatus::Failed => TestCaseStatus::non_success(NonSuccessKind::Failure),
        CaseStatus::Skipped => TestCaseStatus::skipped(),
    };
    let text = harmless(&case.text);
    if case.status != CaseStatus::Passed {
        status.set_message(text.as_str());
    }
    let mut test_case = TestCase::new(harmless(&case.name), status);
    if !text.is_empty() {
        test_case.set_system_out(text);
    }
    test_case
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_cannot_tell_neither_passes_nor_fails() {
        let case = |name: &str, change: Change| Case {
            name: name.to_owned(),
            status: change.into(),
            text: "two\u{1b}[31m".to_owned(),
        };
        let cases =
            [case("a", Change::Same), case("b", Change::Slower), case("c", Change::CannotMeasure)];
        let xml = junit("report", "suite", cases).unwrap();
        let report = Report::deserialize_from_str(&xml).unwrap();
        assert_eq!((report.tests, report.failures), (3, 1));
        assert_eq!(xml.matches("<skipped").count(), 1, "{xml}");
        assert!(!xml.contains('\u{1b}'));
    }
}
