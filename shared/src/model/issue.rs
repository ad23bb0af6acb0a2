//! Something wrong with data: a value with a position, never an `Err`.

use super::{column::ColumnSpec, text::cut};
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};

/// How bad an issue is.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    IntoStaticStr,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Severity {
    /// The line is rejected.
    Error,
    /// Worth a look; the line goes on.
    Warning,
    /// Worth knowing.
    Info,
}

impl Severity {
    /// The letter under which it is stored.
    #[must_use]
    pub fn letter(self) -> u8 {
        match self {
            Self::Error => b'e',
            Self::Warning => b'w',
            Self::Info => b'i',
        }
    }

    /// The severity stored as this letter.
    #[must_use]
    pub fn of_letter(letter: u8) -> Option<Self> {
        [Self::Error, Self::Warning, Self::Info]
            .into_iter()
            .find(|severity| severity.letter() == letter)
    }
}

/// What is wrong. Clients rely on the names.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    IntoStaticStr,
    VariantNames,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
#[allow(
    missing_docs,
    reason = "the names say it, and semantics are told by the message of each"
)]
pub enum Code {
    // of a line
    UserNotFound,
    SegmentNotFound,
    CourseNotFound,
    RoleNotFound,
    UserExists,
    SegmentExists,
    CourseExists,
    SegmentManaged,
    MissingValue,
    TooLong,
    BadValue,
    BadEmail,
    DuplicateEmail,
    NameUsedTwice,
    UsernameChanged,
    NoCourse,
    EnrolmentSuspended,
    EnrolmentKept,
    ExampleLine,
    Width,
    BadBytes,
    OpenQuote,
    OddSpace,
    TargetChanged,
    NotApplied,
    // of the file
    SameFile,
    IgnoredColumn,
    IgnoredByDetails,
    UnknownColumn,
    RepeatedColumn,
    MissingColumn,
    ColumnNotAllowed,
    EmptyFile,
    HeaderOnly,
    NotText,
    Limit,
}

/// Something wrong with a line, or with the file as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// What.
    pub code: Code,
    /// How bad.
    pub severity: Severity,
    /// The heading under which it stands, cut to [`ColumnSpec::HEADING_CHARS`].
    #[serde(default)]
    pub column: Option<String>,
    /// The cell, cut to [`Issue::VALUE_CHARS`].
    #[serde(default)]
    pub value: Option<String>,
    /// What is wrong and what to do, cut to [`Issue::MESSAGE_CHARS`].
    pub message: String,
    /// What was probably meant, cut like a value.
    #[serde(default)]
    pub suggestion: Option<String>,
}

impl Issue {
    /// The most characters of a value that an issue repeats.
    pub const VALUE_CHARS: usize = 200;

    /// The most characters of a message: it is stored and shown for each line, and may repeat a
    /// cell.
    pub const MESSAGE_CHARS: usize = 1_000;

    /// The most issues of one line: a file of many columns could otherwise give rise to a hundred
    /// times its own size.
    pub const MAX_OF_A_LINE: usize = 200;

    /// An error.
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        let message = bounded(message.into(), Self::MESSAGE_CHARS);
        Self {
            code,
            severity: Severity::Error,
            column: None,
            value: None,
            message,
            suggestion: None,
        }
    }

    /// A warning.
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, message)
        }
    }

    /// Does it reject its line?
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The same, in a cell.
    #[must_use]
    pub fn at(mut self, column: &str, value: &str) -> Self {
        self.column = Some(cut(column, ColumnSpec::HEADING_CHARS).to_owned());
        self.value = (!value.is_empty()).then(|| cut(value, Self::VALUE_CHARS).to_owned());
        self
    }

    /// The same, with a guess at what was meant.
    #[must_use]
    pub fn suggest(mut self, suggestion: Option<impl Into<String>>) -> Self {
        self.suggestion =
            suggestion.map(|suggestion| bounded(suggestion.into(), Self::VALUE_CHARS));
        self
    }

    /// The issues of one line: no more than are told, the last of which then says how many are not.
    #[must_use]
    pub fn told(mut issues: Vec<Self>) -> Vec<Self> {
        let Some(more) = issues
            .len()
            .checked_sub(Self::MAX_OF_A_LINE)
            .filter(|more| *more > 0)
        else {
            return issues;
        };
        let untold = issues.split_off(Self::MAX_OF_A_LINE - 1);
        let message = format!("{} more problems of this line are not listed.", more + 1);
        let severity = untold
            .iter()
            .map(|issue| issue.severity)
            .min()
            .unwrap_or(Severity::Info);
        issues.push(Self {
            severity,
            ..Self::error(Code::Limit, message)
        });
        issues
    }
}

/// The text, or as much of it as may be stored.
fn bounded(text: String, max: usize) -> String {
    if text.len() <= max {
        text
    } else {
        cut(&text, max).to_owned()
    }
}

/// An issue of the file as a whole, with the line of the header where that matters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileIssue {
    /// What is wrong.
    #[serde(flatten)]
    pub issue: Issue,
    /// Where, if there is a place.
    #[serde(default)]
    pub line: Option<i32>,
    /// How many lines it concerns; 1 for one of the header.
    #[serde(default = "one")]
    pub count: i64,
}

fn one() -> i64 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_an_issue_is_as_long_as_a_cell_may_be() {
        let long = "é".repeat(1 << 20);
        let issue = Issue::warning(Code::UsernameChanged, format!("{long} → x"))
            .at(&long, &long)
            .suggest(Some(&*long));
        let chars = |text: &Option<String>| text.as_ref().map(|text| text.chars().count());
        assert_eq!(issue.message.chars().count(), Issue::MESSAGE_CHARS);
        assert_eq!(
            (
                chars(&issue.column),
                chars(&issue.value),
                chars(&issue.suggestion)
            ),
            (Some(255), Some(200), Some(200))
        );
    }

    #[test]
    fn a_line_tells_so_many_issues_and_how_many_more_there_are() {
        let some = |count: usize| Issue::told(vec![Issue::warning(Code::OddSpace, "Odd."); count]);
        assert_eq!(
            some(200)
                .iter()
                .filter(|issue| issue.code == Code::OddSpace)
                .count(),
            200
        );
        let told = some(201);
        assert_eq!(
            (told.len(), told[199].severity, told[199].message.as_str()),
            (
                200,
                Severity::Warning,
                "2 more problems of this line are not listed."
            )
        );
        let mut with_error = vec![Issue::warning(Code::OddSpace, "Odd."); 210];
        with_error.push(Issue::error(Code::TooLong, "Long."));
        assert!(
            Issue::told(with_error)[199].is_error(),
            "the line is rejected, and says so"
        );
    }
}
