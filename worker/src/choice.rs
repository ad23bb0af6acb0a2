//! Which import a lane that is free serves next: of the site that has the fewest lanes; among such, of the one that was served
//! longest ago. A site with fifty imports gets no more than a site with one.

use crate::{context::Context, error::StageError};
use muster_shared::{
    model::ids::{ImportId, SiteId},
    queue::Lane,
};

/// The next import of this context's queue from which a batch can be taken, but for those in `passed_over`. Nothing is promised:
/// another lane may be faster, and the claim decides.
pub(crate) async fn next(context: &Context, passed_over: &[ImportId]) -> Result<Option<ImportId>, StageError> {
    let passed_over: Vec<_> = passed_over.iter().map(|import| import.0).collect();
    let id = sqlx::query_scalar!(
        r#"WITH open AS (
                SELECT id, no, claimed, has_batch, served_at,
                       sum(claimed) OVER site AS claimed_of_site, max(served_at) OVER site AS site_served_at
                  FROM muster.imports_at_work WHERE is_small = $1
                WINDOW site AS (PARTITION BY site_id))
           SELECT id AS "id!" FROM open
            WHERE has_batch AND claimed < $2 AND NOT id = ANY ($3)
            ORDER BY claimed_of_site, site_served_at NULLS FIRST, served_at NULLS FIRST, no
            LIMIT 1"#,
        context.queue == Lane::Express,
        context.config.lanes_per_import,
        &passed_over,
    )
    .fetch_optional(&context.control)
    .await?;
    Ok(id.map(ImportId))
}

/// Has another site work in this context's queue, and not a single lane?
pub(crate) async fn another_site_waits(context: &Context, site: SiteId) -> Result<bool, StageError> {
    let waits = sqlx::query_scalar!(
        r#"SELECT EXISTS (
                SELECT FROM muster.imports_at_work WHERE is_small = $1 AND site_id <> $2
                 GROUP BY site_id HAVING sum(claimed) = 0 AND bool_or(has_batch)) AS "waits!""#,
        context.queue == Lane::Express,
        site.0,
    )
    .fetch_one(&context.control)
    .await?;
    Ok(waits)
}
