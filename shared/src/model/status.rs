//! Where an import stands: every status, every arrow between two of them, who moves it and why.
//!
//! The api only asks, the worker only answers: `pausing` and `paused` are two states, so are
//! `cancelling` and `cancelled`. The arrows that the api completes alone are those where nothing
//! runs. A bad line never makes a status.

use super::{
    arrow::{Arrow, arrow, leads},
    stage::Stage,
};
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// Where an import stands.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
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
    /// Somebody asked to pause; lanes are finishing what they hold.
    Pausing,
    /// Some plans are executed, the others wait for an admin.
    Paused,
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
    /// The api on request, or the worker's pruner once the import has expired.
    Both,
}

use Mover::{Api, Both, Worker};
use Status::{
    Applied, Applying, Cancelled, Cancelling, Failed, Paused, Pausing, Previewing, Ready, Rejected,
    Validating,
};

/// All arrows there are. What is not here is refused, by a test and by [`may_become`].
pub const ARROWS: &[Arrow<Status, Mover>] = &[
    arrow(Validating, Previewing, Worker, "the file is staged"),
    arrow(
        Validating,
        Rejected,
        Worker,
        "the header or a limit makes the file unreadable",
    ),
    arrow(
        Validating,
        Cancelling,
        Api,
        "asked while a lane may be at work",
    ),
    arrow(Validating, Failed, Worker, "staging gave up"),
    arrow(Previewing, Ready, Worker, "every line has its plan"),
    arrow(
        Previewing,
        Cancelling,
        Api,
        "asked while lanes may be at work",
    ),
    arrow(Previewing, Failed, Worker, "planning gave up"),
    arrow(
        Rejected,
        Validating,
        Api,
        "asked to read the file again, with another mapping, delimiter or encoding",
    ),
    arrow(Rejected, Cancelled, Api, "asked; nothing runs"),
    arrow(Ready, Applying, Api, "an admin confirmed the preview"),
    arrow(
        Ready,
        Previewing,
        Api,
        "asked to plan again with other settings",
    ),
    arrow(
        Ready,
        Validating,
        Api,
        "asked to read the file again with other reading settings",
    ),
    arrow(Ready, Cancelled, Both, "asked, or expired; nothing runs"),
    arrow(Applying, Applied, Worker, "every batch is done"),
    arrow(Applying, Pausing, Api, "asked while lanes may be at work"),
    arrow(
        Applying,
        Cancelling,
        Api,
        "asked while lanes may be at work",
    ),
    arrow(Applying, Failed, Worker, "applying gave up"),
    arrow(Pausing, Paused, Worker, "the last lane has left"),
    arrow(
        Pausing,
        Applied,
        Worker,
        "the last batch was in flight when it was asked, and nothing is left to pause",
    ),
    arrow(Pausing, Cancelling, Api, "asked while lanes may be at work"),
    arrow(Paused, Applying, Api, "asked to go on"),
    arrow(Paused, Cancelled, Both, "asked, or expired; nothing runs"),
    arrow(Cancelling, Cancelled, Worker, "the last lane has left"),
    arrow(
        Cancelling,
        Applied,
        Worker,
        "the last batch was in flight when it was asked, and nothing is left to cancel",
    ),
    arrow(Failed, Validating, Api, "asked to try again what gave up"),
    arrow(Failed, Previewing, Api, "asked to try again what gave up"),
    arrow(Failed, Applying, Api, "asked to try again what gave up"),
    arrow(Failed, Cancelled, Both, "asked, or expired; nothing runs"),
];

/// What an account may ask of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Display, IntoStaticStr, VariantArray)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Command {
    /// Execute the plans.
    Apply,
    /// Plan again, with other settings.
    Preview,
    /// Stop executing for now.
    Pause,
    /// Go on executing.
    Resume,
    /// Try again what gave up.
    Retry,
    /// End it here.
    Cancel,
    /// Take back what it did, in an import of its own.
    Undo,
    /// Go on with lines that it left, in an import of its own.
    Continue,
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
        !matches!(
            self,
            Validating | Previewing | Applying | Pausing | Cancelling
        )
    }

    /// The stage whose batches lanes may claim in this status; `None`: no work may begin.
    #[must_use]
    pub fn working_stage(self) -> Option<Stage> {
        match self {
            Validating => Some(Stage::Validate),
            Previewing => Some(Stage::Preview),
            Applying => Some(Stage::Apply),
            Rejected | Ready | Pausing | Paused | Applied | Cancelling | Cancelled | Failed => None,
        }
    }

    /// The status in which lanes may claim batches of that stage.
    #[must_use]
    pub fn working_on(stage: Stage) -> Self {
        match stage {
            Stage::Validate => Validating,
            Stage::Preview => Previewing,
            Stage::Apply => Applying,
        }
    }

    /// Does it allow this? What a request needs besides, such as something to undo, the import
    /// knows.
    #[must_use]
    pub fn allows(self, command: Command) -> bool {
        match command {
            Command::Apply => self == Ready,
            Command::Preview => matches!(self, Ready | Rejected),
            Command::Pause => self == Applying,
            Command::Resume => self == Paused,
            Command::Retry => self == Failed,
            Command::Cancel => matches!(
                self,
                Validating | Rejected | Previewing | Ready | Applying | Pausing | Paused | Failed
            ),
            Command::Undo | Command::Continue => matches!(self, Applied | Cancelled),
        }
    }

    /// Is what is asked for already so, or on its way?
    #[must_use]
    pub fn is_satisfied_by(self, command: Command) -> bool {
        match command {
            Command::Apply => matches!(self, Applying | Applied),
            Command::Pause => matches!(self, Pausing | Paused),
            Command::Resume => self == Applying,
            Command::Retry => matches!(self, Validating | Previewing | Applying),
            Command::Cancel => matches!(self, Cancelling | Cancelled),
            Command::Preview | Command::Undo | Command::Continue => false,
        }
    }
}

/// Is there an arrow from `from` to `to`?
#[must_use]
pub fn may_become(from: Status, to: Status) -> bool {
    leads(ARROWS, &from, &to)
}

/// Is there an arrow from `from` to `to` that the api, or a worker, may write?
#[must_use]
pub fn may_be_moved(from: Status, to: Status, by: Mover) -> bool {
    ARROWS
        .iter()
        .any(|arrow| arrow.from == from && arrow.to == to && [by, Both].contains(&arrow.mover))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_whole_truth() {
        let line = |from: &Status| {
            let to: Vec<_> = Status::VARIANTS
                .iter()
                .filter(|to| may_become(*from, **to))
                .map(|to| to.name())
                .collect();
            format!("{from} → {}\n", to.join(" "))
        };
        let drawn: String = Status::VARIANTS.iter().map(line).collect();
        let expected = "validating → rejected previewing cancelling failed\n\
                        rejected → validating cancelled\n\
                        previewing → ready cancelling failed\n\
                        ready → validating previewing applying cancelled\n\
                        applying → pausing applied cancelling failed\n\
                        pausing → paused applied cancelling\n\
                        paused → applying cancelled\n\
                        applied → \n\
                        cancelling → applied cancelled\n\
                        cancelled → \n\
                        failed → validating previewing applying cancelled\n";
        assert_eq!(drawn, expected);
    }

    #[test]
    fn no_arrow_is_drawn_twice_and_each_has_a_reason() {
        for (i, arrow) in ARROWS.iter().enumerate() {
            assert!(!arrow.because.is_empty());
            assert!(
                !ARROWS[..i]
                    .iter()
                    .any(|other| other.from == arrow.from && other.to == arrow.to),
                "{arrow:?}"
            );
        }
    }

    #[test]
    fn every_request_has_its_arrow_and_the_api_moves_only_on_request() {
        for status in Status::VARIANTS {
            let asked = |to: Status| {
                ARROWS
                    .iter()
                    .any(|a| a.from == *status && a.to == to && a.mover != Worker)
            };
            let goes_on = asked(Validating) || asked(Previewing) || asked(Applying);
            let expected = [
                (Command::Apply, *status == Ready && asked(Applying)),
                (
                    Command::Preview,
                    *status != Failed && (asked(Previewing) || asked(Validating)),
                ),
                (Command::Pause, asked(Pausing)),
                (Command::Resume, *status == Paused && goes_on),
                (Command::Retry, *status == Failed && goes_on),
                (Command::Cancel, asked(Cancelling) || asked(Cancelled)),
            ];
            for (request, is_asked) in expected {
                assert_eq!(status.allows(request), is_asked, "{request} of {status}");
                assert!(
                    !(is_asked && status.is_satisfied_by(request)),
                    "{request} of {status}"
                );
            }
        }
    }

    #[test]
    fn what_nothing_can_move_but_a_new_import_is_at_its_end() {
        for status in Status::VARIANTS {
            let is_end = !ARROWS.iter().any(|arrow| arrow.from == *status);
            assert_eq!(status.allows(Command::Undo), is_end, "{status}");
            assert_eq!(status.allows(Command::Continue), is_end, "{status}");
        }
    }
}
