//! What plans about people rest on besides the people, whose versions do not tell: that the segments and courses which they name are
//! there, that no rule fills those segments, that addresses are free, that the people still have what the plans take for granted, and
//! that an enrolment which an undo ends is as it was given. All of it is looked at again, in this one list, once the people are locked.
//! A rule that is made while a batch is being written comes too late for it.

use super::{
    field,
    find::{self, distinct},
};
use crate::{
    error::StageError,
    kinds::importer::{ADDS_ROLE, ENDS_ENROLMENT, ENROLS, Memberships, Outline, Piece, Shaken},
};
use muster_shared::model::plan::Action;
use sqlx::PgConnection;
use std::collections::HashSet;

/// Memberships that people have of those that plans take for granted.
#[derive(Default)]
struct Present {
    /// Person and segment.
    segments: HashSet<(i64, i64)>,
    /// Person and course.
    enrolments: HashSet<(i64, i64)>,
    /// Person, course, role.
    roles: HashSet<(i64, i64, i32)>,
}

/// The segments that plans name, and are there.
#[derive(Default)]
struct Segments {
    there: Vec<i64>,
    managed: HashSet<i64>,
}

/// Looks after all of it. The segments and courses that are named are locked against removal, in the order of their ids.
pub(super) async fn shaken(conn: &mut PgConnection, piece: Piece, plans: &[Outline]) -> Result<Shaken, StageError> {
    let is_undo = piece.undoes.is_some();
    let segments = Segments::lock(conn, piece, plans).await?;
    let gone = of_what_is_gone(conn, piece, plans, &segments).await?;
    let is_managed = |plan: &&Outline| touched_segments(plan).any(|segment| segments.managed.contains(&segment));
    let managed = distinct(plans.iter().filter(is_managed).map(|plan| plan.subject));
    let taken = with_taken_addresses(conn, piece, plans).await?;
    let present = Present::look_up(conn, plans).await?;
    let by_person = plans.chunk_by(|one, next| one.subject == next.subject);
    let changed = by_person.filter(|plans| present.lacks_for(plans, is_undo)).map(|plans| plans[0].subject);
    let mut changed: Vec<i64> = changed.collect();
    changed.extend(with_doubtful_enrolments(conn, piece, plans).await?);
    Ok(Shaken { gone, managed, taken, changed })
}

impl Segments {
    async fn lock(conn: &mut PgConnection, piece: Piece, plans: &[Outline]) -> Result<Self, StageError> {
        let named = distinct(plans.iter().flat_map(touched_segments));
        if named.is_empty() {
            return Ok(Self::default());
        }
        let rows = sqlx::query!(
            "SELECT id, is_managed FROM lms.segments WHERE id = ANY ($1) AND site_id = $2 ORDER BY id FOR KEY SHARE",
            &named,
            piece.site.0,
        )
        .fetch_all(conn)
        .await?;
        let managed = rows.iter().filter(|row| row.is_managed).map(|row| row.id).collect();
        Ok(Self { there: rows.into_iter().map(|row| row.id).collect(), managed })
    }
}

/// People whose plans name a segment or a course that is gone.
async fn of_what_is_gone(conn: &mut PgConnection, piece: Piece, plans: &[Outline], segments: &Segments) -> Result<Vec<i64>, StageError> {
    let is_undo = piece.undoes.is_some();
    let courses = distinct(plans.iter().flat_map(|plan| named_courses(plan, is_undo)));
    let mut courses_there = Vec::new();
    if !courses.is_empty() {
        courses_there = sqlx::query_scalar!(
            "SELECT id FROM lms.courses WHERE id = ANY ($1) AND site_id = $2 ORDER BY id FOR KEY SHARE",
            &courses,
            piece.site.0,
        )
        .fetch_all(conn)
        .await?;
    }
    let names_what_is_gone = |plan: &&Outline| {
        named_segments(plan).any(|segment| segments.there.binary_search(&segment).is_err())
            || named_courses(plan, is_undo).any(|course| courses_there.binary_search(&course).is_err())
    };
    Ok(distinct(plans.iter().filter(names_what_is_gone).map(|plan| plan.subject)))
}

/// People whose plans give them an address that somebody else has by now. Asked for all at once: met one by one in the index, each would
/// cost a batch that is taken apart down to the person.
async fn with_taken_addresses(conn: &mut PgConnection, piece: Piece, plans: &[Outline]) -> Result<Vec<i64>, StageError> {
    let writes_address = |plan: &Outline| plan.action == Action::Update && plan.mask & (1 << field::EMAIL_KEY) != 0;
    if !plans.iter().any(writes_address) {
        return Ok(Vec::new());
    }
    Ok(sqlx::query_scalar!(
        r#"SELECT DISTINCT p.subject AS "subject!"
             FROM muster.plans_of($1, $2, $3) p
             JOIN lms.users u ON u.site_id = $4 AND u.email_key = p.after[5] AND u.deleted_at IS NULL AND u.id <> p.target_id
            WHERE p.action::text = 'u' AND p.mask & 16 <> 0"#,
        piece.import_no.0,
        piece.low,
        piece.high,
        piece.site.0,
    )
    .fetch_all(conn)
    .await?)
}

/// People whose enrolments an undo would end, where these are not as an import gives them: somebody may have changed them since. They
/// are locked until the transaction ends.
async fn with_doubtful_enrolments(conn: &mut PgConnection, piece: Piece, plans: &[Outline]) -> Result<Vec<i64>, StageError> {
    let Some(undone) = piece.undoes else { return Ok(Vec::new()) };
    let ended = |plan: &Outline| {
        let courses = plan.memberships.courses.iter().zip(&plan.memberships.course_does);
        courses.filter(|(_, does)| *does & ENDS_ENROLMENT != 0).map(|(course, _)| (plan.subject, *course)).collect::<Vec<_>>()
    };
    let (people, courses): (Vec<i64>, Vec<i64>) = plans.iter().flat_map(ended).unzip();
    if people.is_empty() {
        return Ok(Vec::new());
    }
    Ok(sqlx::query_scalar!(
        "WITH ended AS (
            SELECT e.user_id, e.status, e.starts_at, e.ends_at
              FROM lms.enrolments e
             WHERE (e.user_id, e.course_id) IN (SELECT * FROM unnest($2::bigint[], $3::bigint[]))
             ORDER BY e.user_id, e.course_id
               FOR UPDATE)
         SELECT e.user_id FROM ended e CROSS JOIN muster.imports i
          WHERE i.no = $1 AND (e.status <> 0 OR e.ends_at IS NOT NULL OR e.starts_at IS DISTINCT FROM i.enrols_from)",
        undone.0,
        &people,
        &courses,
    )
    .fetch_all(conn)
    .await?)
}

fn named_segments(plan: &Outline) -> impl Iterator<Item = i64> {
    plan.memberships.segments_joined.iter().chain(&plan.memberships.segments_there).copied()
}

/// Those that it names, and those that an undo takes people out of: they may be gone.
fn touched_segments(plan: &Outline) -> impl Iterator<Item = i64> {
    named_segments(plan).chain(plan.memberships.segments_left.iter().copied())
}

/// An undo names courses too in which it gives nothing: those may be gone.
fn named_courses(plan: &Outline, is_undo: bool) -> impl Iterator<Item = i64> {
    let named = plan.memberships.courses.iter().zip(&plan.memberships.course_does);
    named.filter(move |(_, does)| !is_undo || **does & (ENROLS | ADDS_ROLE) != 0).map(|(course, _)| *course)
}

/// Courses and roles in which a plan leaves something as it is.
fn granted_courses(plan: &Outline) -> impl Iterator<Item = (i64, i32, i16)> {
    let Memberships { courses, course_roles, course_does, .. } = &plan.memberships;
    let named = courses.iter().zip(course_roles).zip(course_does).map(|((&course, &role), &does)| (course, role, does));
    named.filter(|(.., does)| does & (ENROLS | ADDS_ROLE) != ENROLS | ADDS_ROLE)
}

impl Present {
    /// Asked as `find` asks, and only about people who were there: who is created by the import had nothing before.
    async fn look_up(conn: &mut PgConnection, plans: &[Outline]) -> Result<Self, StageError> {
        let mut present = Self::default();
        let were_there = || plans.iter().filter(|plan| plan.target_version.is_some());
        let granted = |plan: &&Outline| !plan.memberships.segments_there.is_empty();
        let people = distinct(were_there().filter(granted).map(|plan| plan.subject));
        if !people.is_empty() {
            let segments = distinct(were_there().flat_map(|plan| plan.memberships.segments_there.iter().copied()));
            present.segments = find::members(conn, &people, &segments).await?;
        }
        let granted = |plan: &&Outline| granted_courses(plan).next().is_some();
        let people = distinct(were_there().filter(granted).map(|plan| plan.subject));
        if !people.is_empty() {
            let courses = distinct(were_there().flat_map(granted_courses).map(|(course, ..)| course));
            present.enrolments = find::enrolments(conn, &people, &courses).await?.into_keys().collect();
            present.roles = find::roles(conn, &people, &courses).await?;
        }
        Ok(present)
    }

    /// Do the plans of one person, in the order of their turns, count on something that is not there and that none of them gives
    /// before? What an undo names and neither takes nor gives is nothing to it, but a role that it gives needs its enrolment.
    fn lacks_for(&self, plans: &[Outline], is_undo: bool) -> bool {
        let mut given = Self::default();
        for plan in plans.iter().filter(|plan| plan.target_version.is_some()) {
            let (person, memberships) = (plan.subject, &plan.memberships);
            let lacks_segment = |&segment: &i64| {
                let place = (person, segment);
                !self.segments.contains(&place) && !given.segments.contains(&place)
            };
            if memberships.segments_there.iter().any(lacks_segment) {
                return true;
            }
            given.segments.extend(memberships.segments_joined.iter().map(|&segment| (person, segment)));
            for ((&course, &role), &does) in memberships.courses.iter().zip(&memberships.course_roles).zip(&memberships.course_does) {
                let (place, with_role) = ((person, course), (person, course, role));
                let (enrols, adds_role) = (does & ENROLS != 0, does & ADDS_ROLE != 0);
                let lacks_enrolment = !enrols && !self.enrolments.contains(&place) && !given.enrolments.contains(&place);
                let lacks_role = !adds_role && !self.roles.contains(&with_role) && !given.roles.contains(&with_role);
                if lacks_enrolment && (!is_undo || adds_role) || lacks_role && !is_undo {
                    return true;
                }
                if enrols {
                    given.enrolments.insert(place);
                }
                if adds_role {
                    given.roles.insert(with_role);
                }
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_shared::model::plan::Action;

    fn line(joined: &[i64], there: &[i64], courses: &[(i64, i32, i16)]) -> Outline {
        let memberships = Memberships {
            segments_joined: joined.to_vec(),
            segments_there: there.to_vec(),
            segments_left: Vec::new(),
            courses: courses.iter().map(|course| course.0).collect(),
            course_roles: courses.iter().map(|course| course.1).collect(),
            course_does: courses.iter().map(|course| course.2).collect(),
        };
        Outline { line: 2, subject: 7, turn: 1, action: Action::Update, target_version: Some(1), mask: 0, memberships }
    }

    #[test]
    fn only_what_no_earlier_line_gives_is_missed() {
        let present = Present { segments: [(7, 2)].into(), ..Present::default() };
        let (both, role, nothing) = (ENROLS | ADDS_ROLE, ADDS_ROLE, 0);
        let cases: &[(&str, &[Outline], bool, bool)] = &[
            ("a segment", &[line(&[], &[1], &[])], true, true),
            ("a segment that is there", &[line(&[], &[2], &[])], false, false),
            ("a segment of an earlier line", &[line(&[1], &[], &[]), line(&[], &[1], &[])], false, false),
            ("a segment of a later line", &[line(&[], &[1], &[]), line(&[1], &[], &[])], true, true),
            ("an enrolment and a role", &[line(&[], &[], &[(10, 1, nothing)])], true, false),
            ("an enrolment for a role", &[line(&[], &[], &[(10, 1, role)])], true, true),
            ("a second role in the same line", &[line(&[], &[], &[(10, 1, both), (10, 2, role)])], false, false),
            ("a role of an earlier line", &[line(&[], &[], &[(10, 1, both)]), line(&[], &[], &[(10, 1, nothing)])], false, false),
            ("another role", &[line(&[], &[], &[(10, 1, both)]), line(&[], &[], &[(10, 2, nothing)])], true, false),
        ];
        for (what, plans, of_file, of_undo) in cases {
            assert_eq!(present.lacks_for(plans, false), *of_file, "{what}");
            assert_eq!(present.lacks_for(plans, true), *of_undo, "{what}, in an undo");
        }
    }
}
