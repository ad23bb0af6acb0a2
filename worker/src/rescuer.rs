//! The rescuer: what Redis or a dead worker forgot. One process at a time looks every second for imports that could go on and
//! that nobody was woken for, and ends the sessions of lanes that stall with their claim expired.

use crate::{context::Context, error::StageError};
use muster_shared::{model::ids::ImportId, store::imports};
use std::time::Duration;

/// Between two looks.
const INTERVAL: Duration = Duration::from_secs(1);
/// Seconds between two wakes for the same import.
const RING_EVERY: f64 = 5.0;
/// Looks between two checks of the partitions of the big tables.
const LOOKS_PER_HOUSEKEEPING: u32 = 10;

/// Rescues until the process is asked to stop.
pub(crate) async fn run(context: &Context) {
    let mut looks = 0;
    while !context.stop.is_cancelled() {
        if let Err(error) = look(context).await {
            tracing::warn!(%error, "the rescuer could not look");
        }
        looks += 1;
        if looks % LOOKS_PER_HOUSEKEEPING == 0 {
            make_partitions(context).await;
        }
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            () = context.stop.cancelled() => {}
        }
    }
}

/// Makes the partitions of the big tables ahead of the newest import.
pub(crate) async fn make_partitions(context: &Context) {
    if let Err(error) = sqlx::query!("SELECT muster.make_partitions()").fetch_one(&context.control).await {
        tracing::warn!(%error, "no partitions could be made ahead");
    }
}

async fn look(context: &Context) -> Result<(), StageError> {
    let mut tx = context.control.begin().await?;
    let is_mine =
        sqlx::query_scalar!(r#"SELECT pg_try_advisory_xact_lock(hashtext('muster.rescuer')) AS "is_mine!""#).fetch_one(&mut *tx).await?;
    if !is_mine {
        return Ok(());
    }
    end_stalled(&mut tx).await?;
    let due = due(&mut tx, context.config.lanes_per_import).await?;
    tx.commit().await?;
    for id in due {
        if context.stop.is_cancelled() {
            break;
        }
        let mut conn = context.control.acquire().await?;
        let import = imports::of_id(&mut conn, id).await?;
        drop(conn);
        if let Some(import) = import {
            tracing::debug!(import.id = %id, "rung again");
            context.ring(&import, 1).await;
        }
    }
    Ok(())
}

/// A claim that is expired and whose row is locked: its transaction is open and does not move on. Neither a time-out nor a
/// cancellation ends a session that waits for its client in the middle of COPY; this does.
async fn end_stalled(conn: &mut sqlx::PgConnection) -> Result<(), StageError> {
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
            WHERE NOT EXISTS (SELECT FROM free f WHERE (f.import_no, f.stage, f.number) = (e.import_no, e.stage, e.number))"#
    )
    .fetch_all(conn)
    .await?;
    if !ended.is_empty() {
        tracing::warn!(sessions = ended.len(), "ended sessions of lanes that stalled");
    }
    Ok(())
}

/// Imports that are at work and could use a lane: there is a batch to claim and a lane free, or nobody holds any batch, so that
/// there is something to settle. Remembers that they are rung. One whose row is locked is being looked after.
async fn due(conn: &mut sqlx::PgConnection, lanes_per_import: i64) -> Result<Vec<ImportId>, StageError> {
    let ids = sqlx::query_scalar!(
        "WITH at_work AS (
            SELECT id, no FROM muster.imports
             WHERE status IN ('validating', 'previewing', 'applying', 'pausing', 'cancelling')
               AND greatest(stage_started_at + interval '1 s', rung_at + make_interval(secs => $2)) <= now()
               FOR NO KEY UPDATE SKIP LOCKED),
         open AS (
            SELECT i.id, count(b.number) FILTER (WHERE b.state = 'claimed' AND b.expires_at > clock_timestamp()) AS claimed,
                   count(b.number) FILTER (WHERE b.state <> 'done') AS open
              FROM at_work i
              LEFT JOIN muster.import_batches b ON b.import_no = i.no AND b.state IN ('waiting', 'claimed')
             GROUP BY i.id)
         UPDATE muster.imports i SET rung_at = now()
           FROM open o
          WHERE i.id = o.id AND (o.claimed = 0 OR (o.open > o.claimed AND o.claimed < $1))
         RETURNING i.id",
        lanes_per_import,
        RING_EVERY,
    )
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(ImportId).collect())
}
