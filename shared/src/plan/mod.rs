//! The contract: what each line of an import would do. Preview writes plans, apply executes them
//! and nothing else, rows and history tell them, an undo reverses them. How they are stored is in
//! `store/plans.rs`.

mod changes;
mod effects;
mod membership;

use crate::model::{action::Action, issue::Issue};

pub(crate) use changes::StoredChanges;
pub use changes::{Change, Changes, MAX_FIELDS};
pub use effects::{all_effects, effects_of};
pub use membership::{
    Does, Membership, MembershipDetail, MembershipKey, MembershipSort, MembershipSpec,
    MembershipTerms,
};

/// What one line would do. Not `Debug`, like all that holds values of people.
#[derive(Clone, PartialEq, Eq)]
pub struct Plan {
    /// The line.
    pub line: i32,
    /// What is wrong with it, or worth knowing.
    pub issues: Vec<Issue>,
    /// What is to be executed.
    pub work: Work,
}

/// What is to be executed of a line.
#[derive(Clone, PartialEq, Eq)]
pub enum Work {
    /// Nothing: the line is left alone, with the reason as an issue.
    Skip,
    /// Nothing: the line is wrong, with the reasons as issues.
    Reject,
    /// This, which may find that all is as the line says.
    Write(Write),
}

/// What a line does to its subject.
#[derive(Clone, PartialEq, Eq)]
pub struct Write {
    /// Whom the line is about: all lines of one subject are planned, held and executed together.
    pub subject: i64,
    /// The record that is written. Another than the subject's where the file deletes one and
    /// creates its key anew.
    pub target: i64,
    /// The order of the lines of one subject that do something, from 1.
    pub seq: i16,
    /// What happens to the target.
    pub deed: Deed,
    /// The target's version as it was found; of one that is made anew the last that it had; `None`:
    /// it was never there.
    pub version: Option<i64>,
    /// The fields that are written.
    pub changes: Changes,
    /// What becomes of what the target belongs to, in the order in which it is told.
    pub memberships: Vec<Membership>,
}

/// What happens to a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deed {
    /// It is made.
    Create,
    /// Fields or memberships of it change.
    Update,
    /// All is as the line says.
    Keep,
    /// It is taken away.
    Delete,
}

impl Deed {
    /// As lines are told.
    #[must_use]
    pub fn action(self) -> Action {
        match self {
            Self::Create => Action::Create,
            Self::Update => Action::Update,
            Self::Keep => Action::Unchanged,
            Self::Delete => Action::Delete,
        }
    }

    /// The deed of an action; `None`: nothing is executed.
    #[must_use]
    pub fn of(action: Action) -> Option<Self> {
        match action {
            Action::Create => Some(Self::Create),
            Action::Update => Some(Self::Update),
            Action::Unchanged => Some(Self::Keep),
            Action::Delete => Some(Self::Delete),
            Action::Skip | Action::Reject => None,
        }
    }
}

impl Plan {
    /// A line that is left alone, and why.
    #[must_use]
    pub fn skip(line: i32, issues: Vec<Issue>) -> Self {
        Self {
            line,
            issues,
            work: Work::Skip,
        }
    }

    /// A line that is wrong, and why.
    #[must_use]
    pub fn reject(line: i32, issues: Vec<Issue>) -> Self {
        Self {
            line,
            issues,
            work: Work::Reject,
        }
    }

    /// A line that does this.
    #[must_use]
    pub fn write(line: i32, write: Write, issues: Vec<Issue>) -> Self {
        Self {
            line,
            issues,
            work: Work::Write(write),
        }
    }

    /// In a word.
    #[must_use]
    pub fn action(&self) -> Action {
        match &self.work {
            Work::Skip => Action::Skip,
            Work::Reject => Action::Reject,
            Work::Write(write) => write.deed.action(),
        }
    }

    /// What it executes; `None`: nothing.
    #[must_use]
    pub fn written(&self) -> Option<&Write> {
        match &self.work {
            Work::Write(write) => Some(write),
            Work::Skip | Work::Reject => None,
        }
    }

    /// Would it do the same as `other`? What it was based on, and what is wrong, may differ.
    #[must_use]
    pub fn does_the_same_as(&self, other: &Self) -> bool {
        match (&self.work, &other.work) {
            (Work::Write(one), Work::Write(other)) => one.does_the_same_as(other),
            (one, other) => one == other,
        }
    }
}

impl Write {
    /// A new record, of which no line has said anything yet.
    #[must_use]
    pub fn create(id: i64, changes: Changes) -> Self {
        Self {
            subject: id,
            target: id,
            seq: 1,
            deed: Deed::Create,
            version: None,
            changes,
            memberships: Vec::new(),
        }
    }

    /// What the changes and memberships of a record that is there come to.
    #[must_use]
    pub fn update(
        id: i64,
        seq: i16,
        version: Option<i64>,
        changes: Changes,
        memberships: Vec<Membership>,
    ) -> Self {
        let is_change = !changes.is_empty() || memberships.iter().any(Membership::is_change);
        let deed = if is_change { Deed::Update } else { Deed::Keep };
        Self {
            subject: id,
            target: id,
            seq,
            deed,
            version,
            changes,
            memberships,
        }
    }

    fn does_the_same_as(&self, other: &Self) -> bool {
        let Self {
            subject,
            target,
            seq,
            deed,
            version: _,
            changes,
            memberships,
        } = self;
        (subject, target, seq, deed, changes, memberships)
            == (
                &other.subject,
                &other.target,
                &other.seq,
                &other.deed,
                &other.changes,
                &other.memberships,
            )
    }
}

/// A plan that was executed, whole, as an undo reads it.
#[derive(Clone, PartialEq, Eq)]
pub struct DonePlan {
    /// The line.
    pub line: i32,
    /// What it did.
    pub write: Write,
}

/// A plan as apply has it in mind: the values that it writes stay in the database.
#[derive(Debug)]
pub struct PlanSummary {
    /// The line.
    pub line: i32,
    /// Whom it is about.
    pub subject: i64,
    /// The record that is written.
    pub target: i64,
    /// The order of the lines of one subject that do something, from 1.
    pub seq: i16,
    /// What happens to the target.
    pub deed: Deed,
    /// The target's version as it was found; `None`: it was not there.
    pub version: Option<i64>,
    /// Bit i: field i is written.
    pub mask: i64,
    /// What becomes of what the target belongs to.
    pub memberships: Vec<Membership>,
}

impl PlanSummary {
    /// Is this field written?
    #[must_use]
    pub fn writes(&self, field: usize) -> bool {
        self.mask & (1 << field) != 0
    }
}
