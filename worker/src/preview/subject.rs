//! Lines about one subject are one transaction, which has an end: those beyond what it may do are
//! rejected, and the others go on.

use crate::staging::rows::StagedRow;
use muster_shared::model::{
    budget::{Budget, Load},
    issue::{Code, Issue},
};

/// Watches how much the lines of each subject are together. They come one after the other
/// ([`crate::staging::rows`]).
pub(super) struct Watch {
    /// Memberships that a line names at most.
    memberships: u64,
    key: Option<String>,
    load: Load,
}

impl Watch {
    /// Of lines that name so many memberships at most.
    pub(super) fn new(memberships: u64) -> Self {
        Self {
            memberships,
            key: None,
            load: Load::default(),
        }
    }

    /// Gives an issue to the rows that are too much.
    pub(super) fn bound(&mut self, rows: &mut [StagedRow]) {
        for row in rows {
            if row.key.is_none() || row.key != self.key {
                self.key.clone_from(&row.key);
                self.load = Load::default();
            }
            self.load += Load::of_line(row.bytes_held, self.memberships);
            if Budget::SUBJECT.is_passed(&self.load) {
                let message = "The lines before this one that are about the same one are as many as can be applied together. Put it into another file.";
                row.issues.push(Issue::error(Code::Limit, message));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: &str, bytes_held: u64) -> StagedRow {
        let key = (!key.is_empty()).then(|| key.to_owned());
        StagedRow {
            line: 2,
            key,
            cells: Vec::new(),
            issues: Vec::new(),
            duplicates: Vec::new(),
            bytes_held,
        }
    }

    #[test]
    fn only_lines_beyond_what_one_subject_may_have_are_rejected() {
        let mut rows: Vec<_> = [
            ("a", 1 << 30),
            ("a", 1 << 30),
            ("a", 1),
            ("b", 1),
            ("", 2 << 30),
            ("", 2 << 30),
        ]
        .into_iter()
        .map(|(key, bytes_held)| row(key, bytes_held))
        .collect();
        Watch::new(0).bound(&mut rows);
        assert_eq!(
            rows.iter().map(|row| row.issues.len()).collect::<Vec<_>>(),
            [0, 0, 1, 0, 0, 0]
        );
    }

    #[test]
    fn it_goes_on_from_piece_to_piece() {
        let mut watch = Watch::new(300_000);
        let passed = (0..5).map(|_| {
            let mut rows = [row("a", 1)];
            watch.bound(&mut rows);
            rows[0].issues.len()
        });
        assert_eq!(passed.collect::<Vec<_>>(), [0, 0, 0, 1, 1]);
    }
}
