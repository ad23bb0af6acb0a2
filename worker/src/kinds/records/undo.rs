//! Taking back what an import did to plain records. Pure: what was done and what is there go in.

use super::Existing;
use crate::kinds::reversal::{self, Fields, Reversal};
use muster_shared::{
    model::issue::{Code, Issue},
    plan::{Changes, Deed, DonePlan, Plan},
};
use std::collections::{HashMap, HashSet};

/// Records of a kind as they are now.
pub(super) struct Now<'a> {
    pub(super) fields: Fields<'a>,
    /// By id.
    pub(super) present: HashMap<i64, Existing>,
    /// Who has the keys that would come back.
    pub(super) holders: HashMap<String, i64>,
    /// Those on which something hangs.
    pub(super) used: HashSet<i64>,
}

impl Now<'_> {
    /// The record that these lines are about as it is now, and the plans that take them back; or
    /// why it is left alone.
    pub(super) fn record(
        &self,
        done: &[DonePlan],
    ) -> Result<(Option<&Existing>, Vec<Plan>), Issue> {
        let id = done[0].write.target;
        let present = self.present.get(&id);
        let changes = match reversal::of_subject(
            done,
            present.map(|record| record.fields.as_slice()),
            self.fields,
        ) {
            Reversal::Held(issue) => return Err(issue),
            Reversal::Nothing => vec![Changes::default(); done.len()],
            Reversal::Lines(changes) => changes,
        };
        let is_deleted = present.is_some() && done[0].write.deed == Deed::Create;
        if is_deleted && self.used.contains(&id) {
            return Err(Issue::warning(
                Code::TargetChanged,
                "It is in use by now, so it stays.",
            ));
        }
        if let Some(key) = changes
            .iter()
            .filter_map(|changes| changes.after(0))
            .find(|key| self.is_held_by_another(key, id))
        {
            return Err(
                Issue::warning(Code::TargetChanged, "There is another with this key now.")
                    .at(self.fields.names[0], key),
            );
        }
        let version = present.and_then(|record| record.version);
        let last = reversal::last_seq(done);
        let plans = done
            .iter()
            .zip(changes)
            .map(|(line, changes)| reversal::of_line(line, last, version, changes, Vec::new()));
        Ok((present, plans.collect()))
    }

    fn is_held_by_another(&self, key: &str, id: i64) -> bool {
        self.holders.get(key).is_some_and(|holder| *holder != id)
    }
}
