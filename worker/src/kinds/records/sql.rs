//! The statements that differ between kinds of plain records only by their table, whose name is one
//! of ours.

use crate::{error::StageError, kinds::turn::Turn};
use muster_shared::model::ids::SiteId;
use sqlx::{AssertSqlSafe, PgConnection};
use std::collections::HashMap;

/// The versions of records that are still there, locked in the order of their ids if wanted.
pub(super) async fn versions(
    conn: &mut PgConnection,
    table: &str,
    site: SiteId,
    ids: &[i64],
    lock: bool,
) -> Result<HashMap<i64, i64>, StageError> {
    let lock = if lock {
        "ORDER BY id FOR NO KEY UPDATE"
    } else {
        ""
    };
    let statement =
        format!("SELECT id, version FROM {table} WHERE id = ANY ($2) AND site_id = $1 {lock}");
    let rows: Vec<(i64, i64)> = sqlx::query_as(AssertSqlSafe(statement))
        .bind(site.0)
        .bind(ids)
        .fetch_all(conn)
        .await?;
    Ok(rows.into_iter().collect())
}

/// Locks records against everything that would hang on them until the transaction ends.
pub(super) async fn lock_whole(
    conn: &mut PgConnection,
    table: &str,
    site: SiteId,
    ids: &[i64],
) -> Result<(), StageError> {
    let statement = format!(
        "SELECT id FROM {table} WHERE id = ANY ($2) AND site_id = $1 ORDER BY id FOR UPDATE"
    );
    sqlx::query(AssertSqlSafe(statement))
        .bind(site.0)
        .bind(ids)
        .execute(conn)
        .await?;
    Ok(())
}

/// Deletes records for good; how many. That nothing hangs on them was looked at under their locks.
pub(super) async fn delete(
    conn: &mut PgConnection,
    table: &str,
    turn: Turn<'_>,
) -> Result<i64, StageError> {
    let statement = format!(
        "DELETE FROM {table} r
          USING muster.plans_in_turn($1, $2, $3, $4) p
          WHERE p.action::text = 'd' AND r.id = p.target_id AND r.site_id + 0 = $5"
    );
    let range = turn.range;
    let deleted = sqlx::query(AssertSqlSafe(statement))
        .bind(range.import_no.0)
        .bind(range.low)
        .bind(range.high)
        .bind(turn.lines)
        .bind(range.site.0)
        .execute(conn)
        .await?;
    Ok(deleted.rows_affected() as i64)
}
