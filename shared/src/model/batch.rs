//! A batch: a range of the work of a stage. Which step of the stage it belongs to, every state of
//! it, every arrow between two of them, who moves it and why.

use super::arrow::{Arrow, arrow, leads};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// Where in its stage a batch belongs. The batches of one step are done beside each other, and
/// those of the next begin when all of them are done.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Display,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[strum(serialize_all = "kebab-case")]
pub enum Step {
    /// What all others build on: preview sweeps away what an earlier try left; apply makes what the
    /// file names and lets it make, its prerequisites.
    Before,
    /// The work itself.
    Main,
    /// What others may still need until they are done: an undo takes away what the undone import
    /// made, and its preview counts that.
    After,
}

impl Step {
    /// The name as it is stored.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Where a batch stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Display, EnumString, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "kebab-case")]
pub enum BatchState {
    /// Any lane may take it, when its step's turn has come.
    Waiting,
    /// A lane has it, for so long as its lease lasts.
    Claimed,
    /// What it brought about is committed, and counted.
    Done,
    /// It will not succeed: the import fails once no other batch of its stage can go on.
    Failed,
}

impl BatchState {
    /// The name as it is stored.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }
}

/// Who writes an arrow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mover {
    /// A lane that looks for work, under the lock of the import.
    Lane,
    /// The lane that holds the batch, by the token of its claim.
    Holder,
    /// Its holder; or another lane or the rescuer under the lock of the import, once the claim has
    /// expired and nobody works under it.
    HolderOrHeir,
    /// The api, on request.
    Api,
}

use BatchState::{Claimed, Done, Failed, Waiting};
use Mover::{Api, Holder, HolderOrHeir, Lane};

/// All arrows there are. A test that keeps a ledger of real batches finds no other.
pub const ARROWS: &[Arrow<BatchState, Mover>] = &[
    arrow(
        Waiting,
        Claimed,
        Lane,
        "a lane is free, and the step's turn has come",
    ),
    arrow(
        Claimed,
        Done,
        Holder,
        "its work is committed in the same transaction",
    ),
    arrow(
        Claimed,
        Waiting,
        HolderOrHeir,
        "given back, put off or taken apart; or its lane was lost",
    ),
    arrow(
        Claimed,
        Failed,
        Holder,
        "it was tried too often, or no further try can succeed",
    ),
    arrow(Failed, Waiting, Api, "asked to try again what gave up"),
];

/// Is there an arrow from `from` to `to`?
#[must_use]
pub fn may_become(from: BatchState, to: BatchState) -> bool {
    leads(ARROWS, &from, &to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_whole_truth() {
        let line = |from: &BatchState| {
            let to: Vec<_> = BatchState::VARIANTS
                .iter()
                .filter(|to| may_become(*from, **to))
                .map(|to| to.name())
                .collect();
            format!("{from} → {}\n", to.join(" "))
        };
        let drawn: String = BatchState::VARIANTS.iter().map(line).collect();
        let expected = "waiting → claimed\n\
                        claimed → waiting done failed\n\
                        done → \n\
                        failed → waiting\n";
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
    fn what_is_claimed_is_moved_by_its_holder_and_nothing_else_is() {
        for arrow in ARROWS {
            assert_eq!(
                arrow.from == Claimed,
                matches!(arrow.mover, Holder | HolderOrHeir),
                "{arrow:?}"
            );
            assert!(
                arrow.mover != HolderOrHeir || arrow.to == Waiting,
                "whoever takes over begins anew: {arrow:?}"
            );
            assert!(
                !matches!(arrow.to, Done | Failed) || arrow.from == Claimed,
                "only work ends: {arrow:?}"
            );
        }
    }

    #[test]
    fn the_steps_are_in_their_order() {
        assert_eq!(Step::VARIANTS, [Step::Before, Step::Main, Step::After]);
        assert!(Step::VARIANTS.is_sorted());
    }
}
