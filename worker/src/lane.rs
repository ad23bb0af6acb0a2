//! A lane: goes through an import's batches. Claim one, confirm, run its stage on it, finish, settle; then the next.

use crate::{
    apply::{self, Failing},
    batches::{self, Batch, Claimed},
    context::Context,
    crash,
    error::StageError,
    kinds::{self, importer::Importer},
    preview,
    settle::settle,
    validate,
};
use muster_shared::{
    model::{ids::ImportId, stage::Stage},
    store::imports::{self, Import},
};
use sqlx::PgPool;
use std::time::Duration;
use tracing::Instrument;

/// A lane gives a transaction up after this share of its lease: the renewal inside is not yet visible to others, so a longer one
/// would look expired.
const SHARE_OF_LEASE: f64 = 0.75;
/// The pause after the system was in the way, to be jittered.
const PAUSE: Duration = Duration::from_millis(200);

/// What a lane keeps from batch to batch.
#[derive(Default)]
struct Kept {
    /// The importer of the stage at hand, with what it has looked up, and the version of the status it was made under.
    importer: Option<(i32, Box<dyn Importer>)>,
}

/// Works on an import until it has nothing to do for this lane, or the process is asked to stop.
pub(crate) async fn run(context: &Context, import: ImportId) {
    let mut kept = Kept::default();
    while !context.stop.is_cancelled() {
        match step(context, import, &mut kept).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                tracing::warn!(import.id = %import, %error, "the lane leaves; the rescuer rings again");
                return;
            }
        }
    }
}

/// One batch, or a settlement. `false`: there is nothing to do.
async fn step(context: &Context, id: ImportId, kept: &mut Kept) -> Result<bool, StageError> {
    let claimed = batches::claim(context, id).await?;
    let went_on = match claimed {
        Claimed::Batch { import, batch, is_first, waiting } => {
            crash::point(batch.stage, "claimed");
            if is_first {
                context.ring(&import, waiting.min(context.config.lanes_per_import - 1)).await;
            }
            let span = tracing::info_span!("lane.work", import.id = %id, site.id = %import.site_id, stage = %batch.stage, batch.number = batch.number);
            let went_on = work(context, &import, &batch, kept).instrument(span).await?;
            if context.stop.is_cancelled() {
                crash::point(batch.stage, "stopping");
            }
            went_on
        }
        Claimed::Nothing => false,
    };
    let moved = settle(context, id).await?;
    context.tell(id).await;
    if let Some(status) = moved {
        tracing::info!(import.id = %id, %status, "moved");
    }
    Ok(went_on || moved.is_some())
}

/// Runs the stage on a batch and sees to it that the claim ends, whatever happens. `false`: leave the import for now.
async fn work(context: &Context, import: &Import, batch: &Batch, kept: &mut Kept) -> Result<bool, StageError> {
    if batch.is_shared() {
        batches::lengthen(&mut *context.control.acquire().await?, batch).await?;
    }
    let patience = Duration::from_secs_f64(context.config.lease_seconds * SHARE_OF_LEASE);
    let stage = run_stage(context, import, batch, kept);
    // Every chunk of validate renews the lease, and what is done before all else takes a long one: they are bounded by their
    // statements instead.
    let result = if batch.stage == Stage::Validate || batch.is_shared() {
        stage.await
    } else {
        tokio::time::timeout(patience, stage).await.unwrap_or(Err(StageError::Late))
    };
    let mut conn = context.control.acquire().await?;
    if matches!(result, Err(StageError::Late)) {
        batches::end_sessions(&mut conn, batch).await?;
    }
    match result {
        Ok(true) => Ok(true),
        Ok(false) => {
            batches::give_back(&mut conn, batch).await?;
            Ok(false)
        }
        Err(StageError::Lost) => {
            tracing::info!("the claim was lost");
            Ok(false)
        }
        Err(error @ (StageError::Retry(_) | StageError::Late)) => {
            tracing::warn!(%error, "put off");
            batches::put_off(&mut conn, batch, &error.to_string()).await?;
            drop(conn);
            tokio::time::sleep(PAUSE.mul_f64(rand::random_range(0.5..1.5))).await;
            Ok(true)
        }
        Err(StageError::Data(error)) => {
            tracing::error!(code = error.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref(), "refused");
            batches::stick(&mut conn, batch, "refused", "The database refused what Muster wrote.").await?;
            Ok(true)
        }
        Err(StageError::Fail { code, detail }) => {
            tracing::error!(code, detail, "stuck");
            batches::stick(&mut conn, batch, code, &detail).await?;
            Ok(true)
        }
    }
}

/// `false`: the batch was not finished and is to be given back.
async fn run_stage(context: &Context, import: &Import, batch: &Batch, kept: &mut Kept) -> Result<bool, StageError> {
    match batch.stage {
        Stage::Validate => validate::run(context, import, batch).await,
        Stage::Preview => {
            preview::run(context, import, batch, kept.importer(import, &context.control)?).await?;
            Ok(true)
        }
        Stage::Apply => {
            apply(context, import, batch, kept.importer(import, &context.control)?).await?;
            Ok(true)
        }
    }
}

/// Executes a batch. One that the database refuses is taken apart until the subject stands alone, which then fails on its own.
async fn apply(context: &Context, import: &Import, batch: &Batch, importer: &mut dyn Importer) -> Result<(), StageError> {
    let (turn, error) = match apply::run(context, import, batch, importer, None).await? {
        apply::Ended::Done => return Ok(()),
        apply::Ended::Refused { turn, error } => (turn, error),
    };
    let mut tx = context.control.begin().await?;
    imports::lock(&mut tx, import.id).await?;
    batches::confirm(&mut tx, batch, context.config.lease_seconds).await?;
    let is_split = !batch.is_shared() && batches::split(&mut tx, batch).await?;
    tx.commit().await?;
    if is_split {
        return Ok(());
    }
    match apply::run(context, import, batch, importer, Some(Failing { turn, error: &error })).await? {
        apply::Ended::Done => Ok(()),
        apply::Ended::Refused { error, .. } => Err(StageError::Data(error)),
    }
}

impl Kept {
    /// The importer for this stage of this import; a stage that begins looks everything up anew.
    fn importer(&mut self, import: &Import, control: &PgPool) -> Result<&mut dyn Importer, StageError> {
        let kept = match self.importer.take() {
            Some((version, importer)) if version == import.status_version => importer,
            _ => kinds::importer(import, kinds::header(import)?, control),
        };
        Ok(&mut *self.importer.insert((import.status_version, kept)).1)
    }
}
