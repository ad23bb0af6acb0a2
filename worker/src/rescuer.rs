//! The rescuer: what Redis or a dead worker forgot. One process at a time looks every second: it ends the sessions of lanes that
//! stall with their claim expired, settles what no lane will, and rings for imports that could go on and that nobody was woken for.
//!
//! A request to pause or cancel is answered here even when every lane is busy or Redis is away. So nothing here waits for Redis, nor
//! for an import that takes long to settle.

use crate::{context::Context, error::StageError, lane};
use muster_shared::{model::ids::ImportId, queue::Lane};
use sqlx::PgConnection;
use std::time::Duration;
use tokio::task::JoinSet;

/// Connections for looking and for settling.
pub(crate) const CONNECTIONS: usize = 1 + MAX_SETTLING;
/// Imports that are settled at once.
const MAX_SETTLING: usize = 4;
/// Between two looks.
const INTERVAL: Duration = Duration::from_secs(1);
/// Seconds between two wakes for the same import.
const RING_EVERY: f64 = 5.0;
/// Looks between two checks of the partitions of the big tables.
const LOOKS_PER_HOUSEKEEPING: u32 = 10;

/// What goes on beside the looks.
#[derive(Default)]
struct Beside {
    settling: JoinSet<()>,
    ringing: JoinSet<()>,
}

/// What a look found.
struct Found {
    /// To be settled.
    ended: Vec<ImportId>,
    /// To be rung for.
    unserved: Vec<(ImportId, Lane)>,
}

/// Rescues until the process is asked to stop.
pub(crate) async fn run(context: &Context) {
    let mut beside = Beside::default();
    let mut looks = 0;
    while !context.stop.is_cancelled() {
        if let Err(error) = rescue(context, &mut beside).await {
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
    while beside.settling.join_next().await.is_some() {}
}

/// Makes the partitions of the big tables ahead of the newest import.
pub(crate) async fn make_partitions(context: &Context) {
    if let Err(error) = sqlx::query!("SELECT muster.make_partitions()").fetch_one(&context.control).await {
        tracing::warn!(%error, "no partitions could be made ahead");
    }
}

async fn rescue(context: &Context, beside: &mut Beside) -> Result<(), StageError> {
    while beside.settling.try_join_next().is_some() || beside.ringing.try_join_next().is_some() {}
    let Some(found) = look(context, beside).await? else { return Ok(()) };
    for id in found.ended {
        let context = context.clone();
        beside.settling.spawn(async move {
            if let Err(error) = lane::settle_and_tell(&context, id).await {
                tracing::warn!(import.id = %id, %error, "could not be settled; it is tried again");
            }
        });
    }
    if !found.unserved.is_empty() {
        let context = context.clone();
        beside.ringing.spawn(async move {
            for (id, queue) in found.unserved {
                tracing::debug!(import.id = %id, "rung again");
                context.ring(id, queue, 1).await;
            }
        });
    }
    Ok(())
}

/// Looks around, if no other process does. While it still rings for what an earlier look found, it finds nothing more to ring for.
async fn look(context: &Context, beside: &Beside) -> Result<Option<Found>, StageError> {
    let mut tx = context.control.begin().await?;
    let is_mine =
        sqlx::query_scalar!(r#"SELECT pg_try_advisory_xact_lock(hashtext('muster.rescuer')) AS "is_mine!""#).fetch_one(&mut *tx).await?;
    if !is_mine {
        return Ok(None);
    }
    end_stalled(&mut tx).await?;
    let ended = ended(&mut tx, MAX_SETTLING.saturating_sub(beside.settling.len())).await?;
    let mut unserved = Vec::new();
    if beside.ringing.is_empty() {
        let config = &context.config;
        for (queue, lanes) in [(Lane::Express, config.express_lanes), (Lane::Bulk, config.lanes)] {
            let ids = self::unserved(&mut tx, queue, config.lanes_per_import, lanes).await?;
            unserved.extend(ids.into_iter().map(|id| (id, queue)));
        }
    }
    tx.commit().await?;
    Ok(Some(Found { ended, unserved }))
}

/// A claim that is expired, whose row is locked and whose session waits for its client: it does not move on. A statement that takes
/// long does, and is bounded by its own time-out. Neither a time-out nor a cancellation ends a session that waits for its client in the
/// middle of COPY; this does.
async fn end_stalled(conn: &mut PgConnection) -> Result<(), StageError> {
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
    if !ended.is_empty() {
        tracing::warn!(sessions = ended.len(), "ended sessions of lanes that stalled");
    }
    Ok(())
}

/// Imports that nobody holds a batch of and nobody can claim one of: those that were asked to stop come first. One whose row is
/// locked is being looked after, and one whose batch was put off has something to wait for.
async fn ended(conn: &mut PgConnection, most: usize) -> Result<Vec<ImportId>, StageError> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM muster.imports
          WHERE id = ANY (ARRAY (
                SELECT w.id FROM muster.imports_at_work w
                 WHERE w.claimed = 0 AND NOT w.has_batch
                   AND (w.status IN ('pausing', 'cancelling') OR NOT EXISTS (
                        SELECT FROM muster.import_batches b
                         WHERE b.import_no = w.no AND b.state = 'waiting' AND b.not_before > clock_timestamp()))))
          ORDER BY status IN ('pausing', 'cancelling') DESC, no
          LIMIT $1
            FOR NO KEY UPDATE SKIP LOCKED",
        most as i64,
    )
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(ImportId).collect())
}

/// Imports of a queue with a batch to claim, and room for another lane. A wake is only a bell, so there are no more of them than a
/// process has lanes; the others have their turn in the next looks. Remembers that they are rung for.
async fn unserved(conn: &mut PgConnection, queue: Lane, lanes_per_import: i64, lanes: usize) -> Result<Vec<ImportId>, StageError> {
    let ids = sqlx::query_scalar!(
        "WITH due AS (
            SELECT id FROM muster.imports
             WHERE id = ANY (ARRAY (
                   SELECT id FROM muster.imports_at_work
                    WHERE is_small = $1 AND has_batch AND claimed < $2
                      AND greatest(stage_started_at + interval '1 s', rung_at + make_interval(secs => $3)) <= now()))
             ORDER BY rung_at NULLS FIRST, no
             LIMIT $4
               FOR NO KEY UPDATE SKIP LOCKED)
         UPDATE muster.imports SET rung_at = now() WHERE id IN (SELECT id FROM due) RETURNING id",
        queue == Lane::Express,
        lanes_per_import,
        RING_EVERY,
        lanes as i64,
    )
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(ImportId).collect())
}
