//! What apply executes at once: the plans of one turn of a range of subjects.

use muster_shared::{
    model::{
        ids::{ImportNo, SiteId},
        tally::Effects,
    },
    plan::{Deed, PlanSummary},
};

/// A range of subjects of an import, whose plans are executed together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SubjectRange {
    pub(crate) import_no: ImportNo,
    pub(crate) site: SiteId,
    /// The import that it undoes.
    pub(crate) undoes: Option<ImportNo>,
    /// Under whose number subjects are made: its own, or, where an undo of an undo makes them anew,
    /// that of the import which made them first.
    pub(crate) source: ImportNo,
    /// Ids of subjects, `low..high`.
    pub(crate) low: i64,
    pub(crate) high: i64,
}

/// One turn of a range of subjects.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn<'a> {
    pub(crate) range: SubjectRange,
    /// The plans that are to be executed, in the order of their subjects.
    pub(crate) plans: &'a [&'a PlanSummary],
    /// Their lines; `None`: the range has no others.
    pub(crate) lines: Option<&'a [i32]>,
}

impl Turn<'_> {
    /// Is there a plan of this sort? Needless statements are left out.
    pub(crate) fn any(&self, is_such: impl Fn(&PlanSummary) -> bool) -> bool {
        self.plans.iter().any(|plan| is_such(plan))
    }

    /// Does any plan create its subject?
    pub(crate) fn creates(&self) -> bool {
        self.any(|plan| plan.deed == Deed::Create)
    }

    /// Does any plan write fields of a subject that is there?
    pub(crate) fn updates(&self) -> bool {
        self.any(|plan| plan.deed == Deed::Update && plan.mask != 0)
    }

    /// Does any plan delete its subject?
    pub(crate) fn deletes(&self) -> bool {
        self.any(|plan| plan.deed == Deed::Delete)
    }
}

/// A checked statement that executes plans of one turn: `$1` to `$4` are what
/// `muster.plans_in_turn` takes, what else it needs begins at `$5`.
macro_rules! in_turn {
    ($turn:ident, $statement:literal, $($more:expr),* $(,)?) => {
        sqlx::query!(
            $statement,
            $turn.range.import_no.0,
            $turn.range.low,
            $turn.range.high,
            $turn.lines,
            $($more),*
        )
    };
}
pub(crate) use in_turn;

/// What came of executing plans.
#[derive(Debug, Default)]
pub(crate) struct Executed {
    pub(crate) effects: Effects,
    /// Subjects that were to be created, and somebody else took the name or address meanwhile.
    pub(crate) held: Vec<i64>,
}
