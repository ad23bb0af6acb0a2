//! Executing plans: person by person, as they are, held where they changed, taken apart where the LMS refuses.

use super::{
    Action, Category, Counts, Id, Kind, Outcome, Plan, Rules, Source, State, Table, plans, records,
    state::{CATEGORY, COURSES, EMAIL, PEOPLE, Record, SEGMENTS, Shelf},
};
use std::collections::{BTreeMap, HashMap, HashSet};

/// What an import that ended early came to; all else is computed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Executed {
    /// Lines that apply came to.
    pub(crate) lines: HashSet<u32>,
    /// What comes before all lines was done.
    pub(crate) groundwork: bool,
}

/// What applying did.
#[derive(Debug, Clone, Default)]
pub(crate) struct Applied {
    /// By line; a line that apply never came to has none.
    pub(crate) outcomes: BTreeMap<u32, Outcome>,
    pub(crate) effects: Counts,
    /// Why what Muster says cannot be.
    pub(crate) impossible: Option<String>,
}

/// Why a turn could not be executed.
enum Refusal {
    /// Somebody else has the name or address by now.
    Taken,
    /// What it names is gone.
    Gone,
}

struct Apply<'a> {
    state: &'a mut State,
    rules: &'a Rules,
    table: &'a Table,
    source: Source,
    made: HashSet<String>,
    applied: Applied,
}

/// Executes plans; `executed`: only what an import that ended early came to.
pub(crate) fn apply(
    state: &mut State,
    rules: &Rules,
    table: &Table,
    plans: &[Plan],
    source: Source,
    executed: Option<&Executed>,
) -> Applied {
    let made: HashSet<String> = records::made(plans).into_iter().map(str::to_owned).collect();
    let mut apply = Apply { state, rules, table, source, made, applied: Applied::default() };
    if executed.is_none_or(|executed| executed.groundwork) {
        apply.groundwork();
    }
    let mut subjects: BTreeMap<Id, Vec<&Plan>> = BTreeMap::new();
    for plan in plans {
        match plan.deed.subject {
            Some(subject) => subjects.entry(subject).or_default().push(plan),
            None => apply.record(plan, plan.deed.action.outcome()),
        }
    }
    for (subject, plans) in subjects {
        if let Some(executed) = executed {
            let lines = plans.iter().filter(|plan| executed.lines.contains(&plan.line)).count();
            if lines == 0 {
                continue;
            } else if lines < plans.len() {
                apply.applied.impossible = Some(format!("of {:?} only some lines were executed", plans[0].key));
            }
        }
        apply.subject(subject, &plans);
    }
    apply.applied.effects.retain(|_, count| *count != 0);
    apply.applied
}

impl Apply<'_> {
    fn record(&mut self, plan: &Plan, outcome: Outcome) {
        self.applied.outcomes.insert(plan.line, outcome);
    }

    fn add(&mut self, effect: &'static str, count: usize) {
        *self.applied.effects.entry(effect).or_default() += count as i64;
    }

    /// Makes the categories that are missing still, from the root.
    fn groundwork(&mut self) {
        let mut paths: Vec<String> = self.made.iter().cloned().collect();
        paths.sort();
        for path in paths {
            let mut parent = None;
            for name in path.split(" / ") {
                parent = Some(match self.state.child(parent, name) {
                    Some(there) => there,
                    None => {
                        let id = self.state.fresh();
                        let node = super::state::Node { parent, name: name.to_owned(), source: self.source };
                        self.state.categories.insert(id, node);
                        self.add("categories_created", 1);
                        id
                    }
                });
            }
        }
    }

    fn shelf(&mut self) -> &mut Shelf {
        match self.rules.kind {
            Kind::People => &mut self.state.people,
            Kind::Segments => &mut self.state.segments,
            Kind::Courses => &mut self.state.courses,
        }
    }

    fn subject(&mut self, subject: Id, plans: &[&Plan]) {
        if !self.is_as_planned(subject, plans) {
            for plan in plans {
                self.record(plan, Outcome::Held);
            }
            return;
        }
        let mut refusal: Option<Refusal> = None;
        for plan in plans {
            if refusal.is_some() {
                self.record(plan, Outcome::Held);
                continue;
            }
            match self.turn(subject, plan) {
                Ok(()) => self.record(plan, plan.deed.action.outcome()),
                Err(why) => {
                    let outcome = if matches!(why, Refusal::Taken) { Outcome::Held } else { Outcome::Failed };
                    self.record(plan, outcome);
                    refusal = Some(why);
                }
            }
        }
    }

    /// A subject that changed since is planned again; the same plan goes on.
    fn is_as_planned(&mut self, subject: Id, stored: &[&Plan]) -> bool {
        let Some(version) = stored.iter().find_map(|plan| plan.version) else { return true };
        if self.shelf().records.get(&subject).is_some_and(|record| record.version == version) {
            return true;
        }
        let lines: HashSet<u32> = stored.iter().map(|plan| plan.line).collect();
        let mut fresh = plans(self.state, self.rules, self.table, &|line| lines.contains(&line));
        for plan in &mut fresh {
            // What this import made goes by the same name as when it was missing.
            if let Some(Category::There(id)) = plan.deed.category {
                let path = self.state.path(id);
                if self.made.contains(&path) {
                    plan.deed.category = Some(Category::Made(path));
                }
            }
        }
        fresh.len() == stored.len() && fresh.iter().zip(stored).all(|(fresh, stored)| fresh.deed == stored.deed)
    }

    fn turn(&mut self, subject: Id, plan: &Plan) -> Result<(), Refusal> {
        let deed = &plan.deed;
        if self.is_taken(subject, plan) {
            return Err(Refusal::Taken);
        }
        let category = match &deed.category {
            Some(Category::There(id)) if !self.state.categories.contains_key(id) => return Err(Refusal::Gone),
            Some(Category::There(id)) => Some(*id),
            Some(Category::Made(path)) => self.state.category(path),
            None => None,
        };
        let is_gone = |shelf: &Shelf, id: &Id| !shelf.records.contains_key(id);
        let joins: Vec<Id> = deed.segments.iter().filter(|(_, joins)| *joins).map(|(id, _)| *id).collect();
        let mut courses = deed.courses.iter().filter(|course| course.enrols || course.adds_role);
        if joins.iter().any(|id| is_gone(&self.state.segments, id)) || courses.any(|course| is_gone(&self.state.courses, &course.course)) {
            return Err(Refusal::Gone);
        }
        self.write(subject, plan, category);
        for segment in joins {
            let is_new = !self.state.members.contains_key(&(subject, segment));
            self.state.members.entry((subject, segment)).or_insert(self.source);
            self.add("segments_joined", usize::from(is_new));
        }
        for course in &deed.courses {
            let (place, role) = ((subject, course.course), (subject, course.course, course.role));
            let enrols = course.enrols && !self.state.enrolments.contains_key(&place);
            let adds = course.adds_role && !self.state.roles.contains_key(&role);
            if enrols {
                self.state.enrolments.insert(place, self.source);
            }
            if adds {
                self.state.roles.insert(role, self.source);
            }
            self.add("enrolments_created", usize::from(enrols));
            self.add("course_roles_added", usize::from(adds));
        }
        Ok(())
    }

    /// Has somebody else taken the key or the address since?
    fn is_taken(&mut self, subject: Id, plan: &Plan) -> bool {
        let key = plan.key.as_deref().unwrap_or_default();
        if plan.deed.action == Action::Create && self.shelf().find(key).is_some() {
            return true;
        }
        let email = plan.deed.writes.iter().find(|write| self.rules.kind == Kind::People && write.field == EMAIL);
        let holder = email.and_then(|email| self.state.addresses.get(&email.after.to_lowercase()));
        holder.is_some_and(|holder| *holder != subject)
    }

    fn write(&mut self, subject: Id, plan: &Plan, category: Option<Id>) {
        let kind = self.rules.kind;
        let creates = plan.deed.action == Action::Create;
        if !creates && plan.deed.writes.is_empty() {
            return;
        }
        let (fields, effect) = match (kind, creates) {
            (Kind::People, true) => (PEOPLE.len(), Some("users_created")),
            (Kind::People, false) => (PEOPLE.len(), None),
            (Kind::Segments, true) => (SEGMENTS.len(), Some("segments_created")),
            (Kind::Segments, false) => (SEGMENTS.len(), Some("segments_updated")),
            (Kind::Courses, true) => (COURSES.len(), Some("courses_created")),
            (Kind::Courses, false) => (COURSES.len(), Some("courses_updated")),
        };
        let (key, source) = (plan.key.clone().unwrap_or_default(), self.source);
        if creates {
            self.shelf().insert(subject, Record { key, fields: vec![None; fields], category: None, version: 0, source });
        }
        let mut addresses = HashMap::new();
        if let Some(record) = self.shelf().records.get_mut(&subject) {
            record.version += 1;
            record.category = category.or(record.category);
            for write in &plan.deed.writes {
                let before = record.fields[write.field].replace(write.after.clone());
                if kind == Kind::People && write.field == EMAIL {
                    addresses.insert(before.map(|before| before.to_lowercase()), write.after.to_lowercase());
                }
                if kind == Kind::Courses && write.field == CATEGORY {
                    record.fields[CATEGORY] = None;
                }
            }
        }
        for (before, after) in addresses {
            if let Some(before) = before {
                self.state.addresses.remove(&before);
            }
            self.state.addresses.insert(after, subject);
        }
        if let Some(effect) = effect {
            self.add(effect, 1);
        }
    }
}
