//! What must come out of a file that was made.

use muster_shared::model::tally::{Actions, Effects};
use std::collections::BTreeMap;

/// What preview must count when the file is imported for the first time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// Lines by what they would do.
    pub actions: Actions,
    /// Everything that would happen.
    pub effects: Effects,
    /// Errors by code.
    pub errors: BTreeMap<&'static str, i64>,
}

impl Expected {
    /// Lines in all.
    #[must_use]
    pub fn lines(&self) -> i64 {
        let Actions {
            create,
            update,
            unchanged,
            skip,
            delete,
            reject,
        } = self.actions;
        create + update + unchanged + skip + delete + reject
    }

    /// What preview must count when everything that the file asks for is already so: who exists is
    /// skipped, who is a member is unchanged, and what is wrong stays wrong.
    #[must_use]
    pub fn again(&self) -> Self {
        let Actions {
            create,
            update,
            unchanged,
            reject,
            ..
        } = self.actions;
        let actions = Actions {
            skip: create,
            unchanged: update + unchanged,
            reject,
            ..Actions::default()
        };
        Self {
            actions,
            effects: Effects::default(),
            errors: self.errors.clone(),
        }
    }
}
