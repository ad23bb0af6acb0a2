//! Apply: the recorded plans of one batch of subjects are executed in one transaction, and nothing
//! else is. A subject that is no longer as its plan found it is planned again under the lock; the
//! same plan goes on, another is held.

mod attempt;
mod guard;
mod outcomes;

use crate::{
    batch::{
        claim::Claim,
        context::Context,
        parts::{Part, cut, halve, take_apart},
    },
    error::StageError,
    kinds::importer::Importer,
};
use attempt::{Ended, Failing};
use muster_shared::{
    model::budget::{Budget, Load},
    store::imports::Import,
};

/// Executes a batch. One that is too much for a transaction is taken apart first, and so is one
/// that the database refuses, until the subject stands alone, which then fails on its own.
pub(crate) async fn run(
    context: &Context,
    import: &Import,
    claim: &Claim,
    importer: &mut dyn Importer,
) -> Result<(), StageError> {
    // Neighbours are not parted beforehand, but a block of ids may have a thousand lines of each of
    // its people.
    let load = Load {
        lines: claim.batch().lines as u64,
        ..Load::default()
    };
    if Budget::TRANSACTION.is_passed(&load)
        && take_apart(context, import, claim, within_budget).await?
    {
        return Ok(());
    }
    let (turn, error) = match attempt::run(import, claim, importer, None).await? {
        Ended::Done => return Ok(()),
        Ended::TooMuch(parts) => return claim.put_parts(import.id, &parts).await,
        Ended::Refused { turn, error } => (turn, error),
    };
    if take_apart(context, import, claim, halve).await? {
        return Ok(());
    }
    match attempt::run(
        import,
        claim,
        importer,
        Some(Failing {
            turn,
            error: &error,
        }),
    )
    .await?
    {
        Ended::Done => Ok(()),
        Ended::TooMuch(parts) => claim.put_parts(import.id, &parts).await,
        Ended::Refused { error, .. } => Err(StageError::Data(error)),
    }
}

fn within_budget(units: &[(i64, Load)], low: i64, high: i64) -> Vec<Part> {
    cut(units, low, high, Budget::TRANSACTION)
}
