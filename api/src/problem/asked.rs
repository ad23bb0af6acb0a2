//! What is asked of an import, and how it is refused.

use muster_shared::model::status::{Command, Status};

/// What is asked of an import: a change of status, or something to be had only in some.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A change of status.
    Command(Command),
    /// The report.
    Report,
    /// That it be deleted.
    Delete,
}

impl Asked {
    /// What it is to be refused.
    pub(super) fn refusal(self) -> &'static str {
        match self {
            Self::Command(Command::Apply) => "This import cannot be applied now",
            Self::Command(Command::Preview) => "This import cannot be previewed again now",
            Self::Command(Command::Pause) => "This import cannot be paused now",
            Self::Command(Command::Resume) => "This import cannot be resumed now",
            Self::Command(Command::Retry) => "This import cannot be tried again now",
            Self::Command(Command::Cancel) => "This import cannot be cancelled now",
            Self::Command(Command::Undo) => "This import cannot be undone now",
            Self::Command(Command::Continue) => "This import cannot be continued now",
            Self::Report => "There is no report of this import yet",
            Self::Delete => "This import cannot be deleted now",
        }
    }
}

/// Where an import stands, as a sentence.
pub(super) fn whereabouts(status: Status) -> &'static str {
    match status {
        Status::Validating => "It is still being validated.",
        Status::Rejected => "Its file was rejected.",
        Status::Previewing => "It is still being previewed.",
        Status::Ready => "It is ready to be applied.",
        Status::Applying => "It is being applied.",
        Status::Pausing => "It is being paused.",
        Status::Paused => "It is paused.",
        Status::Applied => "It is applied.",
        Status::Cancelling => "It is being cancelled.",
        Status::Cancelled => "It is cancelled.",
        Status::Failed => "It failed.",
    }
}
