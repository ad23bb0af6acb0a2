//! Executing plans: person by person, as they are, held where they changed, taken apart where the LMS refuses.

mod deeds;

use super::{
    Action, Category, Counts, Id, Kind, Outcome, Plan, Rules, Source, State, Table, plans,
    state::{EMAIL, Node, Shelf},
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
    /// What comes before all lines cannot be done: a category is gone in which another would be made.
    pub(crate) is_stuck: bool,
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
pub(crate) fn apply(state: &mut State, origin: &Origin<'_>, plans: &[Plan], source: Source, executed: Option<&Executed>) -> Applied {
    let undoes = if let Origin::Undo { of, .. } = origin { Some(*of) } else { None };
    let (kind, back) = (origin.kind(), HashMap::new());
    let mut apply = Apply { state, origin, kind, source, undoes, paths: HashSet::new(), back, applied: Applied::default() };
    apply.applied.is_stuck = !apply.has_ground(plans);
    if executed.is_none_or(|executed| executed.groundwork) && !apply.applied.is_stuck {
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
            let lines = plans.iter().filter(|plan| executed.lines.contains(&plan.line)).count();
            if lines == 0 {
                continue;
            } else if lines < plans.len() {
                apply.applied.impossible = Some(format!("of {:?} only some lines were executed", plans[0].key));
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
    fn record(&mut self, plan: &Plan, outcome: Outcome) {
        self.applied.outcomes.insert(plan.line, outcome);
    }

    fn add(&mut self, effect: &'static str, count: usize) {
        *self.applied.effects.entry(effect).or_default() += count as i64;
    }

    /// Can what is missing be made where it belongs?
    fn has_ground(&self, plans: &[Plan]) -> bool {
        if let Origin::Undo { undone, .. } = self.origin {
            let comes_back = |id: Id| undone.removed.iter().any(|(removed, _)| *removed == id);
            let has_parent = |node: &Node| node.parent.is_none_or(|id| self.state.categories.contains_key(&id) || comes_back(id));
            return undone.removed.iter().all(|(_, node)| has_parent(node));
        }
        plans.iter().filter_map(|plan| plan.under).all(|id| self.state.categories.contains_key(&id))
    }

    /// Makes the categories that are missing still, from the root.
    fn groundwork(&mut self, plans: &[Plan]) {
        if let Origin::Undo { undone, .. } = self.origin {
            // Taken away from the leaves, they come back from the root.
            for (id, node) in undone.removed.iter().rev() {
                let parent = node.parent.map(|parent| self.back.get(&parent).copied().unwrap_or(parent));
                let there = self.state.child(parent, &node.name).unwrap_or_else(|| self.make(*id, parent, &node.name));
                self.back.insert(*id, there);
            }
            return;
        }
        for plan in plans {
            if let Some(Category::Made(path)) = &plan.deed.category {
                self.paths.insert(path.clone());
            }
        }
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

    fn make(&mut self, id: Id, parent: Option<Id>, name: &str) -> Id {
        let node = Node { parent, name: name.to_owned(), source: self.source };
        self.state.categories.insert(id, node.clone());
        self.applied.made.push((id, node));
        self.add("categories_created", 1);
        id
    }

    /// What the undone import made goes at the end, from the leaves, if nothing hangs on it.
    fn last(&mut self) {
        let Origin::Undo { undone, .. } = self.origin else { return };
        for (id, node) in undone.made.iter().rev() {
            let has_courses = self.state.courses.records.values().any(|course| course.category == Some(*id));
            let has_children = self.state.categories.values().any(|node| node.parent == Some(*id));
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
            match self.turn(subject, plan) {
                Ok(()) => self.record(plan, plan.deed.action.outcome()),
                Err(why) => {
                    self.record(plan, if matches!(why, Refusal::Taken) { Outcome::Held } else { Outcome::Failed });
                    is_refused = true;
                }
            }
        }
    }

    /// A subject that changed since is planned again; the same plan goes on. On what is deleted nothing else may hang.
    fn is_as_planned(&mut self, subject: Id, stored: &[&Plan]) -> bool {
        let is_deleted = stored.iter().any(|plan| plan.deed.action == Action::Delete);
        if let Some(undone) = self.undoes.filter(|_| is_deleted)
            && self.state.is_used(self.kind, subject, undone)
        {
            return false;
        }
        let Some(version) = stored.iter().find_map(|plan| plan.version) else { return true };
        if self.shelf().records.get(&subject).is_some_and(|record| record.version == version) {
            return true;
        }
        let mut fresh = match self.origin {
            Origin::Undo { kind, undone, of } => undo::plans(self.state, *kind, undone, *of, Some(subject)),
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
        fresh.len() == stored.len() && fresh.iter().zip(stored).all(|(fresh, stored)| fresh.deed == stored.deed)
    }

    /// Has somebody else taken the key or the address since?
    fn is_taken(&mut self, subject: Id, plan: &Plan) -> bool {
        let key = plan.key.as_deref().unwrap_or_default();
        if plan.deed.action == Action::Create && self.shelf().find(key).is_some() {
            return true;
        }
        let email = plan.deed.writes.iter().find(|write| self.kind == Kind::People && write.field == EMAIL);
        let holder = email.and_then(|email| self.state.addresses.get(&email.after.as_ref()?.to_lowercase()));
        holder.is_some_and(|holder| *holder != subject)
    }
}
