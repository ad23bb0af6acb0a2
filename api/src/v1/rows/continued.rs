//! What became of the lines of a page in the imports that go on with them, looked up once for the
//! page.

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
use std::collections::{BTreeMap, HashMap};

/// Where a line goes on.
#[derive(Debug, Serialize)]
pub(crate) struct Continued {
    import: ImportId,
    /// Its line there.
    line: i32,
    action: Option<Action>,
    outcome: Option<Outcome>,
}

/// By line, those of these lines that go on: in the newest import that does, and there in the first
/// line that names it.
pub(super) async fn read(
    conn: &mut PgConnection,
    import: &Import,
    lines: &[i32],
) -> Result<HashMap<i32, Continued>, StoreError> {
    let children = children(&mut *conn, import).await?;
    if children.is_empty() {
        return Ok(HashMap::new());
    }
    let found = sqlx::query!(
        r#"SELECT l.line AS "parent_line!", r.import_no AS "import_no!", r.id AS "import!", r.line AS "line!"
             FROM unnest($2::integer[]) AS l (line)
            CROSS JOIN LATERAL (
               SELECT g.import_no, g.line, c.id
                 FROM muster.import_rows g
                 JOIN muster.imports c ON c.no = g.import_no
                WHERE g.import_no = ANY ($1) AND g.parent_line = l.line
                ORDER BY c.id DESC, g.line
                LIMIT 1) r"#,
        &children,
        lines,
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut lines_of: BTreeMap<i64, Vec<i32>> = BTreeMap::new();
    for row in &found {
        lines_of.entry(row.import_no).or_default().push(row.line);
    }
    let mut results = HashMap::new();
    // A page goes on in one import, or a few.
    for (import, lines) in lines_of {
        results.extend(self::results(&mut *conn, import, &lines).await?);
    }
    let continued = found.into_iter().map(|row| {
        let (action, outcome) = results
            .get(&(row.import_no, row.line))
            .copied()
            .unwrap_or_default();
        (
            row.parent_line,
            Continued {
                import: ImportId(row.import),
                line: row.line,
                action,
                outcome,
            },
        )
    });
    Ok(continued.collect())
}

type Results = HashMap<(i64, i32), (Option<Action>, Option<Outcome>)>;

/// What lines of an import would do and did, by import and line.
async fn results(
    conn: &mut PgConnection,
    import: i64,
    lines: &[i32],
) -> Result<Results, StoreError> {
    let found = sqlx::query!(
        r#"SELECT line AS "line!", action::text AS "action!", outcome FROM muster.results_of($1) WHERE line = ANY ($2)"#,
        import,
        lines,
    )
    .fetch_all(conn)
    .await?;
    let result = |row: (i32, String, Option<String>)| {
        let (line, letter, word) = row;
        Ok((
            (import, line),
            (
                Some(action(&letter)?),
                word.as_deref().map(outcome).transpose()?,
            ),
        ))
    };
    found
        .into_iter()
        .map(|row| result((row.line, row.action, row.outcome)))
        .collect()
}

/// The imports that go on with lines of this one. What is cancelled before it did anything goes on
/// with nothing.
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
