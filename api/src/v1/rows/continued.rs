//! What became of the lines of a page in the imports that go on with them, looked up once for the page.

use super::page::{action, outcome};
use muster_shared::{
    model::{
        ids::ImportId,
        plan::{Action, Outcome},
    },
    store::{StoreError, imports::Import},
};
use serde::Serialize;
use sqlx::PgConnection;
use std::collections::HashMap;

/// Where a line goes on.
#[derive(Debug, Serialize)]
pub(crate) struct Continued {
    import: ImportId,
    /// Its line there.
    line: i32,
    action: Option<Action>,
    outcome: Option<Outcome>,
}

/// By line, those of these lines that go on: in the newest import that does, and there in the first line that names it.
pub(super) async fn read(conn: &mut PgConnection, import: &Import, lines: &[i32]) -> Result<HashMap<i32, Continued>, StoreError> {
    let children = children(&mut *conn, import).await?;
    if children.is_empty() {
        return Ok(HashMap::new());
    }
    let found = sqlx::query!(
        r#"WITH done AS MATERIALIZED (
              SELECT import_no, range_agg(int8range(low, high)) AS subjects
                FROM muster.import_batches
               WHERE import_no = ANY ($1) AND stage = 'apply' AND step = 'main' AND state = 'done'
               GROUP BY import_no)
           SELECT l.line AS "parent_line!", c.id AS "import!", r.line AS "line!", p.action::text AS action, o.outcome AS "outcome?",
                  c.applied_at IS NOT NULL AND coalesce(coalesce(d.subjects, '{}') @> p.subject, true) AS "is_done!"
             FROM unnest($2::integer[]) AS l (line)
            CROSS JOIN LATERAL (
               SELECT g.import_no, g.line
                 FROM muster.import_rows g
                WHERE g.import_no = ANY ($1) AND g.parent_line = l.line
                ORDER BY g.import_no DESC, g.line
                LIMIT 1) r
             JOIN muster.imports c ON c.no = r.import_no
             LEFT JOIN done d ON d.import_no = r.import_no
             LEFT JOIN muster.import_plans p ON p.import_no = r.import_no AND p.line = r.line
             LEFT JOIN muster.import_outcomes o ON o.import_no = r.import_no AND o.line = r.line"#,
        &children,
        lines,
    )
    .fetch_all(conn)
    .await?;
    let continued = found.into_iter().map(|row| {
        let action = row.action.as_deref().map(action).transpose()?;
        let other = row.outcome.as_deref().map(outcome).transpose()?;
        let outcome = other.or(action.filter(|_| row.is_done).map(Action::outcome));
        Ok((row.parent_line, Continued { import: ImportId(row.import), line: row.line, action, outcome }))
    });
    continued.collect()
}

/// The imports that go on with lines of this one. What is cancelled before it did anything goes on with nothing.
async fn children(conn: &mut PgConnection, import: &Import) -> Result<Vec<i64>, StoreError> {
    Ok(sqlx::query_scalar!(
        "SELECT no FROM muster.imports
          WHERE parent_id = $1 AND site_id = $2 AND pruned_at IS NULL AND (status <> 'cancelled' OR applied_at IS NOT NULL)",
        import.id.0,
        import.site_id.0,
    )
    .fetch_all(conn)
    .await?)
}
