//! A lane: goes through the batches of whatever import needs it. Claim one, confirm, run its stage
//! on it, finish, settle; then ask again whose the next is.

mod importers;
pub(crate) mod rescuer;
mod settle;
mod work;

use crate::{
    batch::{
        claim::{Claim, Claimed},
        context::Context,
        scheduling,
    },
    error::StageError,
    process::crash,
};
use importers::Importers;
use muster_shared::model::ids::ImportId;
use settle::settle;
use tracing::Instrument;
use work::work;

/// So many imports may turn a lane away, each since another lane was faster, before it leaves.
const MAX_PASSED_OVER: usize = 8;

/// Settles the import that the wake names, if there is anything to settle; then serves whoever
/// needs a lane until nobody does, or the process is asked to stop.
pub(crate) async fn run(context: &Context, named: ImportId) {
    if let Err(error) = settle(context, named).await {
        tracing::warn!(import.id = %named, %error, "could not be settled; the rescuer will");
    }
    if let Err(error) = serve(context).await {
        tracing::warn!(%error, "the lane leaves; the rescuer wakes another");
    }
}

async fn serve(context: &Context) -> Result<(), StageError> {
    let mut importers = Importers::default();
    let mut passed_over = Vec::new();
    while !context.stop.is_cancelled() && passed_over.len() < MAX_PASSED_OVER {
        let Some(import) = scheduling::next(context, &passed_over).await? else {
            return Ok(());
        };
        match step(context, import, &mut importers).await {
            Ok(true) => passed_over.clear(),
            Ok(false) => passed_over.push(import),
            // It is chosen first by every lane: whoever left because of it would leave all others
            // unserved.
            Err(error) => {
                tracing::warn!(import.id = %import, %error, "passed over");
                passed_over.push(import);
            }
        }
    }
    Ok(())
}

/// One batch of an import, or a settlement. `false`: there is nothing to do there for this lane.
async fn step(
    context: &Context,
    id: ImportId,
    importers: &mut Importers,
) -> Result<bool, StageError> {
    let went_on = match Claim::take(context, id).await? {
        Some(Claimed {
            import,
            claim,
            is_first,
            waiting,
        }) => {
            let batch = claim.batch();
            crash::point(batch.stage, "claimed");
            if is_first {
                context
                    .wake_lanes(
                        id,
                        context.queue,
                        waiting.min(context.config.lanes_per_import - 1),
                    )
                    .await;
            }
            let span = tracing::info_span!("lane.work", import.id = %id, site.id = %import.site_id, stage = %batch.stage, batch.number = batch.number);
            let went_on = work(context, &import, &claim, importers)
                .instrument(span)
                .await?;
            if context.stop.is_cancelled() {
                crash::point(batch.stage, "stopping");
            }
            went_on
        }
        None => false,
    };
    let has_moved = settle(context, id).await?;
    Ok(went_on || has_moved)
}
