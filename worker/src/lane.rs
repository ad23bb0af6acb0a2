//! A lane: goes through the batches of whatever import needs it. Claim one, confirm, run its stage on it, finish, settle; then ask
//! again whose the next is.

use crate::{
    apply::{self, Failing},
    choice,
    claim::{Claim, Claimed},
    context::Context,
    crash,
    error::{StageError, cause_of},
    kinds::{self, importer::Importer},
    parts::{self, Part, cut, halve},
    preview,
    settle::settle,
    validate,
};
use muster_shared::{
    model::{
        batch::Step,
        budget::{Budget, Load},
        ids::ImportId,
        stage::Stage,
    },
    store::imports::Import,
};
use sqlx::{PgPool, Postgres, pool::PoolConnection};
use std::time::{Duration, Instant};
use tracing::Instrument;

/// A lane gives a transaction up after this share of its lease: the renewal inside is not yet visible to others, so a longer one
/// would look expired.
const SHARE_OF_LEASE: f64 = 0.75;
/// A lane waits so long at most for a batch that was put off; past that the rescuer rings when its time has come.
const SHORT: Duration = Duration::from_secs(1);
/// So many imports may turn a lane away, each since another lane was faster, before it leaves.
const MAX_PASSED_OVER: usize = 8;
/// So many importers a lane keeps: lanes go from import to import with every batch, and what an importer has looked up (all
/// segments or courses of a site) is not to be looked up with every batch.
const KEPT_IMPORTERS: usize = 8;

/// What a lane keeps from batch to batch.
#[derive(Default)]
struct Kept {
    /// The last used come last.
    importers: Vec<KeptImporter>,
}

/// The importer of a stage, with what it has looked up, and the version of the status it was made under.
struct KeptImporter {
    import: ImportId,
    version: i32,
    importer: Box<dyn Importer>,
}

/// Settles the import that the wake names, if there is anything to settle; then serves whoever needs a lane until nobody does, or
/// the process is asked to stop.
pub(crate) async fn run(context: &Context, named: ImportId) {
    if let Err(error) = settle_and_tell(context, named).await {
        tracing::warn!(import.id = %named, %error, "could not be settled; the rescuer will");
    }
    if let Err(error) = serve(context).await {
        tracing::warn!(%error, "the lane leaves; the rescuer rings again");
    }
}

async fn serve(context: &Context) -> Result<(), StageError> {
    let mut kept = Kept::default();
    let mut passed_over = Vec::new();
    while !context.stop.is_cancelled() && passed_over.len() < MAX_PASSED_OVER {
        let Some(import) = choice::next(context, &passed_over).await? else { return Ok(()) };
        match step(context, import, &mut kept).await {
            Ok(true) => passed_over.clear(),
            Ok(false) => passed_over.push(import),
            // It is chosen first by every lane: whoever left because of it would leave all others unserved.
            Err(error) => {
                tracing::warn!(import.id = %import, %error, "passed over");
                passed_over.push(import);
            }
        }
    }
    Ok(())
}

/// One batch of an import, or a settlement. `false`: there is nothing to do there for this lane.
async fn step(context: &Context, id: ImportId, kept: &mut Kept) -> Result<bool, StageError> {
    let went_on = match Claim::take(context, id).await? {
        Some(Claimed { import, claim, is_first, waiting }) => {
            let batch = claim.batch();
            crash::point(batch.stage, "claimed");
            if is_first {
                context.ring(id, context.queue, waiting.min(context.config.lanes_per_import - 1)).await;
            }
            let span = tracing::info_span!("lane.work", import.id = %id, site.id = %import.site_id, stage = %batch.stage, batch.number = batch.number);
            let went_on = work(context, &import, &claim, kept).instrument(span).await?;
            if context.stop.is_cancelled() {
                crash::point(batch.stage, "stopping");
            }
            went_on
        }
        None => false,
    };
    let has_moved = settle_and_tell(context, id).await?;
    Ok(went_on || has_moved)
}

/// Moves an import on if nothing runs any more. `false`: it stays.
pub(crate) async fn settle_and_tell(context: &Context, id: ImportId) -> Result<bool, StageError> {
    let moved = settle(context, id).await?;
    context.tell(id);
    if let Some(status) = moved {
        tracing::info!(import.id = %id, %status, "moved");
    }
    Ok(moved.is_some())
}

/// Runs the stage on a batch and sees to it that the claim ends, whatever happens. `false`: this import is another's.
async fn work(context: &Context, import: &Import, claim: &Claim, kept: &mut Kept) -> Result<bool, StageError> {
    let patience = Duration::from_secs_f64(context.config.lease_seconds * SHARE_OF_LEASE);
    let stage = run_stage(context, import, claim, kept);
    // Every chunk of validate renews the lease, and what all subjects share may take longer than one: they are bounded by their
    // statements instead. Nobody takes a claim away, however late, while its row is locked and its session does not stall.
    let batch = claim.batch();
    let result = if batch.stage == Stage::Validate || batch.step != Step::Main {
        stage.await
    } else {
        tokio::time::timeout(patience, stage).await.unwrap_or(Err(StageError::Late))
    };
    if matches!(result, Err(StageError::Late)) && make_smaller(context, import, claim).await {
        tracing::warn!("took too long, and was made smaller");
        return Ok(true);
    }
    let mut conn = patiently(context).await?;
    match result {
        Ok(true) => Ok(true),
        Ok(false) => {
            claim.give_back(&mut conn).await?;
            Ok(true)
        }
        Err(StageError::Lost) => {
            tracing::info!("the claim was lost");
            Ok(false)
        }
        Err(error @ (StageError::Retry(_) | StageError::Late)) => {
            tracing::warn!(%error, "put off");
            let pause = claim.put_off(&mut conn, in_the_way(&error)).await?;
            drop(conn);
            if let Some(pause) = pause.filter(|pause| *pause < SHORT) {
                tokio::time::sleep(pause).await;
            }
            Ok(true)
        }
        Err(StageError::Data(error)) => {
            tracing::error!(code = error.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref(), "refused");
            claim.fail(&mut conn, "refused", "The database refused what Muster wrote.").await?;
            Ok(true)
        }
        Err(StageError::Defect { what, source }) => {
            tracing::error!(what, cause = source.as_ref().map(cause_of), "failed: a defect");
            claim.fail(&mut conn, "defect", &what).await?;
            Ok(true)
        }
        Err(StageError::Fail { code, detail }) => {
            tracing::error!(code, detail, "failed");
            claim.fail(&mut conn, code, &detail).await?;
            Ok(true)
        }
    }
}

/// For whoever looks at an import that gave up. What exactly was in the way is in the log: it may name hosts and folders.
fn in_the_way(error: &StageError) -> &'static str {
    match error {
        StageError::Late => "It took too long, again and again.",
        _ => "The database or the file store was not available, again and again.",
    }
}

/// A connection to end a claim with. Postgres may be away for the moment, and a claim that nobody ends holds its batch up until it
/// expires; longer than that nobody need wait.
async fn patiently(context: &Context) -> Result<PoolConnection<Postgres>, StageError> {
    let begun = Instant::now();
    loop {
        match context.control.acquire().await {
            Ok(conn) => return Ok(conn),
            Err(error) if context.stop.is_cancelled() || begun.elapsed().as_secs_f64() > context.config.lease_seconds => {
                return Err(error.into());
            }
            Err(_) => tokio::time::sleep(SHORT).await,
        }
    }
}

/// `false`: the batch was not finished and is to be given back.
async fn run_stage(context: &Context, import: &Import, claim: &Claim, kept: &mut Kept) -> Result<bool, StageError> {
    match claim.batch().stage {
        Stage::Validate => validate::run(context, import, claim).await,
        Stage::Preview => {
            preview::run(import, claim, kept.importer(import, &context.control)?).await?;
            Ok(true)
        }
        Stage::Apply => {
            apply(context, import, claim, kept.importer(import, &context.control)?).await?;
            Ok(true)
        }
    }
}

/// Executes a batch. One that is too much for a transaction is taken apart first, and so is one that the database refuses, until the
/// subject stands alone, which then fails on its own.
async fn apply(context: &Context, import: &Import, claim: &Claim, importer: &mut dyn Importer) -> Result<(), StageError> {
    // Neighbours are not parted beforehand, but a block of ids may have a thousand lines of each of its people.
    let load = Load { lines: claim.batch().lines as u64, ..Load::default() };
    if Budget::TRANSACTION.is_passed(&load) && take_apart(context, import, claim, within_budget).await? {
        return Ok(());
    }
    let (turn, error) = match apply::run(import, claim, importer, None).await? {
        apply::Ended::Done => return Ok(()),
        apply::Ended::TooMuch(parts) => return claim.put_parts(import.id, &parts).await,
        apply::Ended::Refused { turn, error } => (turn, error),
    };
    if take_apart(context, import, claim, halve).await? {
        return Ok(());
    }
    match apply::run(import, claim, importer, Some(Failing { turn, error: &error })).await? {
        apply::Ended::Done => Ok(()),
        apply::Ended::TooMuch(parts) => claim.put_parts(import.id, &parts).await,
        apply::Ended::Refused { error, .. } => Err(StageError::Data(error)),
    }
}

/// Ends what is still done of a batch that took too long, and halves it. `false`: it stays as it is, and is to be put off.
async fn make_smaller(context: &Context, import: &Import, claim: &Claim) -> bool {
    let ending = async {
        let mut conn = patiently(context).await?;
        claim.end_sessions(&mut conn).await?;
        drop(conn);
        take_apart(context, import, claim, halve).await
    };
    ending.await.unwrap_or_else(|error| {
        tracing::warn!(%error, "took too long, and could not be made smaller");
        false
    })
}

fn within_budget(units: &[(i64, Load)], low: i64, high: i64) -> Vec<Part> {
    cut(units, low, high, Budget::TRANSACTION)
}

/// Takes a batch apart in that way. `false`: it stays as it is.
async fn take_apart(
    context: &Context,
    import: &Import,
    claim: &Claim,
    how: impl FnOnce(&[(i64, Load)], i64, i64) -> Vec<Part>,
) -> Result<bool, StageError> {
    let batch = claim.batch();
    let mut conn = context.control.acquire().await?;
    let units = parts::units(&mut conn, import, batch).await?;
    drop(conn);
    let parts = how(&units, batch.low, batch.high);
    if parts.len() < 2 {
        return Ok(false);
    }
    claim.put_parts(import.id, &parts).await?;
    Ok(true)
}

impl Kept {
    /// The importer for this stage of this import; a stage that begins looks everything up anew.
    fn importer(&mut self, import: &Import, control: &PgPool) -> Result<&mut dyn Importer, StageError> {
        let at = self.importers.iter().position(|kept| kept.import == import.id);
        let kept = match at.map(|at| self.importers.remove(at)) {
            Some(kept) if kept.version == import.status_version => kept,
            _ => KeptImporter {
                import: import.id,
                version: import.status_version,
                importer: kinds::importer(import, kinds::header(import)?, control),
            },
        };
        if self.importers.len() >= KEPT_IMPORTERS {
            self.importers.remove(0);
        }
        Ok(&mut *self.importers.push_mut(kept).importer)
    }
}
