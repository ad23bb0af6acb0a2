//! Lines that describe courses, and the categories that they name.

mod categories;
mod row;
mod sql;

use super::{
    cells::Cells,
    details::{Existing, Open, Records},
    importer::{Executed, Identity, Importer, Outline, Piece, Plan, Planned, Shaken, Turn},
    reversal,
};
use crate::{error::StageError, rows::Rows, validate::header::Header};
use async_trait::async_trait;
use categories::Categories;
use muster_shared::{
    model::{
        ids::{ImportNo, SiteId},
        issue::{Code, Issue},
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
    shown_by: &[(CATEGORY_ID, CATEGORY_PATH)],
};

/// Imports courses.
pub(super) struct Courses {
    header: Header,
    control: PgPool,
    import_no: ImportNo,
    site: SiteId,
    recipe: Recipe,
    mode: Mode,
    open: Open,
}

impl Courses {
    pub(super) fn new(import: &Import, header: Header, control: PgPool) -> Self {
        Self {
            header,
            control,
            import_no: import.no,
            site: import.site_id,
            recipe: import.recipe,
            mode: import.settings.mode,
            open: Open::default(),
        }
    }
}

#[async_trait]
impl Importer for Courses {
    fn identify(&self, cells: &Cells<'_>) -> Identity {
        let key = cells.named("shortname").and_then(|cell| cell.filled()).map(str::to_owned);
        Identity { key, claims: Vec::new() }
    }

    async fn plan(&mut self, conn: &mut PgConnection, rows: &Rows) -> Result<Planned, StageError> {
        let keys = super::keys(&rows.all);
        let found = sql::find(conn, self.site, &keys).await?;
        let mut categories = Categories::of_courses(conn, self.site, self.import_no, &found).await?;
        let mut existing = sql::by_shortname(found, &categories);
        self.open.resume(rows, &mut existing);
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
        let mut places = records.existing.values().map(|course| (course.id, course.fields[CATEGORY_ID].clone())).collect();
        let mut planned = Planned::default();
        for row in &rows.all {
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
        categories.put_ids(conn, &self.control, &mut planned.plans, &mut places).await?;
        for course in records.existing.values_mut() {
            course.fields[CATEGORY_ID] = places.remove(&course.id).flatten();
        }
        self.open.keep(rows, records.existing);
        Ok(planned)
    }

    async fn reverse(&mut self, conn: &mut PgConnection, undone: ImportNo, done: &[Plan]) -> Result<Planned, StageError> {
        let done = &categories::with_actual_ids(conn, undone, done).await?;
        let ids = reversal::subjects(done);
        let found = sql::of_ids(conn, self.site, &ids).await?;
        let holders = sql::find(conn, self.site, &reversal::returning(done, SHORTNAME)).await?;
        let mut categories = Categories::of_courses(conn, self.site, self.import_no, &found).await?;
        categories.look_up(conn, &reversal::returning(done, CATEGORY_ID)).await?;
        let present = sql::by_id(found, &categories);
        let used = sql::used(conn, &ids).await?.into_iter().collect();
        let holders = holders.into_iter().map(|course| (course.shortname, course.id)).collect();
        let records = reversal::Records { fields: REVERSED, present, holders, used };
        let (plans, actions) = records.plan(done, |present, plans| {
            check_period(present, &plans)?;
            categories.check(plans)
        });
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
        Ok(Shaken { gone: categories::of_what_is_gone(conn, piece).await?, ..Shaken::default() })
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

/// A course must not end before it starts, whatever somebody has changed of it since; not even between two of its lines.
fn check_period(present: Option<&Existing>, plans: &[Plan]) -> Result<(), Issue> {
    let Some(present) = present else { return Ok(()) };
    let mut dates = [STARTDATE, ENDDATE].map(|i| present.fields[i].clone());
    let mut in_turn: Vec<&Plan> = plans.iter().filter(|plan| plan.action == Action::Update).collect();
    in_turn.sort_by_key(|plan| plan.turn);
    for plan in in_turn {
        for (date, i) in dates.iter_mut().zip([STARTDATE, ENDDATE]) {
            if plan.changes.mask & (1 << i) != 0 {
                date.clone_from(&plan.changes.after[i]);
            }
        }
        // Dates as they are stored compare like their texts.
        if dates[0].as_ref().zip(dates[1].as_ref()).is_some_and(|(start, end)| end < start) {
            let message = "With the dates that it has since it would end before it starts, so nothing of it is taken back.";
            return Err(Issue::warning(Code::TargetChanged, message).at("enddate", dates[1].as_deref().unwrap_or_default()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::importer::Changes;

    fn course(start: &str, end: &str) -> Existing {
        let mut fields = vec![None; FIELDS];
        (fields[STARTDATE], fields[ENDDATE]) = (Some(start.to_owned()), Some(end.to_owned()));
        Existing { id: 1, version: Some(1), fields, turns: 0 }
    }

    fn back(turn: i16, field: usize, to: Option<&str>) -> Plan {
        let mut changes = Changes::default();
        changes.write(field, FIELDS, None, to);
        Plan { turn, changes, ..Plan::idle(2, Action::Update, Vec::new()) }
    }

    #[test]
    fn an_undo_leaves_no_course_that_ends_before_it_starts() {
        let course = course("2024-01-01", "2030-01-01");
        for (plans, is_fine) in [
            (vec![back(1, ENDDATE, Some("2025-01-01"))], true),
            (vec![back(1, ENDDATE, Some("2023-01-01"))], false),
            (vec![back(1, ENDDATE, None)], true),
            (vec![back(1, STARTDATE, Some("2030-01-02"))], false),
            (vec![back(2, ENDDATE, Some("2030-06-01")), back(1, STARTDATE, Some("2030-01-02"))], false),
            (vec![back(1, ENDDATE, Some("2030-06-01")), back(2, STARTDATE, Some("2030-01-02"))], true),
        ] {
            assert_eq!(check_period(Some(&course), &plans).is_ok(), is_fine, "{}", plans.len());
        }
        assert!(check_period(None, &[back(1, ENDDATE, Some("2023-01-01"))]).is_ok(), "it is not there");
    }
}
