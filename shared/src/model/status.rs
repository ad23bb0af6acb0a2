//! Where an import stands: every status, every arrow between two of them, who moves it and why.
//!
//! The api only asks, the worker only answers: `cancelling` and `cancelled` are two states. The arrows that the api completes
//! alone are those where nothing runs. A bad line never makes a status.

use super::stage::Stage;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// Where an import stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Display, EnumString, IntoStaticStr, VariantArray)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Status {
    /// The file is being read and staged.
    Validating,
    /// The file as a whole cannot be read; nothing is staged.
    Rejected,
    /// Every line is being planned.
    Previewing,
    /// The preview is complete and waits for an admin.
    Ready,
    /// The plans are being executed.
    Applying,
    /// All plans were executed.
    Applied,
    /// Somebody asked to cancel; lanes are finishing what they hold.
    Cancelling,
    /// Ended early; what was applied before stays.
    Cancelled,
    /// A stage could not go on; the import says why.
    Failed,
}

/// Who writes an arrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mover {
    /// The api, on request.
    Api,
    /// A lane that found a stage through, or a request to answer.
    Worker,
}

/// One allowed change of status.
#[derive(Debug, Clone, Copy)]
pub struct Arrow {
    /// Before.
    pub from: Status,
    /// After.
    pub to: Status,
    /// Who writes it.
    pub mover: Mover,
    /// Why it exists.
    pub because: &'static str,
}

const fn arrow(from: Status, to: Status, mover: Mover, because: &'static str) -> Arrow {
    Arrow { from, to, mover, because }
}

use Mover::{Api, Worker};
use Status::{Applied, Applying, Cancelled, Cancelling, Failed, Previewing, Ready, Rejected, Validating};

/// All arrows there are. What is not here is refused, by a test and by [`may_become`].
pub const ARROWS: &[Arrow] = &[
    arrow(Validating, Previewing, Worker, "the file is staged"),
    arrow(Validating, Rejected, Worker, "the header or a limit makes the file unreadable"),
    arrow(Validating, Cancelling, Api, "asked while a lane may be at work"),
    arrow(Validating, Failed, Worker, "staging gave up"),
    arrow(Previewing, Ready, Worker, "every line has its plan"),
    arrow(Previewing, Cancelling, Api, "asked while lanes may be at work"),
    arrow(Previewing, Failed, Worker, "planning gave up"),
    arrow(Rejected, Validating, Api, "asked to read the file again, with another mapping, delimiter or encoding"),
    arrow(Rejected, Cancelled, Api, "asked; nothing runs"),
    arrow(Ready, Applying, Api, "an admin confirmed the preview"),
    arrow(Ready, Previewing, Api, "asked to plan again with other settings"),
    arrow(Ready, Validating, Api, "asked to read the file again with other reading settings"),
    arrow(Ready, Cancelled, Api, "asked; nothing runs"),
    arrow(Applying, Applied, Worker, "every batch is done"),
    arrow(Applying, Cancelling, Api, "asked while lanes may be at work"),
    arrow(Applying, Failed, Worker, "applying gave up"),
    arrow(Cancelling, Cancelled, Worker, "the last lane has left"),
    arrow(Cancelling, Applied, Worker, "the last batch was in flight when it was asked, and nothing is left to cancel"),
    arrow(Failed, Cancelled, Api, "asked; nothing runs"),
];

/// What an account may ask of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Display, IntoStaticStr, VariantArray)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Request {
    /// Execute the plans.
    Apply,
    /// Plan again, with other settings.
    Preview,
    /// End it here.
    Cancel,
}

impl Status {
    /// The name as it is stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Nothing moves it but a request.
    #[must_use]
    pub fn is_at_rest(self) -> bool {
        !matches!(self, Validating | Previewing | Applying | Cancelling)
    }

    /// The stage whose batches lanes may claim in this status; `None`: no work may begin.
    #[must_use]
    pub fn working_stage(self) -> Option<Stage> {
        match self {
            Validating => Some(Stage::Validate),
            Previewing => Some(Stage::Preview),
            Applying => Some(Stage::Apply),
            Rejected | Ready | Applied | Cancelling | Cancelled | Failed => None,
        }
    }

    /// What may be asked now, in the order in which it is offered.
    #[must_use]
    pub fn can(self) -> Vec<Request> {
        let allowed = |request: &Request| match request {
            Request::Apply => self == Ready,
            Request::Preview => matches!(self, Ready | Rejected),
            Request::Cancel => matches!(self, Validating | Rejected | Previewing | Ready | Applying | Failed),
        };
        Request::VARIANTS.iter().copied().filter(allowed).collect()
    }
}

/// Is there an arrow from `from` to `to`?
#[must_use]
pub fn may_become(from: Status, to: Status) -> bool {
    ARROWS.iter().any(|arrow| arrow.from == from && arrow.to == to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_whole_truth() {
        let line = |from: &Status| {
            let to: Vec<_> = Status::VARIANTS.iter().filter(|to| may_become(*from, **to)).map(|to| to.name()).collect();
            format!("{from} → {}\n", to.join(" "))
        };
        let drawn: String = Status::VARIANTS.iter().map(line).collect();
        let expected = "validating → rejected previewing cancelling failed\n\
                        rejected → validating cancelled\n\
                        previewing → ready cancelling failed\n\
                        ready → validating previewing applying cancelled\n\
                        applying → applied cancelling failed\n\
                        applied → \n\
                        cancelling → applied cancelled\n\
                        cancelled → \n\
                        failed → cancelled\n";
        assert_eq!(drawn, expected);
    }

    #[test]
    fn no_arrow_is_drawn_twice_and_each_has_a_reason() {
        for (i, arrow) in ARROWS.iter().enumerate() {
            assert!(!arrow.because.is_empty());
            assert!(!ARROWS[..i].iter().any(|other| other.from == arrow.from && other.to == arrow.to), "{arrow:?}");
        }
    }

    #[test]
    fn every_request_has_its_arrow_and_the_api_moves_only_on_request() {
        for status in Status::VARIANTS {
            let asked = |to: Status| ARROWS.iter().any(|a| a.from == *status && a.to == to && a.mover == Api);
            let can = status.can();
            assert_eq!(can.contains(&Request::Apply), asked(Applying), "{status}");
            assert_eq!(can.contains(&Request::Preview), asked(Previewing) || asked(Validating), "{status}");
            assert_eq!(can.contains(&Request::Cancel), asked(Cancelling) || asked(Cancelled), "{status}");
        }
    }
}
