//! What became of the lines of a page in the imports that go on with them, looked up once for the page.

use super::page::{action, outcome};
use muster_shared::{
    model::{
        action::{Action, Outcome},
        ids::ImportId,
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
        r#"SELECT l.line AS "parent_line!", c.id AS "import!", r.line AS "line!", p.action::text AS action, p.outcome AS "outcome?"
             FROM unnest($2::integer[]) AS l (line)
            CROSS JOIN LATERAL (
               SELECT g.import_no, g.line
                 FROM muster.import_rows g
                WHERE g.import_no = ANY ($1) AND g.parent_line = l.line
                ORDER BY g.import_no DESC, g.line
                LIMIT 1) r
             JOIN muster.imports c ON c.no = r.import_no
             LEFT JOIN LATERAL (SELECT action, outcome FROM muster.results_of(c.no) p WHERE p.line = r.line) p ON true"#,
        &children,
        lines,
    )
    .fetch_all(conn)
    .await?;
    let continued = found.into_iter().map(|row| {
        let action = row.action.as_deref().map(action).transpose()?;
        let outcome = row.outcome.as_deref().map(outcome).transpose()?;
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
