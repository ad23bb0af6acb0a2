//! Executing plans about people: one statement for each kind of writing, since statements inside one statement do not see each
//! other. People are locked first, in the order of their ids, so that two imports queue up on one person and never cross.

use super::take;
use crate::{
    error::StageError,
    kinds::importer::{ADDS_ROLE, ENROLS, Executed, Turn, in_turn},
};
use muster_shared::model::{ids::SiteId, tally::Effects};
use sqlx::{Connection, PgConnection, Postgres, error::DatabaseError, postgres::PgArguments, query::Query};
use std::collections::{HashMap, HashSet};

/// The versions of people who are still there, locked in the order of their ids if wanted.
pub(super) async fn versions(conn: &mut PgConnection, site: SiteId, subjects: &[i64], lock: bool) -> Result<HashMap<i64, i64>, StageError> {
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

/// Executes one turn: what people leave, details, people who go, new people, then what they join. Only an undo takes away.
pub(super) async fn turn(conn: &mut PgConnection, turn: Turn<'_>) -> Result<Executed, StageError> {
    let mut executed = Executed::default();
    if turn.piece.undoes.is_some() {
        take::away(conn, turn, &mut executed.effects).await?;
    }
    if turn.updates() {
        update(conn, turn).await?;
    }
    if turn.deletes() {
        executed.effects.users_deleted = take::people(conn, turn).await?;
    }
    if turn.creates() {
        let (created, taken) = create(conn, turn).await?;
        executed.effects.users_created = created;
        executed.held = taken;
    }
    join(conn, turn, &executed.held, &mut executed.effects).await?;
    Ok(executed)
}

/// Who joins what, but for those who could not be created. What the plans say is in memory already: sent as arrays it costs a fraction of
/// reading the plans once more.
async fn join(conn: &mut PgConnection, turn: Turn<'_>, held: &[i64], effects: &mut Effects) -> Result<(), StageError> {
    let (mut segments, mut courses, mut roles) = (Pairs::default(), Pairs::default(), Vec::new());
    let mut roles_in = Pairs::default();
    let held: HashSet<i64> = held.iter().copied().collect();
    for plan in turn.plans.iter().filter(|plan| !held.contains(&plan.subject)) {
        let memberships = &plan.memberships;
        for &segment in &memberships.segments_joined {
            segments.push(plan.subject, segment);
        }
        for ((&course, &role), &does) in memberships.courses.iter().zip(&memberships.course_roles).zip(&memberships.course_does) {
            if does & ENROLS != 0 {
                courses.push(plan.subject, course);
            }
            if does & ADDS_ROLE != 0 {
                roles_in.push(plan.subject, course);
                roles.push(role);
            }
        }
    }
    if !segments.is_empty() {
        effects.segments_joined = join_segments(conn, turn, &segments).await?;
    }
    if !courses.is_empty() {
        effects.enrolments_created = match turn.piece.undoes {
            Some(_) => take::enrol_again(conn, turn).await?,
            None => enrol(conn, turn, &courses).await?,
        };
    }
    if !roles.is_empty() {
        effects.course_roles_added = add_roles(conn, turn, &roles_in, &roles).await?;
    }
    Ok(())
}

/// People and what each of them joins, at the same positions. In the order of the people's ids: neighbours lie in the same pages.
#[derive(Default)]
struct Pairs {
    people: Vec<i64>,
    joined: Vec<i64>,
}

impl Pairs {
    fn push(&mut self, person: i64, joined: i64) {
        self.people.push(person);
        self.joined.push(joined);
    }

    fn is_empty(&self) -> bool {
        self.people.is_empty()
    }
}

/// `+ 0` leaves the planner no other way to a person than the id: by the site it would come to all of them for each plan.
async fn update(conn: &mut PgConnection, turn: Turn<'_>) -> Result<(), StageError> {
    in_turn!(
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
        turn.piece.site.0,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Creates people: how many, and those whose username or address somebody took meanwhile. That is rare, so first all are created as if
/// nobody did: an insert that need not ask before every row costs less.
async fn create(conn: &mut PgConnection, turn: Turn<'_>) -> Result<(i64, Vec<i64>), StageError> {
    let all = in_turn!(
        turn,
        "INSERT INTO lms.users (id, site_id, username, firstname, lastname, email, email_key, idnumber, institution, department,
                                city, country, source)
         SELECT target_id, $5, after[1], after[2], after[3], after[4], after[5], after[6], coalesce(after[7], ''),
                coalesce(after[8], ''), coalesce(after[9], ''), coalesce(after[10], ''), $1
           FROM muster.plans_in_turn($1, $2, $3, $4)
          WHERE action::text = 'c' ORDER BY after[1]",
        turn.piece.site.0,
    );
    match unless_taken(conn, all).await? {
        Some(created) => Ok((created, Vec::new())),
        None => create_untaken(conn, turn).await,
    }
}

async fn create_untaken(conn: &mut PgConnection, turn: Turn<'_>) -> Result<(i64, Vec<i64>), StageError> {
    let rows = in_turn!(
        turn,
        r#"WITH planned AS (
                SELECT target_id, after FROM muster.plans_in_turn($1, $2, $3, $4)
                 WHERE action::text = 'c'),
           made AS (
                INSERT INTO lms.users (id, site_id, username, firstname, lastname, email, email_key, idnumber, institution, department,
                                       city, country, source)
                SELECT target_id, $5, after[1], after[2], after[3], after[4], after[5], after[6], coalesce(after[7], ''),
                       coalesce(after[8], ''), coalesce(after[9], ''), coalesce(after[10], ''), $1
                  FROM planned ORDER BY after[1]
                    ON CONFLICT DO NOTHING RETURNING id)
           SELECT (SELECT count(*) FROM made) AS "made!", t.target_id AS "taken"
             FROM (VALUES (true)) one (row) LEFT JOIN (SELECT target_id FROM planned EXCEPT SELECT id FROM made) t ON true"#,
        turn.piece.site.0,
    )
    .fetch_all(conn)
    .await?;
    let made = rows.first().map_or(0, |row| row.made);
    Ok((made, rows.into_iter().filter_map(|row| row.taken).collect()))
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

async fn join_segments(conn: &mut PgConnection, turn: Turn<'_>, pairs: &Pairs) -> Result<i64, StageError> {
    insert_missing!(
        conn,
        "INSERT INTO lms.segment_members (user_id, segment_id, source)
         SELECT person, segment, $1 FROM unnest($2::bigint[], $3::bigint[]) p (person, segment)",
        turn.piece.import_no.0,
        &pairs.people,
        &pairs.joined,
    )
}

/// Enrols from 00:00 of the day of the preview. An older version, which made that preview, left it to this statement when that was.
async fn enrol(conn: &mut PgConnection, turn: Turn<'_>, pairs: &Pairs) -> Result<i64, StageError> {
    insert_missing!(
        conn,
        "WITH import AS (
            SELECT coalesce(i.enrols_from, date_trunc('day', i.ready_at AT TIME ZONE s.zone) AT TIME ZONE s.zone) AS enrols_from
              FROM muster.imports i
             CROSS JOIN LATERAL (SELECT coalesce(settings ->> 'time_zone', 'UTC') AS zone FROM muster.sites WHERE id = i.site_id) s
             WHERE i.no = $1)
         INSERT INTO lms.enrolments (user_id, course_id, starts_at, source)
         SELECT person, course, (SELECT enrols_from FROM import), $1
           FROM unnest($2::bigint[], $3::bigint[]) p (person, course)",
        turn.piece.import_no.0,
        &pairs.people,
        &pairs.joined,
    )
}

async fn add_roles(conn: &mut PgConnection, turn: Turn<'_>, pairs: &Pairs, roles: &[i32]) -> Result<i64, StageError> {
    insert_missing!(
        conn,
        "INSERT INTO lms.role_assignments (user_id, course_id, role_id, source)
         SELECT person, course, role, $1 FROM unnest($2::bigint[], $3::bigint[], $4::integer[]) p (person, course, role)",
        turn.piece.import_no.0,
        &pairs.people,
        &pairs.joined,
        roles,
    )
}

/// Executes an insert behind a savepoint, so that nothing of it stays if one of its rows is there already: how many rows it inserted, or `None`.
async fn unless_taken(conn: &mut PgConnection, insert: Query<'_, Postgres, PgArguments>) -> Result<Option<i64>, StageError> {
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
