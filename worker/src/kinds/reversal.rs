//! Taking back: what the fields of one subject would go back to. Pure: what was done and what is
//! there go in.

use muster_shared::{
    model::issue::{Code, Issue},
    plan::{Changes, Deed, DonePlan, Membership, Plan, Write},
};

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

/// The lines of one subject in the order in which they were done, and its fields as they are now;
/// `None`: it is not there.
pub(crate) fn of_subject(
    done: &[DonePlan],
    present: Option<&[Option<String>]>,
    fields: Fields<'_>,
) -> Reversal {
    let is = |plan: Option<&DonePlan>, deed: Deed| plan.is_some_and(|plan| plan.write.deed == deed);
    match present {
        Some(_) if is(done.last(), Deed::Delete) => Reversal::Nothing,
        None if is(done.last(), Deed::Delete) => Reversal::Lines(reversed(done)),
        Some(present) if is(done.first(), Deed::Create) => uncreate(done, present, fields),
        None if is(done.first(), Deed::Create) => Reversal::Nothing,
        Some(present) => unwrite(done, present, fields),
        None => Reversal::Held(Issue::warning(
            Code::TargetChanged,
            "It is no longer there.",
        )),
    }
}

/// What was created is deleted, if it is just as it was left; what later lines wrote into it goes
/// with it.
fn uncreate(done: &[DonePlan], present: &[Option<String>], fields: Fields<'_>) -> Reversal {
    let mut left: Vec<Option<String>> = fields
        .defaults
        .iter()
        .map(|value| value.map(str::to_owned))
        .collect();
    for change in done.iter().flat_map(|plan| plan.write.changes.iter()) {
        left[change.field].clone_from(&change.after);
    }
    let differs = |i: &usize| !fields.derived.contains(i) && left[*i] != present[*i];
    if let Some(i) = (0..left.len()).find(differs) {
        return held(i, present, fields);
    }
    let gone = |plan: &DonePlan| {
        if plan.write.deed == Deed::Create {
            Changes::of_gone(&left)
        } else {
            Changes::default()
        }
    };
    Reversal::Lines(done.iter().map(gone).collect())
}

/// Written fields get back what they held before, if they hold what was written last; one that is
/// back already is left out.
fn unwrite(done: &[DonePlan], present: &[Option<String>], fields: Fields<'_>) -> Reversal {
    let mut changes = reversed(done);
    for i in 0..present.len() {
        let mut writers = done.iter().filter_map(|plan| plan.write.changes.of(i));
        let Some(first) = writers.next() else {
            continue;
        };
        let last = writers.next_back().unwrap_or(first);
        if present[i] == first.before {
            for changes in &mut changes {
                changes.leave(i);
            }
        } else if present[i] != last.after && !fields.derived.contains(&i) {
            return held(i, present, fields);
        }
    }
    Reversal::Lines(changes)
}

fn reversed(done: &[DonePlan]) -> Vec<Changes> {
    done.iter()
        .map(|plan| plan.write.changes.reversed())
        .collect()
}

fn held(i: usize, present: &[Option<String>], fields: Fields<'_>) -> Reversal {
    let shown = fields
        .shown_by
        .iter()
        .find(|(hidden, _)| *hidden == i)
        .map_or(i, |(_, shown)| *shown);
    let name = fields.names[shown];
    let message = format!("`{name}` was changed since, so nothing of it is taken back.");
    Reversal::Held(
        Issue::warning(Code::TargetChanged, message)
            .at(name, present[shown].as_deref().unwrap_or_default()),
    )
}

/// What takes back lines that are complete by subject: `of` one subject's. Lines of a subject that
/// is held are skipped.
pub(crate) fn of_all(
    done: &[DonePlan],
    mut of: impl FnMut(&[DonePlan]) -> Result<Vec<Plan>, Issue>,
) -> Vec<Plan> {
    let by_subject = done.chunk_by(|one, next| one.write.subject == next.write.subject);
    let reversed = by_subject.flat_map(|lines| match of(lines) {
        Ok(plans) => plans,
        Err(issue) => lines
            .iter()
            .map(|plan| Plan::skip(plan.line, vec![issue.clone()]))
            .collect(),
    });
    reversed.collect()
}

/// The number of the last line of a subject, in the order in which its lines were done.
pub(crate) fn last_seq(done: &[DonePlan]) -> i16 {
    done.last().map_or(0, |last| last.write.seq)
}

/// The plan that takes back one line of a subject whose last one was the `last_seq`th, and which is
/// found at that version.
pub(crate) fn of_line(
    done: &DonePlan,
    last_seq: i16,
    version: Option<i64>,
    changes: Changes,
    memberships: Vec<Membership>,
) -> Plan {
    let DonePlan {
        line,
        write:
            Write {
                subject,
                target,
                seq,
                deed,
                ..
            },
    } = *done;
    let mut write = Write::update(subject, last_seq + 1 - seq, version, changes, memberships);
    write.target = target;
    write.deed = match deed {
        Deed::Create if !write.changes.is_empty() => Deed::Delete,
        Deed::Delete if !write.changes.is_empty() => Deed::Create,
        _ => write.deed,
    };
    if write.deed == Deed::Create {
        // It goes on from there: plans that rest on an earlier version must not find that version
        // again.
        write.version = done.write.version;
    }
    Plan::write(line, write, Vec::new())
}

/// The subjects of some lines.
pub(crate) fn subjects(done: &[DonePlan]) -> Vec<i64> {
    let mut ids: Vec<i64> = done.iter().map(|plan| plan.write.subject).collect();
    ids.dedup();
    ids
}

/// The values of a field that would come back.
pub(crate) fn returning(done: &[DonePlan], field: usize) -> Vec<String> {
    done.iter()
        .filter_map(|plan| plan.write.changes.of(field)?.before.clone())
        .collect()
}
