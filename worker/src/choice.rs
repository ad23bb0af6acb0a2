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
    // In the order in which they are to be served, and only then asked, one after the other, whether there is a batch: the first nearly
    // always has one, and asking all of two thousand open imports took seventy times as long.
    let id = sqlx::query_scalar!(
        r#"WITH claimed AS MATERIALIZED (
                SELECT import_no, count(*) AS lanes FROM muster.import_batches
                 WHERE state = 'claimed' AND expires_at > clock_timestamp() GROUP BY import_no),
           open AS (
                SELECT i.id, i.no, i.served_at, coalesce(c.lanes, 0) AS lanes,
                       sum(coalesce(c.lanes, 0)) OVER site AS lanes_of_site, max(i.served_at) OVER site AS site_served_at
                  FROM muster.imports i LEFT JOIN claimed c ON c.import_no = i.no
                 WHERE i.status IN ('validating', 'previewing', 'applying', 'pausing', 'cancelling') AND i.is_small = $1
                WINDOW site AS (PARTITION BY i.site_id)),
           in_turn AS (
                SELECT id, no FROM open WHERE lanes < $2 AND NOT id = ANY ($3)
                 ORDER BY lanes_of_site, site_served_at NULLS FIRST, served_at NULLS FIRST, no
                OFFSET 0)
           SELECT id AS "id!" FROM in_turn
            WHERE EXISTS (SELECT FROM muster.claimable_batches b WHERE b.import_no = in_turn.no)
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
