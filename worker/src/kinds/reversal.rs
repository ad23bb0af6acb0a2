//! Taking back: what the fields of one subject would go back to. Pure: what was done and what is there go in.

use super::{
    details::Existing,
    importer::{Changes, Memberships, Plan},
};
use muster_shared::model::{
    issue::{Code, Issue},
    plan::Action,
    tally::Actions,
};
use std::collections::{HashMap, HashSet};

/// The fields of a kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a> {
    /// By position.
    pub(crate) names: &'a [&'static str],
    /// What a new record holds where nothing is written.
    pub(crate) defaults: &'a [Option<&'static str>],
    /// Those that follow from others.
    pub(crate) derived: &'a [usize],
    /// Those that no column of a file names, each with the one that shows it.
    pub(crate) shown_by: &'a [(usize, usize)],
}

/// What becomes of one subject.
pub(crate) enum Reversal {
    /// All is already as it was before.
    Nothing,
    /// Somebody else has changed it, or uses it: it is left alone.
    Held(Issue),
    /// What each of its lines would write, in the order in which they were done.
    Lines(Vec<Changes>),
}

/// The lines of one subject in the order of their turns, and its fields as they are now; `None`: it is not there.
pub(crate) fn of_subject(done: &[Plan], present: Option<&[Option<String>]>, fields: Fields<'_>) -> Reversal {
    let is = |plan: Option<&Plan>, action: Action| plan.is_some_and(|plan| plan.action == action);
    match present {
        Some(_) if is(done.last(), Action::Delete) => Reversal::Nothing,
        None if is(done.last(), Action::Delete) => Reversal::Lines(done.iter().map(backwards).collect()),
        Some(present) if is(done.first(), Action::Create) => uncreate(done, present, fields),
        None if is(done.first(), Action::Create) => Reversal::Nothing,
        Some(present) => unwrite(done, present, fields),
        None => Reversal::Held(Issue::warning(Code::TargetChanged, "It is no longer there.")),
    }
}

/// What was created is deleted, if it is just as it was left; what later lines wrote into it goes with it.
fn uncreate(done: &[Plan], present: &[Option<String>], fields: Fields<'_>) -> Reversal {
    let mut left: Vec<Option<String>> = fields.defaults.iter().map(|value| value.map(str::to_owned)).collect();
    for plan in done {
        for i in written(&plan.changes) {
            left[i].clone_from(&plan.changes.after[i]);
        }
    }
    let differs = |i: &usize| !fields.derived.contains(i) && left[*i] != present[*i];
    if let Some(i) = (0..left.len()).find(differs) {
        return held(i, present, fields);
    }
    let gone = |plan: &Plan| if plan.action == Action::Create { gone(&left) } else { Changes::default() };
    Reversal::Lines(done.iter().map(gone).collect())
}

/// Written fields get back what they held before, if they hold what was written last; one that is back already is left out.
fn unwrite(done: &[Plan], present: &[Option<String>], fields: Fields<'_>) -> Reversal {
    let mut changes: Vec<Changes> = done.iter().map(backwards).collect();
    for i in 0..present.len() {
        let mut writers = done.iter().filter(|plan| plan.changes.mask & (1 << i) != 0);
        let Some(first) = writers.next() else { continue };
        let last = writers.next_back().unwrap_or(first);
        let is_back = present[i] == first.changes.before[i];
        if is_back {
            for changes in &mut changes {
                changes.leave(i);
            }
        } else if present[i] != last.changes.after[i] && !fields.derived.contains(&i) {
            return held(i, present, fields);
        }
    }
    Reversal::Lines(changes)
}

fn written(changes: &Changes) -> impl Iterator<Item = usize> {
    (0..changes.after.len()).filter(|i| changes.mask & (1 << i) != 0)
}

/// The deletion of a record that holds this.
fn gone(left: &[Option<String>]) -> Changes {
    let mut gone = Changes::default();
    for (i, value) in left.iter().enumerate() {
        gone.write(i, left.len(), value.as_deref(), None);
    }
    gone
}

fn backwards(plan: &Plan) -> Changes {
    let Changes { mask, before, after } = plan.changes.clone();
    Changes { mask, before: after, after: before }
}

fn held(i: usize, present: &[Option<String>], fields: Fields<'_>) -> Reversal {
    let shown = fields.shown_by.iter().find(|(hidden, _)| *hidden == i).map_or(i, |(_, shown)| *shown);
    let name = fields.names[shown];
    let message = format!("`{name}` was changed since, so nothing of it is taken back.");
    Reversal::Held(Issue::warning(Code::TargetChanged, message).at(name, present[shown].as_deref().unwrap_or_default()))
}

/// What takes back lines that are complete by subject: `of` one subject's. Lines of a subject that is held are skipped.
pub(crate) fn of_all(done: &[Plan], mut of: impl FnMut(&[Plan]) -> Result<Vec<Plan>, Issue>) -> Vec<Plan> {
    let by_subject = done.chunk_by(|one, next| one.subject == next.subject);
    let reversed = by_subject.flat_map(|lines| match of(lines) {
        Ok(plans) => plans,
        Err(issue) => lines.iter().map(|plan| Plan::idle(plan.line, Action::Skip, vec![issue.clone()])).collect(),
    });
    reversed.collect()
}

/// The plan that takes back one line of a subject with so many turns, which is found at that version.
pub(crate) fn of_line(done: &Plan, turns: i16, version: Option<i64>, changes: Changes, memberships: Memberships) -> Plan {
    let action = match done.action {
        Action::Create if changes.mask != 0 => Action::Delete,
        Action::Delete if changes.mask != 0 => Action::Create,
        _ if changes.mask != 0 || memberships.change() => Action::Update,
        _ => Action::Unchanged,
    };
    Plan {
        subject: done.subject,
        turn: turns + 1 - done.turn,
        target_version: version,
        changes,
        memberships,
        ..Plan::idle(done.line, action, Vec::new())
    }
}

/// Plain records of a kind as they are now.
pub(crate) struct Records<'a> {
    pub(crate) fields: Fields<'a>,
    /// By id.
    pub(crate) present: HashMap<i64, Existing>,
    /// Who has the keys that would come back.
    pub(crate) holders: HashMap<String, i64>,
    /// Those on which something hangs.
    pub(crate) used: HashSet<i64>,
}

impl Records<'_> {
    /// Plans what takes back these lines, and counts it; `check` is handed each record as it is now, and may hold it.
    pub(crate) fn plan(
        &self,
        done: &[Plan],
        check: impl Fn(Option<&Existing>, Vec<Plan>) -> Result<Vec<Plan>, Issue>,
    ) -> (Vec<Plan>, Actions) {
        let present = |lines: &[Plan]| lines[0].subject.and_then(|id| self.present.get(&id));
        let plans = of_all(done, |lines| check(present(lines), self.record(lines)?));
        let mut actions = Actions::default();
        for plan in &plans {
            actions.add(plan.action);
        }
        (plans, actions)
    }

    /// The plans for the lines of one record, or why it is left alone. The key of a record is its first field.
    fn record(&self, done: &[Plan]) -> Result<Vec<Plan>, Issue> {
        let id = done[0].subject.unwrap_or_default();
        let present = self.present.get(&id);
        let changes = match of_subject(done, present.map(|record| record.fields.as_slice()), self.fields) {
            Reversal::Held(issue) => return Err(issue),
            Reversal::Nothing => vec![Changes::default(); done.len()],
            Reversal::Lines(changes) => changes,
        };
        let is_deleted = present.is_some() && done[0].action == Action::Create;
        if is_deleted && self.used.contains(&id) {
            return Err(Issue::warning(Code::TargetChanged, "It is in use by now, so it stays."));
        }
        let keys = changes.iter().filter(|changes| changes.mask & 1 != 0).filter_map(|changes| changes.after[0].as_ref());
        if let Some(key) = keys.into_iter().find(|key| self.holders.get(*key).is_some_and(|holder| *holder != id)) {
            return Err(Issue::warning(Code::TargetChanged, "There is another with this key now.").at(self.fields.names[0], key));
        }
        let version = present.and_then(|record| record.version);
        let turns = done.last().map_or(0, |last| last.turn);
        let line = |(line, changes)| of_line(line, turns, version, changes, Memberships::default());
        Ok(done.iter().zip(changes).map(line).collect())
    }
}

/// The subjects of some lines.
pub(crate) fn subjects(done: &[Plan]) -> Vec<i64> {
    let mut ids: Vec<i64> = done.iter().filter_map(|plan| plan.subject).collect();
    ids.dedup();
    ids
}

/// The values of a field that would come back.
pub(crate) fn returning(done: &[Plan], field: usize) -> Vec<String> {
    done.iter().filter_map(|plan| plan.changes.before.get(field)?.clone()).collect()
}
