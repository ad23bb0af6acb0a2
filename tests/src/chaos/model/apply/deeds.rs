//! One line's deeds: what it takes away, what it writes, what it gives.

use super::{Apply, Done, Taken};
use crate::chaos::model::{
    Action, Category, Id, Kind, Plan, Source, effect,
    state::{CATEGORY, COURSES, EMAIL, PEOPLE, Place, Record, SEGMENTS},
    undo::named,
};

impl Apply<'_> {
    /// Executes a line.
    pub(super) fn turn(&mut self, subject: Id, plan: &Plan) {
        let deed = &plan.deed;
        let category = self.category(plan);
        let joins: Vec<Id> = deed
            .segments
            .iter()
            .filter(|(_, joins)| *joins)
            .map(|(id, _)| *id)
            .collect();
        let taken = self.take(subject, plan);
        let mut done = plan.clone();
        if deed.action == Action::Delete {
            self.delete(subject, plan);
        } else if deed.action == Action::Create || !deed.writes.is_empty() {
            self.write(subject, &mut done, category);
        }
        self.give(subject, &joins, plan);
        if !matches!(deed.action, Action::Unchanged) {
            self.applied.done.push(Done { plan: done, taken });
        }
    }

    /// The category into which a course goes.
    fn category(&self, plan: &Plan) -> Option<Id> {
        match plan.deed.category.as_ref()? {
            Category::There(id) => Some(self.back.get(id).copied().unwrap_or(*id)),
            Category::Made(path) => self.state.category(path),
        }
    }

    /// Only an undo takes away, and only what the undone import gave. Roles go before enrolments,
    /// on which they hang.
    fn take(&mut self, person: Id, plan: &Plan) -> Taken {
        let mut taken = Taken::default();
        let Some(undone) = self.undoes else {
            return taken;
        };
        for &segment in &plan.deed.leaves {
            if self.state.members.get(&(person, segment)) == Some(&undone) {
                self.state.members.remove(&(person, segment));
                taken.segments.push(segment);
                self.hide(('s', person, segment, ""), undone, &mut taken);
            }
        }
        for course in plan.deed.courses.iter().filter(|course| course.takes_role) {
            let role = (person, course.course, course.role);
            if self.state.roles.get(&role) == Some(&undone) {
                self.state.roles.remove(&role);
                taken.roles.push((course.course, course.role));
                self.hide(
                    ('r', person, course.course, course.role),
                    undone,
                    &mut taken,
                );
            }
        }
        for course in plan.deed.courses.iter().filter(|course| course.ends) {
            let place = (person, course.course);
            let is_kept = self.state.has_other_role(person, course.course, undone);
            if self.state.enrolments.get(&place) == Some(&undone) && !is_kept {
                self.state.enrolments.remove(&place);
                taken.courses.push(course.course);
                self.hide(('e', person, course.course, ""), undone, &mut taken);
            }
        }
        self.add("segments_left", taken.segments.len());
        self.add("course_roles_removed", taken.roles.len());
        self.add("enrolments_removed", taken.courses.len());
        taken
    }

    /// Remembers under whose number a membership stood that is taken away.
    fn hide(&mut self, place: Place, given_by: Source, taken: &mut Taken) {
        taken.shown.insert(
            place,
            self.state.first_given_by.remove(&place).unwrap_or(given_by),
        );
    }

    /// Gives a membership the number under which it stood.
    fn show(&mut self, place: Place, plan: &Plan) {
        if let Some(&first) = plan.deed.returned.get(&place) {
            self.state.first_given_by.insert(place, first);
        }
    }

    fn delete(&mut self, subject: Id, plan: &Plan) {
        let email = self
            .shelf()
            .records
            .get(&subject)
            .and_then(|record| record.fields.get(EMAIL).cloned().flatten());
        if let Some(email) = email.filter(|_| self.kind == Kind::People) {
            self.state.addresses.remove(&email.to_lowercase());
        }
        self.shelf().remove(subject);
        self.count(plan);
    }

    fn count(&mut self, plan: &Plan) {
        if let Some(effect) = effect(self.kind, &plan.deed) {
            self.add(effect, 1);
        }
    }

    /// Writes fields; of a category it is remembered which it was and is.
    fn write(&mut self, subject: Id, plan: &mut Plan, category: Option<Id>) {
        let kind = self.kind;
        let key = plan.key.clone().unwrap_or_default();
        let source = self.first();
        if plan.deed.action == Action::Create {
            let fields = match kind {
                Kind::People => PEOPLE,
                Kind::Segments => SEGMENTS,
                Kind::Courses => COURSES,
            };
            let version = self.shelf().last_version(subject);
            self.shelf().insert(
                subject,
                Record {
                    key,
                    fields: vec![None; fields.len()],
                    category: None,
                    version,
                    source,
                },
            );
        }
        let mut address = None;
        if let Some(record) = self.shelf().records.get_mut(&subject) {
            record.version += 1;
            for write in &mut plan.deed.writes {
                if kind == Kind::Courses && write.field == CATEGORY {
                    write.before = record.category.map(named);
                    record.category = category;
                    write.after = category.map(named);
                    continue;
                }
                let before =
                    std::mem::replace(&mut record.fields[write.field], write.after.clone());
                if kind == Kind::People && write.field == EMAIL && !plan.keeps_address {
                    address = Some((before, write.after.clone()));
                }
            }
        }
        if let Some((before, after)) = address {
            if let Some(before) = before {
                self.state.addresses.remove(&before.to_lowercase());
            }
            self.state
                .addresses
                .extend(after.map(|after| (after.to_lowercase(), subject)));
        }
        self.count(plan);
    }

    fn give(&mut self, person: Id, joins: &[Id], plan: &Plan) {
        for &segment in joins {
            let is_new = !self.state.members.contains_key(&(person, segment));
            if is_new {
                self.state.members.insert((person, segment), self.source);
                self.show(('s', person, segment, ""), plan);
            }
            self.add("segments_joined", usize::from(is_new));
        }
        for course in &plan.deed.courses {
            let (place, role) = (
                (person, course.course),
                (person, course.course, course.role),
            );
            let enrols = course.enrols && !self.state.enrolments.contains_key(&place);
            let adds = course.adds_role && !self.state.roles.contains_key(&role);
            if enrols {
                self.state.enrolments.insert(place, self.source);
                self.show(('e', person, course.course, ""), plan);
            }
            if adds {
                self.state.roles.insert(role, self.source);
                self.show(('r', person, course.course, course.role), plan);
            }
            self.add("enrolments_created", usize::from(enrols));
            self.add("course_roles_added", usize::from(adds));
        }
    }
}
