//! What Muster must make of files, computed from the files, the settings and the order of applies alone: written from the documents,
//! it shares no code with what it checks.

mod apply;
mod people;
mod records;
mod rows;
mod state;
mod table;

pub(super) use apply::{Applied, Executed, apply};
pub(super) use rows::Rows;
pub(super) use state::State;
pub(super) use table::{Rules, Table};

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
    Skip,
    Reject,
}

/// What a line did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Created,
    Updated,
    Unchanged,
    Skipped,
    Rejected,
    Held,
    Failed,
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
    pub(super) after: String,
}

/// A course that a plan names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Enrolment {
    pub(super) course: Id,
    pub(super) role: &'static str,
    pub(super) enrols: bool,
    pub(super) adds_role: bool,
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
    pub(super) courses: Vec<Enrolment>,
}

/// The plan of a line.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) line: u32,
    pub(super) key: Option<String>,
    pub(super) deed: Deed,
    /// The subject's, as it was found; `None`: it is not there.
    pub(super) version: Option<u64>,
    /// Why it is skipped or rejected.
    pub(super) codes: Vec<&'static str>,
}

impl Action {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Unchanged => "unchanged",
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
            Self::Skipped => "skipped",
            Self::Rejected => "rejected",
            Self::Held => "held",
            Self::Failed => "failed",
        }
    }
}

impl Plan {
    /// A line that does nothing, and why.
    fn idle(line: u32, key: Option<String>, action: Action, codes: Vec<&'static str>) -> Self {
        let deed = Deed { action, subject: None, turn: 1, writes: Vec::new(), category: None, segments: Vec::new(), courses: Vec::new() };
        Self { line, key, deed, version: None, codes }
    }

    /// A line that does something.
    fn of(line: u32, key: &str, action: Action, subject: Id, turn: usize, version: Option<u64>) -> Self {
        let idle = Self::idle(line, Some(key.to_owned()), action, Vec::new());
        Self { deed: Deed { subject: Some(subject), turn, ..idle.deed }, version, ..idle }
    }
}

/// What each line of a file would do, were it previewed now.
pub(super) fn preview(state: &mut State, rules: &Rules, table: &Table) -> Vec<Plan> {
    plans(state, rules, table, &|_| true)
}

/// The plans of some lines. What the whole file shows, such as who names an address first, is seen by all.
fn plans(state: &mut State, rules: &Rules, table: &Table, wanted: &dyn Fn(u32) -> bool) -> Vec<Plan> {
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
        add("segments_joined", deed.segments.iter().filter(|(_, joins)| *joins).count());
        add("enrolments_created", deed.courses.iter().filter(|course| course.enrols).count());
        add("course_roles_added", deed.courses.iter().filter(|course| course.adds_role).count());
        match (kind, deed.action) {
            (Kind::People, Action::Create) => add("users_created", 1),
            (Kind::Segments, Action::Create) => add("segments_created", 1),
            (Kind::Segments, Action::Update) => add("segments_updated", 1),
            (Kind::Courses, Action::Create) => add("courses_created", 1),
            (Kind::Courses, Action::Update) => add("courses_updated", 1),
            _ => {}
        }
    }
    counts
}
