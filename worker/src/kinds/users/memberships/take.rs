//! Taking memberships away: only what the undone import gave, each kept as it was, so that an undo of the undo can give it back.

use crate::{error::StageError, kinds::importer::Turn};
use muster_shared::{
    model::{ids::ImportNo, tally::Effects},
    plan::{Does, Membership, MembershipSort},
};
use sqlx::PgConnection;

/// Memberships of one sort that end, at the same positions.
#[derive(Default)]
struct Taken {
    lines: Vec<i32>,
    people: Vec<i64>,
    ids: Vec<i64>,
    roles: Vec<Option<i32>>,
    /// Under whose numbers they were given.
    sources: Vec<Option<i64>>,
}

/// Takes what plans of a turn take. A sort that hangs on another goes before it.
pub(in crate::kinds::users) async fn take(conn: &mut PgConnection, turn: Turn<'_>, effects: &mut Effects) -> Result<(), StageError> {
    for &sort in MembershipSort::all().iter().rev() {
        let taken = Taken::of(turn, sort);
        if taken.lines.is_empty() {
            continue;
        }
        let count = match sort {
            MembershipSort::Segment => leave_segments(conn, turn, &taken).await?,
            MembershipSort::Enrolment => end_enrolments(conn, turn, &taken).await?,
            MembershipSort::CourseRole => remove_roles(conn, turn, &taken).await?,
        };
        effects.add(sort.spec().effects[1], count);
    }
    Ok(())
}

impl Taken {
    fn of(turn: Turn<'_>, sort: MembershipSort) -> Self {
        let mut taken = Self::default();
        for plan in turn.plans {
            for membership in plan.memberships.iter().filter(|m| m.key.sort == sort && m.does == Does::Leaves) {
                taken.lines.push(plan.line);
                taken.people.push(plan.target);
                taken.ids.push(membership.key.id);
                taken.roles.push(membership.key.role);
                taken.sources.push(source(membership, turn.piece.undoes));
            }
        }
        taken
    }
}

/// Under whose number a membership that an undo takes was given: that of the undone import, unless the plan says otherwise.
pub(in crate::kinds::users) fn source(membership: &Membership, undone: Option<ImportNo>) -> Option<i64> {
    let before = membership.detail.as_ref().and_then(|detail| detail.before);
    before.map_or(undone.map(|undone| undone.0), |before| before.source)
}

async fn leave_segments(conn: &mut PgConnection, turn: Turn<'_>, taken: &Taken) -> Result<i64, StageError> {
    let left = sqlx::query!(
        "WITH gone AS (
            DELETE FROM lms.segment_members m
             USING unnest($2::integer[], $3::bigint[], $4::bigint[], $5::bigint[]) t (line, person, id, source)
             WHERE m.user_id = t.person AND m.segment_id = t.id AND m.source IS NOT DISTINCT FROM t.source
            RETURNING t.line, to_jsonb(m) AS record)
         INSERT INTO muster.import_removed (import_no, line, what, record) SELECT $1, line, 's', record FROM gone",
        turn.piece.import_no.0,
        &taken.lines,
        &taken.people,
        &taken.ids,
        &taken.sources as &[Option<i64>],
    );
    Ok(left.execute(conn).await?.rows_affected() as i64)
}

/// An enrolment stays while somebody has another role in the course.
async fn end_enrolments(conn: &mut PgConnection, turn: Turn<'_>, taken: &Taken) -> Result<i64, StageError> {
    let ended = sqlx::query!(
        "WITH gone AS (
            DELETE FROM lms.enrolments m
             USING unnest($2::integer[], $3::bigint[], $4::bigint[], $5::bigint[]) t (line, person, id, source)
             WHERE m.user_id = t.person AND m.course_id = t.id AND m.source IS NOT DISTINCT FROM t.source
               AND NOT EXISTS (SELECT FROM lms.role_assignments r WHERE r.user_id = m.user_id AND r.course_id = m.course_id)
            RETURNING t.line, to_jsonb(m) AS record)
         INSERT INTO muster.import_removed (import_no, line, what, record) SELECT $1, line, 'e', record FROM gone",
        turn.piece.import_no.0,
        &taken.lines,
        &taken.people,
        &taken.ids,
        &taken.sources as &[Option<i64>],
    );
    Ok(ended.execute(conn).await?.rows_affected() as i64)
}

async fn remove_roles(conn: &mut PgConnection, turn: Turn<'_>, taken: &Taken) -> Result<i64, StageError> {
    let removed = sqlx::query!(
        "WITH gone AS (
            DELETE FROM lms.role_assignments m
             USING unnest($2::integer[], $3::bigint[], $4::bigint[], $5::integer[], $6::bigint[]) t (line, person, id, role, source)
             WHERE m.user_id = t.person AND m.course_id = t.id AND m.role_id = t.role AND m.source IS NOT DISTINCT FROM t.source
            RETURNING t.line, to_jsonb(m) AS record)
         INSERT INTO muster.import_removed (import_no, line, what, record) SELECT $1, line, 'r', record FROM gone",
        turn.piece.import_no.0,
        &taken.lines,
        &taken.people,
        &taken.ids,
        &taken.roles as &[Option<i32>],
        &taken.sources as &[Option<i64>],
    );
    Ok(removed.execute(conn).await?.rows_affected() as i64)
}
