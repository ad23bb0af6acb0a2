//! Batches are made when a stage begins, and begun anew when it is tried again.

use crate::model::{ids::ImportNo, stage::Stage};
use crate::store::StoreError;
use sqlx::PgConnection;

/// Rows in one batch of preview, about; plans in one batch of apply, at least. Measured: smaller
/// ones cost more statements, larger ones more memory, and neither gains speed.
pub const BATCH_LINES: i64 = 5_000;

/// Bytes of the file behind one batch of preview, at most about: what a lane holds in memory.
const BATCH_BYTES: i64 = 16 << 20;

/// What a line weighs besides its bytes: so many lines fill a batch as so many bytes do.
pub const LINE_WEIGHT: i64 = BATCH_BYTES / BATCH_LINES;

/// Makes the one batch of validate. Whatever earlier readings of the file left is swept away by
/// that batch itself.
pub async fn make_validate(conn: &mut PgConnection, import: ImportNo) -> Result<(), StoreError> {
    sqlx::query!(
        "DELETE FROM muster.import_batches WHERE import_no = $1",
        import.0
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!("INSERT INTO muster.import_batches (import_no, stage, number, low, high) VALUES ($1, 'validate', 1, 0, 0)", import.0)
        .execute(conn)
        .await?;
    Ok(())
}

/// Makes the batches of preview for the staged lines, of a file that has so many bytes when it is
/// expanded. A batch is some slots: about as many as fill it, and never a part of one.
pub async fn make_preview(
    conn: &mut PgConnection,
    import: ImportNo,
    lines: i64,
    bytes: i64,
) -> Result<(), StoreError> {
    sqlx::query!(
        "DELETE FROM muster.import_batches WHERE import_no = $1 AND stage <> 'validate'",
        import.0
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "WITH known AS (
            SELECT slot, count(*) AS lines, NULL::integer AS line_weight FROM muster.import_rows WHERE import_no = $1 GROUP BY slot
             UNION ALL
            SELECT w.nth - 1, 0, w.line_weight
              FROM muster.import_slots s CROSS JOIN LATERAL unnest(s.line_weights) WITH ORDINALITY AS w (line_weight, nth)
             WHERE s.import_no = $1
             UNION ALL
            SELECT 0, 0, NULL),
         weighed AS (
            SELECT slot, sum(lines) AS lines, sum(lines) * coalesce(max(line_weight), $2::bigint) AS weight FROM known GROUP BY slot),
         cut AS (
            SELECT slot, lines, floor((sum(weight) OVER (ORDER BY slot) - weight) / $3::bigint) AS number FROM weighed)
         INSERT INTO muster.import_batches (import_no, stage, number, low, high, lines)
         SELECT $1, 'preview', row_number() OVER (ORDER BY number), min(slot), max(slot) + 1, sum(lines)
           FROM cut GROUP BY number HAVING sum(lines) > 0 OR number = 0",
        import.0,
        LINE_WEIGHT + bytes / lines.max(1),
        BATCH_BYTES,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Makes the batches of another preview as those of the last one were. One before them sweeps away
/// what that has left.
pub async fn make_preview_again(
    conn: &mut PgConnection,
    import: ImportNo,
) -> Result<(), StoreError> {
    sqlx::query!(
        "WITH gone AS (
            DELETE FROM muster.import_batches WHERE import_no = $1 AND stage <> 'validate' RETURNING stage, step, number, low, high, lines)
         INSERT INTO muster.import_batches (import_no, stage, step, number, low, high, lines)
         SELECT $1, stage, step, number, low, high, lines FROM gone WHERE stage = 'preview' AND step = 'main'
          UNION ALL
         SELECT $1, 'preview', 'before', 0, 0, 0, 0",
        import.0,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Makes the batches of the preview of an undo: those that were really applied, as a cancelled
/// import may have others too. One comes after them where things are to be made or taken away for
/// all.
pub async fn make_preview_of_undo(
    conn: &mut PgConnection,
    undo: ImportNo,
    undone: ImportNo,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO muster.import_batches (import_no, stage, step, number, low, high, lines)
         SELECT $1::bigint, 'preview', 'main', number, low, high, lines
           FROM muster.import_batches
          WHERE import_no = $2 AND stage = 'apply' AND step = 'main' AND state = 'done'
          UNION ALL
         SELECT $1, 'preview', 'after', 0, 0, 0, 0 WHERE EXISTS (SELECT FROM muster.import_makes m WHERE m.import_no = $1)",
        undo.0,
        undone.0,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Cuts the plans into the batches of apply, at the borders between blocks of subjects. One comes
/// before them where things are to be made, and one after them where things are to be taken away.
pub async fn make_apply(conn: &mut PgConnection, import: ImportNo) -> Result<(), StoreError> {
    sqlx::query!(
        "WITH cut AS (
            SELECT subject_block, lines, floor((sum(lines) OVER (ORDER BY subject_block) - 1) / $2::bigint)::integer AS number
              FROM muster.blocks_of($1))
         INSERT INTO muster.import_batches (import_no, stage, step, number, low, high, lines)
         SELECT $1, 'apply', 'main', row_number() OVER (ORDER BY number), min(subject_block) << 10, (max(subject_block) + 1) << 10, sum(lines)
           FROM cut GROUP BY number
          UNION ALL
         SELECT $1, 'apply', CASE WHEN removes THEN 'after' ELSE 'before' END, 1 - row_number() OVER (ORDER BY removes), 0, 0, 0
           FROM muster.import_makes WHERE import_no = $1 GROUP BY removes",
        import.0,
        BATCH_LINES,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Lets the batches of a stage that gave up begin anew.
pub async fn reset_failed(
    conn: &mut PgConnection,
    import: ImportNo,
    stage: Stage,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE muster.import_batches SET state = 'waiting', attempts = 0, retries = 0
          WHERE import_no = $1 AND stage = $2 AND state = 'failed'",
        import.0,
        stage.name(),
    )
    .execute(conn)
    .await?;
    Ok(())
}
