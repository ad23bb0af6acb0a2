//! All that courses ask the database; their categories are in the file beside.

use super::categories::Categories;
use crate::{
    error::StageError,
    kinds::{
        records::Existing,
        turn::{Turn, in_turn},
    },
};
use muster_shared::model::ids::SiteId;
use sqlx::PgConnection;
use std::collections::HashMap;

/// A course as it is stored.
pub(super) struct Course {
    pub(super) id: i64,
    version: i64,
    pub(super) shortname: String,
    fullname: String,
    idnumber: String,
    pub(super) category_id: i64,
    summary: String,
    visible: bool,
    startdate: Option<chrono::NaiveDate>,
    enddate: Option<chrono::NaiveDate>,
}

impl Course {
    fn existing(self, categories: &Categories) -> Existing {
        let fields = vec![
            Some(self.shortname),
            Some(self.fullname),
            Some(self.idnumber),
            Some(categories.path(self.category_id)),
            Some(self.category_id.to_string()),
            Some(self.summary),
            Some(self.visible.to_string()),
            self.startdate.map(|date| date.to_string()),
            self.enddate.map(|date| date.to_string()),
        ];
        Existing {
            id: self.id,
            version: Some(self.version),
            fields,
            turns: 0,
        }
    }
}

/// Courses by their short names, in the categories that are known.
pub(super) fn by_shortname(
    courses: Vec<Course>,
    categories: &Categories,
) -> HashMap<String, Existing> {
    courses
        .into_iter()
        .map(|course| (course.shortname.clone(), course.existing(categories)))
        .collect()
}

/// Courses by their ids, in the categories that are known.
pub(super) fn by_id(courses: Vec<Course>, categories: &Categories) -> HashMap<i64, Existing> {
    courses
        .into_iter()
        .map(|course| (course.id, course.existing(categories)))
        .collect()
}

/// The courses of these short names.
pub(super) async fn find(
    conn: &mut PgConnection,
    site: SiteId,
    keys: &[String],
) -> Result<Vec<Course>, StageError> {
    Ok(sqlx::query_as!(
        Course,
        "SELECT id, version, shortname, fullname, idnumber, category_id, summary, visible,
                lms.readable(startdate) AS startdate, lms.readable(enddate) AS enddate
           FROM lms.courses WHERE site_id = $1 AND shortname = ANY ($2)",
        site.0,
        keys,
    )
    .fetch_all(conn)
    .await?)
}

/// The courses of these ids.
pub(super) async fn of_ids(
    conn: &mut PgConnection,
    site: SiteId,
    ids: &[i64],
) -> Result<Vec<Course>, StageError> {
    Ok(sqlx::query_as!(
        Course,
        "SELECT id, version, shortname, fullname, idnumber, category_id, summary, visible,
                lms.readable(startdate) AS startdate, lms.readable(enddate) AS enddate
           FROM lms.courses WHERE id = ANY ($2) AND site_id = $1",
        site.0,
        ids,
    )
    .fetch_all(conn)
    .await?)
}

/// Those of the courses in which somebody is.
pub(super) async fn used(conn: &mut PgConnection, ids: &[i64]) -> Result<Vec<i64>, StageError> {
    Ok(sqlx::query_scalar!(
        "SELECT c.id FROM lms.courses c
          WHERE c.id = ANY ($1)
            AND (EXISTS (SELECT FROM lms.enrolments e WHERE e.course_id = c.id)
                 OR EXISTS (SELECT FROM lms.role_assignments r WHERE r.course_id = c.id))",
        ids,
    )
    .fetch_all(conn)
    .await?)
}

/// Updates courses; how many. A category that the import made goes by its reserved id in the plans.
pub(super) async fn update(conn: &mut PgConnection, turn: Turn<'_>) -> Result<i64, StageError> {
    let done = in_turn!(
        turn,
        "UPDATE lms.courses c
            SET fullname    = CASE WHEN p.mask & 2 <> 0 THEN p.after[2] ELSE c.fullname END,
                idnumber    = CASE WHEN p.mask & 4 <> 0 THEN p.after[3] ELSE c.idnumber END,
                category_id = CASE WHEN p.mask & 16 <> 0 THEN coalesce(m.actual_id, p.after[5]::bigint) ELSE c.category_id END,
                summary     = CASE WHEN p.mask & 32 <> 0 THEN p.after[6] ELSE c.summary END,
                visible     = CASE WHEN p.mask & 64 <> 0 THEN p.after[7]::boolean ELSE c.visible END,
                startdate   = CASE WHEN p.mask & 128 <> 0 THEN p.after[8]::date ELSE c.startdate END,
                enddate     = CASE WHEN p.mask & 256 <> 0 THEN p.after[9]::date ELSE c.enddate END,
                updated_at  = now()
           FROM muster.plans_in_turn($1, $2, $3, $4) p
           LEFT JOIN muster.import_makes m ON m.import_no = p.import_no AND m.reserved_id = p.after[5]::bigint
          WHERE p.action::text = 'u' AND p.mask <> 0 AND c.id = p.target_id AND c.site_id + 0 = $5",
        turn.range.site.0,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() as i64)
}

/// Creates courses: how many, and those whose short name somebody took meanwhile.
pub(super) async fn create(
    conn: &mut PgConnection,
    turn: Turn<'_>,
) -> Result<(i64, Vec<i64>), StageError> {
    let rows = in_turn!(
        turn,
        r#"WITH planned AS (
                SELECT p.target_id, p.target_version, p.after, coalesce(m.actual_id, p.after[5]::bigint) AS category_id FROM muster.plans_in_turn($1, $2, $3, $4) p
                  LEFT JOIN muster.import_makes m ON m.import_no = p.import_no AND m.reserved_id = p.after[5]::bigint
                 WHERE p.action::text = 'c'),
           made AS (
                INSERT INTO lms.courses (id, site_id, shortname, fullname, idnumber, category_id, summary, visible, startdate, enddate, source, version)
                SELECT target_id, $5, after[1], after[2], after[3], category_id, after[6], after[7]::boolean, after[8]::date, after[9]::date, $6,
                       coalesce(target_version, 0) + 1
                  FROM planned ORDER BY after[1]
                    ON CONFLICT DO NOTHING RETURNING id)
           SELECT (SELECT count(*) FROM made) AS "made!", t.target_id AS "taken"
             FROM (VALUES (true)) one (row) LEFT JOIN (SELECT target_id FROM planned EXCEPT SELECT id FROM made) t ON true"#,
        turn.range.site.0,
        turn.range.source.0,
    )
    .fetch_all(conn)
    .await?;
    let made = rows.first().map_or(0, |row| row.made);
    Ok((made, rows.into_iter().filter_map(|row| row.taken).collect()))
}
