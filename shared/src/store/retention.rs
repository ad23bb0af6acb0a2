//! Letting go of an import: who else needs its lines and plans, and the moment from which on they
//! are not shown any more. The worker's pruner sweeps them away afterwards.

use super::{StoreError, batches};
use crate::model::ids::{ImportId, ImportNo};
use sqlx::PgConnection;

/// Locks an import and those that show its lines: they are pruned together. What is decided on them
/// must be looked up in a later statement.
pub async fn lock_with_sharers(
    conn: &mut PgConnection,
    import: ImportNo,
) -> Result<Vec<ImportNo>, StoreError> {
    let locked =
        sqlx::query_scalar!("SELECT no FROM muster.imports WHERE no = $1 OR lines_of = $1 ORDER BY no FOR NO KEY UPDATE", import.0)
            .fetch_all(conn)
            .await?;
    Ok(locked.into_iter().map(ImportNo).collect())
}

/// An import that is not at its end and needs the lines or plans of these: it undoes one of them,
/// shows the lines of one, or has not read yet what it takes over from one. `None`: they may go.
pub async fn needed_by(
    conn: &mut PgConnection,
    imports: &[ImportNo],
) -> Result<Option<ImportId>, StoreError> {
    let numbers = numbers(imports);
    let found = sqlx::query_scalar!(
        "SELECT id FROM muster.imports
          WHERE status NOT IN ('rejected', 'applied', 'cancelled')
            AND (undoes_no = ANY ($1)
                 OR lines_of = ANY ($1)
                 OR parent_id = ANY (ARRAY (SELECT id FROM muster.imports WHERE no = ANY ($1))) AND lines IS NULL)
          LIMIT 1",
        &numbers,
    )
    .fetch_optional(conn)
    .await?;
    Ok(found.map(ImportId))
}

/// From the commit on only their headers are shown, without whatever repeats cells: those of the
/// first lines, what the reasons of a rejection quote, and headings, which in a file without a
/// header are people. Their rows must be locked.
pub async fn prune(conn: &mut PgConnection, imports: &[ImportNo]) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE muster.imports
            SET pruned_at = now(), file_sample = '[]', file_columns = '{}', mapping = '{}',
                file_issues = (SELECT coalesce(jsonb_agg(f - 'column' - 'value' - 'suggestion' || '{\"message\": \"What was wrong is no longer kept.\"}'), '[]')
                                 FROM jsonb_array_elements(file_issues) f),
                rejected = (SELECT jsonb_agg(r - 'column' - 'value' - 'suggestion' || '{\"message\": \"What was wrong is no longer kept.\"}')
                              FROM jsonb_array_elements(rejected) r)
          WHERE no = ANY ($1) AND pruned_at IS NULL",
        &numbers(imports),
    )
    .execute(&mut *conn)
    .await?;
    batches::forget_headings(conn, imports).await
}

fn numbers(imports: &[ImportNo]) -> Vec<i64> {
    imports.iter().map(|import| import.0).collect()
}
