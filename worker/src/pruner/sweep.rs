//! Sweeping away what imports that were let go have left: the file at once, lines and plans in
//! pieces. What is made is kept: the counts of an import rest on it.

use super::try_lead;
use crate::{batch::context::Context, error::StageError};
use muster_shared::{
    model::ids::{ImportId, ImportNo},
    store::{plans, uploads},
};
use sqlx::PgConnection;

/// Lines of one piece: a fraction of a second.
const CHUNK_LINES: i32 = 5_000;

/// An import that was let go.
struct Pruned {
    id: ImportId,
    no: ImportNo,
    file_key: Option<String>,
}

/// Sweeps away all that was let go; `Err`: something is left that could not be.
pub(super) async fn all(context: &Context) -> Result<(), StageError> {
    let mut after = ImportNo(0);
    let mut failed = None;
    while let Some(import) = next(context, after).await? {
        after = import.no;
        // What cannot be swept away must not keep back what can.
        match one(context, &import).await {
            Ok(()) => {}
            Err(error) => failed = Some(error),
        }
        if context.stop.is_cancelled() {
            break;
        }
    }
    failed.map_or(Ok(()), Err)
}

async fn next(context: &Context, after: ImportNo) -> Result<Option<Pruned>, StageError> {
    let mut conn = context.control.acquire().await?;
    Ok(sqlx::query_as!(
        Pruned,
        "SELECT id, no, file_key FROM muster.imports WHERE no > $1 AND pruned_at IS NOT NULL AND emptied_at IS NULL ORDER BY no LIMIT 1",
        after.0,
    )
    .fetch_optional(&mut *conn)
    .await?)
}

/// Sweeps one import away, from where an earlier sweep ended. Leaves it when another worker is
/// about it.
async fn one(context: &Context, import: &Pruned) -> Result<(), StageError> {
    let file = match &import.file_key {
        Some(key) => context.files.delete(key).await,
        None => Ok(()),
    };
    let mut from = 0;
    while !context.stop.is_cancelled() {
        let Some(mut tx) = try_lead(context).await? else {
            return Ok(());
        };
        prepare(&mut tx).await?;
        let Some(line) = first_line(&mut tx, import.no, from).await? else {
            // Not before its file is gone too.
            file?;
            finish(&mut tx, import).await?;
            tx.commit().await?;
            tracing::info!(import.id = %import.id, "swept away");
            return Ok(());
        };
        from = line.saturating_add(CHUNK_LINES);
        delete(&mut tx, import.no, line, from).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Each statement is a range of an index, whatever the statistics say.
async fn prepare(conn: &mut PgConnection) -> Result<(), StageError> {
    sqlx::query!(
        "SELECT set_config('enable_seqscan', 'off', true) AS seqscan, set_config('plan_cache_mode', 'force_custom_plan', true) AS plans"
    )
    .fetch_one(conn)
    .await?;
    Ok(())
}

/// The first line from there on of which anything is left. Looked for from where the last piece
/// ended: before it lies what was just deleted.
async fn first_line(
    conn: &mut PgConnection,
    import: ImportNo,
    from: i32,
) -> Result<Option<i32>, StageError> {
    let of_plans = plans::first_line(&mut *conn, import, from).await?;
    let of_others = sqlx::query_scalar!(
        "SELECT least((SELECT min(line) FROM muster.import_rows WHERE import_no = $1 AND line >= $2),
                      (SELECT min(line) FROM muster.import_issues WHERE import_no = $1 AND line >= $2),
                      (SELECT min(line) FROM muster.import_clashes WHERE import_no = $1 AND line >= $2),
                      (SELECT min(line) FROM muster.import_outcomes WHERE import_no = $1 AND line >= $2),
                      (SELECT min(line) FROM muster.import_removed WHERE import_no = $1 AND line >= $2))",
        import.0,
        from,
    )
    .fetch_one(conn)
    .await?;
    Ok(of_plans.into_iter().chain(of_others).min())
}

/// Deletes all that is about these lines, in the order in which nothing is left that nobody would
/// look for.
async fn delete(
    conn: &mut PgConnection,
    import: ImportNo,
    from: i32,
    to: i32,
) -> Result<(), StageError> {
    sqlx::query!(
        "DELETE FROM muster.import_rows WHERE import_no = $1 AND line >= $2 AND line < $3",
        import.0,
        from,
        to
    )
    .execute(&mut *conn)
    .await?;
    plans::delete_lines(&mut *conn, import, from, to).await?;
    sqlx::query!(
        "DELETE FROM muster.import_issues WHERE import_no = $1 AND line >= $2 AND line < $3",
        import.0,
        from,
        to
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "DELETE FROM muster.import_clashes WHERE import_no = $1 AND line >= $2 AND line < $3",
        import.0,
        from,
        to
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "DELETE FROM muster.import_outcomes WHERE import_no = $1 AND line >= $2 AND line < $3",
        import.0,
        from,
        to
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "DELETE FROM muster.import_removed WHERE import_no = $1 AND line >= $2 AND line < $3",
        import.0,
        from,
        to
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Nothing is left but what there is by import and not by line, and the key of the file that is
/// gone.
async fn finish(conn: &mut PgConnection, import: &Pruned) -> Result<(), StageError> {
    let no = import.no.0;
    sqlx::query!("DELETE FROM muster.import_slots WHERE import_no = $1", no)
        .execute(&mut *conn)
        .await?;
    sqlx::query!(
        "DELETE FROM muster.import_issue_groups WHERE import_no = $1",
        no
    )
    .execute(&mut *conn)
    .await?;
    if let Some(key) = &import.file_key {
        uploads::forget(&mut *conn, key).await?;
    }
    sqlx::query!(
        "UPDATE muster.imports SET emptied_at = now() WHERE no = $1 AND emptied_at IS NULL",
        no
    )
    .execute(conn)
    .await?;
    Ok(())
}
