//! Taking back what an import did to people: their details, then what they joined. A person is taken back whole or not at all.

use super::{
    field,
    find::{Person, distinct},
};
use crate::{
    error::StageError,
    kinds::{
        importer::{ADDS_ROLE, Changes, ENDS_ENROLMENT, ENROLS, Memberships, Plan, Planned, TAKES_ROLE},
        reversal::{self, Fields, Reversal},
    },
};
use chrono::{DateTime, Utc};
use muster_shared::model::{
    ids::{ImportNo, SiteId},
    issue::{Code, Issue},
    kinds::users::SPEC,
    plan::Action,
};
use sqlx::PgConnection;
use std::collections::{HashMap, HashSet};

const FIELDS: Fields<'static> = Fields {
    names: SPEC.fields,
    defaults: &[None, None, None, None, None, None, Some(""), Some(""), Some(""), Some("")],
    derived: &[field::EMAIL_KEY],
    shown_by: &[],
};

/// What is now there of the people of some plans, and what the undone import took from them. Memberships: whether they came by it.
#[derive(Default)]
pub(super) struct Now {
    people: HashMap<i64, Person>,
    /// Those who have something that the undone import did not give: a password, another sign-in method, a membership.
    have_more: HashSet<i64>,
    usernames: HashMap<String, i64>,
    emails: HashMap<String, Vec<i64>>,
    segments: HashMap<(i64, i64), bool>,
    /// Those of the segments whose members a rule chooses.
    managed: HashSet<i64>,
    enrolments: HashMap<(i64, i64), (bool, Terms)>,
    /// On which the undone import enrolled people.
    terms: Terms,
    /// On which it enrolled them again, since it was an undo of an undo: by line and course.
    terms_again: HashMap<(i32, i64), Terms>,
    roles: HashMap<(i64, i64, i32), bool>,
    /// Person and course, where somebody else gave a role.
    others_roles: HashSet<(i64, i64)>,
    /// By line, what it took away: segments, courses, courses with roles.
    taken: HashMap<i32, Taken>,
}

/// Status, beginning and end of an enrolment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Terms {
    status: i16,
    starts_at: Option<DateTime<Utc>>,
    ends_at: Option<DateTime<Utc>>,
}

#[derive(Default)]
struct Taken {
    segments: Vec<i64>,
    courses: Vec<i64>,
    roles: Vec<(i64, i32)>,
}

/// Plans what takes back these lines.
pub(super) async fn plan(conn: &mut PgConnection, site: SiteId, undone: ImportNo, done: &[Plan]) -> Result<Planned, StageError> {
    let now = Now::look_up(conn, site, undone, done).await?;
    let mut planned = Planned { plans: reversal::of_all(done, |lines| now.person(lines)), ..Planned::default() };
    for plan in &planned.plans {
        let effects = &mut planned.effects;
        let does = |bit: i16| plan.memberships.course_does.iter().filter(|does| *does & bit != 0).count() as i64;
        effects.users_created += i64::from(plan.action == Action::Create);
        effects.users_deleted += i64::from(plan.action == Action::Delete);
        effects.segments_joined += plan.memberships.segments_joined.len() as i64;
        effects.segments_left += plan.memberships.segments_left.len() as i64;
        effects.enrolments_created += does(ENROLS);
        effects.enrolments_removed += does(ENDS_ENROLMENT);
        effects.course_roles_added += does(ADDS_ROLE);
        effects.course_roles_removed += does(TAKES_ROLE);
    }
    Ok(planned)
}

impl Now {
    async fn look_up(conn: &mut PgConnection, site: SiteId, undone: ImportNo, done: &[Plan]) -> Result<Self, StageError> {
        let ids = reversal::subjects(done);
        let mut now = Self::default();
        now.look_up_people(conn, site, &ids).await?;
        now.look_up_holders(conn, site, done).await?;
        now.look_up_memberships(conn, undone, &ids).await?;
        now.look_up_taken(conn, undone, done).await?;
        now.look_up_terms(conn, undone, done).await?;
        now.look_up_managed(conn, done).await?;
        Ok(now)
    }

    async fn look_up_people(&mut self, conn: &mut PgConnection, site: SiteId, ids: &[i64]) -> Result<(), StageError> {
        let rows = sqlx::query!(
            r#"SELECT id, version, username, firstname, lastname, email, email_key, idnumber, institution, department, city, country,
                      auth <> 'manual' OR suspended OR password_hash IS NOT NULL AS "has_more!"
                 FROM lms.users WHERE id = ANY ($2) AND site_id = $1 AND deleted_at IS NULL"#,
            site.0,
            ids,
        )
        .fetch_all(conn)
        .await?;
        for row in rows {
            if row.has_more {
                self.have_more.insert(row.id);
            }
            let fields = vec![
                Some(row.username),
                Some(row.firstname),
                Some(row.lastname),
                row.email,
                row.email_key,
                row.idnumber,
                Some(row.institution),
                Some(row.department),
                Some(row.city),
                Some(row.country),
            ];
            self.people.insert(row.id, Person { id: row.id, version: row.version, fields });
        }
        Ok(())
    }

    /// Who has the usernames and addresses that would come back.
    async fn look_up_holders(&mut self, conn: &mut PgConnection, site: SiteId, done: &[Plan]) -> Result<(), StageError> {
        let usernames = sqlx::query!(
            "SELECT username, id FROM lms.users WHERE site_id = $1 AND username = ANY ($2) AND deleted_at IS NULL",
            site.0,
            &reversal::returning(done, field::USERNAME),
        )
        .fetch_all(&mut *conn)
        .await?;
        self.usernames = usernames.into_iter().map(|row| (row.username, row.id)).collect();
        let emails = sqlx::query!(
            r#"SELECT email_key AS "email_key!", id FROM lms.users WHERE site_id = $1 AND email_key = ANY ($2) AND deleted_at IS NULL"#,
            site.0,
            &reversal::returning(done, field::EMAIL_KEY),
        )
        .fetch_all(conn)
        .await?;
        for row in emails {
            self.emails.entry(row.email_key).or_default().push(row.id);
        }
        Ok(())
    }

    async fn look_up_memberships(&mut self, conn: &mut PgConnection, undone: ImportNo, ids: &[i64]) -> Result<(), StageError> {
        let segments = sqlx::query!(
            r#"SELECT user_id, segment_id, source IS NOT DISTINCT FROM $2 AS "is_ours!" FROM lms.segment_members WHERE user_id = ANY ($1)"#,
            ids,
            undone.0,
        )
        .fetch_all(&mut *conn)
        .await?;
        for row in segments {
            self.has(row.user_id, row.is_ours);
            self.segments.insert((row.user_id, row.segment_id), row.is_ours);
        }
        let enrolments = sqlx::query!(
            r#"SELECT user_id, course_id, status, starts_at, ends_at, source IS NOT DISTINCT FROM $2 AS "is_ours!"
                 FROM lms.enrolments WHERE user_id = ANY ($1)"#,
            ids,
            undone.0,
        )
        .fetch_all(&mut *conn)
        .await?;
        for row in enrolments {
            self.has(row.user_id, row.is_ours);
            let terms = Terms { status: row.status, starts_at: row.starts_at, ends_at: row.ends_at };
            self.enrolments.insert((row.user_id, row.course_id), (row.is_ours, terms));
        }
        let roles = sqlx::query!(
            r#"SELECT user_id, course_id, role_id, source IS NOT DISTINCT FROM $2 AS "is_ours!"
                 FROM lms.role_assignments WHERE user_id = ANY ($1)"#,
            ids,
            undone.0,
        )
        .fetch_all(conn)
        .await?;
        for row in roles {
            self.has(row.user_id, row.is_ours);
            let Some(course) = row.course_id else { continue };
            self.roles.insert((row.user_id, course, row.role_id), row.is_ours);
            if !row.is_ours {
                self.others_roles.insert((row.user_id, course));
            }
        }
        Ok(())
    }

    fn has(&mut self, person: i64, is_ours: bool) {
        if !is_ours {
            self.have_more.insert(person);
        }
    }

    async fn look_up_taken(&mut self, conn: &mut PgConnection, undone: ImportNo, done: &[Plan]) -> Result<(), StageError> {
        let lines: Vec<i32> = done.iter().map(|plan| plan.line).collect();
        let rows = sqlx::query!(
            r#"SELECT line, (record ->> 'segment_id')::bigint AS segment, (record ->> 'course_id')::bigint AS course,
                      (record ->> 'role_id')::integer AS role
                 FROM muster.import_removed WHERE import_no = $1 AND line = ANY ($2)"#,
            undone.0,
            &lines,
        )
        .fetch_all(conn)
        .await?;
        for row in rows {
            let taken = self.taken.entry(row.line).or_default();
            match (row.segment, row.course, row.role) {
                (Some(segment), ..) => taken.segments.push(segment),
                (_, Some(course), Some(role)) => taken.roles.push((course, role)),
                (_, Some(course), None) => taken.courses.push(course),
                _ => {}
            }
        }
        Ok(())
    }

    /// What an import gives is active, without an end, and begins on one day; what an undo of an undo gave back is as it was taken.
    async fn look_up_terms(&mut self, conn: &mut PgConnection, undone: ImportNo, done: &[Plan]) -> Result<(), StageError> {
        let import =
            sqlx::query!("SELECT enrols_from, undoes_no FROM muster.imports WHERE no = $1", undone.0).fetch_one(&mut *conn).await?;
        self.terms.starts_at = import.enrols_from;
        let Some(taken_by) = import.undoes_no else { return Ok(()) };
        let lines: Vec<i32> = done.iter().map(|plan| plan.line).collect();
        let rows = sqlx::query!(
            r#"SELECT line, (record ->> 'course_id')::bigint AS "course!", (record ->> 'status')::smallint AS "status!",
                      (record ->> 'starts_at')::timestamptz AS starts_at, (record ->> 'ends_at')::timestamptz AS ends_at
                 FROM muster.import_removed WHERE import_no = $1 AND line = ANY ($2) AND what = 'enrolment'"#,
            taken_by,
            &lines,
        )
        .fetch_all(conn)
        .await?;
        let terms = rows
            .into_iter()
            .map(|row| ((row.line, row.course), Terms { status: row.status, starts_at: row.starts_at, ends_at: row.ends_at }));
        self.terms_again = terms.collect();
        Ok(())
    }

    async fn look_up_managed(&mut self, conn: &mut PgConnection, done: &[Plan]) -> Result<(), StageError> {
        let joined = done.iter().flat_map(|plan| &plan.memberships.segments_joined);
        let named = distinct(joined.chain(self.taken.values().flat_map(|taken| &taken.segments)).copied());
        let managed = sqlx::query_scalar!("SELECT id FROM lms.segments WHERE id = ANY ($1) AND is_managed", &named);
        self.managed = managed.fetch_all(conn).await?.into_iter().collect();
        Ok(())
    }

    /// The plans for the lines of one person, or why the person is left alone.
    fn person(&self, done: &[Plan]) -> Result<Vec<Plan>, Issue> {
        let id = done[0].subject.unwrap_or_default();
        let person = self.people.get(&id);
        let changes = match reversal::of_subject(done, person.map(|person| person.fields.as_slice()), FIELDS) {
            Reversal::Held(issue) => return Err(issue),
            Reversal::Nothing if person.is_none() => {
                return Ok(done.iter().map(|line| Self::line(line, done, None, Changes::default(), Memberships::default())).collect());
            }
            Reversal::Nothing => vec![Changes::default(); done.len()],
            Reversal::Lines(changes) => changes,
        };
        let is_deleted = person.is_some() && done[0].action == Action::Create;
        if is_deleted && self.have_more.contains(&id) {
            return Err(Issue::warning(
                Code::TargetChanged,
                "The person has got more since than the import gave, so nothing of it is taken back.",
            ));
        }
        self.check_names(id, &changes)?;
        let version = person.map(|person| person.version);
        let with_memberships = |(line, changes)| {
            let (memberships, issues) = self.memberships(id, line)?;
            Ok(Plan { issues, ..Self::line(line, done, version, changes, memberships) })
        };
        done.iter().zip(changes).map(with_memberships).collect()
    }

    fn line(line: &Plan, done: &[Plan], version: Option<i64>, changes: Changes, memberships: Memberships) -> Plan {
        let turns = done.last().map_or(0, |last| last.turn);
        reversal::of_line(line, turns, version, changes, memberships)
    }

    /// A username or an address that comes back must still be free.
    fn check_names(&self, person: i64, changes: &[Changes]) -> Result<(), Issue> {
        let wanted = |i: usize| changes.iter().filter(move |c| c.mask & (1 << i) != 0).filter_map(move |c| c.after[i].as_ref());
        for username in wanted(field::USERNAME) {
            if self.usernames.get(username).is_some_and(|holder| *holder != person) {
                return Err(Issue::warning(Code::TargetChanged, "Somebody else has this username now.").at("username", username));
            }
        }
        for email in wanted(field::EMAIL_KEY) {
            if self.emails.get(email).is_some_and(|holders| holders.iter().any(|holder| *holder != person)) {
                return Err(Issue::warning(Code::TargetChanged, "Somebody else has this e-mail address now.").at("email", email));
            }
        }
        Ok(())
    }

    /// What a line would take and give back; or, if somebody has changed what it would take, why the person is left alone.
    fn memberships(&self, person: i64, line: &Plan) -> Result<(Memberships, Vec<Issue>), Issue> {
        let mut memberships = Memberships::default();
        let mut issues = Vec::new();
        let is_ours = |segment: &i64| self.segments.get(&(person, *segment)) == Some(&true);
        memberships.segments_left = line.memberships.segments_joined.iter().copied().filter(|segment| is_ours(segment)).collect();
        let courses = &line.memberships;
        for ((&course, &role), &does) in courses.courses.iter().zip(&courses.course_roles).zip(&courses.course_does) {
            let takes = if does & ADDS_ROLE != 0 && self.roles.get(&(person, course, role)) == Some(&true) { TAKES_ROLE } else { 0 };
            let ends = if does & ENROLS != 0 { self.end(person, line.line, course, &mut issues)? } else { 0 };
            push(&mut memberships, course, role, takes | ends);
        }
        if let Some(taken) = self.taken.get(&line.line) {
            self.give_back(person, line, taken, &mut memberships);
        }
        let mut touched = memberships.segments_left.iter().chain(&memberships.segments_joined);
        if touched.any(|segment| self.managed.contains(segment)) {
            let message = "The members of a segment are chosen by a rule since, so nothing of it is taken back.";
            return Err(Issue::warning(Code::TargetChanged, message));
        }
        Ok((memberships, issues))
    }

    /// An enrolment stays while somebody else's role hangs on it.
    fn end(&self, person: i64, line: i32, course: i64, issues: &mut Vec<Issue>) -> Result<i16, Issue> {
        let Some((true, terms)) = self.enrolments.get(&(person, course)) else { return Ok(0) };
        if *terms != self.given(line, course, *terms) {
            let message = "The person's enrolment in a course was changed since, so nothing of it is taken back.";
            return Err(Issue::warning(Code::TargetChanged, message));
        }
        if self.others_roles.contains(&(person, course)) {
            let message = "The person has another role in the course since, so the enrolment stays.";
            issues.push(Issue::warning(Code::EnrolmentKept, message));
            return Ok(0);
        }
        Ok(ENDS_ENROLMENT)
    }

    /// On which terms the undone import enrolled somebody. When enrolments began is not known of imports that are older than its column.
    fn given(&self, line: i32, course: i64, present: Terms) -> Terms {
        let given = self.terms_again.get(&(line, course)).copied().unwrap_or(self.terms);
        Terms { starts_at: given.starts_at.or(present.starts_at), ..given }
    }

    fn give_back(&self, person: i64, line: &Plan, taken: &Taken, memberships: &mut Memberships) {
        for &segment in &taken.segments {
            let is_there = self.segments.contains_key(&(person, segment));
            if is_there { &mut memberships.segments_there } else { &mut memberships.segments_joined }.push(segment);
        }
        for (i, (&course, &role)) in line.memberships.courses.iter().zip(&line.memberships.course_roles).enumerate() {
            let enrols = taken.courses.contains(&course)
                && line.memberships.course_does[i] & ENDS_ENROLMENT != 0
                && !self.enrolments.contains_key(&(person, course));
            let adds = taken.roles.contains(&(course, role)) && !self.roles.contains_key(&(person, course, role));
            memberships.course_does[i] = if enrols { ENROLS } else { 0 } | if adds { ADDS_ROLE } else { 0 };
        }
    }
}

fn push(memberships: &mut Memberships, course: i64, role: i32, does: i16) {
    memberships.courses.push(course);
    memberships.course_roles.push(role);
    memberships.course_does.push(does);
}
