//! Executing plans: person by person, as they are, held where they changed, taken apart where the
//! LMS refuses.

mod deeds;

use super::{
    Action, Category, Counts, Id, Kind, Outcome, Plan, Rules, Source, State, Table, plans,
    state::{EMAIL, Node, Place, Shelf},
    undo,
};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Where plans come from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Origin<'a> {
    File {
        rules: &'a Rules,
        table: &'a Table,
    },
    /// Another import's, read backwards.
    Undo {
        kind: Kind,
        undone: &'a Applied,
        of: Source,
        /// Under whose number subjects come back: of the import that made them first.
        first: Source,
    },
}

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
    /// What an undo would read backwards, by subject and turn.
    pub(super) done: Vec<Done>,
    /// Categories that it made, and that it took away.
    pub(super) made: Vec<(Id, Node)>,
    pub(super) removed: Vec<(Id, Node)>,
}

/// A plan that was executed, with categories by number.
#[derive(Debug, Clone)]
pub(super) struct Done {
    pub(super) plan: Plan,
    pub(super) taken: Taken,
}

/// Memberships that were really taken away.
#[derive(Debug, Clone, Default)]
pub(super) struct Taken {
    pub(super) segments: Vec<Id>,
    pub(super) courses: Vec<Id>,
    pub(super) roles: Vec<(Id, &'static str)>,
    /// Under whose number each stood.
    pub(super) shown: BTreeMap<Place, Source>,
}

struct Apply<'a> {
    state: &'a mut State,
    origin: &'a Origin<'a>,
    kind: Kind,
    source: Source,
    /// The import that is undone.
    undoes: Option<Source>,
    /// Paths of categories that plans make.
    paths: HashSet<String>,
    /// Categories that came back, by the number that they had.
    back: HashMap<Id, Id>,
    applied: Applied,
}

impl Origin<'_> {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::File { rules, .. } => rules.kind,
            Self::Undo { kind, .. } => *kind,
        }
    }
}

/// Executes plans; `executed`: only what an import that ended early came to.
pub(crate) fn apply(
    state: &mut State,
    origin: &Origin<'_>,
    plans: &[Plan],
    source: Source,
    executed: Option<&Executed>,
) -> Applied {
    let undoes = if let Origin::Undo { of, .. } = origin {
        Some(*of)
    } else {
        None
    };
    let (kind, back) = (origin.kind(), HashMap::new());
    let mut apply = Apply {
        state,
        origin,
        kind,
        source,
        undoes,
        paths: HashSet::new(),
        back,
        applied: Applied::default(),
    };
    if executed.is_none_or(|executed| executed.groundwork) {
        apply.groundwork(plans);
    }
    let mut subjects: BTreeMap<Id, Vec<&Plan>> = BTreeMap::new();
    for plan in plans {
        match plan.deed.subject {
            Some(subject) => subjects.entry(subject).or_default().push(plan),
            // An undo leaves alone what is no longer as it was left.
            None if undoes.is_some() => apply.record(plan, Outcome::Held),
            None => apply.record(plan, plan.deed.action.outcome()),
        }
    }
    for (subject, mut plans) in subjects {
        plans.sort_by_key(|plan| plan.deed.turn);
        if let Some(executed) = executed {
            let lines = plans
                .iter()
                .filter(|plan| executed.lines.contains(&plan.line))
                .count();
            if lines == 0 {
                continue;
            } else if lines < plans.len() {
                apply.applied.impossible = Some(format!(
                    "of {:?} only some lines were executed",
                    plans[0].key
                ));
            }
        }
        apply.subject(subject, &plans);
    }
    if executed.is_none() {
        apply.last();
    }
    apply.applied.effects.retain(|_, count| *count != 0);
    apply.applied
}

impl Apply<'_> {
    /// Under whose number subjects and categories are made.
    fn first(&self) -> Source {
        if let Origin::Undo { first, .. } = self.origin {
            *first
        } else {
            self.source
        }
    }

    fn record(&mut self, plan: &Plan, outcome: Outcome) {
        self.applied.outcomes.insert(plan.line, outcome);
    }

    fn add(&mut self, effect: &'static str, count: usize) {
        *self.applied.effects.entry(effect).or_default() += count as i64;
    }

    /// Makes the categories that are missing still, from the root; none where the one is gone in
    /// which it belongs.
    fn groundwork(&mut self, plans: &[Plan]) {
        if let Origin::Undo { undone, .. } = self.origin {
            // Taken away from the leaves, they come back from the root.
            for (id, node) in undone.removed.iter().rev() {
                let parent = node
                    .parent
                    .map(|parent| self.back.get(&parent).copied().unwrap_or(parent));
                if parent.is_none_or(|parent| self.state.categories.contains_key(&parent)) {
                    let there = self
                        .state
                        .child(parent, &node.name)
                        .unwrap_or_else(|| self.make(*id, parent, &node.name));
                    self.back.insert(*id, there);
                }
            }
            return;
        }
        let path = |plan: &Plan| match &plan.deed.category {
            Some(Category::Made(path)) if self.has_ground(plan) => Some(path.clone()),
            _ => None,
        };
        self.paths = plans.iter().filter_map(path).collect();
        let mut paths: Vec<String> = self.paths.iter().cloned().collect();
        paths.sort();
        for path in paths {
            let mut parent = None;
            for name in path.split(" / ") {
                let there = self.state.child(parent, name);
                parent = Some(there.unwrap_or_else(|| {
                    let id = self.state.fresh();
                    self.make(id, parent, name)
                }));
            }
        }
    }

    /// Is the category there in which another would be made for this plan?
    fn has_ground(&self, plan: &Plan) -> bool {
        plan.under
            .is_none_or(|id| self.state.categories.contains_key(&id))
    }

    fn make(&mut self, id: Id, parent: Option<Id>, name: &str) -> Id {
        let node = Node {
            parent,
            name: name.to_owned(),
            source: self.first(),
        };
        self.state.categories.insert(id, node.clone());
        self.applied.made.push((id, node));
        self.add("categories_created", 1);
        id
    }

    /// What the undone import made goes at the end, from the leaves, if nothing hangs on it.
    fn last(&mut self) {
        let Origin::Undo { undone, .. } = self.origin else {
            return;
        };
        for (id, node) in undone.made.iter().rev() {
            let has_courses = self
                .state
                .courses
                .records
                .values()
                .any(|course| course.category == Some(*id));
            let has_children = self
                .state
                .categories
                .values()
                .any(|node| node.parent == Some(*id));
            if !has_courses && !has_children && self.state.categories.remove(id).is_some() {
                self.applied.removed.push((*id, node.clone()));
                self.add("categories_deleted", 1);
            }
        }
    }

    fn shelf(&mut self) -> &mut Shelf {
        self.state.shelf_mut(self.kind)
    }

    fn subject(&mut self, subject: Id, plans: &[&Plan]) {
        if !self.is_as_planned(subject, plans) {
            for plan in plans {
                self.record(plan, Outcome::Held);
            }
            return;
        }
        let mut is_refused = false;
        for plan in plans {
            if is_refused {
                self.record(plan, Outcome::Held);
                continue;
            }
            is_refused = self.is_taken(subject, plan);
            if is_refused {
                self.record(plan, Outcome::Held);
            } else {
                self.turn(subject, plan);
                self.record(plan, plan.deed.action.outcome());
            }
        }
    }

    /// A subject that changed since is planned again; the same plan goes on. On what is deleted
    /// nothing else may hang.
    fn is_as_planned(&mut self, subject: Id, stored: &[&Plan]) -> bool {
        let is_deleted = stored.iter().any(|plan| plan.deed.action == Action::Delete);
        if let Some(undone) = self.undoes.filter(|_| is_deleted)
            && self.state.is_used(self.kind, subject, undone)
        {
            return false;
        }
        if !stored.iter().all(|plan| self.names_what_is_there(plan)) {
            return false;
        }
        let Some(version) = stored.iter().find_map(|plan| plan.version) else {
            return true;
        };
        let is_as_found = self
            .shelf()
            .records
            .get(&subject)
            .is_some_and(|record| record.version == version);
        if is_as_found && self.has_what_is_granted(subject, stored) {
            return true;
        }
        let mut fresh = match self.origin {
            Origin::Undo {
                kind, undone, of, ..
            } => undo::plans(self.state, *kind, undone, *of, Some(subject)),
            Origin::File { rules, table } => {
                let lines: HashSet<u32> = stored.iter().map(|plan| plan.line).collect();
                plans(self.state, rules, table, &|line| lines.contains(&line))
            }
        };
        for plan in &mut fresh {
            // What this import made goes by the same name as when it was missing.
            if let Some(Category::There(id)) = plan.deed.category {
                let path = self.state.path(id);
                if self.paths.contains(&path) {
                    plan.deed.category = Some(Category::Made(path));
                }
            }
        }
        fresh.sort_by_key(|plan| plan.deed.turn);
        fresh.len() == stored.len()
            && fresh
                .iter()
                .zip(stored)
                .all(|(fresh, stored)| fresh.deed == stored.deed)
    }

    /// Are the segments, courses and categories there that a plan names? An undo names more courses
    /// than it gives something in.
    fn names_what_is_there(&self, plan: &Plan) -> bool {
        let deed = &plan.deed;
        let has_category = match &deed.category {
            Some(Category::There(id)) => self
                .state
                .categories
                .contains_key(&self.back.get(id).copied().unwrap_or(*id)),
            Some(Category::Made(_)) => self.has_ground(plan),
            None => true,
        };
        has_category && self.state.has_what_is_named(deed, self.undoes.is_some())
    }

    /// Has the person what the plans leave as it is, if no line before gives it? An undo counts on
    /// enrolments for roles, and on what it would give back and finds.
    fn has_what_is_granted(&self, person: Id, stored: &[&Plan]) -> bool {
        let (mut members, mut enrolments, mut roles) =
            (HashSet::new(), HashSet::new(), HashSet::new());
        for plan in stored {
            for &(segment, joins) in &plan.deed.segments {
                if joins {
                    members.insert(segment);
                } else if !members.contains(&segment)
                    && !self.state.members.contains_key(&(person, segment))
                {
                    return false;
                }
            }
            for named in &plan.deed.courses {
                let (course, role) = (named.course, named.role);
                if named.enrols {
                    enrolments.insert(course);
                }
                let is_enrolled = enrolments.contains(&course)
                    || self.state.enrolments.contains_key(&(person, course));
                if !is_enrolled && (self.undoes.is_none() || named.adds_role || named.is_enrolled) {
                    return false;
                }
                if named.adds_role {
                    roles.insert((course, role));
                } else if (self.undoes.is_none() || named.has_role)
                    && !roles.contains(&(course, role))
                    && !self.state.roles.contains_key(&(person, course, role))
                {
                    return false;
                }
            }
        }
        true
    }

    /// Has somebody else taken the key or the address since?
    fn is_taken(&mut self, subject: Id, plan: &Plan) -> bool {
        let key = plan.key.as_deref().unwrap_or_default();
        if plan.deed.action == Action::Create && self.shelf().find(key).is_some() {
            return true;
        }
        let email =
            plan.deed.writes.iter().find(|write| {
                self.kind == Kind::People && write.field == EMAIL && !plan.keeps_address
            });
        let holder = email.and_then(|email| {
            self.state
                .addresses
                .get(&email.after.as_ref()?.to_lowercase())
        });
        holder.is_some_and(|holder| *holder != subject)
    }
}
