//! One batch: its stage is run on it, and its claim ends, whatever happens.

use super::importers::Importers;
use crate::{
    apply,
    batch::{
        claim::Claim,
        context::Context,
        parts::{halve, take_apart},
    },
    error::{StageError, cause_of},
    preview, validate,
};
use muster_shared::{
    model::{batch::Step, stage::Stage},
    store::imports::Import,
};
use sqlx::{Postgres, pool::PoolConnection};
use std::time::{Duration, Instant};

/// A lane gives a transaction up after this share of its lease: the renewal inside is not yet
/// visible to others, so a longer one would look expired.
const SHARE_OF_LEASE: f64 = 0.75;
/// A lane waits so long at most for a batch that was put off; past that the rescuer wakes one when
/// its time has come.
const MAX_WAIT: Duration = Duration::from_secs(1);
/// Runs the stage on a batch and sees to it that the claim ends, whatever happens. `false`: this
/// import is another's.
pub(super) async fn work(
    context: &Context,
    import: &Import,
    claim: &Claim,
    importers: &mut Importers,
) -> Result<bool, StageError> {
    let patience = Duration::from_secs_f64(context.config.lease_seconds * SHARE_OF_LEASE);
    let stage = run_stage(context, import, claim, importers);
    // Every chunk of validate renews the lease, and what all subjects share may take longer than
    // one: they are bounded by their statements instead. Nobody takes a claim away, however late,
    // while its row is locked and its session does not stall.
    let batch = claim.batch();
    let result = if batch.stage == Stage::Validate || batch.step != Step::Main {
        stage.await
    } else {
        tokio::time::timeout(patience, stage)
            .await
            .unwrap_or(Err(StageError::Late))
    };
    if matches!(result, Err(StageError::Late)) && make_smaller(context, import, claim).await {
        tracing::warn!("took too long, and was made smaller");
        return Ok(true);
    }
    let mut conn = patiently(context).await?;
    match result {
        Ok(true) => Ok(true),
        Ok(false) => {
            claim.release(&mut conn).await?;
            Ok(true)
        }
        Err(StageError::Lost) => {
            tracing::info!("the claim was lost");
            Ok(false)
        }
        Err(error @ (StageError::Retry(_) | StageError::Late)) => {
            tracing::warn!(%error, "put off");
            let pause = claim.snooze(&mut conn, in_the_way(&error)).await?;
            drop(conn);
            if let Some(pause) = pause.filter(|pause| *pause < MAX_WAIT) {
                tokio::time::sleep(pause).await;
            }
            Ok(true)
        }
        Err(StageError::Data(error)) => {
            tracing::error!(
                code = error
                    .as_database_error()
                    .and_then(sqlx::error::DatabaseError::code)
                    .as_deref(),
                "refused"
            );
            claim
                .fail(
                    &mut conn,
                    "refused",
                    "The database refused what Muster wrote.",
                )
                .await?;
            Ok(true)
        }
        Err(StageError::Defect { what, source }) => {
            tracing::error!(
                what,
                cause = source.as_ref().map(cause_of),
                "failed: a defect"
            );
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

/// For whoever looks at an import that gave up. What exactly was in the way is in the log: it may
/// name hosts and folders.
fn in_the_way(error: &StageError) -> &'static str {
    match error {
        StageError::Late => "It took too long, again and again.",
        _ => "The database or the file store was not available, again and again.",
    }
}

/// A connection to end a claim with. Postgres may be away for the moment, and a claim that nobody
/// ends holds its batch up until it expires; longer than that nobody need wait.
async fn patiently(context: &Context) -> Result<PoolConnection<Postgres>, StageError> {
    let begun = Instant::now();
    loop {
        match context.control.acquire().await {
            Ok(conn) => return Ok(conn),
            Err(error)
                if context.stop.is_cancelled()
                    || begun.elapsed().as_secs_f64() > context.config.lease_seconds =>
            {
                return Err(error.into());
            }
            Err(_) => tokio::time::sleep(MAX_WAIT).await,
        }
    }
}

/// `false`: the batch was not finished and is to be given back.
async fn run_stage(
    context: &Context,
    import: &Import,
    claim: &Claim,
    importers: &mut Importers,
) -> Result<bool, StageError> {
    match claim.batch().stage {
        Stage::Validate => validate::run(context, import, claim).await,
        Stage::Preview => {
            preview::run(import, claim, importers.of(import, &context.control)?).await?;
            Ok(true)
        }
        Stage::Apply => {
            apply::run(
                context,
                import,
                claim,
                importers.of(import, &context.control)?,
            )
            .await?;
            Ok(true)
        }
    }
}

/// Ends what is still done of a batch that took too long, and halves it. `false`: it stays as it
/// is, and is to be put off.
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
