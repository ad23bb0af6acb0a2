//! What each line would do. Pure: rows and what the site knows go in, plans come out; a later line
//! of the same person sees what the earlier ones would do.

use super::{
    Rules,
    email::Email,
    field,
    find::{Person, Snapshot},
    row::Row,
};
use crate::{error::StageError, kinds::importer::Planned};
use muster_shared::{
    model::{
        issue::{Code, Issue},
        settings::{ExistingDetails, Mode},
    },
    plan::{
        Changes, Does, Membership, MembershipKey, MembershipSort, MembershipTerms, Plan, Write,
    },
};
use std::collections::{HashMap, HashSet, hash_map::Entry};

#[cfg(test)]
mod tests;

/// Details without which nobody is created.
const NEEDED: &[(usize, &str)] = &[
    (field::FIRSTNAME, "firstname"),
    (field::LASTNAME, "lastname"),
    (field::EMAIL, "email"),
];

/// Plans rows in the order of person and line. A row is let go of when it is planned, and so is a
/// person whom no other row is about: at no time are all rows, people and plans in memory together.
/// `repeated`: usernames that several rows have. `open`: about whom the rows go on. `last`: about
/// whom more rows may come, who is given back.
pub(super) fn plan(
    rules: Rules,
    rows: Vec<Row<'_>>,
    snapshot: Snapshot,
    repeated: HashSet<String>,
    open: Option<Open>,
    last: Option<String>,
) -> Result<(Planned, Option<Open>), StageError> {
    let mut planner = Planner {
        rules,
        snapshot,
        repeated,
        subjects: HashMap::new(),
        planned: Planned::default(),
    };
    if let Some(open) = open {
        planner.resume(open);
    }
    for row in rows {
        let plan = planner.plan(row)?;
        planner.planned.plans.push(plan);
    }
    let open = last.and_then(|key| planner.open(key));
    Ok((planner.planned, open))
}

/// Usernames that several rows have, and those of whom other pieces have rows.
pub(super) fn repeated<'a>(
    rows: &[Row<'_>],
    elsewhere: impl IntoIterator<Item = &'a String>,
) -> HashSet<String> {
    let mut seen = HashSet::with_capacity(rows.len());
    let mut repeated: HashSet<String> = elsewhere.into_iter().cloned().collect();
    repeated.extend(
        rows.iter()
            .filter_map(|row| row.key.as_ref())
            .filter(|key| !seen.insert(*key))
            .cloned(),
    );
    repeated
}

/// A person about whom the next rows may go on, with all that the lines so far would leave them.
pub(super) struct Open {
    key: String,
    subject: Subject,
    memberships: Vec<((i64, MembershipKey), MembershipTerms)>,
}

impl Open {
    pub(super) fn key(&self) -> &String {
        &self.key
    }
}

/// A person as the lines so far would leave them.
struct Subject {
    id: i64,
    /// `None`: a line of the file creates them.
    version: Option<i64>,
    fields: Vec<Option<String>>,
    turns: i16,
}

struct Planner {
    rules: Rules,
    snapshot: Snapshot,
    /// Usernames that several rows have.
    repeated: HashSet<String>,
    /// Of those, whom an earlier row was about.
    subjects: HashMap<String, Subject>,
    planned: Planned,
}

impl Planner {
    /// Goes on about a person.
    fn resume(&mut self, open: Open) {
        self.snapshot.memberships.extend(open.memberships);
        self.subjects.insert(open.key, open.subject);
    }

    /// The person, if there is one, for whoever goes on.
    fn open(&mut self, key: String) -> Option<Open> {
        let subject = self.subjects.remove(&key)?;
        let of_them = self
            .snapshot
            .memberships
            .iter()
            .filter(|((person, _), _)| *person == subject.id);
        Some(Open {
            memberships: of_them.map(|(place, held)| (*place, *held)).collect(),
            key,
            subject,
        })
    }

    fn plan(&mut self, mut row: Row<'_>) -> Result<Plan, StageError> {
        let Some(key) = row.key.take() else {
            return Ok(Plan::reject(row.line, row.issues));
        };
        let (plan, subject) = match (self.subject(&key), self.rules.mode) {
            (Some(subject), Mode::CreateOnly) => (skip_existing(&row), Some(subject)),
            (Some(mut subject), _) => (self.update(&row, &mut subject), Some(subject)),
            (None, Mode::UpdateOnly) => (self.unknown(&row, &key), None),
            (None, _) => self.create(row, &key)?,
        };
        if let Some(subject) = subject.filter(|_| self.repeated.contains(&key)) {
            self.subjects.insert(key, subject);
        }
        Ok(plan)
    }

    /// The person as the lines so far would leave them; `None`: there is nobody yet.
    fn subject(&mut self, key: &str) -> Option<Subject> {
        let found = |Person {
                         id,
                         version,
                         fields,
                     }| Subject {
            id,
            version: Some(version),
            fields,
            turns: 0,
        };
        self.subjects
            .remove(key)
            .or_else(|| self.snapshot.people.remove(key).map(found))
    }

    fn unknown(&self, row: &Row<'_>, key: &str) -> Plan {
        let mut issues = row.issues.clone();
        let make: fn(Code, &'static str) -> Issue = if self.rules.recipe.spec().unknown_is_error {
            Issue::error
        } else {
            Issue::warning
        };
        let issue = make(Code::UserNotFound, "There is nobody with this username.")
            .at(row.key_heading, row.key_text);
        issues.insert(
            0,
            issue.suggest(self.snapshot.suggestions.get(key).cloned()),
        );
        if issues.iter().any(Issue::is_error) {
            Plan::reject(row.line, issues)
        } else {
            Plan::skip(row.line, issues)
        }
    }

    fn create(
        &mut self,
        mut row: Row<'_>,
        key: &str,
    ) -> Result<(Plan, Option<Subject>), StageError> {
        let mut issues = row.issues.clone();
        issues.append(&mut row.detail_issues);
        for (field, name) in NEEDED {
            if row.details[*field].is_none() {
                issues.push(
                    Issue::error(Code::MissingValue, format!("Somebody new needs `{name}`."))
                        .at(name, ""),
                );
            }
        }
        self.check_email(&row, None, &mut issues);
        if issues.iter().any(Issue::is_error) {
            return Ok((Plan::reject(row.line, issues), None));
        }
        let id = self
            .snapshot
            .ids
            .next()
            .ok_or_else(|| StageError::defect("fewer ids were reserved than people are new"))?;
        let memberships = self.memberships(id, &row, &mut issues);
        let fields = if self.repeated.contains(key) {
            row.details.clone()
        } else {
            Vec::new()
        };
        let write = Write {
            memberships,
            ..Write::create(id, Changes::of_new(row.details))
        };
        Ok((
            Plan::write(row.line, write, issues),
            Some(Subject {
                id,
                version: None,
                fields,
                turns: 1,
            }),
        ))
    }

    fn update(&mut self, row: &Row<'_>, subject: &mut Subject) -> Plan {
        let mut issues = row.issues.clone();
        let changes = match self.rules.details {
            ExistingDetails::Keep => Changes::default(),
            ExistingDetails::Override => self.changes(row, subject, &mut issues),
        };
        if issues.iter().any(Issue::is_error) {
            return Plan::reject(row.line, issues);
        }
        if self.rules.details == ExistingDetails::Keep {
            self.count_ignored(row);
        }
        for change in changes.iter() {
            subject.fields[change.field].clone_from(&change.after);
        }
        subject.turns += 1;
        let memberships = self.memberships(subject.id, row, &mut issues);
        Plan::write(
            row.line,
            Write::update(
                subject.id,
                subject.turns,
                subject.version,
                changes,
                memberships,
            ),
            issues,
        )
    }

    /// The details that a line would write.
    fn changes(&self, row: &Row<'_>, subject: &Subject, issues: &mut Vec<Issue>) -> Changes {
        issues.extend(row.detail_issues.iter().cloned());
        let mut changes = Changes::default();
        for (i, value) in row.details.iter().enumerate() {
            if value.is_some() && *value != subject.fields[i] {
                changes.write(i, subject.fields[i].as_deref(), value.as_deref());
            }
        }
        // An address that was stored in another spelling, before there was one form, is the same.
        let stored = || {
            subject.fields[field::EMAIL]
                .as_deref()
                .and_then(Email::read)
                .map(|email| email.address)
        };
        if changes.of(field::EMAIL).is_some() && stored() == row.details[field::EMAIL] {
            changes.leave(field::EMAIL);
            changes.leave(field::EMAIL_KEY);
        }
        if changes.of(field::EMAIL_KEY).is_some() {
            self.check_email(row, Some(subject.id), issues);
        }
        changes
    }

    /// Is the address free for this person? An earlier line keeps what it names, whatever becomes
    /// of it.
    fn check_email(&self, row: &Row<'_>, person: Option<i64>, issues: &mut Vec<Issue>) {
        let Some(email) = &row.details[field::EMAIL_KEY] else {
            return;
        };
        let is_taken = self
            .snapshot
            .emails
            .get(email)
            .is_some_and(|holders| holders.iter().any(|&holder| Some(holder) != person));
        let message = match row.email_named_on {
            _ if is_taken => "Somebody else has this e-mail address.".to_owned(),
            Some(line) => format!("Line {line} names this e-mail address for somebody else."),
            None => return,
        };
        let text = row.details[field::EMAIL].as_deref().unwrap_or_default();
        issues
            .push(Issue::error(Code::DuplicateEmail, message).at(row.headings[field::EMAIL], text));
    }

    fn count_ignored(&mut self, row: &Row<'_>) {
        for heading in row.headings.iter().filter(|heading| !heading.is_empty()) {
            *self
                .planned
                .ignored_by_details
                .entry((*heading).to_owned())
                .or_default() += 1;
        }
    }

    /// What becomes of what a line names, remembered for the lines after it.
    fn memberships(
        &mut self,
        person: i64,
        row: &Row<'_>,
        issues: &mut Vec<Issue>,
    ) -> Vec<Membership> {
        let mut memberships: Vec<Membership> = row
            .memberships
            .iter()
            .map(|&key| self.membership(person, key, issues))
            .collect();
        Membership::sort_as_told(&mut memberships);
        memberships
    }

    fn membership(
        &mut self,
        person: i64,
        key: MembershipKey,
        issues: &mut Vec<Issue>,
    ) -> Membership {
        match self.snapshot.memberships.entry((person, key)) {
            Entry::Vacant(missing) => {
                missing.insert(MembershipTerms::default());
                Membership::new(key, Does::Joins)
            }
            Entry::Occupied(held) => {
                if key.sort == MembershipSort::Enrolment && held.get().is_suspended() {
                    let message = "The person's enrolment in a course is suspended, and stays so.";
                    issues.push(Issue::warning(Code::EnrolmentSuspended, message));
                }
                Membership::new(key, Does::Stays)
            }
        }
    }
}

fn skip_existing(row: &Row<'_>) -> Plan {
    let message = "There is somebody with this username already; the line is skipped.";
    let issue = Issue::warning(Code::UserExists, message).at(row.key_heading, row.key_text);
    let mut issues: Vec<Issue> = row
        .issues
        .iter()
        .filter(|issue| !issue.is_error())
        .cloned()
        .collect();
    issues.push(issue);
    Plan::skip(row.line, issues)
}
