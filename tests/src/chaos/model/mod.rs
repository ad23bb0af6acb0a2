//! What Muster must make of files, computed from the files, the settings and the order of applies
//! alone: written from the documents, it shares no code with what it checks.

mod apply;
mod people;
mod records;
mod rows;
mod state;
mod table;
mod undo;

pub(super) use apply::{Applied, Executed, Origin, apply};
pub(super) use rows::Rows;
pub(super) use state::State;
pub(super) use table::{Rules, Table};
pub(super) use undo::left_something;

use state::Place;
use std::collections::BTreeMap;

/// Something of the made-up LMS; never given twice.
pub(super) type Id = u64;

/// The how-manieth import of its site.
pub(super) type Source = usize;

/// How often something is or happens, by the API's name for it; what is not there is 0.
pub(super) type Counts = BTreeMap<&'static str, i64>;

/// What a line describes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    People,
    Segments,
    Courses,
}

/// What happens to those who exist, and to those who do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    CreateOnly,
    CreateAndUpdate,
    UpdateOnly,
}

/// What a line would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Create,
    Update,
    Unchanged,
    Delete,
    Skip,
    Reject,
}

/// What a line did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Created,
    Updated,
    Unchanged,
    Deleted,
    Skipped,
    Rejected,
    Held,
}

/// The category that a plan puts a course into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Category {
    There(Id),
    /// It is missing, and made by the import.
    Made(String),
}

/// A field that a plan writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Write {
    pub(super) field: usize,
    pub(super) before: Option<String>,
    /// Only an undo empties a field.
    pub(super) after: Option<String>,
}

/// A course that a plan names.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each may or may not be done")]
pub(super) struct Enrolment {
    pub(super) course: Id,
    pub(super) role: &'static str,
    pub(super) enrols: bool,
    pub(super) adds_role: bool,
    /// Only an undo does.
    pub(super) ends: bool,
    /// Only an undo does.
    pub(super) takes_role: bool,
    /// Only an undo says so: it would enrol again, and finds it so.
    pub(super) is_enrolled: bool,
    /// Only an undo says so: it would give the role back, and finds it so.
    pub(super) has_role: bool,
}

/// What a line would do, without what that was based on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Deed {
    pub(super) action: Action,
    pub(super) subject: Option<Id>,
    /// The how-manieth line of its subject that does something.
    pub(super) turn: usize,
    pub(super) writes: Vec<Write>,
    pub(super) category: Option<Category>,
    /// Segments, and whether the person joins.
    pub(super) segments: Vec<(Id, bool)>,
    /// Segments that the person leaves; only in an undo.
    pub(super) leaves: Vec<Id>,
    pub(super) courses: Vec<Enrolment>,
    /// Under whose number an undo of an undo gives memberships back.
    pub(super) returned: BTreeMap<Place, Source>,
}

/// The plan of a line.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) line: u32,
    pub(super) key: Option<String>,
    pub(super) deed: Deed,
    /// The subject's, as it was found; `None`: it is not there.
    pub(super) version: Option<u64>,
    /// The deepest category that is there of those that lead to one that is missing.
    pub(super) under: Option<Id>,
    /// The address comes back, in the end, to the one that the person has, but for its letters'
    /// case: whoever has one of those on the way is not asked.
    pub(super) keeps_address: bool,
    /// Why it is skipped or rejected.
    pub(super) codes: Vec<&'static str>,
}

impl Action {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Unchanged => "unchanged",
            Self::Delete => "delete",
            Self::Skip => "skip",
            Self::Reject => "reject",
        }
    }

    /// What comes out when all goes as planned.
    fn outcome(self) -> Outcome {
        match self {
            Self::Create => Outcome::Created,
            Self::Update => Outcome::Updated,
            Self::Unchanged => Outcome::Unchanged,
            Self::Delete => Outcome::Deleted,
            Self::Skip => Outcome::Skipped,
            Self::Reject => Outcome::Rejected,
        }
    }
}

impl Outcome {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Deleted => "deleted",
            Self::Skipped => "skipped",
            Self::Rejected => "rejected",
            Self::Held => "held",
        }
    }
}

impl Plan {
    /// A line that does nothing, and why.
    fn idle(line: u32, key: Option<String>, action: Action, codes: Vec<&'static str>) -> Self {
        let deed = Deed {
            action,
            subject: None,
            turn: 1,
            writes: Vec::new(),
            category: None,
            segments: Vec::new(),
            leaves: Vec::new(),
            returned: BTreeMap::new(),
            courses: Vec::new(),
        };
        Self {
            line,
            key,
            deed,
            version: None,
            under: None,
            keeps_address: false,
            codes,
        }
    }

    /// A line that does something.
    fn of(
        line: u32,
        key: &str,
        action: Action,
        subject: Id,
        turn: usize,
        version: Option<u64>,
    ) -> Self {
        let idle = Self::idle(line, Some(key.to_owned()), action, Vec::new());
        Self {
            deed: Deed {
                subject: Some(subject),
                turn,
                ..idle.deed
            },
            version,
            ..idle
        }
    }
}

/// What each line would do, were it previewed now.
pub(super) fn preview(state: &mut State, origin: &Origin<'_>) -> Vec<Plan> {
    match origin {
        Origin::File { rules, table } => plans(state, rules, table, &|_| true),
        Origin::Undo {
            kind, undone, of, ..
        } => undo::plans(state, *kind, undone, *of, None),
    }
}

/// The plans of some lines. What the whole file shows, such as who names an address first, is seen
/// by all.
fn plans(
    state: &mut State,
    rules: &Rules,
    table: &Table,
    wanted: &dyn Fn(u32) -> bool,
) -> Vec<Plan> {
    match rules.kind {
        Kind::People => people::plans(state, rules, table, wanted),
        Kind::Segments | Kind::Courses => records::plans(state, rules, table, wanted),
    }
}

/// Lines by what they would do.
pub(super) fn actions(plans: &[Plan]) -> Counts {
    let mut counts = Counts::new();
    for plan in plans {
        *counts.entry(plan.deed.action.name()).or_default() += 1;
    }
    counts
}

/// What would happen if all went as planned, but for the categories.
pub(super) fn effects(kind: Kind, plans: &[Plan]) -> Counts {
    let mut counts = Counts::new();
    let mut add = |name, count: usize| *counts.entry(name).or_default() += count as i64;
    for Plan { deed, .. } in plans {
        let courses = |does: fn(&Enrolment) -> bool| {
            deed.courses.iter().filter(|course| does(course)).count()
        };
        add(
            "segments_joined",
            deed.segments.iter().filter(|(_, joins)| *joins).count(),
        );
        add("segments_left", deed.leaves.len());
        add("enrolments_created", courses(|course| course.enrols));
        add("enrolments_removed", courses(|course| course.ends));
        add("course_roles_added", courses(|course| course.adds_role));
        add("course_roles_removed", courses(|course| course.takes_role));
        if let Some(effect) = effect(kind, deed) {
            add(effect, 1);
        }
    }
    counts
}

/// What a deed brings about, besides memberships.
fn effect(kind: Kind, deed: &Deed) -> Option<&'static str> {
    if deed.action == Action::Update && deed.writes.is_empty() {
        return None;
    }
    Some(match (kind, deed.action) {
        (Kind::People, Action::Create) => "users_created",
        (Kind::People, Action::Update) => "users_updated",
        (Kind::People, Action::Delete) => "users_deleted",
        (Kind::Segments, Action::Create) => "segments_created",
        (Kind::Segments, Action::Update) => "segments_updated",
        (Kind::Segments, Action::Delete) => "segments_deleted",
        (Kind::Courses, Action::Create) => "courses_created",
        (Kind::Courses, Action::Update) => "courses_updated",
        (Kind::Courses, Action::Delete) => "courses_deleted",
        _ => return None,
    })
}
