//! Counts: of actions, of outcomes, and of everything that happened.

use super::{
    issue::Severity,
    plan::{Action, Outcome},
};
use serde::{Deserialize, Serialize};

macro_rules! counts {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: i64,)+
        }

        impl std::ops::AddAssign for $name {
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
    /// Everything that happened, or would.
    Effects {
        /// People.
        users_created,
        /// People.
        users_deleted,
        /// People with a new username.
        renamed,
        /// People.
        suspended,
        /// People.
        activated,
        /// People with another sign-in method.
        auth_changed,
        /// People with a new password.
        passwords_set,
        /// Memberships.
        segments_joined,
        /// Memberships.
        segments_left,
        /// Segments.
        segments_created,
        /// Segments.
        segments_updated,
        /// Segments.
        segments_deleted,
        /// People in courses.
        enrolments_created,
        /// People in courses.
        enrolments_changed,
        /// People in courses.
        enrolments_removed,
        /// Roles of people in courses.
        course_roles_added,
        /// Roles of people in courses.
        course_roles_removed,
        /// Memberships.
        groups_joined,
        /// Course groups.
        groups_created,
        /// Groupings.
        groupings_created,
        /// Course categories.
        categories_created,
        /// Course categories.
        categories_deleted,
        /// Roles of people in the site.
        site_roles_added,
        /// Roles of people in the site.
        site_roles_removed,
        /// Courses.
        courses_created,
        /// Courses.
        courses_updated,
        /// Courses.
        courses_deleted,
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
    /// Of preview: filled cells that are passed over since details of existing people are kept, by column.
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub ignored_by_details: std::collections::BTreeMap<String, i64>,
}
