//! All that the worker asks the database about batches: claim, confirm, finish, give back, put off, stick, split.
//!
//! Two rules hold in every function. A claim is decided on after the import's row is locked, in later statements: one that
//! locks and counts at once counts with the snapshot from before it waited. And the lock on a batch's own row, taken by
//! [`confirm`] and kept to the commit, is the true lease: the expiry only says when somebody may try to take it.

use crate::{context::Context, crash, error::StageError};
use muster_shared::{
    model::{
        ids::{ImportId, ImportNo},
        stage::Stage,
        tally::{Effects, Tally},
    },
    store::imports::{self, Import, to_json},
};
use serde_json::Value;
use sqlx::PgConnection;
use std::time::Duration;
use uuid::Uuid;

/// A batch is tried so often, then it is stuck. A lane that dies counts, one that gives back in good order does not.
const MAX_ATTEMPTS: i16 = 5;
/// The number of the batch of apply that comes after all others.
pub(crate) const LAST: i32 = i32::MAX;
/// So often the system may be in the way of one batch.
const MAX_RETRIES: i16 = 20;

/// A batch that this lane holds.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) import_no: ImportNo,
    pub(crate) stage: Stage,
    pub(crate) number: i32,
    pub(crate) low: i64,
    pub(crate) high: i64,
    /// Those of apply; of other stages as far as they are known.
    pub(crate) lines: i32,
    pub(crate) progress: i64,
    pub(crate) token: Uuid,
}

impl Batch {
    /// Is it about what many subjects share, and done while no other batch is?
    pub(crate) fn is_shared(&self) -> bool {
        self.number == 0 || self.number == LAST
    }
}

/// What a lane that asked for work got.
#[derive(Debug)]
pub(crate) enum Claimed {
    /// A batch. `is_first`: nobody else has had one of this stage yet; `waiting` more are there.
    Batch { import: Box<Import>, batch: Batch, is_first: bool, waiting: i64 },
    /// There is nothing to do now.
    Nothing,
}

/// Claims the next batch of an import, in a transaction of its own.
pub(crate) async fn claim(context: &Context, id: ImportId) -> Result<Claimed, StageError> {
    let mut tx = context.control.begin().await?;
    let Some(import) = imports::lock(&mut tx, id).await? else { return Ok(Claimed::Nothing) };
    let Some(stage) = import.status.working_stage() else { return Ok(Claimed::Nothing) };
    revoke_expired(&mut tx, import.no).await?;
    let held = sqlx::query!(
        r#"SELECT count(*) FILTER (WHERE state = 'claimed') AS "claimed!",
                  EXISTS (SELECT FROM muster.import_batches
                           WHERE import_no = $1 AND stage = $2 AND state = 'done' AND number > 0) AS "has_done!",
                  count(*) FILTER (WHERE state = 'waiting') AS "waiting!",
                  coalesce(bool_or(state <> 'done') FILTER (WHERE number = 0), false) AS "groundwork!",
                  coalesce(bool_or(state <> 'done') FILTER (WHERE number < $3), false) AS "before_last!"
             FROM muster.import_batches WHERE import_no = $1 AND stage = $2 AND state <> 'done'"#,
        import.no.0,
        stage.name(),
        LAST,
    )
    .fetch_one(&mut *tx)
    .await?;
    if held.claimed >= context.config.lanes_per_import {
        tx.commit().await?;
        return Ok(Claimed::Nothing);
    }
    let token = Uuid::new_v4();
    let row = sqlx::query!(
        "UPDATE muster.import_batches
            SET state = 'claimed', token = $3, attempts = attempts + 1, expires_at = clock_timestamp() + make_interval(secs => $4)
          WHERE (import_no, stage, number) = (
                SELECT import_no, stage, number FROM muster.import_batches
                 WHERE import_no = $1 AND stage = $2 AND state = 'waiting' AND (number = 0 OR NOT $5) AND (number < $7 OR NOT $6)
                   AND coalesce(not_before <= clock_timestamp(), true)
                 ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED)
          RETURNING number, low, high, lines, progress, attempts",
        import.no.0,
        stage.name(),
        token,
        context.config.lease_seconds,
        held.groundwork,
        held.before_last,
        LAST,
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(row) = row else {
        tx.commit().await?;
        return Ok(Claimed::Nothing);
    };
    let batch = Batch {
        import_no: import.no,
        stage,
        number: row.number,
        low: row.low,
        high: row.high,
        lines: row.lines,
        progress: row.progress,
        token,
    };
    if row.attempts > MAX_ATTEMPTS {
        stick(&mut tx, &batch, "attempts", "Every lane that took this batch was lost.").await?;
        tx.commit().await?;
        return Ok(Claimed::Nothing);
    }
    sqlx::query!("UPDATE muster.imports SET served_at = clock_timestamp() WHERE no = $1", import.no.0).execute(&mut *tx).await?;
    tx.commit().await?;
    let is_first = row.number > 0 && held.claimed == 0 && !held.has_done;
    Ok(Claimed::Batch { import: Box::new(import), batch, is_first, waiting: held.waiting - 1 })
}

/// Takes expired claims back. One whose row is locked is still at work, however late: it keeps its claim.
pub(crate) async fn revoke_expired(conn: &mut PgConnection, import: ImportNo) -> Result<u64, StageError> {
    let revoked = sqlx::query!(
        "UPDATE muster.import_batches SET state = 'waiting', token = NULL, expires_at = NULL
          WHERE (import_no, stage, number) IN (
                SELECT import_no, stage, number FROM muster.import_batches
                 WHERE import_no = $1 AND state = 'claimed' AND expires_at < clock_timestamp()
                   FOR UPDATE SKIP LOCKED)",
        import.0
    )
    .execute(conn)
    .await?;
    Ok(revoked.rows_affected())
}

/// The first statement of every transaction of a lane: locks the batch's row if it is still this lane's, and renews the claim.
pub(crate) async fn confirm(conn: &mut PgConnection, batch: &Batch, lease_seconds: f64) -> Result<(), StageError> {
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
        Ok(Some(_)) => {
            crash::point(batch.stage, "confirmed");
            Ok(())
        }
        Ok(None) => Err(StageError::Lost),
        // Under REPEATABLE READ: the row was changed since the snapshot, so the claim has moved.
        Err(error) if error.as_database_error().is_some_and(|e| e.code().as_deref() == Some("40001")) => Err(StageError::Lost),
        Err(error) => Err(error.into()),
    }
}

/// Marks the batch done, as the last statement of the transaction that did it.
pub(crate) async fn finish(
    conn: &mut PgConnection,
    batch: &Batch,
    tally: &Tally,
    effects: &Effects,
    worker: &str,
) -> Result<(), StageError> {
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
    if finished.rows_affected() == 1 { Ok(()) } else { Err(StageError::Lost) }
}

/// Counts that are missing are read as zero. Everyone who looks at an import sums up all its batches, and most counts are zero.
fn without_zeros(counts: Value) -> Value {
    match counts {
        Value::Object(counts) => {
            Value::Object(counts.into_iter().filter(|(_, count)| *count != 0).map(|(name, count)| (name, without_zeros(count))).collect())
        }
        count => count,
    }
}

/// Remembers how far validate is, in the transaction of a chunk. Attempts that got further do not add up.
pub(crate) async fn record_progress(conn: &mut PgConnection, batch: &Batch, bytes: i64, lines: i32) -> Result<(), StageError> {
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

/// Gives the claim back in good order: the attempt does not count, and the import has been served until now.
pub(crate) async fn give_back(conn: &mut PgConnection, batch: &Batch) -> Result<(), StageError> {
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

/// Gives the claim back because the system was in the way, to be taken again after a pause, which grows from 0.2 s to half a minute:
/// all retries together take some six minutes. Past a ceiling the batch is stuck, and there is no pause.
pub(crate) async fn put_off(conn: &mut PgConnection, batch: &Batch, reason: &str) -> Result<Option<Duration>, StageError> {
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
        MAX_RETRIES,
    )
    .fetch_optional(&mut *conn)
    .await?;
    if pause.is_none() {
        stick(conn, batch, "gave-up", reason).await?;
    }
    Ok(pause.map(Duration::from_secs_f64))
}

/// The batch will not succeed: it is taken out, and the import will fail once the others are through. One statement, since an
/// import with a stuck batch and no reason could not be settled.
pub(crate) async fn stick(conn: &mut PgConnection, batch: &Batch, code: &str, detail: &str) -> Result<(), StageError> {
    sqlx::query!(
        "WITH stuck AS (
            UPDATE muster.import_batches SET state = 'stuck', token = NULL, expires_at = NULL
             WHERE import_no = $1 AND stage = $2 AND number = $3 AND token = $4 RETURNING attempts)
         UPDATE muster.imports
            SET failure = coalesce(failure, jsonb_build_object('stage', $2::text, 'batch', $3::integer, 'code', $5::text,
                                                               'detail', $6::text, 'attempts', stuck.attempts))
           FROM stuck WHERE no = $1",
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

/// Ends the sessions in which something is done under this claim: a statement goes on in the server when its lane has given up.
pub(crate) async fn end_sessions(conn: &mut PgConnection, batch: &Batch) -> Result<(), StageError> {
    sqlx::query!(
        r#"SELECT pg_terminate_backend(pid) AS "ended!" FROM pg_stat_activity
            WHERE application_name = 'muster ' || $1::uuid AND datname = current_database()"#,
        batch.token
    )
    .fetch_all(conn)
    .await?;
    Ok(())
}
