//! Staged rows, read back for a batch of preview, or for the people whom apply finds changed.

use crate::{error::StageError, kinds::importer::StagedRow};
use muster_shared::{
    model::{ids::ImportNo, issue::Issue},
    store::imports::from_json,
};
use sqlx::PgConnection;
use std::collections::HashMap;

/// The rows of the slots `low..high`, in the order of slot and line.
pub(crate) async fn of_slots(conn: &mut PgConnection, import: ImportNo, low: i16, high: i16) -> Result<Vec<StagedRow>, StageError> {
    let stored = sqlx::query_as!(
        Stored,
        "SELECT line, key, cells, issues FROM muster.import_rows
          WHERE import_no = $1 AND slot >= $2 AND slot < $3 ORDER BY slot, line",
        import.0,
        low,
        high,
    )
    .fetch_all(&mut *conn)
    .await?;
    complete(conn, import, stored).await
}

/// The rows of some lines, in the order of slot and line.
pub(crate) async fn of_lines(conn: &mut PgConnection, import: ImportNo, lines: &[i32]) -> Result<Vec<StagedRow>, StageError> {
    let stored = sqlx::query_as!(
        Stored,
        "SELECT line, key, cells, issues FROM muster.import_rows WHERE import_no = $1 AND line = ANY ($2) ORDER BY slot, line",
        import.0,
        lines,
    )
    .fetch_all(&mut *conn)
    .await?;
    complete(conn, import, stored).await
}

struct Stored {
    line: i32,
    key: Option<String>,
    cells: Vec<String>,
    issues: Option<serde_json::Value>,
}

/// Adds the clashes.
async fn complete(conn: &mut PgConnection, import: ImportNo, stored: Vec<Stored>) -> Result<Vec<StagedRow>, StageError> {
    let lines: Vec<i32> = stored.iter().map(|row| row.line).collect();
    let found = sqlx::query!(
        "SELECT line, claim, first_line FROM muster.import_clashes WHERE import_no = $1 AND line = ANY ($2)",
        import.0,
        &lines,
    )
    .fetch_all(conn)
    .await?;
    let mut clashes: HashMap<i32, Vec<(i16, i32)>> = HashMap::new();
    for clash in found {
        clashes.entry(clash.line).or_default().push((clash.claim, clash.first_line));
    }
    let with_clashes = |row: Stored| {
        let issues: Vec<Issue> = row.issues.map(|issues| from_json(issues, "import_rows.issues")).transpose()?.unwrap_or_default();
        Ok(StagedRow { clashes: clashes.remove(&row.line).unwrap_or_default(), line: row.line, key: row.key, cells: row.cells, issues })
    };
    stored.into_iter().map(with_clashes).collect()
}
