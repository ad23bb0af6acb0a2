//! Counts: of actions, of outcomes, and of everything that happened.

use super::{
    action::{Action, Outcome},
    issue::Severity,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, ops::AddAssign};

macro_rules! counts {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: i64,)+
        }

        impl AddAssign for $name {
            fn add_assign(&mut self, other: Self) {
                $(self.$field += other.$field;)+
            }
        }
    };
}

counts! {
    /// Lines by what they would do.
    Actions {
        /// Lines that create.
        create,
        /// Lines that update.
        update,
        /// Lines that find all as they say.
        unchanged,
        /// Lines that are left alone.
        skip,
        /// Lines that delete.
        delete,
        /// Lines that are wrong.
        reject,
    }
}

counts! {
    /// Lines by what they did.
    Outcomes {
        /// Lines that created.
        created,
        /// Lines that updated.
        updated,
        /// Lines that found all as they say.
        unchanged,
        /// Lines that were left alone.
        skipped,
        /// Lines that deleted.
        deleted,
        /// Lines that were wrong.
        rejected,
        /// Lines whose target had changed.
        held,
        /// Lines that the database refused.
        failed,
    }
}

counts! {
    /// Issues by severity.
    IssueCounts {
        /// Errors.
        error,
        /// Warnings.
        warning,
        /// Infos.
        info,
    }
}

impl Actions {
    /// Counts one more line.
    pub fn add(&mut self, action: Action) {
        *match action {
            Action::Create => &mut self.create,
            Action::Update => &mut self.update,
            Action::Unchanged => &mut self.unchanged,
            Action::Skip => &mut self.skip,
            Action::Delete => &mut self.delete,
            Action::Reject => &mut self.reject,
        } += 1;
    }
}

impl Outcomes {
    /// Counts `lines` more lines.
    pub fn add(&mut self, outcome: Outcome, lines: i64) {
        *match outcome {
            Outcome::Created => &mut self.created,
            Outcome::Updated => &mut self.updated,
            Outcome::Unchanged => &mut self.unchanged,
            Outcome::Skipped => &mut self.skipped,
            Outcome::Deleted => &mut self.deleted,
            Outcome::Rejected => &mut self.rejected,
            Outcome::Held => &mut self.held,
            Outcome::Failed => &mut self.failed,
        } += lines;
    }
}

impl IssueCounts {
    /// Counts `count` more issues of that severity.
    pub fn add(&mut self, severity: Severity, count: i64) {
        *match severity {
            Severity::Error => &mut self.error,
            Severity::Warning => &mut self.warning,
            Severity::Info => &mut self.info,
        } += count;
    }
}

/// Something that is counted when it happens.
#[derive(Debug, PartialEq, Eq)]
pub struct Effect {
    /// As it is stored and shown.
    pub name: &'static str,
    /// For people: what follows the count.
    pub words: &'static str,
}

impl Effect {
    /// Of that name, told in these words.
    #[must_use]
    pub const fn new(name: &'static str, words: &'static str) -> Self {
        Self { name, words }
    }
}

/// Everything that happened, or would, by name. What nothing happened to is not in it: most imports
/// know few of all effects that there are, and whoever looks at one adds up those of all its
/// batches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "BTreeMap<String, i64>", into = "BTreeMap<String, i64>")]
pub struct Effects(BTreeMap<String, i64>);

impl Effects {
    /// These, by name.
    #[must_use]
    pub fn of<'a>(counts: impl IntoIterator<Item = (&'a str, i64)>) -> Self {
        let mut effects = Self::default();
        for (name, count) in counts {
            effects.add_named(name, count);
        }
        effects
    }

    /// Counts `count` more.
    pub fn add(&mut self, effect: &Effect, count: i64) {
        self.add_named(effect.name, count);
    }

    fn add_named(&mut self, name: &str, count: i64) {
        if count != 0 {
            *self.0.entry(name.to_owned()).or_default() += count;
        }
    }

    /// How many of that name there are.
    #[must_use]
    pub fn get(&self, name: &str) -> i64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// Those there are, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, i64)> {
        self.0.iter().map(|(name, count)| (name.as_str(), *count))
    }
}

impl From<BTreeMap<String, i64>> for Effects {
    fn from(mut counts: BTreeMap<String, i64>) -> Self {
        counts.retain(|_, count| *count != 0);
        Self(counts)
    }
}

impl From<Effects> for BTreeMap<String, i64> {
    fn from(effects: Effects) -> Self {
        effects.0
    }
}

impl AddAssign for Effects {
    fn add_assign(&mut self, other: Self) {
        for (name, count) in other.0 {
            *self.0.entry(name).or_default() += count;
        }
    }
}

/// What one batch counted; stored with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tally {
    /// Of preview.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actions: Option<Actions>,
    /// Of apply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcomes: Option<Outcomes>,
    /// Of preview.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issues: Option<IssueCounts>,
    /// Of preview: filled cells that are passed over since details of existing people are kept, by
    /// column.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub ignored_by_details: BTreeMap<String, i64>,
}
