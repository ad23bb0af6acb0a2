//! The API's answers as far as a command line needs them. Members that are not named here are
//! passed over.

use muster_shared::model::{
    issue::Severity,
    status::Status,
    tally::{Actions, Effects, IssueCounts, Outcomes},
};
use serde::{Deserialize, Serialize};

/// An import.
#[derive(Debug, Clone, Deserialize)]
pub struct Import {
    /// Its id.
    pub id: String,
    /// The site's slug.
    pub site: String,
    /// Where it stands.
    pub status: Status,
    /// Nothing moves it but a request.
    pub at_rest: bool,
    /// The uploaded file.
    pub file: File,
    /// How far its stage is.
    pub progress: Option<Progress>,
    /// Lines by what they would do; complete when ready.
    pub actions: Option<Actions>,
    /// Lines by what they did, once applied.
    pub outcomes: Option<Outcomes>,
    /// Everything that happens.
    pub effects: Option<Effects>,
    /// How much is wrong.
    #[serde(default)]
    pub issues: Option<IssueCounts>,
    /// Why the file as a whole cannot be read.
    pub rejected: Option<Vec<Rejected>>,
    /// Why a stage gave up.
    pub failed: Option<Failed>,
}

/// The uploaded file.
#[derive(Debug, Clone, Deserialize)]
pub struct File {
    /// As the client called it.
    pub name: Option<String>,
    /// Its encoding.
    pub encoding: Option<Found>,
    /// What stands between two cells.
    pub delimiter: Option<Found>,
    /// Records without the header, once they are counted.
    pub rows: Option<i64>,
}

/// A value that was given or found.
#[derive(Debug, Clone, Deserialize)]
pub struct Found {
    /// The value.
    pub value: String,
    /// 0 to 1.
    pub sureness: f64,
    /// Said by the admin.
    pub given: bool,
}

/// How far a stage is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Progress {
    /// `validate`, `preview` or `apply`.
    pub stage: String,
    /// Units that are done.
    pub done: u64,
    /// Units in all.
    pub total: u64,
    /// `bytes` or `rows`.
    pub unit: String,
    /// Units a second since the stage began.
    pub per_second: u64,
    /// Seconds to go, if that can be told.
    pub eta_seconds: Option<u64>,
}

/// One reason why a file cannot be read.
#[derive(Debug, Clone, Deserialize)]
pub struct Rejected {
    /// A stable name.
    pub code: String,
    /// Where.
    pub line: Option<i64>,
    /// What is wrong and what to do.
    pub message: String,
    /// What was probably meant.
    pub suggestion: Option<String>,
}

/// Why a stage gave up.
#[derive(Debug, Clone, Deserialize)]
pub struct Failed {
    /// `validate`, `preview` or `apply`.
    pub stage: String,
    /// A stable name.
    pub code: String,
    /// In words.
    pub detail: String,
}

/// A page of grouped issues.
#[derive(Debug, Clone, Deserialize)]
pub struct IssuePage {
    /// Errors first, then by count.
    pub issues: Vec<IssueGroup>,
    /// There are more.
    pub next: Option<String>,
}

/// Issues of one code, column and value.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct IssueGroup {
    /// A stable name.
    pub code: String,
    /// How bad.
    pub severity: Severity,
    /// The heading.
    pub column: Option<String>,
    /// The cell.
    pub value: Option<String>,
    /// How many lines.
    pub count: i64,
    /// The first of them; none for an issue of the file.
    pub first_line: Option<i64>,
    /// What is wrong and what to do.
    pub message: String,
    /// What was probably meant.
    pub suggestion: Option<String>,
}

/// An HTTP error answer.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Problem {
    /// In a few words.
    pub title: String,
    /// What to do.
    pub detail: Option<String>,
    /// A stable name.
    pub code: String,
    /// Each wrong parameter.
    pub errors: Vec<Fault>,
}

/// One wrong parameter.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Fault {
    /// Which.
    pub parameter: String,
    /// Where in its JSON.
    pub pointer: Option<String>,
    /// What is wrong.
    pub detail: String,
    /// What was probably meant.
    pub suggestion: Option<String>,
}
