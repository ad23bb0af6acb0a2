//! Which import a lane that is free serves next, and whether it must make room. A site with fifty
//! imports gets no more than a site with one.

use crate::{batch::context::Context, error::StageError};
use muster_shared::{
    model::ids::{ImportId, SiteId},
    queue::Queue,
    store::batches,
};

/// The next import of this context's queue from which a batch can be taken, but for those in
/// `passed_over`.
pub(crate) async fn next(
    context: &Context,
    passed_over: &[ImportId],
) -> Result<Option<ImportId>, StageError> {
    let mut conn = context.control.acquire().await?;
    let is_small = context.queue == Queue::Express;
    Ok(batches::next_in_turn(
        &mut conn,
        is_small,
        context.config.lanes_per_import,
        passed_over,
    )
    .await?)
}

/// Has another site work in this context's queue, and not a single lane?
pub(crate) async fn another_site_waits(
    context: &Context,
    site: SiteId,
) -> Result<bool, StageError> {
    let mut conn = context.control.acquire().await?;
    Ok(batches::another_site_waits(&mut conn, context.queue == Queue::Express, site).await?)
}
