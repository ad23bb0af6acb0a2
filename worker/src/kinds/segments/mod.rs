//! Lines that describe segments.

mod row;
mod sql;

use super::{
    cells::Cells,
    details::{Existing, Open, Records},
    importer::{Executed, Identity, Importer, Piece, Plan, Planned, Turn},
    reversal,
};
use crate::{error::StageError, rows::Rows, validate::header::Header};
use async_trait::async_trait;
use muster_shared::{
    model::{
        ids::{ImportNo, SiteId},
        issue::Code,
        kinds,
        plan::Action,
        recipe::Recipe,
        settings::Mode,
        tally::Effects,
    },
    store::imports::Import,
};
use sqlx::PgConnection;
use std::collections::{HashMap, HashSet};

/// Positions in a plan's fields.
const FIELDS: usize = 4;
const IDNUMBER: usize = 0;
const NAME: usize = 1;
const DESCRIPTION: usize = 2;
const VISIBLE: usize = 3;

const REVERSED: reversal::Fields<'static> =
    reversal::Fields { names: kinds::segments::SPEC.fields, defaults: &[None, None, Some(""), Some("true")], derived: &[], shown_by: &[] };

/// Imports segments.
pub(super) struct Segments {
    header: Header,
    site: SiteId,
    recipe: Recipe,
    mode: Mode,
    open: Open,
}

impl Segments {
    pub(super) fn new(import: &Import, header: Header) -> Self {
        Self { header, site: import.site_id, recipe: import.recipe, mode: import.settings.mode, open: Open::default() }
    }
}

#[async_trait]
impl Importer for Segments {
    fn identify(&self, cells: &Cells<'_>) -> Identity {
        let key = cells.named("idnumber").and_then(|cell| cell.filled()).map(str::to_owned);
        Identity { key, claims: Vec::new() }
    }

    async fn plan(&mut self, conn: &mut PgConnection, rows: &Rows) -> Result<Planned, StageError> {
        let keys = super::keys(&rows.all);
        let mut existing = sql::find(conn, self.site, &keys).await?;
        self.open.resume(rows, &mut existing);
        let ids = super::reserve_ids(conn, "lms.segments", super::missing(&keys, &existing)).await?.into_iter();
        let mut records = Records {
            mode: self.mode,
            recipe: self.recipe,
            key_heading: "idnumber",
            noun: "segment",
            exists: Code::SegmentExists,
            not_found: Code::SegmentNotFound,
            needed: &[(NAME, "name")],
            defaults: &[(DESCRIPTION, ""), (VISIBLE, "true")],
            existing,
            ids,
        };
        let mut planned = Planned::default();
        for row in &rows.all {
            let plan = records.plan(row, row::read(row, &Cells::new(&self.header, &row.cells)));
            match plan.action {
                Action::Create => planned.effects.segments_created += 1,
                Action::Update => planned.effects.segments_updated += 1,
                _ => {}
            }
            planned.plans.push(plan);
        }
        self.open.keep(rows, records.existing);
        Ok(planned)
    }

    async fn reverse(&mut self, conn: &mut PgConnection, _undone: ImportNo, done: &[Plan]) -> Result<Planned, StageError> {
        let ids = reversal::subjects(done);
        let present = sql::of_ids(conn, self.site, &ids).await?;
        let found = sql::find(conn, self.site, &reversal::returning(done, IDNUMBER)).await?;
        let mut used: HashSet<i64> = sql::used(conn, &ids).await?.into_iter().collect();
        used.extend(sql::managed(conn, &ids).await?);
        let holders = found.into_iter().map(|(key, record)| (key, record.id)).collect();
        let records = reversal::Records { fields: REVERSED, present, holders, used };
        let (plans, actions) = records.plan(done, |_, plans| Ok(plans));
        let effects = Effects {
            segments_created: actions.create,
            segments_updated: actions.update,
            segments_deleted: actions.delete,
            ..Effects::default()
        };
        Ok(Planned { plans, effects, ..Planned::default() })
    }

    async fn depended_on(&self, conn: &mut PgConnection, _piece: Piece, subjects: &[i64]) -> Result<Vec<i64>, StageError> {
        sql::lock_whole(conn, self.site, subjects).await?;
        let mut depended_on = sql::used(conn, subjects).await?;
        depended_on.extend(sql::managed(conn, subjects).await?);
        Ok(depended_on)
    }

    async fn versions(&self, conn: &mut PgConnection, subjects: &[i64], lock: bool) -> Result<HashMap<i64, i64>, StageError> {
        sql::versions(conn, self.site, subjects, lock).await
    }

    async fn execute(&self, conn: &mut PgConnection, turn: Turn<'_>) -> Result<Executed, StageError> {
        let mut executed = Executed::default();
        if turn.updates() {
            executed.effects.segments_updated = sql::update(conn, turn).await?;
        }
        if turn.deletes() {
            executed.effects.segments_deleted = sql::delete(conn, turn).await?;
        }
        if turn.creates() {
            let (created, held) = sql::create(conn, turn).await?;
            executed.effects.segments_created = created;
            executed.held = held;
        }
        Ok(executed)
    }
}

/// Existing segments, by key.
type Found = HashMap<String, Existing>;
