//! Executing what an undo takes away from people: only what the undone import gave, each record kept as it was, so that an undo of the
//! undo can give it back.

use crate::{
    error::StageError,
    kinds::importer::{Piece, Turn, in_turn},
};
use muster_shared::model::tally::Effects;
use sqlx::PgConnection;

/// Those of the people on whom something hangs that the undone import did not bring. All are locked against new memberships first:
/// a membership that somebody is just making would otherwise be waited for and then break the deletion.
pub(super) async fn depended_on(conn: &mut PgConnection, piece: Piece, people: &[i64]) -> Result<Vec<i64>, StageError> {
    sqlx::query!("SELECT id FROM lms.users WHERE id = ANY ($1) AND site_id = $2 ORDER BY id FOR UPDATE", people, piece.site.0)
        .fetch_all(&mut *conn)
        .await?;
    Ok(sqlx::query_scalar!(
        r#"SELECT user_id AS "user_id!" FROM lms.segment_members WHERE user_id = ANY ($1) AND source IS DISTINCT FROM $2
            UNION
           SELECT user_id FROM lms.enrolments WHERE user_id = ANY ($1) AND source IS DISTINCT FROM $2
            UNION
           SELECT user_id FROM lms.role_assignments WHERE user_id = ANY ($1) AND source IS DISTINCT FROM $2"#,
        people,
        piece.undoes.map(|undone| undone.0),
    )
    .fetch_all(conn)
    .await?)
}

/// Takes people out of segments and courses. Roles go before enrolments, on which they hang.
pub(super) async fn away(conn: &mut PgConnection, turn: Turn<'_>, effects: &mut Effects) -> Result<(), StageError> {
    if turn.any(|plan| !plan.memberships.segments_left.is_empty()) {
        effects.segments_left = leave_segments(conn, turn).await?;
    }
    if turn.any(|plan| !plan.memberships.courses.is_empty()) {
        effects.course_roles_removed = take_roles(conn, turn).await?;
        effects.enrolments_removed = end_enrolments(conn, turn).await?;
    }
    Ok(())
}

async fn leave_segments(conn: &mut PgConnection, turn: Turn<'_>) -> Result<i64, StageError> {
    let left = in_turn!(
        turn,
        "WITH gone AS (
            DELETE FROM lms.segment_members m
             USING muster.plans_in_turn($1, $2, $3, $4) p CROSS JOIN unnest(p.segments_left) s (id)
             WHERE m.user_id = p.target_id AND m.segment_id = s.id AND m.source = $5
            RETURNING p.line, to_jsonb(m) AS record)
         INSERT INTO muster.import_removed (import_no, line, what, record) SELECT $1, line, 'segment', record FROM gone",
        turn.piece.undoes.map(|undone| undone.0),
    )
    .execute(conn)
    .await?;
    Ok(left.rows_affected() as i64)
}

async fn take_roles(conn: &mut PgConnection, turn: Turn<'_>) -> Result<i64, StageError> {
    let taken = in_turn!(
        turn,
        "WITH gone AS (
            DELETE FROM lms.role_assignments r
             USING muster.plans_in_turn($1, $2, $3, $4) p CROSS JOIN unnest(p.courses, p.course_roles, p.course_does) c (id, role, does)
             WHERE c.does & 8 <> 0
               AND r.user_id = p.target_id AND r.course_id = c.id AND r.role_id = c.role AND r.source = $5
            RETURNING p.line, to_jsonb(r) AS record)
         INSERT INTO muster.import_removed (import_no, line, what, record) SELECT $1, line, 'course-role', record FROM gone",
        turn.piece.undoes.map(|undone| undone.0),
    )
    .execute(conn)
    .await?;
    Ok(taken.rows_affected() as i64)
}

/// An enrolment to which somebody has added a role since stays.
async fn end_enrolments(conn: &mut PgConnection, turn: Turn<'_>) -> Result<i64, StageError> {
    let ended = in_turn!(
        turn,
        "WITH gone AS (
            DELETE FROM lms.enrolments e
             USING muster.plans_in_turn($1, $2, $3, $4) p CROSS JOIN unnest(p.courses, p.course_does) c (id, does)
             WHERE c.does & 4 <> 0
               AND e.user_id = p.target_id AND e.course_id = c.id AND e.source = $5
               AND NOT EXISTS (SELECT FROM lms.role_assignments r
                                WHERE r.user_id = e.user_id AND r.course_id = e.course_id AND r.source IS DISTINCT FROM $5)
            RETURNING p.line, to_jsonb(e) AS record)
         INSERT INTO muster.import_removed (import_no, line, what, record) SELECT $1, line, 'enrolment', record FROM gone",
        turn.piece.undoes.map(|undone| undone.0),
    )
    .execute(conn)
    .await?;
    Ok(ended.rows_affected() as i64)
}

/// Deletes people for good. That nothing hangs on them was looked at under their locks.
pub(super) async fn people(conn: &mut PgConnection, turn: Turn<'_>) -> Result<i64, StageError> {
    let deleted = in_turn!(
        turn,
        "DELETE FROM lms.users u
          USING muster.plans_in_turn($1, $2, $3, $4) p
          WHERE p.action::text = 'd' AND u.id = p.target_id AND u.site_id + 0 = $5",
        turn.piece.site.0,
    )
    .execute(conn)
    .await?;
    Ok(deleted.rows_affected() as i64)
}

/// Enrols people as they were enrolled before the undone undo took them out.
pub(super) async fn enrol_again(conn: &mut PgConnection, turn: Turn<'_>) -> Result<i64, StageError> {
    let enrolled = in_turn!(
        turn,
        "INSERT INTO lms.enrolments (user_id, course_id, status, starts_at, ends_at, source)
         SELECT p.target_id, c.id, (r.record ->> 'status')::smallint, (r.record ->> 'starts_at')::timestamptz,
                (r.record ->> 'ends_at')::timestamptz, $1
           FROM muster.plans_in_turn($1, $2, $3, $4) p CROSS JOIN unnest(p.courses, p.course_does) c (id, does)
           JOIN muster.import_removed r
             ON r.import_no = $5 AND r.line = p.line AND r.what = 'enrolment' AND (r.record ->> 'course_id')::bigint = c.id
          WHERE c.does & 1 <> 0
          ORDER BY 1, 2
             ON CONFLICT DO NOTHING",
        turn.piece.undoes.map(|undone| undone.0),
    )
    .execute(conn)
    .await?;
    Ok(enrolled.rows_affected() as i64)
}
