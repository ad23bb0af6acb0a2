//! Which lines are wanted.

use crate::request::query::{Given, Parameters};
use muster_shared::model::{
    issue::{Code, Severity},
    plan::{Action, Outcome},
};
use std::str::FromStr;
use strum::{VariantArray, VariantNames};

/// The word for lines to which apply never came.
const NEVER: &str = "none";

/// Which lines are wanted; what is not said does not matter.
#[derive(Debug, Default)]
pub(crate) struct Filters {
    /// By what they would do.
    pub(crate) actions: Option<Vec<Action>>,
    /// By what they did; `None` among them: never tried.
    pub(crate) outcomes: Option<Vec<Option<Outcome>>>,
    /// With an issue as bad as this.
    pub(crate) severity: Option<Severity>,
    /// With this issue.
    pub(crate) code: Option<String>,
    /// About the subject of this key.
    pub(crate) key: Option<String>,
}

/// An outcome as a filter names it.
struct Word(Option<Outcome>);

impl FromStr for Word {
    type Err = strum::ParseError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == NEVER { Ok(Self(None)) } else { text.parse().map(|outcome| Self(Some(outcome))) }
    }
}

fn actions(given: &mut Given) -> Option<Vec<Action>> {
    let names: Vec<_> = Action::VARIANTS.iter().map(|action| action.name()).collect();
    given.words("action", &names)
}

fn outcomes(given: &mut Given) -> Option<Vec<Option<Outcome>>> {
    let names: Vec<_> = Outcome::VARIANTS.iter().map(|outcome| outcome.name()).chain([NEVER]).collect();
    let words = given.words::<Word>("outcome", &names)?;
    Some(words.into_iter().map(|word| word.0).collect())
}

impl Parameters for Filters {
    const KNOWN: &'static [&'static str] = &["action", "outcome", "severity", "code", "key"];

    fn read(given: &mut Given) -> Self {
        Self {
            actions: actions(given),
            outcomes: outcomes(given),
            severity: given.word("severity", &["error", "warning", "info"]),
            code: given.word::<Code>("code", Code::VARIANTS).map(|code| code.to_string()),
            key: given.text("key"),
        }
    }
}

/// The filters of a report.
#[derive(Debug)]
pub(crate) struct OfReport(pub(crate) Filters);

impl Parameters for OfReport {
    const KNOWN: &'static [&'static str] = &["action", "outcome"];

    fn read(given: &mut Given) -> Self {
        Self(Filters { actions: actions(given), outcomes: outcomes(given), ..Filters::default() })
    }
}
