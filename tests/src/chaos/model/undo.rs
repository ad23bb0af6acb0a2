//! What taking an import back would do: its plans read backwards, a person, segment or course whole
//! or not at all.

use super::{
    Action, Applied, Category, Enrolment, Id, Kind, Outcome, Plan, Source, State, Write,
    apply::Done,
    state::{CATEGORY, EMAIL, Record},
};
use std::collections::BTreeMap;

/// What each line of an import would do if it were taken back; `only`: of that subject.
pub(super) fn plans(
    state: &State,
    kind: Kind,
    undone: &Applied,
    of: Source,
    only: Option<Id>,
) -> Vec<Plan> {
    let mut subjects: BTreeMap<Id, Vec<&Done>> = BTreeMap::new();
    for done in &undone.done {
        if let Some(subject) = done
            .plan
            .deed
            .subject
            .filter(|subject| only.is_none_or(|only| only == *subject))
        {
            subjects.entry(subject).or_default().push(done);
        }
    }
    let reversal = Reversal {
        state,
        kind,
        undone,
        of,
    };
    subjects
        .into_iter()
        .flat_map(|(subject, done)| reversal.subject(subject, &done))
        .collect()
}

struct Reversal<'a> {
    state: &'a State,
    kind: Kind,
    undone: &'a Applied,
    of: Source,
}

/// The fields of a record, its category by number.
pub(super) fn fields(record: &Record) -> Vec<Option<String>> {
    let mut fields = record.fields.clone();
    if let Some(category) = record.category {
        fields[CATEGORY] = Some(named(category));
    }
    fields
}

/// A category, as plans that were executed name it.
pub(super) fn named(category: Id) -> String {
    format!("#{category}")
}

fn category_of(text: &str) -> Option<Id> {
    text.strip_prefix('#')?.parse().ok()
}

impl Reversal<'_> {
    fn subject(&self, subject: Id, done: &[&Done]) -> Vec<Plan> {
        self.whole(subject, done).unwrap_or_else(|| {
            let held = |done: &&Done| {
                Plan::idle(
                    done.plan.line,
                    done.plan.key.clone(),
                    Action::Skip,
                    vec!["target-changed"],
                )
            };
            done.iter().map(held).collect()
        })
    }

    /// `None`: it is held.
    fn whole(&self, subject: Id, done: &[&Done]) -> Option<Vec<Plan>> {
        let record = self.state.shelf(self.kind).records.get(&subject);
        let present = record.map(fields);
        let last = &done[done.len() - 1].plan.deed;
        let is_created = done[0].plan.deed.action == Action::Create;
        let is_deleted = last.action == Action::Delete;
        let nothing = || vec![Vec::new(); done.len()];
        let writes = match &present {
            Some(_) if is_deleted => nothing(),
            None if is_deleted => done.iter().map(|done| backwards(done)).collect(),
            Some(present) if is_created => self.uncreated(subject, done, present)?,
            None if is_created => nothing(),
            Some(present) => unwritten(done, present)?,
            None => return None,
        };
        if !self.is_free(subject, done, &writes, present.as_deref())
            || !self.has_categories(&writes)
        {
            return None;
        }
        let (is_gone, done_of_subject) = (record.is_none() && !is_deleted, done);
        let line = |(done, writes): (&&Done, Vec<Write>)| {
            let mut plan = Plan::of(
                done.plan.line,
                done.plan.key.as_deref().unwrap_or_default(),
                Action::Unchanged,
                subject,
                last.turn + 1 - done.plan.deed.turn,
                record.map(|record| record.version),
            );
            let category = writes
                .iter()
                .find(|write| self.kind == Kind::Courses && write.field == CATEGORY);
            plan.deed.category = category
                .and_then(|write| category_of(write.after.as_deref()?))
                .map(Category::There);
            plan.deed.writes = writes;
            plan.keeps_address =
                self.kind == Kind::People && keeps_address(done_of_subject, present.as_deref());
            if !is_gone {
                self.memberships(subject, done, &mut plan);
            }
            plan.deed.action = action(done.plan.deed.action, &plan);
            plan
        };
        let plans: Vec<Plan> = done.iter().zip(writes).map(line).collect();
        let is_whole = self.has_enrolments(subject, &plans)
            && plans
                .iter()
                .all(|plan| self.state.has_what_is_named(&plan.deed, true));
        is_whole.then_some(plans)
    }

    /// A role comes back only to somebody who is enrolled, or is again.
    fn has_enrolments(&self, person: Id, plans: &[Plan]) -> bool {
        let named = || plans.iter().flat_map(|plan| &plan.deed.courses);
        let is_back = |course: Id| named().any(|other| other.course == course && other.enrols);
        let is_enrolled =
            |course: Id| self.state.enrolments.contains_key(&(person, course)) || is_back(course);
        named()
            .filter(|named| named.adds_role)
            .all(|named| is_enrolled(named.course))
    }

    /// What was created goes, if it is just as it was left and nothing else hangs on it.
    fn uncreated(
        &self,
        subject: Id,
        done: &[&Done],
        present: &[Option<String>],
    ) -> Option<Vec<Vec<Write>>> {
        let mut left = vec![None; present.len()];
        for write in done.iter().flat_map(|done| &done.plan.deed.writes) {
            left[write.field].clone_from(&write.after);
        }
        if left != present || self.state.is_used(self.kind, subject, self.of) {
            return None;
        }
        let gone = || {
            left.iter()
                .cloned()
                .enumerate()
                .map(|(field, before)| Write {
                    field,
                    before,
                    after: None,
                })
                .collect()
        };
        let is_create = |done: &&Done| done.plan.deed.action == Action::Create;
        Some(
            done.iter()
                .map(|done| if is_create(done) { gone() } else { Vec::new() })
                .collect(),
        )
    }

    /// Names and addresses that come back must be nobody else's.
    fn is_free(
        &self,
        subject: Id,
        done: &[&Done],
        writes: &[Vec<Write>],
        present: Option<&[Option<String>]>,
    ) -> bool {
        let is_others = |holder: Option<Id>| holder.is_some_and(|holder| holder != subject);
        let comes_back = present.is_none() && writes.iter().any(|writes| !writes.is_empty());
        if comes_back
            && is_others(
                self.state
                    .shelf(self.kind)
                    .find(done[0].plan.key.as_deref().unwrap_or_default()),
            )
        {
            return false;
        }
        if self.kind != Kind::People || keeps_address(done, present) {
            return true;
        }
        let wanted = writes
            .iter()
            .flatten()
            .filter(|write| is_of_address(write))
            .filter_map(|write| lower(write.after.as_ref()));
        !wanted
            .into_iter()
            .any(|email| is_others(self.state.addresses.get(&email).copied()))
    }

    /// The categories into which courses go back are there, or come back with them.
    fn has_categories(&self, writes: &[Vec<Write>]) -> bool {
        let ids = writes
            .iter()
            .flatten()
            .filter(|write| self.kind == Kind::Courses && write.field == CATEGORY);
        ids.filter_map(|write| category_of(write.after.as_deref()?))
            .all(|id| {
                self.state.categories.contains_key(&id)
                    || self
                        .undone
                        .removed
                        .iter()
                        .any(|(removed, _)| *removed == id)
            })
    }

    fn memberships(&self, person: Id, done: &Done, plan: &mut Plan) {
        let is_ours = |source: Option<&Source>| source == Some(&self.of);
        let joined = done.plan.deed.segments.iter().filter(|(_, joined)| *joined);
        plan.deed.leaves = joined
            .map(|(id, _)| *id)
            .filter(|id| is_ours(self.state.members.get(&(person, *id))))
            .collect();
        for named in &done.plan.deed.courses {
            let (place, role) = ((person, named.course), (person, named.course, named.role));
            let has_left = named.ends && done.taken.courses.contains(&named.course);
            let has_lost = done.taken.roles.contains(&(named.course, named.role));
            let (is_enrolled, has_role) = (
                self.state.enrolments.contains_key(&place),
                self.state.roles.contains_key(&role),
            );
            plan.deed.courses.push(Enrolment {
                course: named.course,
                role: named.role,
                enrols: has_left && !is_enrolled,
                adds_role: has_lost && !has_role,
                is_enrolled: has_left && is_enrolled,
                has_role: has_lost && has_role,
                ends: named.enrols
                    && is_ours(self.state.enrolments.get(&place))
                    && !self.state.has_other_role(person, named.course, self.of),
                takes_role: named.adds_role && is_ours(self.state.roles.get(&role)),
            });
        }
        for &segment in &done.taken.segments {
            plan.deed.segments.push((
                segment,
                !self.state.members.contains_key(&(person, segment)),
            ));
        }
        plan.deed.returned.clone_from(&done.taken.shown);
    }
}

fn lower(text: Option<&String>) -> Option<String> {
    text.map(|text| text.to_lowercase())
}

/// Does it write another address, not only other letters of the same?
fn is_of_address(write: &Write) -> bool {
    write.field == EMAIL && lower(write.before.as_ref()) != lower(write.after.as_ref())
}

/// Is the address back already, but for its letters' case?
fn keeps_address(done: &[&Done], present: Option<&[Option<String>]>) -> bool {
    let first = done
        .iter()
        .flat_map(|done| &done.plan.deed.writes)
        .find(|write| is_of_address(write));
    present.is_some_and(|present| {
        first.is_some_and(|first| lower(first.before.as_ref()) == lower(present[EMAIL].as_ref()))
    })
}

fn action(done: Action, plan: &Plan) -> Action {
    let deed = &plan.deed;
    let does =
        |course: &Enrolment| course.enrols || course.adds_role || course.ends || course.takes_role;
    let moves = deed.segments.iter().any(|(_, joins)| *joins)
        || !deed.leaves.is_empty()
        || deed.courses.iter().any(does);
    match done {
        Action::Create if !deed.writes.is_empty() => Action::Delete,
        Action::Delete if !deed.writes.is_empty() => Action::Create,
        _ if moves || !deed.writes.is_empty() => Action::Update,
        _ => Action::Unchanged,
    }
}

fn backwards(done: &Done) -> Vec<Write> {
    let turned = |write: &Write| Write {
        field: write.field,
        before: write.after.clone(),
        after: write.before.clone(),
    };
    done.plan.deed.writes.iter().map(turned).collect()
}

/// Fields get back what they held before the first line, if they hold what the last one wrote; what
/// is back already is left.
fn unwritten(done: &[&Done], present: &[Option<String>]) -> Option<Vec<Vec<Write>>> {
    let mut lines: Vec<Vec<Write>> = done.iter().map(|done| backwards(done)).collect();
    for (field, now) in present.iter().enumerate() {
        let mut writes = done
            .iter()
            .flat_map(|done| &done.plan.deed.writes)
            .filter(|write| write.field == field);
        let Some(first) = writes.next() else { continue };
        let last = writes.next_back().unwrap_or(first);
        if *now == first.before {
            for writes in &mut lines {
                writes.retain(|write| write.field != field);
            }
        } else if *now != last.after {
            return None;
        }
    }
    Some(lines)
}

/// Does an undo leave something that another undo may take back?
pub(crate) fn left_something(plans: &[Plan], applied: &Applied) -> bool {
    plans.iter().any(|plan| plan.deed.action == Action::Skip)
        || applied
            .outcomes
            .values()
            .any(|outcome| *outcome == Outcome::Held)
}
