//! The statements that give and take memberships: two for each sort.

use super::{give::Given, take::Taken};
use crate::{error::StageError, kinds::turn::Turn};
use chrono::{DateTime, Utc};
use muster_shared::plan::MembershipSort;
use sqlx::{
    Connection, PgConnection, Postgres, error::DatabaseError, postgres::PgArguments, query::Query,
};

/// Gives memberships of a sort, but those that are there: how many.
pub(super) async fn insert(
    conn: &mut PgConnection,
    turn: Turn<'_>,
    sort: MembershipSort,
    given: &Given,
) -> Result<i64, StageError> {
    match sort {
        MembershipSort::Segment => join_segments(conn, turn, given).await,
        MembershipSort::Enrolment => enrol(conn, turn, given).await,
        MembershipSort::CourseRole => add_roles(conn, turn, given).await,
    }
}

/// Takes memberships of a sort that are as they were given, and remembers each by its line: how
/// many.
pub(super) async fn delete(
    conn: &mut PgConnection,
    turn: Turn<'_>,
    sort: MembershipSort,
    taken: &Taken,
) -> Result<i64, StageError> {
    match sort {
        MembershipSort::Segment => leave_segments(conn, turn, taken).await,
        MembershipSort::Enrolment => end_enrolments(conn, turn, taken).await,
        MembershipSort::CourseRole => remove_roles(conn, turn, taken).await,
    }
}

/// Inserts what is not there yet: how many rows. Nearly always nothing is there, and then an insert
/// that need not ask before every row costs a tenth less; only if it meets something, one that asks
/// follows.
macro_rules! insert_missing {
    ($conn:ident, $statement:literal, $($argument:expr),+ $(,)?) => {
        match unless_taken($conn, sqlx::query!($statement, $($argument),+)).await? {
            Some(inserted) => Ok(inserted),
            None => {
                let asking = sqlx::query!($statement + " ON CONFLICT DO NOTHING", $($argument),+);
                Ok(asking.execute($conn).await?.rows_affected() as i64)
            }
        }
    };
}

async fn join_segments(
    conn: &mut PgConnection,
    turn: Turn<'_>,
    given: &Given,
) -> Result<i64, StageError> {
    insert_missing!(
        conn,
        "INSERT INTO lms.segment_members (site_id, user_id, segment_id, source)
         SELECT $1, person, segment, source FROM unnest($2::bigint[], $3::bigint[], $4::bigint[]) g (person, segment, source)",
        turn.range.site.0,
        &given.people,
        &given.ids,
        &given.sources as &[Option<i64>],
    )
}

async fn enrol(conn: &mut PgConnection, turn: Turn<'_>, given: &Given) -> Result<i64, StageError> {
    insert_missing!(
        conn,
        "INSERT INTO lms.enrolments (site_id, user_id, course_id, source, status, starts_at, ends_at)
         SELECT $1, person, course, source, status, starts_at, ends_at
           FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::smallint[], $6::timestamptz[], $7::timestamptz[])
             AS g (person, course, source, status, starts_at, ends_at)",
        turn.range.site.0,
        &given.people,
        &given.ids,
        &given.sources as &[Option<i64>],
        &given.statuses,
        &given.starts as &[Option<DateTime<Utc>>],
        &given.ends as &[Option<DateTime<Utc>>],
    )
}

async fn add_roles(
    conn: &mut PgConnection,
    turn: Turn<'_>,
    given: &Given,
) -> Result<i64, StageError> {
    insert_missing!(
        conn,
        "INSERT INTO lms.role_assignments (site_id, user_id, course_id, role_id, source)
         SELECT $1, person, course, role, source
           FROM unnest($2::bigint[], $3::bigint[], $4::integer[], $5::bigint[]) g (person, course, role, source)",
        turn.range.site.0,
        &given.people,
        &given.ids,
        &given.roles as &[Option<i32>],
        &given.sources as &[Option<i64>],
    )
}

/// Executes an insert behind a savepoint, so that nothing of it stays if one of its rows is there
/// already: how many rows it inserted, or `None`.
pub(in crate::kinds::users) async fn unless_taken(
    conn: &mut PgConnection,
    insert: Query<'_, Postgres, PgArguments>,
) -> Result<Option<i64>, StageError> {
    let mut attempt = conn.begin().await?;
    match insert.execute(&mut *attempt).await {
        Ok(inserted) => {
            attempt.commit().await?;
            Ok(Some(inserted.rows_affected() as i64))
        }
        Err(error)
            if error
                .as_database_error()
                .is_some_and(DatabaseError::is_unique_violation) =>
        {
            attempt.rollback().await?;
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

async fn leave_segments(
    conn: &mut PgConnection,
    turn: Turn<'_>,
    taken: &Taken,
) -> Result<i64, StageError> {
    let left = sqlx::query!(
        "WITH gone AS (
            DELETE FROM lms.segment_members m
             USING unnest($2::integer[], $3::bigint[], $4::bigint[], $5::bigint[]) t (line, person, id, source)
             WHERE m.user_id = t.person AND m.segment_id = t.id AND m.source IS NOT DISTINCT FROM t.source
            RETURNING t.line, to_jsonb(m) AS record)
         INSERT INTO muster.import_removed (import_no, line, what, record) SELECT $1, line, 's', record FROM gone",
        turn.range.import_no.0,
        &taken.lines,
        &taken.people,
        &taken.ids,
        &taken.sources as &[Option<i64>],
    );
    Ok(left.execute(conn).await?.rows_affected() as i64)
}

/// An enrolment stays while somebody has another role in the course.
async fn end_enrolments(
    conn: &mut PgConnection,
    turn: Turn<'_>,
    taken: &Taken,
) -> Result<i64, StageError> {
    let ended = sqlx::query!(
        "WITH gone AS (
            DELETE FROM lms.enrolments m
             USING unnest($2::integer[], $3::bigint[], $4::bigint[], $5::bigint[]) t (line, person, id, source)
             WHERE m.user_id = t.person AND m.course_id = t.id AND m.source IS NOT DISTINCT FROM t.source
               AND NOT EXISTS (SELECT FROM lms.role_assignments r WHERE r.user_id = m.user_id AND r.course_id = m.course_id)
            RETURNING t.line, to_jsonb(m) AS record)
         INSERT INTO muster.import_removed (import_no, line, what, record) SELECT $1, line, 'e', record FROM gone",
        turn.range.import_no.0,
        &taken.lines,
        &taken.people,
        &taken.ids,
        &taken.sources as &[Option<i64>],
    );
    Ok(ended.execute(conn).await?.rows_affected() as i64)
}

async fn remove_roles(
    conn: &mut PgConnection,
    turn: Turn<'_>,
    taken: &Taken,
) -> Result<i64, StageError> {
    let removed = sqlx::query!(
        "WITH gone AS (
            DELETE FROM lms.role_assignments m
             USING unnest($2::integer[], $3::bigint[], $4::bigint[], $5::integer[], $6::bigint[]) t (line, person, id, role, source)
             WHERE m.user_id = t.person AND m.course_id = t.id AND m.role_id = t.role AND m.source IS NOT DISTINCT FROM t.source
            RETURNING t.line, to_jsonb(m) AS record)
         INSERT INTO muster.import_removed (import_no, line, what, record) SELECT $1, line, 'r', record FROM gone",
        turn.range.import_no.0,
        &taken.lines,
        &taken.people,
        &taken.ids,
        &taken.roles as &[Option<i32>],
        &taken.sources as &[Option<i64>],
    );
    Ok(removed.execute(conn).await?.rows_affected() as i64)
}
