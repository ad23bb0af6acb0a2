//! Executing plans about people: one statement for each kind of writing, since statements inside
//! one statement do not see each other. People are locked first, in the order of their ids, so that
//! two imports queue up on one person and never cross.

use super::memberships::{give, take, unless_taken};
use crate::{
    error::StageError,
    kinds::turn::{Executed, Turn, in_turn},
};
use muster_shared::model::{ids::SiteId, kinds::users::SPEC};
use sqlx::PgConnection;
use std::collections::HashMap;

/// The versions of people who are still there, locked in the order of their ids if wanted.
pub(super) async fn versions(
    conn: &mut PgConnection,
    site: SiteId,
    subjects: &[i64],
    lock: bool,
) -> Result<HashMap<i64, i64>, StageError> {
    let rows = if lock {
        sqlx::query!(
            "SELECT id, version FROM lms.users WHERE id = ANY ($2) AND site_id = $1 AND deleted_at IS NULL ORDER BY id FOR NO KEY UPDATE",
            site.0,
            subjects,
        )
        .map(|row| (row.id, row.version))
        .fetch_all(conn)
        .await?
    } else {
        sqlx::query!("SELECT id, version FROM lms.users WHERE id = ANY ($2) AND site_id = $1 AND deleted_at IS NULL", site.0, subjects)
            .map(|row| (row.id, row.version))
            .fetch_all(conn)
            .await?
    };
    Ok(rows.into_iter().collect())
}

/// Executes one turn: what people leave, details, people who go, new people, then what they join.
/// Only an undo takes away.
pub(super) async fn turn(conn: &mut PgConnection, turn: Turn<'_>) -> Result<Executed, StageError> {
    let mut executed = Executed::default();
    let (names, effects) = (&SPEC.effects, &mut executed.effects);
    take(conn, turn, effects).await?;
    if turn.updates() {
        effects.add(&names.updated, update(conn, turn).await?);
    }
    if turn.deletes() {
        effects.add(&names.deleted, delete(conn, turn).await?);
    }
    if turn.creates() {
        let (created, taken) = create(conn, turn).await?;
        effects.add(&names.created, created);
        executed.held = taken;
    }
    give(conn, turn, &executed.held, effects).await?;
    Ok(executed)
}

/// `+ 0` leaves the planner no other way to a person than the id: by the site it would come to all
/// of them for each plan.
async fn update(conn: &mut PgConnection, turn: Turn<'_>) -> Result<i64, StageError> {
    let updated = in_turn!(
        turn,
        "UPDATE lms.users u
            SET firstname   = CASE WHEN p.mask & 2 <> 0 THEN p.after[2] ELSE u.firstname END,
                lastname    = CASE WHEN p.mask & 4 <> 0 THEN p.after[3] ELSE u.lastname END,
                email       = CASE WHEN p.mask & 8 <> 0 THEN p.after[4] ELSE u.email END,
                email_key   = CASE WHEN p.mask & 16 <> 0 THEN p.after[5] ELSE u.email_key END,
                email_share = CASE WHEN p.mask & 16 <> 0 THEN 0 ELSE u.email_share END,
                idnumber    = CASE WHEN p.mask & 32 <> 0 THEN p.after[6] ELSE u.idnumber END,
                institution = CASE WHEN p.mask & 64 <> 0 THEN p.after[7] ELSE u.institution END,
                department  = CASE WHEN p.mask & 128 <> 0 THEN p.after[8] ELSE u.department END,
                city        = CASE WHEN p.mask & 256 <> 0 THEN p.after[9] ELSE u.city END,
                country     = CASE WHEN p.mask & 512 <> 0 THEN p.after[10] ELSE u.country END,
                updated_at  = now()
           FROM muster.plans_in_turn($1, $2, $3, $4) p
          WHERE p.action::text = 'u' AND p.mask <> 0 AND u.id = p.target_id AND u.site_id + 0 = $5",
        turn.range.site.0,
    )
    .execute(conn)
    .await?;
    Ok(updated.rows_affected() as i64)
}

/// Creates people: how many, and those whose username or address somebody took meanwhile. That is
/// rare, so first all are created as if nobody did: an insert that need not ask before every row
/// costs less.
async fn create(conn: &mut PgConnection, turn: Turn<'_>) -> Result<(i64, Vec<i64>), StageError> {
    let all = in_turn!(
        turn,
        "INSERT INTO lms.users (id, site_id, username, firstname, lastname, email, email_key, idnumber, institution, department,
                                city, country, source, version)
         SELECT target_id, $5, after[1], after[2], after[3], after[4], after[5], after[6], coalesce(after[7], ''),
                coalesce(after[8], ''), coalesce(after[9], ''), coalesce(after[10], ''), $6,
                coalesce(target_version, 0) + 1
           FROM muster.plans_in_turn($1, $2, $3, $4)
          WHERE action::text = 'c' ORDER BY after[1]",
        turn.range.site.0,
        turn.range.source.0,
    );
    match unless_taken(conn, all).await? {
        Some(created) => Ok((created, Vec::new())),
        None => create_untaken(conn, turn).await,
    }
}

async fn create_untaken(
    conn: &mut PgConnection,
    turn: Turn<'_>,
) -> Result<(i64, Vec<i64>), StageError> {
    let rows = in_turn!(
        turn,
        r#"WITH planned AS (
                SELECT target_id, target_version, after FROM muster.plans_in_turn($1, $2, $3, $4)
                 WHERE action::text = 'c'),
           made AS (
                INSERT INTO lms.users (id, site_id, username, firstname, lastname, email, email_key, idnumber, institution, department,
                                       city, country, source, version)
                SELECT target_id, $5, after[1], after[2], after[3], after[4], after[5], after[6], coalesce(after[7], ''),
                       coalesce(after[8], ''), coalesce(after[9], ''), coalesce(after[10], ''), $6,
                       coalesce(target_version, 0) + 1
                  FROM planned ORDER BY after[1]
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

/// Deletes people for good. That nothing hangs on them was looked at under their locks.
async fn delete(conn: &mut PgConnection, turn: Turn<'_>) -> Result<i64, StageError> {
    let deleted = in_turn!(
        turn,
        "DELETE FROM lms.users u
          USING muster.plans_in_turn($1, $2, $3, $4) p
          WHERE p.action::text = 'd' AND u.id = p.target_id AND u.site_id + 0 = $5",
        turn.range.site.0,
    )
    .execute(conn)
    .await?;
    Ok(deleted.rows_affected() as i64)
}
