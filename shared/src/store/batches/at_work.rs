//! Which imports need a lane, and which have none to wait for.

use crate::model::ids::{ImportId, SiteId};
use crate::store::StoreError;
use sqlx::PgConnection;

/// The import that a lane serves next, of the small ones or of the others, from which a batch can
/// be taken, but for those in `passed_over`: of the site that has the fewest lanes; among such, the
/// one that was served longest ago. Nothing is promised: another lane may be faster, and the claim
/// decides.
pub async fn next_in_turn(
    conn: &mut PgConnection,
    is_small: bool,
    lanes_per_import: i64,
    passed_over: &[ImportId],
) -> Result<Option<ImportId>, StoreError> {
    let passed_over: Vec<_> = passed_over.iter().map(|import| import.0).collect();
    // In the order in which they are to be served, and only then asked, one after the other,
    // whether there is a batch: the first nearly always has one, and asking all of two thousand
    // open imports took seventy times as long.
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
        is_small,
        lanes_per_import,
        &passed_over,
    )
    .fetch_optional(conn)
    .await?;
    Ok(id.map(ImportId))
}

/// Has another site work, of that size, and not a single lane?
pub async fn another_site_waits(
    conn: &mut PgConnection,
    is_small: bool,
    site: SiteId,
) -> Result<bool, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"SELECT EXISTS (
                SELECT FROM muster.imports_at_work WHERE is_small = $1 AND site_id <> $2
                 GROUP BY site_id HAVING sum(claimed) = 0 AND bool_or(has_batch)) AS "waits!""#,
        is_small,
        site.0,
    )
    .fetch_one(conn)
    .await?)
}

/// Imports that nobody holds a batch of and nobody can claim one of: those that were asked to stop
/// come first. One whose row is locked is being looked after, and one whose batch was put off has
/// something to wait for. Locks them.
pub async fn settleable(conn: &mut PgConnection, max: usize) -> Result<Vec<ImportId>, StoreError> {
    let ids = sqlx::query_scalar!(
        "SELECT id FROM muster.imports
          WHERE id = ANY (ARRAY (
                SELECT w.id FROM muster.imports_at_work w
                 WHERE w.claimed = 0 AND NOT w.has_batch
                   AND (w.status IN ('pausing', 'cancelling') OR NOT EXISTS (
                        SELECT FROM muster.import_batches b
                         WHERE b.import_no = w.no AND b.state = 'waiting' AND b.not_before > clock_timestamp()))))
          ORDER BY status IN ('pausing', 'cancelling') DESC, no
          LIMIT $1
            FOR NO KEY UPDATE SKIP LOCKED",
        max as i64,
    )
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(ImportId).collect())
}

/// Imports of that size with a batch to claim, room for another lane, and none that rang in the
/// last `ring_every` seconds; `max` of them. Remembers that they are woken for.
pub async fn unserved(
    conn: &mut PgConnection,
    is_small: bool,
    lanes_per_import: i64,
    ring_every: f64,
    max: usize,
) -> Result<Vec<ImportId>, StoreError> {
    let ids = sqlx::query_scalar!(
        "WITH due AS (
            SELECT id FROM muster.imports
             WHERE id = ANY (ARRAY (
                   SELECT id FROM muster.imports_at_work
                    WHERE is_small = $1 AND has_batch AND claimed < $2
                      AND greatest(stage_started_at + interval '1 s', rung_at + make_interval(secs => $3)) <= now()))
             ORDER BY rung_at NULLS FIRST, no
             LIMIT $4
               FOR NO KEY UPDATE SKIP LOCKED)
         UPDATE muster.imports SET rung_at = now() WHERE id IN (SELECT id FROM due) RETURNING id",
        is_small,
        lanes_per_import,
        ring_every,
        max as i64,
    )
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(ImportId).collect())
}
