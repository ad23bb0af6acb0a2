//! The rescuer: what Redis or a dead worker forgot. One process at a time looks every second: it
//! ends the sessions of lanes that stall with their claim expired, settles what no lane will, and
//! enqueues wakes for imports that could go on and that nobody was woken for.
//!
//! A request to pause or cancel is answered here even when every lane is busy or Redis is away. So
//! nothing here waits for Redis, nor for an import that takes long to settle.

use super::settle::settle;
use crate::{batch::context::Context, error::StageError};
use muster_shared::{model::ids::ImportId, queue::Queue, store::batches};
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
    waking: JoinSet<()>,
}

/// What a look found.
struct Look {
    /// To be settled.
    ended: Vec<ImportId>,
    /// To be woken for.
    unserved: Vec<(ImportId, Queue)>,
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
    if let Err(error) = sqlx::query!("SELECT muster.make_partitions()")
        .fetch_one(&context.control)
        .await
    {
        tracing::warn!(%error, "no partitions could be made ahead");
    }
}

async fn rescue(context: &Context, beside: &mut Beside) -> Result<(), StageError> {
    while beside.settling.try_join_next().is_some() || beside.waking.try_join_next().is_some() {}
    let Some(found) = look(context, beside).await? else {
        return Ok(());
    };
    for id in found.ended {
        let context = context.clone();
        beside.settling.spawn(async move {
            if let Err(error) = settle(&context, id).await {
                tracing::warn!(import.id = %id, %error, "could not be settled; it is tried again");
            }
        });
    }
    if !found.unserved.is_empty() {
        let context = context.clone();
        beside.waking.spawn(async move {
            for (id, queue) in found.unserved {
                tracing::debug!(import.id = %id, "woken again");
                context.wake_lanes(id, queue, 1).await;
            }
        });
    }
    Ok(())
}

/// Looks around, if no other process does. While it still wakes for what an earlier look found, it
/// finds nothing more to wake for.
async fn look(context: &Context, beside: &Beside) -> Result<Option<Look>, StageError> {
    let mut tx = context.control.begin().await?;
    let is_mine = sqlx::query_scalar!(
        r#"SELECT pg_try_advisory_xact_lock(hashtext('muster.rescuer')) AS "is_mine!""#
    )
    .fetch_one(&mut *tx)
    .await?;
    if !is_mine {
        return Ok(None);
    }
    let stalled = batches::end_stalled_sessions(&mut tx).await?;
    if stalled > 0 {
        tracing::warn!(sessions = stalled, "ended sessions of lanes that stalled");
    }
    let ended =
        batches::settleable(&mut tx, MAX_SETTLING.saturating_sub(beside.settling.len())).await?;
    let mut unserved = Vec::new();
    if beside.waking.is_empty() {
        let config = &context.config;
        for (queue, lanes) in [
            (Queue::Express, config.express_lanes),
            (Queue::Bulk, config.lanes),
        ] {
            // A wake only wakes, so there are no more of them than a process has lanes; the
            // others have their turn in the next looks.
            let ids = batches::unserved(
                &mut tx,
                queue == Queue::Express,
                config.lanes_per_import,
                RING_EVERY,
                lanes,
            )
            .await?;
            unserved.extend(ids.into_iter().map(|id| (id, queue)));
        }
    }
    tx.commit().await?;
    Ok(Some(Look { ended, unserved }))
}
