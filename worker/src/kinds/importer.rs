//! What a kind must be able to do; everything else about it is in its own folder.

use super::turn::{Executed, SubjectRange, Turn};
use crate::{error::StageError, kinds::cells::Cells, staging::rows::Rows};
use async_trait::async_trait;
use muster_shared::{
    model::{ids::ImportNo, tally::Effects},
    plan::{DonePlan, Plan, PlanSummary},
};
use sqlx::PgConnection;
use std::collections::{BTreeMap, HashMap};

/// Who a line is about, and which of its values no other subject may have.
#[derive(Default)]
pub(crate) struct Identity {
    /// Standardised; `None`: missing or unusable.
    pub(crate) key: Option<String>,
    /// Values that no two subjects may share, standardised, by the kind's own positions. Empty: the
    /// kind has none.
    pub(crate) unique_values: Vec<Option<String>>,
}

impl Identity {
    /// An over-long key is none: no index would take it.
    pub(crate) fn bounded(mut self) -> Self {
        self.key = self.key.filter(|key| key.len() <= 400);
        self
    }
}

/// The plans of some rows.
#[derive(Default)]
pub(crate) struct Planned {
    /// In the order of the rows.
    pub(crate) plans: Vec<Plan>,
    /// Filled cells that are passed over since details of existing people are kept, by heading.
    pub(crate) ignored_by_details: BTreeMap<String, i64>,
}

/// Subjects of a range whose plans no longer rest on what they rested on, though the subjects
/// themselves may be as they were.
#[derive(Debug, Default)]
pub(crate) struct Stale {
    /// Their plans name something that is gone.
    pub(crate) gone: Vec<i64>,
    /// Their plans name a segment whose members a rule chooses by now.
    pub(crate) managed: Vec<i64>,
    /// Their plans write what somebody else has by now, and nobody may share.
    pub(crate) taken: Vec<i64>,
    /// Their plans take something for granted that is no longer so.
    pub(crate) changed: Vec<i64>,
}

/// What a kind must be able to do.
#[async_trait]
pub(crate) trait Importer: Send + Sync {
    /// Validate: who a line is about. Must not look at anything but the cells.
    fn identify(&self, cells: &Cells<'_>) -> Identity;

    /// Memberships that a line names at most.
    fn memberships_of_line(&self) -> u64 {
        0
    }

    /// Preview: plans rows in the order of slot, key and line; those of one subject may come in
    /// several pieces, one after the other. Reads only; ids of what would be created are taken from
    /// its sequence.
    async fn plan(&mut self, conn: &mut PgConnection, rows: &Rows) -> Result<Planned, StageError>;

    /// Preview of an undo: plans what takes back lines of the import `undone`, which are complete
    /// by subject and in the order of subject and `seq`. Reads only.
    async fn reverse(
        &mut self,
        conn: &mut PgConnection,
        undone: ImportNo,
        done: &[DonePlan],
    ) -> Result<Planned, StageError>;

    /// Apply of an undo: of these plans, each of which deletes its subject, the subjects on which
    /// something hangs that no plan takes away. All are locked against new dependants until the
    /// transaction ends, in the order of their ids.
    async fn depended_on(
        &self,
        conn: &mut PgConnection,
        range: SubjectRange,
        plans: &[&PlanSummary],
    ) -> Result<Vec<i64>, StageError>;

    /// Preview of an undo, after all lines: what would be made and taken away for all of them.
    async fn count_prerequisites(
        &self,
        _conn: &mut PgConnection,
        _import: ImportNo,
    ) -> Result<Effects, StageError> {
        Ok(Effects::default())
    }

    /// Apply: the versions of those of the subjects that are still there. With `lock` they are
    /// locked until the transaction ends, in the order of their ids, so that two imports queue up
    /// on one subject and never cross.
    async fn versions(
        &self,
        conn: &mut PgConnection,
        subjects: &[i64],
        lock: bool,
    ) -> Result<HashMap<i64, i64>, StageError>;

    /// Apply, after the subjects are locked: those whose plans name what is gone, or take for
    /// granted what is no longer so. What the plans name, and is there, stays until the transaction
    /// ends. Plans of most kinds rest on nothing but their subjects.
    async fn stale(
        &self,
        _conn: &mut PgConnection,
        _range: SubjectRange,
        _plans: &[PlanSummary],
    ) -> Result<Stale, StageError> {
        Ok(Stale::default())
    }

    /// Apply: executes the plans of one turn of a range, but those of the subjects that are held.
    async fn execute(
        &self,
        conn: &mut PgConnection,
        turn: Turn<'_>,
    ) -> Result<Executed, StageError>;

    /// Apply, before all ranges: makes what the file names and lets Muster make, under the number
    /// of `source`. Most kinds have nothing of the sort.
    async fn make_prerequisites(
        &self,
        _conn: &mut PgConnection,
        _import: ImportNo,
        _source: ImportNo,
    ) -> Result<Effects, StageError> {
        Ok(Effects::default())
    }

    /// Apply of an undo, after all ranges: takes away what the undone import made, unless something
    /// hangs on it.
    async fn remove_prerequisites(
        &self,
        _conn: &mut PgConnection,
        _import: ImportNo,
    ) -> Result<Effects, StageError> {
        Ok(Effects::default())
    }
}
