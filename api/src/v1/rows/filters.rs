//! Which lines are wanted.

use crate::request::query::{Given, Parameters};
use muster_shared::model::{
    action::{Action, LineResult},
    issue::{Code, Severity},
};
use strum::{VariantArray, VariantNames};

/// Which lines are wanted; what is not said does not matter.
#[derive(Debug, Default)]
pub(crate) struct Filters {
    /// By what they would do.
    pub(crate) actions: Option<Vec<Action>>,
    /// By what became of them.
    pub(crate) outcomes: Option<Vec<LineResult>>,
    /// With an issue as bad as this.
    pub(crate) severity: Option<Severity>,
    /// With this issue.
    pub(crate) code: Option<String>,
    /// About the subject of this key.
    pub(crate) key: Option<String>,
}

fn actions(given: &mut Given) -> Option<Vec<Action>> {
    let names: Vec<_> = Action::VARIANTS
        .iter()
        .map(|action| action.name())
        .collect();
    given.words("action", &names)
}

fn outcomes(given: &mut Given) -> Option<Vec<LineResult>> {
    given.words("outcome", &LineResult::names())
}

impl Parameters for Filters {
    const KNOWN: &'static [&'static str] = &["action", "outcome", "severity", "code", "key"];

    fn read(given: &mut Given) -> Self {
        Self {
            actions: actions(given),
            outcomes: outcomes(given),
            severity: given.word("severity", &["error", "warning", "info"]),
            code: given
                .word::<Code>("code", Code::VARIANTS)
                .map(|code| code.to_string()),
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
        Self(Filters {
            actions: actions(given),
            outcomes: outcomes(given),
            ..Filters::default()
        })
    }
}
