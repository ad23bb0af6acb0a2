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

#[cfg(test)]
mod tests {
    use super::*;

    /// Fields of a kind: a key, a name with a default, a note, and a number that nobody sees but by
    /// the note.
    const FIELDS: Fields<'static> = Fields {
        names: &["key", "name", "note", "number"],
        defaults: &[None, Some("none"), Some(""), None],
        derived: &[2],
        shown_by: &[(3, 2)],
    };

    fn texts(values: &[Option<&str>]) -> Vec<Option<String>> {
        values
            .iter()
            .map(|value| value.map(str::to_owned))
            .collect()
    }

    fn done(seq: i16, deed: Deed, changes: Changes) -> DonePlan {
        let mut write = Write::create(5, changes);
        (write.seq, write.deed, write.version) = (seq, deed, Some(7));
        DonePlan {
            line: i32::from(seq) + 1,
            write,
        }
    }

    fn created(values: &[Option<&str>]) -> DonePlan {
        done(1, Deed::Create, Changes::of_new(texts(values)))
    }

    fn wrote(seq: i16, field: usize, before: &str, after: &str) -> DonePlan {
        let mut changes = Changes::default();
        changes.write(field, Some(before), Some(after));
        done(seq, Deed::Update, changes)
    }

    fn deleted(values: &[Option<&str>]) -> DonePlan {
        done(1, Deed::Delete, Changes::of_gone(&texts(values)))
    }

    /// `nothing`, `held name`, or what each line would write.
    fn told(done: &[DonePlan], present: Option<&[Option<&str>]>) -> String {
        let present = present.map(texts);
        match of_subject(done, present.as_deref(), FIELDS) {
            Reversal::Nothing => "nothing".to_owned(),
            Reversal::Held(issue) => format!("held {}", issue.column.unwrap_or_default()),
            Reversal::Lines(lines) => {
                let line = |changes: &Changes| {
                    let of_field = |change: &muster_shared::plan::Change| {
                        let value = |value: &Option<String>| value.clone().unwrap_or_default();
                        let name = FIELDS.names[change.field];
                        format!("{name} {}→{}", value(&change.before), value(&change.after))
                    };
                    changes.iter().map(of_field).collect::<Vec<_>>().join(", ")
                };
                lines.iter().map(line).collect::<Vec<_>>().join(" | ")
            }
        }
    }

    #[test]
    fn a_subject_goes_back_whole_or_not_at_all() {
        let new = [Some("a"), Some("Ann"), Some("x"), None];
        let named = |name| [Some("a"), Some(name), Some("x"), None];
        let made = || created(&new);
        let all_gone = "key a→, name Ann→, note x→, number →";
        for (what, done, present, expected) in [
            (
                "created, as it was left",
                vec![made()],
                Some(named("Ann")),
                all_gone,
            ),
            (
                "created, changed since",
                vec![made()],
                Some(named("Bo")),
                "held name",
            ),
            ("created, gone already", vec![made()], None, "nothing"),
            (
                "created and changed by a later line",
                vec![made(), wrote(2, 1, "Ann", "Bo")],
                Some(named("Bo")),
                "key a→, name Bo→, note x→, number → | ",
            ),
            (
                "updated",
                vec![wrote(1, 1, "Ann", "Bo")],
                Some(named("Bo")),
                "name Bo→Ann",
            ),
            (
                "updated, back already",
                vec![wrote(1, 1, "Ann", "Bo")],
                Some(named("Ann")),
                "",
            ),
            (
                "updated, changed since",
                vec![wrote(1, 1, "Ann", "Bo")],
                Some(named("Cy")),
                "held name",
            ),
            (
                "updated, gone since",
                vec![wrote(1, 1, "Ann", "Bo")],
                None,
                "held ",
            ),
            (
                "updated twice",
                vec![wrote(1, 1, "Ann", "Bo"), wrote(2, 1, "Bo", "Cy")],
                Some(named("Cy")),
                "name Bo→Ann | name Cy→Bo",
            ),
            (
                "deleted",
                vec![deleted(&new)],
                None,
                "key →a, name →Ann, note →x, number →",
            ),
            (
                "deleted, there again",
                vec![deleted(&new)],
                Some(named("Bo")),
                "nothing",
            ),
            (
                "a hidden field is told by the one that shows it",
                vec![wrote(1, 3, "1", "2")],
                Some([Some("a"), None, Some("shown"), Some("3")]),
                "held note",
            ),
            (
                "what follows from other fields holds nobody",
                vec![wrote(1, 2, "x", "y")],
                Some([Some("a"), None, Some("z"), None]),
                "note y→x",
            ),
        ] {
            assert_eq!(
                told(&done, present.as_ref().map(<[_; 4]>::as_slice)),
                expected,
                "{what}"
            );
        }
    }

    #[test]
    fn defaults_count_as_left() {
        let made = created(&[Some("a"), None, None, None]);
        let present = [Some("a"), Some("none"), Some(""), None];
        assert_eq!(
            told(&[made], Some(&present)),
            "key a→, name none→, note →, number →"
        );
    }

    #[test]
    fn what_is_made_anew_goes_on_from_its_last_version() {
        let changes = Changes::of_new(texts(&[Some("a")]));
        let plan = of_line(&deleted(&[Some("a")]), 1, None, changes, Vec::new());
        let write = plan.written().expect("it writes");
        assert_eq!(
            (write.deed, write.version, write.seq),
            (Deed::Create, Some(7), 1)
        );
    }

    #[test]
    fn lines_are_taken_back_from_the_last() {
        let of = |seq| {
            let plan = of_line(
                &wrote(seq, 1, "a", "b"),
                3,
                Some(9),
                Changes::default(),
                Vec::new(),
            );
            plan.written().map(|write| (write.seq, write.version))
        };
        assert_eq!(
            [of(1), of(2), of(3)],
            [Some((3, Some(9))), Some((2, Some(9))), Some((1, Some(9)))]
        );
    }
}
