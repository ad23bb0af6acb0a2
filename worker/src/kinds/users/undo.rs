//! Taking back what an import did to people: their details, then what they joined. A person is
//! taken back whole or not at all.

use super::{
    field,
    find::Person,
    memberships::{self, Held},
};
use crate::{
    error::StageError,
    kinds::{
        importer::Planned,
        reversal::{self, Fields, Reversal},
    },
};
use muster_shared::{
    model::{
        ids::{ImportNo, SiteId},
        issue::{Code, Issue},
        kinds::users::SPEC,
    },
    plan::{
        Changes, Deed, Does, DonePlan, Membership, MembershipDetail, MembershipKey, MembershipSort,
        MembershipTerms, Plan,
    },
    store::imports::from_json,
};
use sqlx::PgConnection;
use std::collections::{HashMap, HashSet};

const FIELDS: Fields<'static> = Fields {
    names: SPEC.fields,
    defaults: &[
        None,
        None,
        None,
        None,
        None,
        None,
        Some(""),
        Some(""),
        Some(""),
        Some(""),
    ],
    derived: &[field::EMAIL_KEY],
    shown_by: &[],
};

/// What is now there of the people of some plans, and what the undone import gave them and took
/// from them.
pub(super) struct Now {
    undone: ImportNo,
    people: HashMap<i64, Person>,
    /// Those who have something that no import gives: a password, another sign-in method, a role in
    /// the site.
    have_more: HashSet<i64>,
    usernames: HashMap<String, i64>,
    emails: HashMap<String, Vec<i64>>,
    held: Held,
    /// On which memberships others hang that the undone import did not give.
    hung_on: HashSet<(i64, MembershipKey)>,
    /// What the undone import gave with terms of their own, since it was an undo of an undo: to
    /// whom, and on which.
    given: HashMap<(i64, MembershipKey), MembershipTerms>,
    /// On which terms it gave everything else.
    usual: MembershipTerms,
    /// By line, what it took away, as it was.
    taken: HashMap<i32, Vec<(MembershipKey, MembershipTerms)>>,
    /// Those of the things that it touched which are still there, by the sort of membership.
    objects: HashSet<(MembershipSort, i64)>,
    /// Segments whose members a rule chooses.
    managed: HashSet<i64>,
}

/// Plans what takes back these lines.
pub(super) async fn plan(
    conn: &mut PgConnection,
    site: SiteId,
    undone: ImportNo,
    done: &[DonePlan],
) -> Result<Planned, StageError> {
    let now = Now::look_up(conn, site, undone, done).await?;
    Ok(Planned {
        plans: reversal::of_all(done, |lines| now.person(lines)),
        ..Planned::default()
    })
}

impl Now {
    async fn look_up(
        conn: &mut PgConnection,
        site: SiteId,
        undone: ImportNo,
        done: &[DonePlan],
    ) -> Result<Self, StageError> {
        let ids = reversal::subjects(done);
        let mut now = Self {
            undone,
            people: HashMap::new(),
            have_more: HashSet::new(),
            usernames: HashMap::new(),
            emails: HashMap::new(),
            held: memberships::held(conn, &ids).await?,
            hung_on: HashSet::new(),
            given: given(done),
            usual: usual_terms(conn, undone).await?,
            taken: taken(conn, undone, done).await?,
            objects: HashSet::new(),
            managed: HashSet::new(),
        };
        now.look_up_people(conn, site, &ids).await?;
        now.look_up_holders(conn, site, done).await?;
        let touched = || {
            done.iter()
                .flat_map(|plan| &plan.write.memberships)
                .map(|membership| &membership.key)
        };
        now.objects = memberships::objects(conn, site, touched()).await?;
        now.managed = memberships::managed(conn, touched()).await?;
        now.weigh_memberships();
        Ok(now)
    }

    async fn look_up_people(
        &mut self,
        conn: &mut PgConnection,
        site: SiteId,
        ids: &[i64],
    ) -> Result<(), StageError> {
        let rows = sqlx::query!(
            r#"SELECT id, version, username, firstname, lastname, email, email_key, idnumber, institution, department, city, country,
                      auth <> 'manual' OR suspended OR password_hash IS NOT NULL
                      OR EXISTS (SELECT FROM lms.role_assignments r WHERE r.user_id = u.id AND r.course_id IS NULL) AS "has_more!"
                 FROM lms.users u WHERE id = ANY ($2) AND site_id = $1 AND deleted_at IS NULL"#,
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
            self.people.insert(
                row.id,
                Person {
                    id: row.id,
                    version: row.version,
                    fields,
                },
            );
        }
        Ok(())
    }

    /// Who has the usernames and addresses that would come back.
    async fn look_up_holders(
        &mut self,
        conn: &mut PgConnection,
        site: SiteId,
        done: &[DonePlan],
    ) -> Result<(), StageError> {
        let usernames = sqlx::query!(
            "SELECT username, id FROM lms.users WHERE site_id = $1 AND username = ANY ($2) AND deleted_at IS NULL",
            site.0,
            &reversal::returning(done, field::USERNAME),
        )
        .fetch_all(&mut *conn)
        .await?;
        self.usernames = usernames
            .into_iter()
            .map(|row| (row.username, row.id))
            .collect();
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

    /// Who has more than the undone import gave, and what of that hangs on what.
    fn weigh_memberships(&mut self) {
        let others = self
            .held
            .iter()
            .filter(|(place, terms)| !self.is_ours(place, terms));
        let (people, bases): (Vec<i64>, Vec<_>) = others
            .map(|((person, key), _)| (*person, key.base().map(|base| (*person, base))))
            .unzip();
        self.have_more.extend(people);
        self.hung_on.extend(bases.into_iter().flatten());
    }

    /// Did the undone import give it, under its own number or, as an undo of an undo, under the one
    /// that it had?
    fn is_ours(&self, place: &(i64, MembershipKey), terms: &MembershipTerms) -> bool {
        terms.source == Some(self.undone.0)
            || self
                .given
                .get(place)
                .is_some_and(|given| given.source == terms.source)
    }

    /// The plans for the lines of one person, or why the person is left alone.
    fn person(&self, done: &[DonePlan]) -> Result<Vec<Plan>, Issue> {
        let id = done[0].write.target;
        let person = self.people.get(&id);
        let last = reversal::last_seq(done);
        let changes =
            match reversal::of_subject(done, person.map(|person| person.fields.as_slice()), FIELDS)
            {
                Reversal::Held(issue) => return Err(issue),
                Reversal::Nothing if person.is_none() => {
                    return Ok(done
                        .iter()
                        .map(|line| {
                            reversal::of_line(line, last, None, Changes::default(), Vec::new())
                        })
                        .collect());
                }
                Reversal::Nothing => vec![Changes::default(); done.len()],
                Reversal::Lines(changes) => changes,
            };
        let is_deleted = person.is_some() && done[0].write.deed == Deed::Create;
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
            Ok(Plan {
                issues,
                ..reversal::of_line(line, last, version, changes, memberships)
            })
        };
        let plans = done
            .iter()
            .zip(changes)
            .map(with_memberships)
            .collect::<Result<Vec<Plan>, Issue>>()?;
        self.check_bases(id, &plans)?;
        Ok(plans)
    }

    /// What comes back must find that on which it hangs, or have it back too.
    fn check_bases(&self, person: i64, plans: &[Plan]) -> Result<(), Issue> {
        let all = plans
            .iter()
            .filter_map(Plan::written)
            .flat_map(|write| &write.memberships);
        let given: HashSet<MembershipKey> = all
            .filter(|m| m.does == Does::Joins)
            .map(|m| m.key)
            .collect();
        let lacks = |base: MembershipKey| {
            !given.contains(&base) && !self.held.contains_key(&(person, base))
        };
        if given.iter().filter_map(|key| key.base()).any(lacks) {
            let message = "The person is no longer enrolled in a course in which a role would come back, so nothing of it is taken back.";
            return Err(Issue::warning(Code::TargetChanged, message));
        }
        Ok(())
    }

    /// A username or an address that comes back must still be free.
    fn check_names(&self, person: i64, changes: &[Changes]) -> Result<(), Issue> {
        let wanted = |i: usize| changes.iter().filter_map(move |changes| changes.after(i));
        for username in wanted(field::USERNAME) {
            if self
                .usernames
                .get(username)
                .is_some_and(|holder| *holder != person)
            {
                return Err(Issue::warning(
                    Code::TargetChanged,
                    "Somebody else has this username now.",
                )
                .at("username", username));
            }
        }
        for email in wanted(field::EMAIL_KEY) {
            if self
                .emails
                .get(email)
                .is_some_and(|holders| holders.iter().any(|holder| *holder != person))
            {
                return Err(Issue::warning(
                    Code::TargetChanged,
                    "Somebody else has this e-mail address now.",
                )
                .at("email", email));
            }
        }
        Ok(())
    }

    /// What a line would take and give back; or, if somebody has changed what it would take, why
    /// the person is left alone. What it neither takes nor gives is nothing to an undo.
    fn memberships(
        &self,
        person: i64,
        line: &DonePlan,
    ) -> Result<(Vec<Membership>, Vec<Issue>), Issue> {
        let (mut back, mut issues) = (Vec::new(), Vec::new());
        for membership in &line.write.memberships {
            let place = (person, membership.key);
            match membership.does {
                Does::Joins => back.extend(self.take_back(place, &mut issues)?),
                Does::Leaves => back.extend(self.give_back(place, line.line)),
                Does::Stays => {}
            }
        }
        Membership::sort_as_told(&mut back);
        if back
            .iter()
            .any(|m| m.does != Does::Leaves && !self.objects.contains(&(m.key.sort, m.key.id)))
        {
            let message = "A segment or course that the person would be in again is gone, so nothing of it is taken back.";
            return Err(Issue::warning(Code::TargetChanged, message));
        }
        if back
            .iter()
            .any(|m| m.key.sort == MembershipSort::Segment && self.managed.contains(&m.key.id))
        {
            let message = "The members of a segment are chosen by a rule since, so nothing of it is taken back.";
            return Err(Issue::warning(Code::TargetChanged, message));
        }
        Ok((back, issues))
    }

    /// What the import gave is taken, if it is as it was given; a membership stays while somebody
    /// else's hangs on it.
    fn take_back(
        &self,
        place: (i64, MembershipKey),
        issues: &mut Vec<Issue>,
    ) -> Result<Option<Membership>, Issue> {
        let Some(terms) = self
            .held
            .get(&place)
            .filter(|terms| self.is_ours(&place, terms))
        else {
            return Ok(None);
        };
        if !terms.is_like(&self.terms_of(place, terms)) {
            let message = "The person's enrolment in a course was changed since, so nothing of it is taken back.";
            return Err(Issue::warning(Code::TargetChanged, message));
        }
        if self.hung_on.contains(&place) {
            let message =
                "The person has another role in the course since, so the enrolment stays.";
            issues.push(Issue::warning(Code::EnrolmentKept, message));
            return Ok(None);
        }
        let mut taken = Membership::new(place.1, Does::Leaves);
        if terms.source != Some(self.undone.0) {
            taken.detail = Some(Box::new(MembershipDetail {
                before: Some(*terms),
                after: None,
            }));
        }
        Ok(Some(taken))
    }

    /// On which terms the import gave a membership. When enrolments began is not known of imports
    /// that are older than that column.
    fn terms_of(&self, place: (i64, MembershipKey), present: &MembershipTerms) -> MembershipTerms {
        if place.1.sort != MembershipSort::Enrolment {
            return MembershipTerms::default();
        }
        let given = self.given.get(&place).copied().unwrap_or(self.usual);
        MembershipTerms {
            starts_at: given.starts_at.or(present.starts_at),
            ..given
        }
    }

    /// What the import took is given back as it was.
    fn give_back(&self, place: (i64, MembershipKey), line: i32) -> Option<Membership> {
        let (key, terms) = self
            .taken
            .get(&line)?
            .iter()
            .find(|(key, _)| *key == place.1)?;
        if self.held.contains_key(&place) {
            return Some(Membership::new(*key, Does::Stays));
        }
        let detail = Some(Box::new(MembershipDetail {
            before: None,
            after: Some(*terms),
        }));
        Some(Membership {
            detail,
            ..Membership::new(*key, Does::Joins)
        })
    }
}

/// What the lines gave with terms of their own.
fn given(done: &[DonePlan]) -> HashMap<(i64, MembershipKey), MembershipTerms> {
    let memberships = done.iter().flat_map(|plan| {
        plan.write
            .memberships
            .iter()
            .map(|membership| (plan.write.target, membership))
    });
    memberships
        .filter_map(|(person, membership)| Some(((person, membership.key), *membership.given()?)))
        .collect()
}

/// What an import gives by itself: enrolments that are active, without an end, and begin on one
/// day.
async fn usual_terms(
    conn: &mut PgConnection,
    undone: ImportNo,
) -> Result<MembershipTerms, StageError> {
    let starts_at = sqlx::query_scalar!(
        "SELECT enrols_from FROM muster.imports WHERE no = $1",
        undone.0
    )
    .fetch_one(conn)
    .await?;
    Ok(MembershipTerms {
        source: Some(undone.0),
        status: Some(0),
        starts_at,
        ends_at: None,
    })
}

/// By line, what the undone import really took away.
async fn taken(
    conn: &mut PgConnection,
    undone: ImportNo,
    done: &[DonePlan],
) -> Result<HashMap<i32, Vec<(MembershipKey, MembershipTerms)>>, StageError> {
    let lines: Vec<i32> = done.iter().map(|plan| plan.line).collect();
    let rows =
        sqlx::query!("SELECT line, what, record FROM muster.import_removed WHERE import_no = $1 AND line = ANY ($2)", undone.0, &lines)
            .fetch_all(conn)
            .await?;
    let mut taken: HashMap<i32, Vec<_>> = HashMap::new();
    for row in rows {
        let sort = MembershipSort::of_text(&row.what)
            .ok_or_else(|| StageError::defect("import_removed has a sort that is not known"))?;
        let key = MembershipKey::of_record(sort, &row.record)
            .ok_or_else(|| StageError::defect("import_removed has a record of nothing"))?;
        taken
            .entry(row.line)
            .or_default()
            .push((key, from_json(row.record, "import_removed.record")?));
    }
    Ok(taken)
}
