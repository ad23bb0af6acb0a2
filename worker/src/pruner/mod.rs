//! The pruner: ends imports that nobody went on with, lets go of what has expired, and sweeps away
//! what was let go. It must never touch the header of an import, its history or its counts.
//!
//! An import is let go in one short transaction that sets `pruned_at`; from then on it is only a
//! header. What it leaves is swept away in pieces, by whoever comes next, until `emptied_at` is
//! set: killing a pruner loses nothing. Any number of workers may prune; each step is one worker's
//! at a time.

mod expired;
mod files;
mod partitions;
mod sweep;

use crate::{batch::context::Context, error::StageError};
use files::Round;
use sqlx::PgTransaction;
use std::time::Duration;
use tokio::time::Instant;

/// Between two looks for imports that were let go and are not swept away.
const INTERVAL: Duration = Duration::from_secs(1);

/// Connections that it needs at once: the right to lead is held on one while a partition is
/// detached over the other.
pub(crate) const CONNECTIONS: usize = 2;

/// Prunes until the process is asked to stop.
pub(crate) async fn run(context: &Context) {
    let between_looks = Duration::from_secs(context.config.prune_seconds);
    let mut round = Round::default();
    let mut next_look = Instant::now();
    while !context.stop.is_cancelled() {
        if Instant::now() >= next_look {
            look(context, &mut round).await;
            next_look = Instant::now() + between_looks;
        }
        if let Err(error) = sweep::all(context).await {
            tracing::warn!(%error, "what was pruned could not be swept away; it is tried again");
            rest(context, between_looks).await;
        }
        rest(context, INTERVAL).await;
    }
}

/// Each part on its own: a file store that is away must not keep imports from expiring.
async fn look(context: &Context, round: &mut Round) {
    if let Err(error) = expired::cancel(context).await {
        tracing::warn!(%error, "expired imports could not be cancelled");
    }
    if let Err(error) = expired::prune(context).await {
        tracing::warn!(%error, "expired imports could not be pruned");
    }
    if let Err(error) = round.step(context).await {
        tracing::warn!(%error, "the files could not be looked through");
    }
    if let Err(error) = partitions::remove(context).await {
        tracing::warn!(%error, "empty partitions could not be removed");
    }
}

async fn rest(context: &Context, pause: Duration) {
    tokio::select! {
        () = tokio::time::sleep(pause) => {}
        () = context.stop.cancelled() => {}
    }
}

/// The right to a step, as long as the transaction lasts; `None`: another worker has it.
async fn try_lead(context: &Context) -> Result<Option<PgTransaction<'static>>, StageError> {
    let mut tx = context.control.begin().await?;
    let is_mine = sqlx::query_scalar!(
        r#"SELECT pg_try_advisory_xact_lock(hashtext('muster.pruner')) AS "is_mine!""#
    )
    .fetch_one(&mut *tx)
    .await?;
    Ok(is_mine.then_some(tx))
}
