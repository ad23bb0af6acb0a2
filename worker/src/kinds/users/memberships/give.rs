//! Giving memberships. What the plans say is in memory already: sent as arrays it costs a fraction of reading the plans once more.

use crate::{error::StageError, kinds::importer::Turn};
use chrono::{DateTime, Utc};
use muster_shared::{
    model::tally::Effects,
    plan::{Does, MembershipSort, MembershipTerms},
};
use sqlx::{Connection, PgConnection, Postgres, error::DatabaseError, postgres::PgArguments, query::Query};
use std::collections::HashSet;

/// Memberships of one sort that begin, at the same positions. In the order of the people's ids: neighbours lie in the same pages.
#[derive(Default)]
struct Given {
    people: Vec<i64>,
    ids: Vec<i64>,
    roles: Vec<Option<i32>>,
    sources: Vec<Option<i64>>,
    statuses: Vec<i16>,
    starts: Vec<Option<DateTime<Utc>>>,
    ends: Vec<Option<DateTime<Utc>>>,
}

/// Gives what plans of a turn give, but to those who could not be created. A sort on which another hangs comes before it.
pub(in crate::kinds::users) async fn give(
    conn: &mut PgConnection,
    turn: Turn<'_>,
    held: &[i64],
    effects: &mut Effects,
) -> Result<(), StageError> {
    let held: HashSet<i64> = held.iter().copied().collect();
    for &sort in MembershipSort::all() {
        let begins = turn.plans.iter().any(|plan| plan.memberships.iter().any(|m| m.key.sort == sort && m.does == Does::Joins));
        if !begins {
            continue;
        }
        let usual = usual_terms(conn, turn, sort).await?;
        let given = Given::of(turn, &held, sort, usual);
        let count = match sort {
            MembershipSort::Segment => join_segments(conn, turn, &given).await?,
            MembershipSort::Enrolment => enrol(conn, turn, &given).await?,
            MembershipSort::CourseRole => add_roles(conn, turn, &given).await?,
        };
        effects.add(sort.spec().effects[0], count);
    }
    Ok(())
}

impl Given {
    fn of(turn: Turn<'_>, held: &HashSet<i64>, sort: MembershipSort, usual: MembershipTerms) -> Self {
        let mut given = Self::default();
        for plan in turn.plans.iter().filter(|plan| !held.contains(&plan.subject)) {
            for membership in plan.memberships.iter().filter(|m| m.key.sort == sort && m.does == Does::Joins) {
                let terms = membership.given().copied().unwrap_or(usual);
                given.people.push(plan.target);
                given.ids.push(membership.key.id);
                given.roles.push(membership.key.role);
                given.sources.push(terms.source);
                given.statuses.push(terms.status.unwrap_or(0));
                given.starts.push(terms.starts_at);
                given.ends.push(terms.ends_at);
            }
        }
        given
    }
}

/// What an import gives by itself: under its own number, and enrolments from 00:00 of the day of the preview. (An older version, which made
/// that preview, left it to apply when that was.)
async fn usual_terms(conn: &mut PgConnection, turn: Turn<'_>, sort: MembershipSort) -> Result<MembershipTerms, StageError> {
    let mut usual = MembershipTerms { source: Some(turn.piece.import_no.0), ..MembershipTerms::default() };
    if sort == MembershipSort::Enrolment {
        usual.starts_at = sqlx::query_scalar!(
            r#"SELECT coalesce(i.enrols_from, date_trunc('day', i.ready_at AT TIME ZONE s.zone) AT TIME ZONE s.zone)
                 FROM muster.imports i
                CROSS JOIN LATERAL (SELECT coalesce(settings ->> 'time_zone', 'UTC') AS zone FROM muster.sites WHERE id = i.site_id) s
                WHERE i.no = $1"#,
            turn.piece.import_no.0,
        )
        .fetch_one(conn)
        .await?;
    }
    Ok(usual)
}

/// Inserts what is not there yet: how many rows. Nearly always nothing is there, and then an insert that need not ask before every row
/// costs a tenth less; only if it meets something, one that asks follows.
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

async fn join_segments(conn: &mut PgConnection, turn: Turn<'_>, given: &Given) -> Result<i64, StageError> {
    insert_missing!(
        conn,
        "INSERT INTO lms.segment_members (site_id, user_id, segment_id, source)
         SELECT $1, person, segment, source FROM unnest($2::bigint[], $3::bigint[], $4::bigint[]) g (person, segment, source)",
        turn.piece.site.0,
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
        turn.piece.site.0,
        &given.people,
        &given.ids,
        &given.sources as &[Option<i64>],
        &given.statuses,
        &given.starts as &[Option<DateTime<Utc>>],
        &given.ends as &[Option<DateTime<Utc>>],
    )
}

async fn add_roles(conn: &mut PgConnection, turn: Turn<'_>, given: &Given) -> Result<i64, StageError> {
    insert_missing!(
        conn,
        "INSERT INTO lms.role_assignments (site_id, user_id, course_id, role_id, source)
         SELECT $1, person, course, role, source
           FROM unnest($2::bigint[], $3::bigint[], $4::integer[], $5::bigint[]) g (person, course, role, source)",
        turn.piece.site.0,
        &given.people,
        &given.ids,
        &given.roles as &[Option<i32>],
        &given.sources as &[Option<i64>],
    )
}

/// Executes an insert behind a savepoint, so that nothing of it stays if one of its rows is there already: how many rows it inserted, or `None`.
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
        Err(error) if error.as_database_error().is_some_and(DatabaseError::is_unique_violation) => {
            attempt.rollback().await?;
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}
