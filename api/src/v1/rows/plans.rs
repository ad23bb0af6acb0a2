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
    /// A position for each course and role; the next two have the same positions.
    pub(crate) courses: Vec<i64>,
    pub(crate) course_roles: Vec<i32>,
    pub(crate) course_does: Vec<i16>,
}

/// The plans of these lines. A line that does nothing has none that matters.
pub(super) async fn read(conn: &mut PgConnection, import: &Import, lines: &[i32]) -> Result<HashMap<i32, Plan>, StoreError> {
    let found = sqlx::query!(
        r#"SELECT line, target_id, mask, before AS "before: Vec<Option<String>>", after AS "after: Vec<Option<String>>",
                  segments_joined, segments_there, courses, course_roles, course_does
             FROM muster.import_plans
            WHERE import_no = $1 AND line = ANY ($2)"#,
        import.no.0,
        lines,
    )
    .fetch_all(conn)
    .await?;
    let plans = found.into_iter().map(|row| {
        let plan = Plan {
            target_id: row.target_id,
            mask: row.mask,
            before: row.before.unwrap_or_default(),
            after: row.after.unwrap_or_default(),
            segments_joined: row.segments_joined.unwrap_or_default(),
            segments_there: row.segments_there.unwrap_or_default(),
            courses: row.courses.unwrap_or_default(),
            course_roles: row.course_roles.unwrap_or_default(),
            course_does: row.course_does.unwrap_or_default(),
        };
        (row.line, plan)
    });
    Ok(plans.collect())
}
