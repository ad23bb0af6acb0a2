//! Kinds of plain records: a key, some fields, nothing else. One importer does them all, with a
//! description of each; what a kind has besides is a hook.

mod plan;
mod sql;
mod undo;

use super::{
    cells::Cells,
    importer::{Identity, Importer, Planned, Stale},
    reversal,
    turn::{Executed, SubjectRange, Turn},
};
use crate::staging::rows::StagedRow;
use crate::{error::StageError, header::Header, staging::rows::Rows};
use async_trait::async_trait;
use muster_shared::{
    model::{
        ids::{ImportNo, SiteId},
        issue::{Code, Issue},
        kind::{Kind, KindSpec},
        recipe::Recipe,
        settings::Mode,
        tally::Effects,
    },
    plan::{DonePlan, Plan, PlanSummary},
    store::imports::Import,
};
use plan::{Open, Planner};
use sqlx::PgConnection;
use std::collections::{BTreeSet, HashMap};

pub(super) use plan::{Existing, Read};

/// What is to be known of a kind of plain records. Positions are those of its fields, of which the
/// first is the key.
#[derive(Debug)]
pub(super) struct Description {
    pub(super) kind: Kind,
    pub(super) table: &'static str,
    /// For messages: "segment".
    pub(super) noun: &'static str,
    pub(super) exists: Code,
    pub(super) not_found: Code,
    /// Fields without which none is created.
    pub(super) needed: &'static [usize],
    /// What a new record holds where the line says nothing.
    pub(super) defaults: &'static [Option<&'static str>],
    /// Fields that follow from others.
    pub(super) derived: &'static [usize],
    /// Fields that no column of a file names, each with the one that shows it.
    pub(super) shown_by: &'static [(usize, usize)],
}

impl Description {
    pub(super) fn spec(&self) -> &'static KindSpec {
        self.kind.spec()
    }

    fn fields(&self) -> reversal::Fields<'_> {
        let Self {
            defaults,
            derived,
            shown_by,
            ..
        } = *self;
        reversal::Fields {
            names: self.spec().fields,
            defaults,
            derived,
            shown_by,
        }
    }
}

/// A kind of plain records: its description, how a line is read, and its statements.
#[async_trait]
pub(super) trait RecordKind: Send + Sync {
    fn description(&self) -> &'static Description;

    /// Other rows are in hand now: what was looked up for the last ones may no longer be so.
    fn begin(&mut self) {}

    /// Reads a line; `before`: the record as it is, if it is there.
    fn read(&self, row: &StagedRow, cells: &Cells<'_>, before: Option<&Existing>) -> Read;

    /// The records of these keys, by key.
    async fn find(
        &mut self,
        conn: &mut PgConnection,
        keys: &[String],
    ) -> Result<HashMap<String, Existing>, StageError>;

    /// The records of these ids, by id.
    async fn of_ids(
        &mut self,
        conn: &mut PgConnection,
        ids: &[i64],
    ) -> Result<HashMap<i64, Existing>, StageError>;

    /// Those of the records that must stay, since something hangs on them.
    async fn used(&self, conn: &mut PgConnection, ids: &[i64]) -> Result<Vec<i64>, StageError>;

    /// Writes fields of records; how many records.
    async fn update(&self, conn: &mut PgConnection, turn: Turn<'_>) -> Result<i64, StageError>;

    /// Creates records: how many, and those whose key somebody took meanwhile.
    async fn create(
        &self,
        conn: &mut PgConnection,
        turn: Turn<'_>,
    ) -> Result<(i64, Vec<i64>), StageError>;

    /// Preview: completes the plans of some rows, and the records as these would leave them.
    async fn complete(
        &mut self,
        _conn: &mut PgConnection,
        _plans: &mut [Plan],
        _records: &mut HashMap<String, Existing>,
    ) -> Result<(), StageError> {
        Ok(())
    }

    /// Preview of an undo: what was done, told in the terms of what is there now.
    async fn translate(
        &mut self,
        _conn: &mut PgConnection,
        _undone: ImportNo,
        done: &[DonePlan],
    ) -> Result<Vec<DonePlan>, StageError> {
        Ok(done.to_vec())
    }

    /// Preview of an undo: the plans that take back the lines of one record, or why it is left
    /// alone; `present`: as it is now.
    fn check_undo(
        &self,
        _present: Option<&Existing>,
        plans: Vec<Plan>,
    ) -> Result<Vec<Plan>, Issue> {
        Ok(plans)
    }

    /// See [`Importer::stale`].
    async fn stale(
        &self,
        _conn: &mut PgConnection,
        _range: SubjectRange,
    ) -> Result<Stale, StageError> {
        Ok(Stale::default())
    }

    /// See [`Importer::count_prerequisites`].
    async fn count_prerequisites(
        &self,
        _conn: &mut PgConnection,
        _import: ImportNo,
    ) -> Result<Effects, StageError> {
        Ok(Effects::default())
    }

    /// See [`Importer::make_prerequisites`].
    async fn make_prerequisites(
        &self,
        _conn: &mut PgConnection,
        _import: ImportNo,
        _source: ImportNo,
    ) -> Result<Effects, StageError> {
        Ok(Effects::default())
    }

    /// See [`Importer::remove_prerequisites`].
    async fn remove_prerequisites(
        &self,
        _conn: &mut PgConnection,
        _import: ImportNo,
    ) -> Result<Effects, StageError> {
        Ok(Effects::default())
    }
}

/// Imports records of a kind.
pub(super) struct Records<K> {
    kind: K,
    header: Header,
    site: SiteId,
    recipe: Recipe,
    mode: Mode,
    open: Open,
}

impl<K: RecordKind> Records<K> {
    pub(super) fn new(import: &Import, header: Header, kind: K) -> Self {
        Self {
            kind,
            header,
            site: import.site_id,
            recipe: import.recipe,
            mode: import.settings.mode,
            open: Open::default(),
        }
    }
}

#[async_trait]
impl<K: RecordKind> Importer for Records<K> {
    fn identify(&self, cells: &Cells<'_>) -> Identity {
        let key = cells
            .named(self.kind.description().spec().key)
            .and_then(|cell| cell.filled())
            .map(str::to_owned);
        Identity {
            key,
            unique_values: Vec::new(),
        }
    }

    async fn plan(&mut self, conn: &mut PgConnection, rows: &Rows) -> Result<Planned, StageError> {
        let description = self.kind.description();
        self.kind.begin();
        let keys = keys(&rows.all);
        let mut existing = self.kind.find(conn, &keys).await?;
        self.open.resume(rows, &mut existing);
        let missing = keys
            .iter()
            .filter(|key| !existing.contains_key(*key))
            .count();
        let ids = super::reserve_ids(conn, description.table, missing)
            .await?
            .into_iter();
        let mut planner = Planner {
            description,
            mode: self.mode,
            recipe: self.recipe,
            existing,
            ids,
        };
        let mut plans = Vec::with_capacity(rows.all.len());
        for row in &rows.all {
            let before = row.key.as_ref().and_then(|key| planner.existing.get(key));
            let read = self
                .kind
                .read(row, &Cells::new(&self.header, &row.cells), before);
            plans.push(planner.plan(row, read)?);
        }
        self.kind
            .complete(conn, &mut plans, &mut planner.existing)
            .await?;
        self.open.keep(rows, planner.existing);
        Ok(Planned {
            plans,
            ..Planned::default()
        })
    }

    async fn reverse(
        &mut self,
        conn: &mut PgConnection,
        undone: ImportNo,
        done: &[DonePlan],
    ) -> Result<Planned, StageError> {
        self.kind.begin();
        let done = &self.kind.translate(conn, undone, done).await?;
        let ids = reversal::subjects(done);
        let present = self.kind.of_ids(conn, &ids).await?;
        let holders = self.kind.find(conn, &reversal::returning(done, 0)).await?;
        let holders = holders
            .into_iter()
            .map(|(key, record)| (key, record.id))
            .collect();
        let used = self.kind.used(conn, &ids).await?.into_iter().collect();
        let now = undo::Now {
            fields: self.kind.description().fields(),
            present,
            holders,
            used,
        };
        let plans = reversal::of_all(done, |lines| {
            let (present, plans) = now.record(lines)?;
            self.kind.check_undo(present, plans)
        });
        Ok(Planned {
            plans,
            ..Planned::default()
        })
    }

    async fn depended_on(
        &self,
        conn: &mut PgConnection,
        _range: SubjectRange,
        plans: &[&PlanSummary],
    ) -> Result<Vec<i64>, StageError> {
        let subjects: Vec<i64> = plans.iter().map(|plan| plan.target).collect();
        sql::lock_whole(conn, self.kind.description().table, self.site, &subjects).await?;
        self.kind.used(conn, &subjects).await
    }

    async fn versions(
        &self,
        conn: &mut PgConnection,
        subjects: &[i64],
        lock: bool,
    ) -> Result<HashMap<i64, i64>, StageError> {
        sql::versions(
            conn,
            self.kind.description().table,
            self.site,
            subjects,
            lock,
        )
        .await
    }

    async fn stale(
        &self,
        conn: &mut PgConnection,
        range: SubjectRange,
        _plans: &[PlanSummary],
    ) -> Result<Stale, StageError> {
        self.kind.stale(conn, range).await
    }

    async fn execute(
        &self,
        conn: &mut PgConnection,
        turn: Turn<'_>,
    ) -> Result<Executed, StageError> {
        let description = self.kind.description();
        let names = &description.spec().effects;
        let mut executed = Executed::default();
        if turn.updates() {
            executed
                .effects
                .add(&names.updated, self.kind.update(conn, turn).await?);
        }
        if turn.deletes() {
            executed.effects.add(
                &names.deleted,
                sql::delete(conn, description.table, turn).await?,
            );
        }
        if turn.creates() {
            let (created, held) = self.kind.create(conn, turn).await?;
            executed.effects.add(&names.created, created);
            executed.held = held;
        }
        Ok(executed)
    }

    async fn count_prerequisites(
        &self,
        conn: &mut PgConnection,
        import: ImportNo,
    ) -> Result<Effects, StageError> {
        self.kind.count_prerequisites(conn, import).await
    }

    async fn make_prerequisites(
        &self,
        conn: &mut PgConnection,
        import: ImportNo,
        source: ImportNo,
    ) -> Result<Effects, StageError> {
        self.kind.make_prerequisites(conn, import, source).await
    }

    async fn remove_prerequisites(
        &self,
        conn: &mut PgConnection,
        import: ImportNo,
    ) -> Result<Effects, StageError> {
        self.kind.remove_prerequisites(conn, import).await
    }
}

/// The distinct keys of some rows.
fn keys(rows: &[StagedRow]) -> Vec<String> {
    let distinct: BTreeSet<&String> = rows.iter().filter_map(|row| row.key.as_ref()).collect();
    distinct.into_iter().cloned().collect()
}
