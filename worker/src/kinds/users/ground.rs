//! What plans about people rest on besides the people, whose versions do not tell: that the segments and courses which they name are
//! there, and that the people still have what the plans take for granted.

use crate::{
    error::StageError,
    kinds::importer::{ADDS_ROLE, ENROLS, Piece, Plan, Shaken},
    plans,
};
use sqlx::PgConnection;
use std::collections::HashSet;

/// Memberships that plans take for granted, and people do not have.
#[derive(Default)]
struct Lacking {
    /// Person and segment.
    segments: HashSet<(i64, i64)>,
    /// Person and course.
    enrolments: HashSet<(i64, i64)>,
    /// Person, course, role.
    roles: HashSet<(i64, i64, i32)>,
}

/// Looks after both. The segments and courses that are named are locked against removal, in the order of their ids.
pub(super) async fn shaken(conn: &mut PgConnection, piece: Piece) -> Result<Shaken, StageError> {
    let gone = of_what_is_gone(conn, piece).await?;
    let lacking = Lacking::look_up(conn, piece).await?;
    let people = lacking.people();
    if people.is_empty() {
        return Ok(Shaken { gone, changed: Vec::new() });
    }
    let mut stored = plans::of_subjects(conn, piece, &people).await?;
    stored.sort_by_key(|plan| (plan.subject, plan.turn));
    let by_person = stored.chunk_by(|one, next| one.subject == next.subject);
    let changed = by_person.filter(|plans| lacking.is_missed_by(plans, piece.undoes.is_some())).filter_map(|plans| plans[0].subject);
    Ok(Shaken { gone, changed: changed.collect() })
}

/// People whose plans name a segment or a course that is gone.
async fn of_what_is_gone(conn: &mut PgConnection, piece: Piece) -> Result<Vec<i64>, StageError> {
    let mut segments = named_segments(conn, piece).await?;
    if !segments.is_empty() {
        let there = sqlx::query_scalar!(
            "SELECT id FROM lms.segments WHERE id = ANY ($1) AND site_id = $2 ORDER BY id FOR KEY SHARE",
            &segments,
            piece.site.0,
        )
        .fetch_all(&mut *conn)
        .await?;
        segments.retain(|segment| there.binary_search(segment).is_err());
    }
    let mut courses = named_courses(conn, piece).await?;
    if !courses.is_empty() {
        let there = sqlx::query_scalar!(
            "SELECT id FROM lms.courses WHERE id = ANY ($1) AND site_id = $2 ORDER BY id FOR KEY SHARE",
            &courses,
            piece.site.0,
        )
        .fetch_all(&mut *conn)
        .await?;
        courses.retain(|course| there.binary_search(course).is_err());
    }
    if segments.is_empty() && courses.is_empty() {
        return Ok(Vec::new());
    }
    let people = sqlx::query_scalar!(
        r#"SELECT DISTINCT subject AS "subject!" FROM muster.plans_of($1, $2, $3) p
            WHERE p.segments_joined && $4 OR p.segments_there && $4
               OR EXISTS (SELECT FROM unnest(p.courses, p.course_does) c (id, does)
                           WHERE c.id = ANY ($5) AND (c.does & 3 <> 0 OR NOT $6))"#,
        piece.import_no.0,
        piece.low,
        piece.high,
        &segments,
        &courses,
        piece.undoes.is_some(),
    )
    .fetch_all(conn)
    .await?;
    Ok(people)
}

async fn named_segments(conn: &mut PgConnection, piece: Piece) -> Result<Vec<i64>, StageError> {
    Ok(sqlx::query_scalar!(
        r#"SELECT DISTINCT s.id AS "id!" FROM muster.plans_of($1, $2, $3) p CROSS JOIN unnest(p.segments_joined || p.segments_there) s (id)"#,
        piece.import_no.0,
        piece.low,
        piece.high,
    )
    .fetch_all(conn)
    .await?)
}

/// An undo names courses too in which it gives nothing: those may be gone.
async fn named_courses(conn: &mut PgConnection, piece: Piece) -> Result<Vec<i64>, StageError> {
    Ok(sqlx::query_scalar!(
        r#"SELECT DISTINCT c.id AS "id!" FROM muster.plans_of($1, $2, $3) p CROSS JOIN unnest(p.courses, p.course_does) c (id, does)
            WHERE c.does & 3 <> 0 OR NOT $4"#,
        piece.import_no.0,
        piece.low,
        piece.high,
        piece.undoes.is_some(),
    )
    .fetch_all(conn)
    .await?)
}

impl Lacking {
    /// Who is created by the import had nothing before.
    async fn look_up(conn: &mut PgConnection, piece: Piece) -> Result<Self, StageError> {
        let segments = sqlx::query!(
            r#"SELECT p.subject AS "person!", s.id AS "segment!"
                 FROM muster.plans_of($1, $2, $3) p CROSS JOIN unnest(p.segments_there) s (id)
                WHERE p.target_version IS NOT NULL
                  AND NOT EXISTS (SELECT FROM lms.segment_members m WHERE m.user_id = p.subject AND m.segment_id = s.id)"#,
            piece.import_no.0,
            piece.low,
            piece.high,
        )
        .fetch_all(&mut *conn)
        .await?;
        let courses = sqlx::query!(
            r#"SELECT person AS "person!", course AS "course!", role AS "role!", lacks_enrolment AS "lacks_enrolment!", lacks_role AS "lacks_role!"
                 FROM (SELECT p.subject AS person, c.id AS course, c.role,
                              c.does & 1 = 0 AND NOT EXISTS (
                              SELECT FROM lms.enrolments e WHERE e.user_id = p.subject AND e.course_id = c.id) AS lacks_enrolment,
                              c.does & 2 = 0 AND NOT EXISTS (
                              SELECT FROM lms.role_assignments r
                               WHERE r.user_id = p.subject AND r.course_id = c.id AND r.role_id = c.role) AS lacks_role
                         FROM muster.plans_of($1, $2, $3) p CROSS JOIN unnest(p.courses, p.course_roles, p.course_does) c (id, role, does)
                        WHERE p.target_version IS NOT NULL AND c.does & 3 <> 3) named
                WHERE lacks_enrolment OR lacks_role"#,
            piece.import_no.0,
            piece.low,
            piece.high,
        )
        .fetch_all(conn)
        .await?;
        let mut lacking = Self { segments: segments.into_iter().map(|row| (row.person, row.segment)).collect(), ..Self::default() };
        for row in courses {
            if row.lacks_enrolment {
                lacking.enrolments.insert((row.person, row.course));
            }
            if row.lacks_role {
                lacking.roles.insert((row.person, row.course, row.role));
            }
        }
        Ok(lacking)
    }

    fn people(&self) -> Vec<i64> {
        let enrolments = self.enrolments.iter().map(|(person, _)| person);
        let roles = self.roles.iter().map(|(person, ..)| person);
        let people: HashSet<i64> = self.segments.iter().map(|(person, _)| person).chain(enrolments).chain(roles).copied().collect();
        people.into_iter().collect()
    }

    /// Do the plans of one person, in the order of their turns, count on something that is lacking and that none of them gives before?
    /// What an undo names and neither takes nor gives is nothing to it, but a role that it gives needs its enrolment.
    fn is_missed_by(&self, plans: &[Plan], is_undo: bool) -> bool {
        let mut given = Self::default();
        for plan in plans {
            let person = plan.subject.unwrap_or_default();
            let memberships = &plan.memberships;
            let lacks_segment = |&segment: &i64| {
                let place = (person, segment);
                self.segments.contains(&place) && !given.segments.contains(&place)
            };
            if memberships.segments_there.iter().any(lacks_segment) {
                return true;
            }
            given.segments.extend(memberships.segments_joined.iter().map(|&segment| (person, segment)));
            for ((&course, &role), &does) in memberships.courses.iter().zip(&memberships.course_roles).zip(&memberships.course_does) {
                let (place, with_role) = ((person, course), (person, course, role));
                if does & ENROLS != 0 {
                    given.enrolments.insert(place);
                }
                let lacks_enrolment = self.enrolments.contains(&place) && !given.enrolments.contains(&place);
                let lacks_role = does & ADDS_ROLE == 0 && self.roles.contains(&with_role) && !given.roles.contains(&with_role);
                if lacks_enrolment && (!is_undo || does & ADDS_ROLE != 0) || lacks_role && !is_undo {
                    return true;
                }
                if does & ADDS_ROLE != 0 {
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
    use crate::kinds::importer::Memberships;
    use muster_shared::model::plan::Action;

    fn line(joined: &[i64], there: &[i64], courses: &[(i64, i32, i16)]) -> Plan {
        let memberships = Memberships {
            segments_joined: joined.to_vec(),
            segments_there: there.to_vec(),
            segments_left: Vec::new(),
            courses: courses.iter().map(|course| course.0).collect(),
            course_roles: courses.iter().map(|course| course.1).collect(),
            course_does: courses.iter().map(|course| course.2).collect(),
        };
        Plan { subject: Some(7), memberships, ..Plan::idle(2, Action::Update, Vec::new()) }
    }

    #[test]
    fn only_what_no_earlier_line_gives_is_missed() {
        let lacking = Lacking {
            segments: [(7, 1)].into(),
            enrolments: [(7, 10)].into(),
            roles: [(7, 10, 1), (7, 10, 2)].into(),
        };
        let (both, role, nothing) = (ENROLS | ADDS_ROLE, ADDS_ROLE, 0);
        let cases: &[(&str, &[Plan], bool, bool)] = &[
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
            assert_eq!(lacking.is_missed_by(plans, false), *of_file, "{what}");
            assert_eq!(lacking.is_missed_by(plans, true), *of_undo, "{what}, in an undo");
        }
    }
}
