//! All that segments ask the database.

use crate::{
    error::StageError,
    kinds::{
        records::Existing,
        turn::{Turn, in_turn},
    },
};
use muster_shared::model::ids::SiteId;
use sqlx::PgConnection;
use std::collections::HashMap;

/// A segment.
struct Record {
    id: i64,
    version: i64,
    idnumber: String,
    name: String,
    description: String,
    visible: bool,
}

impl From<Record> for Existing {
    fn from(row: Record) -> Self {
        let fields = vec![
            Some(row.idnumber),
            Some(row.name),
            Some(row.description),
            Some(row.visible.to_string()),
        ];
        Self {
            id: row.id,
            version: Some(row.version),
            fields,
            turns: 0,
        }
    }
}

/// The segments of these keys.
pub(super) async fn find(
    conn: &mut PgConnection,
    site: SiteId,
    keys: &[String],
) -> Result<HashMap<String, Existing>, StageError> {
    let rows = sqlx::query_as!(
        Record,
        "SELECT id, version, idnumber, name, description, visible FROM lms.segments WHERE site_id = $1 AND idnumber = ANY ($2)",
        site.0,
        keys,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.idnumber.clone(), row.into()))
        .collect())
}

/// The segments of these ids.
pub(super) async fn of_ids(
    conn: &mut PgConnection,
    site: SiteId,
    ids: &[i64],
) -> Result<HashMap<i64, Existing>, StageError> {
    let rows = sqlx::query_as!(
        Record,
        "SELECT id, version, idnumber, name, description, visible FROM lms.segments WHERE id = ANY ($2) AND site_id = $1",
        site.0,
        ids,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.into())).collect())
}

/// Those of the segments that have members, or that a rule fills.
pub(super) async fn used(conn: &mut PgConnection, ids: &[i64]) -> Result<Vec<i64>, StageError> {
    Ok(sqlx::query_scalar!(
        "SELECT s.id FROM lms.segments s
          WHERE s.id = ANY ($1) AND (s.is_managed OR EXISTS (SELECT FROM lms.segment_members m WHERE m.segment_id = s.id))",
        ids,
    )
    .fetch_all(conn)
    .await?)
}

/// Updates segments; how many.
pub(super) async fn update(conn: &mut PgConnection, turn: Turn<'_>) -> Result<i64, StageError> {
    let done = in_turn!(
        turn,
        "UPDATE lms.segments s
            SET name        = CASE WHEN p.mask & 2 <> 0 THEN p.after[2] ELSE s.name END,
                description = CASE WHEN p.mask & 4 <> 0 THEN p.after[3] ELSE s.description END,
                visible     = CASE WHEN p.mask & 8 <> 0 THEN p.after[4]::boolean ELSE s.visible END,
                updated_at  = now()
           FROM muster.plans_in_turn($1, $2, $3, $4) p
          WHERE p.action::text = 'u' AND p.mask <> 0 AND s.id = p.target_id AND s.site_id + 0 = $5",
        turn.range.site.0,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() as i64)
}

/// Creates segments: how many, and those whose ID number somebody took meanwhile.
pub(super) async fn create(
    conn: &mut PgConnection,
    turn: Turn<'_>,
) -> Result<(i64, Vec<i64>), StageError> {
    let rows = in_turn!(
        turn,
        r#"WITH planned AS (
                SELECT target_id, target_version, after FROM muster.plans_in_turn($1, $2, $3, $4)
                 WHERE action::text = 'c'),
           made AS (
                INSERT INTO lms.segments (id, site_id, idnumber, name, description, visible, source, version)
                SELECT target_id, $5, after[1], after[2], after[3], after[4]::boolean, $6, coalesce(target_version, 0) + 1 FROM planned ORDER BY after[1]
                    ON CONFLICT DO NOTHING RETURNING id)
           SELECT (SELECT count(*) FROM made) AS "made!", t.target_id AS "taken"
             FROM (VALUES (true)) one (row) LEFT JOIN (SELECT target_id FROM planned EXCEPT SELECT id FROM made) t ON true"#,
        turn.range.site.0,
        turn.range.source.0,
    )
    .fetch_all(conn)
    .await?;
    let made = rows.first().map_or(0, |row| row.made);
    Ok((made, rows.into_iter().filter_map(|row| row.taken).collect()))
}
