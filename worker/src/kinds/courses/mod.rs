//! Lines that describe courses, and the categories that they name.

mod categories;
mod row;
mod sql;

use super::{
    cells::Cells,
    details::{Existing, Records},
    importer::{Executed, Identity, Importer, Outline, Piece, Plan, Planned, Shaken, StagedRow, Turn},
    reversal,
};
use crate::{error::StageError, validate::header::Header};
use async_trait::async_trait;
use categories::Categories;
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
use sqlx::{PgConnection, PgPool};
use std::collections::HashMap;

/// Positions in a plan's fields.
const FIELDS: usize = 9;
const SHORTNAME: usize = 0;
const FULLNAME: usize = 1;
const IDNUMBER: usize = 2;
const CATEGORY_PATH: usize = 3;
const CATEGORY_ID: usize = 4;
const SUMMARY: usize = 5;
const VISIBLE: usize = 6;
const STARTDATE: usize = 7;
const ENDDATE: usize = 8;

/// Where a course goes whose line names no category.
const DEFAULT_CATEGORY: &str = "General";

const REVERSED: reversal::Fields<'static> = reversal::Fields {
    names: kinds::courses::SPEC.fields,
    defaults: &[None, None, Some(""), Some(DEFAULT_CATEGORY), None, Some(""), Some("true"), None, None],
    derived: &[CATEGORY_PATH],
};

/// Imports courses.
pub(super) struct Courses {
    header: Header,
    control: PgPool,
    import_no: ImportNo,
    site: SiteId,
    recipe: Recipe,
    mode: Mode,
}

impl Courses {
    pub(super) fn new(import: &Import, header: Header, control: PgPool) -> Self {
        Self { header, control, import_no: import.no, site: import.site_id, recipe: import.recipe, mode: import.settings.mode }
    }
}

#[async_trait]
impl Importer for Courses {
    fn identify(&self, cells: &Cells<'_>) -> Identity {
        let key = cells.named("shortname").and_then(|cell| cell.filled()).map(str::to_owned);
        Identity { key, claims: Vec::new() }
    }

    async fn plan(&mut self, conn: &mut PgConnection, rows: &[StagedRow]) -> Result<Planned, StageError> {
        let mut categories = Categories::load(conn, self.site, self.import_no).await?;
        let keys = super::keys(rows);
        let existing = sql::find(conn, self.site, &keys, &categories).await?;
        let ids = super::reserve_ids(conn, "lms.courses", super::missing(&keys, &existing)).await?.into_iter();
        let mut records = Records {
            mode: self.mode,
            recipe: self.recipe,
            key_heading: "shortname",
            noun: "course",
            exists: Code::CourseExists,
            not_found: Code::CourseNotFound,
            needed: &[(FULLNAME, "fullname")],
            defaults: &[(IDNUMBER, ""), (CATEGORY_PATH, DEFAULT_CATEGORY), (SUMMARY, ""), (VISIBLE, "true")],
            existing,
            ids,
        };
        let mut planned = Planned::default();
        for row in rows {
            let before = row.key.as_ref().and_then(|key| records.existing.get(key)).map(|course| course.fields.clone());
            let read = row::read(row, &Cells::new(&self.header, &row.cells), before.as_deref());
            let plan = records.plan(row, read);
            match plan.action {
                Action::Create => planned.effects.courses_created += 1,
                Action::Update => planned.effects.courses_updated += 1,
                _ => {}
            }
            planned.plans.push(plan);
        }
        categories.put_ids(&self.control, &mut planned.plans).await?;
        Ok(planned)
    }

    async fn reverse(&mut self, conn: &mut PgConnection, undone: ImportNo, done: &[Plan]) -> Result<Planned, StageError> {
        let categories = Categories::load(conn, self.site, self.import_no).await?;
        let done = &categories::with_actual_ids(conn, undone, done).await?;
        let ids = reversal::subjects(done);
        let present = sql::of_ids(conn, self.site, &ids, &categories).await?;
        let found = sql::find(conn, self.site, &reversal::returning(done, SHORTNAME), &categories).await?;
        let used = sql::used(conn, &ids).await?.into_iter().collect();
        let holders = found.into_iter().map(|(key, record)| (key, record.id)).collect();
        let records = reversal::Records { fields: REVERSED, present, holders, used };
        let (plans, actions) = records.plan(done, |plans| categories.check(plans));
        let effects = Effects {
            courses_created: actions.create,
            courses_updated: actions.update,
            courses_deleted: actions.delete,
            ..Effects::default()
        };
        Ok(Planned { plans, effects, ..Planned::default() })
    }

    async fn depended_on(&self, conn: &mut PgConnection, _piece: Piece, subjects: &[i64]) -> Result<Vec<i64>, StageError> {
        sql::lock_whole(conn, self.site, subjects).await?;
        sql::used(conn, subjects).await
    }

    async fn versions(&self, conn: &mut PgConnection, subjects: &[i64], lock: bool) -> Result<HashMap<i64, i64>, StageError> {
        sql::versions(conn, self.site, subjects, lock).await
    }

    async fn shaken(&self, conn: &mut PgConnection, piece: Piece, _plans: &[Outline]) -> Result<Shaken, StageError> {
        Ok(Shaken { gone: categories::of_what_is_gone(conn, piece).await?, changed: Vec::new() })
    }

    async fn execute(&self, conn: &mut PgConnection, turn: Turn<'_>) -> Result<Executed, StageError> {
        let mut executed = Executed::default();
        if turn.updates() {
            executed.effects.courses_updated = sql::update(conn, turn).await?;
        }
        if turn.deletes() {
            executed.effects.courses_deleted = sql::delete(conn, turn).await?;
        }
        if turn.creates() {
            let (created, held) = sql::create(conn, turn).await?;
            executed.effects.courses_created = created;
            executed.held = held;
        }
        Ok(executed)
    }

    async fn make_groundwork(&self, conn: &mut PgConnection, import: ImportNo) -> Result<Effects, StageError> {
        let made = categories::make(conn, self.site, import).await?;
        Ok(Effects { categories_created: made, ..Effects::default() })
    }

    async fn remove_groundwork(&self, conn: &mut PgConnection, import: ImportNo) -> Result<Effects, StageError> {
        let removed = categories::remove(conn, self.site, import).await?;
        Ok(Effects { categories_deleted: removed, ..Effects::default() })
    }
}

/// Existing courses, by key.
type Found = HashMap<String, Existing>;
