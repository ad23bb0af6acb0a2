//! Statistics for the planner about an import that it has not seen yet. Without them the lines of
//! one import look like a line or two, and any index that begins with its number seems as good as
//! the one that finds a batch.

use crate::error::StageError;
use muster_shared::model::ids::ImportNo;
use sqlx::{AssertSqlSafe, PgConnection};

/// Smaller imports are read whole before they are counted.
const MIN_LINES: i64 = 20_000;
/// Imports of one partition, as in the migrations.
const IMPORTS_PER_PARTITION: i64 = 256;

/// Looks at the staged rows of an import.
pub(crate) async fn of_rows(
    conn: &mut PgConnection,
    import: ImportNo,
    lines: i64,
) -> Result<(), StageError> {
    refresh(conn, "import_rows", "import_no, line, slot", import, lines).await
}

/// Looks at the plans of an import.
pub(crate) async fn of_plans(
    conn: &mut PgConnection,
    import: ImportNo,
    lines: i64,
) -> Result<(), StageError> {
    refresh(
        conn,
        "import_plans",
        "import_no, line, subject_block, subject, seq, action",
        import,
        lines,
    )
    .await
}

async fn refresh(
    conn: &mut PgConnection,
    table: &str,
    columns: &str,
    import: ImportNo,
    lines: i64,
) -> Result<(), StageError> {
    if lines < MIN_LINES {
        return Ok(());
    }
    // A plain ANALYZE would wait for another import's, or for autovacuum's.
    let partition = import.0 / IMPORTS_PER_PARTITION;
    let statement = format!("ANALYZE (SKIP_LOCKED) muster.{table}_{partition} ({columns})");
    sqlx::query(AssertSqlSafe(statement)).execute(conn).await?;
    Ok(())
}
