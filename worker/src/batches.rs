//! All that the worker asks the database about batches: claim, confirm, finish, give back, put off, fail, split.

use crate::{context::Context, crash, error::StageError};
use muster_shared::{
    model::{
        batch::Step,
        ids::ImportId,
        tally::{Effects, Tally},
    },
    store::{
        batches::{self, Batch},
        imports::{self, Import},
    },
};
use sqlx::PgConnection;
use std::time::Duration;

/// A batch is tried so often, then it has failed. A lane that dies counts, one that gives back in good order does not.
const MAX_ATTEMPTS: i16 = 5;
/// So often the system may be in the way of one batch.
const MAX_RETRIES: i16 = 20;

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
    batches::revoke_expired(&mut tx, import.no).await?;
    let open = batches::open(&mut tx, import.no, stage).await?;
    let taken = match open.step {
        Some(step) if open.claimed < context.config.lanes_per_import => {
            batches::take(&mut tx, import.no, stage, step, context.config.lease_seconds).await?
        }
        _ => None,
    };
    let Some(taken) = taken else {
        tx.commit().await?;
        return Ok(Claimed::Nothing);
    };
    if taken.attempts > MAX_ATTEMPTS {
        batches::fail(&mut tx, &taken.batch, "attempts", "Every lane that took this batch was lost.").await?;
        tx.commit().await?;
        return Ok(Claimed::Nothing);
    }
    sqlx::query!("UPDATE muster.imports SET served_at = clock_timestamp() WHERE no = $1", import.no.0).execute(&mut *tx).await?;
    tx.commit().await?;
    let is_first = taken.batch.step == Step::Main && open.claimed == 0 && !taken.has_done;
    Ok(Claimed::Batch { import: Box::new(import), batch: taken.batch, is_first, waiting: open.waiting - 1 })
}

/// The first statement of every transaction of a lane: locks the batch's row if it is still this lane's, and renews the claim.
pub(crate) async fn confirm(conn: &mut PgConnection, batch: &Batch, lease_seconds: f64) -> Result<(), StageError> {
    if !batches::confirm(conn, batch, lease_seconds).await? {
        return Err(StageError::Lost);
    }
    crash::point(batch.stage, "confirmed");
    Ok(())
}

/// Marks the batch done, as the last statement of the transaction that did it.
pub(crate) async fn finish(
    conn: &mut PgConnection,
    batch: &Batch,
    tally: &Tally,
    effects: &Effects,
    worker: &str,
) -> Result<(), StageError> {
    if batches::finish(conn, batch, tally, effects, worker).await? { Ok(()) } else { Err(StageError::Lost) }
}

/// Gives the claim back because the system was in the way, to be taken again after a pause: all retries together take some six
/// minutes. Past a ceiling the batch has failed, and there is no pause.
pub(crate) async fn put_off(conn: &mut PgConnection, batch: &Batch, reason: &str) -> Result<Option<Duration>, StageError> {
    let pause = batches::put_off(conn, batch, MAX_RETRIES).await?;
    if pause.is_none() {
        batches::fail(conn, batch, "gave-up", reason).await?;
    }
    Ok(pause)
}
