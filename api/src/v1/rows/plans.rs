//! What the lines of a page would do, in full.

use muster_shared::store::{StoreError, imports::Import};
use sqlx::PgConnection;
use std::collections::HashMap;

/// What a line would do, as it is stored: fields by their positions, everything else by its id.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// The record that it is about; of a new one, the id that is reserved for it.
    pub(crate) target_id: Option<i64>,
    /// Bit i: the field at position i is written.
    pub(crate) mask: i64,
    pub(crate) before: Vec<Option<String>>,
    pub(crate) after: Vec<Option<String>>,
    pub(crate) segments_joined: Vec<i64>,
    pub(crate) segments_there: Vec<i64>,
    pub(crate) segments_left: Vec<i64>,
    /// A position for each course and role; the next two have the same positions.
    pub(crate) courses: Vec<i64>,
    pub(crate) course_roles: Vec<i32>,
    pub(crate) course_does: Vec<i16>,
}

/// A plan as a row: what is not there is NULL.
struct Stored {
    import_no: i64,
    line: i32,
    target_id: Option<i64>,
    mask: i64,
    before: Option<Vec<Option<String>>>,
    after: Option<Vec<Option<String>>>,
    segments_joined: Option<Vec<i64>>,
    segments_there: Option<Vec<i64>>,
    segments_left: Option<Vec<i64>>,
    courses: Option<Vec<i64>>,
    course_roles: Option<Vec<i32>>,
    course_does: Option<Vec<i16>>,
}

impl From<Stored> for Plan {
    fn from(stored: Stored) -> Self {
        Self {
            target_id: stored.target_id,
            mask: stored.mask,
            before: stored.before.unwrap_or_default(),
            after: stored.after.unwrap_or_default(),
            segments_joined: stored.segments_joined.unwrap_or_default(),
            segments_there: stored.segments_there.unwrap_or_default(),
            segments_left: stored.segments_left.unwrap_or_default(),
            courses: stored.courses.unwrap_or_default(),
            course_roles: stored.course_roles.unwrap_or_default(),
            course_does: stored.course_does.unwrap_or_default(),
        }
    }
}

/// The plans of these lines. A line that does nothing has none that matters.
pub(super) async fn read(conn: &mut PgConnection, import: &Import, lines: &[i32]) -> Result<HashMap<i32, Plan>, StoreError> {
    let found = sqlx::query_as!(
        Stored,
        r#"SELECT import_no, line, target_id, mask, before AS "before: Vec<Option<String>>", after AS "after: Vec<Option<String>>",
                  segments_joined, segments_there, segments_left, courses, course_roles, course_does
             FROM muster.import_plans
            WHERE import_no = $1 AND line = ANY ($2)"#,
        import.no.0,
        lines,
    )
    .fetch_all(conn)
    .await?;
    Ok(found.into_iter().map(|stored| (stored.line, stored.into())).collect())
}

/// The plans of these imports about these targets, by import and line.
pub(crate) async fn of_targets(conn: &mut PgConnection, imports: &[i64], targets: &[i64]) -> Result<HashMap<(i64, i32), Plan>, StoreError> {
    // OFFSET 0 keeps the planner from looking for these targets in all plans that there are.
    let found = sqlx::query_as!(
        Stored,
        r#"SELECT p.import_no AS "import_no!", p.line AS "line!", p.target_id, p.mask AS "mask!",
                  p.before AS "before: Vec<Option<String>>", p.after AS "after: Vec<Option<String>>",
                  p.segments_joined, p.segments_there, p.segments_left, p.courses, p.course_roles, p.course_does
             FROM unnest($1::bigint[]) AS import (no)
            CROSS JOIN LATERAL (
               SELECT * FROM muster.import_plans
                WHERE import_no = import.no AND target_id = ANY ($2)
                  AND place = ANY (ARRAY (SELECT DISTINCT id >> 10 FROM unnest($2::bigint[]) AS target (id)))
               OFFSET 0) p"#,
        imports,
        targets,
    )
    .fetch_all(conn)
    .await?;
    Ok(found.into_iter().map(|stored| ((stored.import_no, stored.line), stored.into())).collect())
}
