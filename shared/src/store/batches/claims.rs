//! A batch in the hands of a lane: taken, confirmed, and let go of in one way or another.
//!
//! Two rules hold in every function. A claim is decided on after the import's row is locked, in
//! later statements: one that locks and counts at once counts with the snapshot from before it
//! waited. And the lock on a batch's own row, taken by [`lock_claim`] and kept to the commit, is
//! the true lease: the expiry only says when somebody may try to take it.

use crate::model::{
    batch::Step,
    ids::ImportNo,
    stage::Stage,
    tally::{Effects, Tally},
};
use crate::store::{StoreError, imports::to_json};
use serde_json::Value;
use sqlx::PgConnection;
use std::time::Duration;
use uuid::Uuid;

/// A batch that a lane holds.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Of which import.
    pub import_no: ImportNo,
    /// Of which stage.
    pub stage: Stage,
    /// Where in it.
    pub step: Step,
    /// Tells it apart from others of the stage.
    pub number: i32,
    /// The first slot, or id of a subject.
    pub low: i64,
    /// One past the last.
    pub high: i64,
    /// Those of apply; of other stages as far as they are known.
    pub lines: i32,
    /// Bytes that validate has staged.
    pub progress: i64,
    /// Of this claim.
    pub token: Uuid,
}

/// A batch that was just taken.
#[derive(Debug)]
pub struct Taken {
    /// The batch.
    pub batch: Batch,
    /// How often it was taken, this time included, but for those lanes that gave it back in good
    /// order.
    pub attempts: i16,
    /// One of the step is done already.
    pub has_done: bool,
}

/// A part of a batch: a range like that of the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The first slot, or id of a subject.
    pub low: i64,
    /// One past the last.
    pub high: i64,
    /// Lines in it.
    pub lines: u64,
}

/// Takes the next batch of a step whose turn it is, if one waits that is not put off. The import's
/// row must be locked.
pub async fn take(
    conn: &mut PgConnection,
    import: ImportNo,
    stage: Stage,
    step: Step,
    lease_seconds: f64,
) -> Result<Option<Taken>, StoreError> {
    let token = Uuid::new_v4();
    let row = sqlx::query!(
        r#"UPDATE muster.import_batches
              SET state = 'claimed', token = $4, attempts = attempts + 1, expires_at = clock_timestamp() + make_interval(secs => $5)
            WHERE (import_no, stage, number) = (
                  SELECT import_no, stage, number FROM muster.import_batches
                   WHERE import_no = $1 AND stage = $2 AND step = $3 AND state = 'waiting'
                     AND coalesce(not_before <= clock_timestamp(), true)
                   ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED)
            RETURNING number, low, high, lines, progress, attempts,
                      EXISTS (SELECT FROM muster.import_batches d
                               WHERE d.import_no = $1 AND d.stage = $2 AND d.step = $3 AND d.state = 'done') AS "has_done!""#,
        import.0,
        stage.name(),
        step.name(),
        token,
        lease_seconds,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| Taken {
        batch: Batch {
            import_no: import,
            stage,
            step,
            number: row.number,
            low: row.low,
            high: row.high,
            lines: row.lines,
            progress: row.progress,
            token,
        },
        attempts: row.attempts,
        has_done: row.has_done,
    }))
}

/// Takes expired claims back. One whose row is locked is still at work, however late: it keeps its
/// claim. The import's row must be locked.
pub async fn revoke_expired(conn: &mut PgConnection, import: ImportNo) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE muster.import_batches SET state = 'waiting', token = NULL, expires_at = NULL
          WHERE (import_no, stage, number) IN (
                SELECT import_no, stage, number FROM muster.import_batches
                 WHERE import_no = $1 AND state = 'claimed' AND expires_at < clock_timestamp()
                   FOR UPDATE SKIP LOCKED)",
        import.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Locks the batch's row if it is still held by that token, and renews the claim. `false`: it is
/// not.
pub async fn lock_claim(
    conn: &mut PgConnection,
    batch: &Batch,
    lease_seconds: f64,
) -> Result<bool, StoreError> {
    let confirmed = sqlx::query!(
        "UPDATE muster.import_batches SET expires_at = clock_timestamp() + make_interval(secs => $5)
          WHERE import_no = $1 AND stage = $2 AND number = $3 AND state = 'claimed' AND token = $4
          RETURNING set_config('application_name', 'muster ' || token, true)",
        batch.import_no.0,
        batch.stage.name(),
        batch.number,
        batch.token,
        lease_seconds,
    )
    .fetch_optional(conn)
    .await;
    match confirmed {
        Ok(row) => Ok(row.is_some()),
        // Under REPEATABLE READ: the row was changed since the snapshot, so the claim has moved.
        Err(error)
            if error
                .as_database_error()
                .is_some_and(|e| e.code().as_deref() == Some("40001")) =>
        {
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

/// Marks the batch done, as the last statement of the transaction that did it. `false`: it is not
/// held by that token any more.
pub async fn finish(
    conn: &mut PgConnection,
    batch: &Batch,
    tally: &Tally,
    effects: &Effects,
    worker: &str,
) -> Result<bool, StoreError> {
    let finished = sqlx::query!(
        "UPDATE muster.import_batches
            SET state = 'done', token = NULL, expires_at = NULL, tally = $5, effects = $6, done_by = $7, done_at = clock_timestamp()
          WHERE import_no = $1 AND stage = $2 AND number = $3 AND token = $4",
        batch.import_no.0,
        batch.stage.name(),
        batch.number,
        batch.token,
        without_zeros(to_json(tally)),
        without_zeros(to_json(effects)),
        worker,
    )
    .execute(conn)
    .await?;
    Ok(finished.rows_affected() == 1)
}

/// Counts that are missing are read as zero. Everyone who looks at an import sums up all its
/// batches, and most counts are zero.
fn without_zeros(counts: Value) -> Value {
    match counts {
        Value::Object(counts) => Value::Object(
            counts
                .into_iter()
                .filter(|(_, count)| *count != 0)
                .map(|(name, count)| (name, without_zeros(count)))
                .collect(),
        ),
        count => count,
    }
}

/// Remembers how far validate is, in the transaction of a chunk. Attempts that got further do not
/// add up.
pub async fn record_progress(
    conn: &mut PgConnection,
    batch: &Batch,
    bytes: i64,
    lines: i32,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE muster.import_batches
            SET progress = greatest(progress, $4), lines = greatest(lines, $5),
                attempts = CASE WHEN $4 > progress OR $5 > lines THEN 1 ELSE attempts END
          WHERE import_no = $1 AND stage = $2 AND number = $3",
        batch.import_no.0,
        batch.stage.name(),
        batch.number,
        bytes,
        lines,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Gives the claim back in good order: the attempt does not count, and the import has been served
/// until now.
pub async fn release(conn: &mut PgConnection, batch: &Batch) -> Result<(), StoreError> {
    sqlx::query!(
        "WITH back AS (
            UPDATE muster.import_batches SET state = 'waiting', token = NULL, expires_at = NULL, attempts = greatest(attempts - 1, 0)
             WHERE import_no = $1 AND stage = $2 AND number = $3 AND token = $4 RETURNING import_no)
         UPDATE muster.imports SET served_at = clock_timestamp() FROM back WHERE no = import_no",
        batch.import_no.0,
        batch.stage.name(),
        batch.number,
        batch.token,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Gives the claim back because the system was in the way, to be taken again after a pause, which
/// grows from 0.2 s to half a minute. `None`: that was so `most_retries` times already, or it is
/// not held by that token any more; nothing has changed.
pub async fn snooze(
    conn: &mut PgConnection,
    batch: &Batch,
    most_retries: i16,
) -> Result<Option<Duration>, StoreError> {
    let pause = sqlx::query_scalar!(
        r#"WITH pause AS (
                SELECT retries, make_interval(secs => (0.5 + random()) * least(0.2 * 2 ^ retries, 30)) AS pause FROM muster.import_batches
                 WHERE import_no = $1 AND stage = $2 AND number = $3)
           UPDATE muster.import_batches b
              SET state = 'waiting', token = NULL, expires_at = NULL, attempts = greatest(attempts - 1, 0), retries = b.retries + 1,
                  not_before = clock_timestamp() + pause
             FROM pause
            WHERE import_no = $1 AND stage = $2 AND number = $3 AND token = $4 AND b.retries < $5
            RETURNING extract(epoch FROM pause)::float8 AS "pause!""#,
        batch.import_no.0,
        batch.stage.name(),
        batch.number,
        batch.token,
        most_retries,
    )
    .fetch_optional(conn)
    .await?;
    Ok(pause.map(Duration::from_secs_f64))
}

/// The batch will not succeed: it is taken out, and the import will fail once the others are
/// through. One statement, since an import with a failed batch and no reason could not be settled.
pub async fn fail(
    conn: &mut PgConnection,
    batch: &Batch,
    code: &str,
    detail: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "WITH failed AS (
            UPDATE muster.import_batches SET state = 'failed', token = NULL, expires_at = NULL
             WHERE import_no = $1 AND stage = $2 AND number = $3 AND token = $4 RETURNING attempts)
         UPDATE muster.imports
            SET failure = coalesce(failure, jsonb_build_object('stage', $2::text, 'batch', $3::integer, 'code', $5::text,
                                                               'detail', $6::text, 'attempts', failed.attempts))
           FROM failed WHERE no = $1",
        batch.import_no.0,
        batch.stage.name(),
        batch.number,
        batch.token,
        code,
        detail,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Puts the parts in place of a batch of the step `main`; each is claimed anew. The import's row
/// must be locked, since new ones take the next free numbers, and the claim confirmed.
pub async fn put_parts(
    conn: &mut PgConnection,
    batch: &Batch,
    parts: &[Part],
) -> Result<(), StoreError> {
    let Some((first, others)) = parts.split_first() else {
        return Ok(());
    };
    sqlx::query!(
        "UPDATE muster.import_batches
            SET state = 'waiting', token = NULL, expires_at = NULL, attempts = 0, high = $5, lines = $6
          WHERE import_no = $1 AND stage = $2 AND number = $3 AND token = $4",
        batch.import_no.0,
        batch.stage.name(),
        batch.number,
        batch.token,
        first.high,
        first.lines as i32,
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "INSERT INTO muster.import_batches (import_no, stage, number, low, high, lines)
         SELECT $1, $2, last.number + p.nth, p.low, p.high, p.lines
           FROM unnest($3::bigint[], $4::bigint[], $5::integer[]) WITH ORDINALITY p (low, high, lines, nth)
          CROSS JOIN (SELECT max(number) AS number FROM muster.import_batches WHERE import_no = $1 AND stage = $2 AND step = 'main') last",
        batch.import_no.0,
        batch.stage.name(),
        &others.iter().map(|part| part.low).collect::<Vec<_>>(),
        &others.iter().map(|part| part.high).collect::<Vec<_>>(),
        &others.iter().map(|part| part.lines as i32).collect::<Vec<_>>(),
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Ends the sessions in which something is done under this claim: a statement goes on in the server
/// when its lane has given up.
pub async fn end_sessions(conn: &mut PgConnection, batch: &Batch) -> Result<(), StoreError> {
    sqlx::query!(
        r#"SELECT pg_terminate_backend(pid) AS "ended!" FROM pg_stat_activity
            WHERE application_name = 'muster ' || $1::uuid AND datname = current_database()"#,
        batch.token
    )
    .fetch_all(conn)
    .await?;
    Ok(())
}

/// Ends sessions of lanes that stall: the claim is expired, its row is locked and the session waits
/// for its client, so it does not move on. A statement that takes long does, and is bounded by its
/// own time-out. Neither a time-out nor a cancellation ends a session that waits for its client in
/// the middle of COPY; this does. Returns how many were ended.
pub async fn end_stalled_sessions(conn: &mut PgConnection) -> Result<usize, StoreError> {
    let ended = sqlx::query_scalar!(
        r#"WITH expired AS (
                SELECT import_no, stage, number, token FROM muster.import_batches
                 WHERE state = 'claimed' AND expires_at < clock_timestamp()),
           free AS (
                SELECT import_no, stage, number FROM muster.import_batches
                 WHERE (import_no, stage, number) IN (SELECT import_no, stage, number FROM expired)
                   FOR UPDATE SKIP LOCKED)
           SELECT pg_terminate_backend(a.pid) AS "ended!"
             FROM expired e
             JOIN pg_stat_activity a ON a.application_name = 'muster ' || e.token AND a.datname = current_database()
            WHERE NOT EXISTS (SELECT FROM free f WHERE (f.import_no, f.stage, f.number) = (e.import_no, e.stage, e.number))
              AND (a.state <> 'active' OR a.wait_event_type = 'Client') AND a.state_change < clock_timestamp() - interval '1 s'"#
    )
    .fetch_all(conn)
    .await?;
    Ok(ended.len())
}
