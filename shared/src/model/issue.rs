//! Something wrong with data: a value with a position, never an `Err`.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};

/// How bad an issue is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Display, EnumString, IntoStaticStr)]
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
        [Self::Error, Self::Warning, Self::Info].into_iter().find(|severity| severity.letter() == letter)
    }
}

/// What is wrong. Clients rely on the names.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Display, EnumString, IntoStaticStr, VariantNames,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
#[allow(missing_docs, reason = "the names say it, and semantics are told by the message of each")]
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
    /// The heading under which it stands.
    #[serde(default)]
    pub column: Option<String>,
    /// The cell, cut to [`Issue::VALUE_CHARS`].
    #[serde(default)]
    pub value: Option<String>,
    /// What is wrong and what to do.
    pub message: String,
    /// What was probably meant.
    #[serde(default)]
    pub suggestion: Option<String>,
}

impl Issue {
    /// The most characters of a value that an issue repeats.
    pub const VALUE_CHARS: usize = 200;

    /// An error.
    pub fn error(code: Code, message: impl Into<String>) -> Self {
        Self { code, severity: Severity::Error, column: None, value: None, message: message.into(), suggestion: None }
    }

    /// A warning.
    pub fn warning(code: Code, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// Does it reject its line?
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The same, in a cell.
    #[must_use]
    pub fn at(mut self, column: &str, value: &str) -> Self {
        self.column = Some(column.to_owned());
        self.value = (!value.is_empty()).then(|| value.chars().take(Self::VALUE_CHARS).collect());
        self
    }

    /// The same, with a guess at what was meant.
    #[must_use]
    pub fn suggest(mut self, suggestion: Option<impl Into<String>>) -> Self {
        self.suggestion = suggestion.map(Into::into);
        self
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
