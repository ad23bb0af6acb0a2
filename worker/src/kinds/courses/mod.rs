//! Lines that describe courses, and the categories that they name.

mod categories;
mod row;
mod sql;

use super::{
    cells::Cells,
    importer::Stale,
    records::{Description, Existing, Read, RecordKind},
    reversal,
    turn::{SubjectRange, Turn},
};
use crate::error::StageError;
use crate::staging::rows::StagedRow;
use async_trait::async_trait;
use categories::Categories;
use muster_shared::{
    model::{
        ids::{ImportNo, SiteId},
        issue::{Code, Issue},
        kind::Kind,
        tally::Effects,
    },
    plan::{Deed, DonePlan, Plan},
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

static COURSES: Description = Description {
    kind: Kind::Courses,
    table: "lms.courses",
    noun: "course",
    exists: Code::CourseExists,
    not_found: Code::CourseNotFound,
    needed: &[FULLNAME],
    defaults: &[
        None,
        None,
        Some(""),
        Some(DEFAULT_CATEGORY),
        None,
        Some(""),
        Some("true"),
        None,
        None,
    ],
    derived: &[CATEGORY_PATH],
    shown_by: &[(CATEGORY_ID, CATEGORY_PATH)],
};

/// Courses of a site, with the categories that they are in.
pub(super) struct Courses {
    control: PgPool,
    site: SiteId,
    import_no: ImportNo,
    /// Of the courses that were looked up last.
    categories: Categories,
}

impl Courses {
    pub(super) fn new(import: &Import, control: PgPool) -> Self {
        let categories = Categories::new(import.site_id, import.no);
        Self {
            control,
            site: import.site_id,
            import_no: import.no,
            categories,
        }
    }
}

#[async_trait]
impl RecordKind for Courses {
    fn description(&self) -> &'static Description {
        &COURSES
    }

    fn begin(&mut self) {
        self.categories = Categories::new(self.site, self.import_no);
    }

    fn read(&self, row: &StagedRow, cells: &Cells<'_>, before: Option<&Existing>) -> Read {
        row::read(row, cells, before.map(|course| course.fields.as_slice()))
    }

    async fn find(
        &mut self,
        conn: &mut PgConnection,
        keys: &[String],
    ) -> Result<HashMap<String, Existing>, StageError> {
        let found = sql::find(conn, self.site, keys).await?;
        self.categories
            .look_up(conn, found.iter().map(|course| course.category_id))
            .await?;
        Ok(sql::by_shortname(found, &self.categories))
    }

    async fn of_ids(
        &mut self,
        conn: &mut PgConnection,
        ids: &[i64],
    ) -> Result<HashMap<i64, Existing>, StageError> {
        let found = sql::of_ids(conn, self.site, ids).await?;
        self.categories
            .look_up(conn, found.iter().map(|course| course.category_id))
            .await?;
        Ok(sql::by_id(found, &self.categories))
    }

    async fn used(&self, conn: &mut PgConnection, ids: &[i64]) -> Result<Vec<i64>, StageError> {
        sql::used(conn, ids).await
    }

    async fn update(&self, conn: &mut PgConnection, turn: Turn<'_>) -> Result<i64, StageError> {
        sql::update(conn, turn).await
    }

    async fn create(
        &self,
        conn: &mut PgConnection,
        turn: Turn<'_>,
    ) -> Result<(i64, Vec<i64>), StageError> {
        sql::create(conn, turn).await
    }

    /// Puts the ids of the categories into plans that write a path.
    async fn complete(
        &mut self,
        conn: &mut PgConnection,
        plans: &mut [Plan],
        records: &mut HashMap<String, Existing>,
    ) -> Result<(), StageError> {
        let mut places = records
            .values()
            .map(|course| (course.id, course.fields[CATEGORY_ID].clone()))
            .collect();
        self.categories
            .put_ids(conn, &self.control, plans, &mut places)
            .await?;
        for course in records.values_mut() {
            course.fields[CATEGORY_ID] = places.remove(&course.id).flatten();
        }
        Ok(())
    }

    async fn translate(
        &mut self,
        conn: &mut PgConnection,
        undone: ImportNo,
        done: &[DonePlan],
    ) -> Result<Vec<DonePlan>, StageError> {
        let done = categories::with_actual_ids(conn, undone, done).await?;
        let returning = reversal::returning(&done, CATEGORY_ID);
        self.categories
            .look_up(conn, returning.iter().filter_map(|id| id.parse().ok()))
            .await?;
        Ok(done)
    }

    fn check_undo(&self, present: Option<&Existing>, plans: Vec<Plan>) -> Result<Vec<Plan>, Issue> {
        check_period(present, &plans)?;
        self.categories.check(plans)
    }

    async fn stale(
        &self,
        conn: &mut PgConnection,
        range: SubjectRange,
    ) -> Result<Stale, StageError> {
        Ok(Stale {
            gone: categories::of_what_is_gone(conn, range).await?,
            ..Stale::default()
        })
    }

    async fn count_prerequisites(
        &self,
        conn: &mut PgConnection,
        import: ImportNo,
    ) -> Result<Effects, StageError> {
        // Else each of them would be compared with all others.
        sqlx::query!("SET LOCAL enable_hashjoin = on")
            .execute(&mut *conn)
            .await?;
        let created = categories::count_to_make(conn, self.site, import).await?;
        let deleted = categories::count_to_remove(conn, self.site, import).await?;
        Ok(Effects::of([
            ("categories_created", created),
            ("categories_deleted", deleted),
        ]))
    }

    async fn make_prerequisites(
        &self,
        conn: &mut PgConnection,
        import: ImportNo,
        source: ImportNo,
    ) -> Result<Effects, StageError> {
        Ok(Effects::of([(
            "categories_created",
            categories::make(conn, self.site, import, source).await?,
        )]))
    }

    async fn remove_prerequisites(
        &self,
        conn: &mut PgConnection,
        import: ImportNo,
    ) -> Result<Effects, StageError> {
        Ok(Effects::of([(
            "categories_deleted",
            categories::remove(conn, self.site, import).await?,
        )]))
    }
}

/// A course must not end before it starts, whatever somebody has changed of it since; not even
/// between two of its lines.
fn check_period(present: Option<&Existing>, plans: &[Plan]) -> Result<(), Issue> {
    let Some(present) = present else {
        return Ok(());
    };
    let mut dates = [STARTDATE, ENDDATE].map(|i| present.fields[i].clone());
    let mut in_order: Vec<_> = plans
        .iter()
        .filter_map(Plan::written)
        .filter(|write| write.deed == Deed::Update)
        .collect();
    in_order.sort_by_key(|write| write.seq);
    for write in in_order {
        for (date, i) in dates.iter_mut().zip([STARTDATE, ENDDATE]) {
            if let Some(change) = write.changes.of(i) {
                date.clone_from(&change.after);
            }
        }
        // Dates as they are stored compare like their texts.
        if dates[0]
            .as_ref()
            .zip(dates[1].as_ref())
            .is_some_and(|(start, end)| end < start)
        {
            let message = "With the dates that it has since it would end before it starts, so nothing of it is taken back.";
            return Err(Issue::warning(Code::TargetChanged, message)
                .at("enddate", dates[1].as_deref().unwrap_or_default()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_shared::plan::{Changes, Write};

    fn course(start: &str, end: &str) -> Existing {
        let mut fields = vec![None; FIELDS];
        (fields[STARTDATE], fields[ENDDATE]) = (Some(start.to_owned()), Some(end.to_owned()));
        Existing {
            id: 1,
            version: Some(1),
            fields,
            turns: 0,
        }
    }

    fn back(seq: i16, field: usize, to: Option<&str>) -> Plan {
        let mut changes = Changes::default();
        changes.write(field, None, to);
        Plan::write(
            2,
            Write::update(1, seq, Some(1), changes, Vec::new()),
            Vec::new(),
        )
    }

    #[test]
    fn an_undo_leaves_no_course_that_ends_before_it_starts() {
        let course = course("2024-01-01", "2030-01-01");
        for (plans, is_fine) in [
            (vec![back(1, ENDDATE, Some("2025-01-01"))], true),
            (vec![back(1, ENDDATE, Some("2023-01-01"))], false),
            (vec![back(1, ENDDATE, None)], true),
            (vec![back(1, STARTDATE, Some("2030-01-02"))], false),
            (
                vec![
                    back(2, ENDDATE, Some("2030-06-01")),
                    back(1, STARTDATE, Some("2030-01-02")),
                ],
                false,
            ),
            (
                vec![
                    back(1, ENDDATE, Some("2030-06-01")),
                    back(2, STARTDATE, Some("2030-01-02")),
                ],
                true,
            ),
        ] {
            assert_eq!(
                check_period(Some(&course), &plans).is_ok(),
                is_fine,
                "{}",
                plans.len()
            );
        }
        assert!(
            check_period(None, &[back(1, ENDDATE, Some("2023-01-01"))]).is_ok(),
            "it is not there"
        );
    }
}
