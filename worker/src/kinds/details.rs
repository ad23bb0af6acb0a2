//! Planning of plain records: a key, some fields, nothing else. Segments and courses are such; of people it is the smaller half.

use super::importer::{Changes, Plan, StagedRow};
use crate::rows::Rows;
use muster_shared::model::{
    issue::{Code, Issue},
    plan::Action,
    recipe::Recipe,
    settings::Mode,
};
use std::collections::HashMap;

/// A record as it is in the LMS, or as earlier lines of the file would leave it.
#[derive(Clone)]
pub(crate) struct Existing {
    pub(crate) id: i64,
    /// `None`: an earlier line of the file would create it.
    pub(crate) version: Option<i64>,
    /// By the positions of the kind's fields.
    pub(crate) fields: Vec<Option<String>>,
    /// Lines that do something, so far.
    pub(crate) turns: i16,
}

/// A line as it was read.
pub(crate) struct Read {
    /// By the positions of the kind's fields; `None`: the line says nothing.
    pub(crate) fields: Vec<Option<String>>,
    pub(crate) issues: Vec<Issue>,
}

/// What the lines of a kind of plain records are planned with.
pub(crate) struct Records<'a> {
    pub(crate) mode: Mode,
    pub(crate) recipe: Recipe,
    pub(crate) key_heading: &'a str,
    /// For messages: "segment".
    pub(crate) noun: &'static str,
    pub(crate) exists: Code,
    pub(crate) not_found: Code,
    /// Fields without which none is created, with their names.
    pub(crate) needed: &'static [(usize, &'static str)],
    /// Values of fields that a new record has when the line says nothing.
    pub(crate) defaults: &'static [(usize, &'static str)],
    /// By key.
    pub(crate) existing: HashMap<String, Existing>,
    /// Ids for new ones.
    pub(crate) ids: std::vec::IntoIter<i64>,
}

impl Records<'_> {
    /// Plans a line, and remembers what it would leave for the lines after it.
    pub(crate) fn plan(&mut self, row: &StagedRow, read: Read) -> Plan {
        let mut issues = read.issues;
        let Some(key) = row.key.as_ref().filter(|_| !issues.iter().any(Issue::is_error)) else {
            return Plan::idle(row.line, Action::Reject, issues);
        };
        match (self.existing.contains_key(key), self.mode) {
            (true, Mode::CreateOnly) => self.already_there(row, key, issues),
            (true, _) => self.update(row, key, &read.fields, issues),
            (false, Mode::UpdateOnly) => self.unknown(row, key, issues),
            (false, _) => {
                self.check_needed(&read.fields, &mut issues);
                if issues.iter().any(Issue::is_error) {
                    Plan::idle(row.line, Action::Reject, issues)
                } else {
                    self.create(row, key, read.fields, issues)
                }
            }
        }
    }

    fn already_there(&self, row: &StagedRow, key: &str, mut issues: Vec<Issue>) -> Plan {
        let noun = self.noun;
        if self.existing[key].version.is_none() {
            let message = format!("An earlier line of the file has the same key; a {noun} can be created only once.");
            issues.push(Issue::error(Code::NameUsedTwice, message).at(self.key_heading, key));
            return Plan::idle(row.line, Action::Reject, issues);
        }
        let message = format!("There is a {noun} with this key already; the line is skipped.");
        issues.push(Issue::warning(self.exists, message).at(self.key_heading, key));
        Plan::idle(row.line, Action::Skip, issues)
    }

    fn unknown(&self, row: &StagedRow, key: &str, mut issues: Vec<Issue>) -> Plan {
        let message = format!("There is no {} with this key.", self.noun);
        if self.recipe.spec().unknown_is_error {
            issues.push(Issue::error(self.not_found, message).at(self.key_heading, key));
            Plan::idle(row.line, Action::Reject, issues)
        } else {
            issues.push(Issue::warning(self.not_found, message).at(self.key_heading, key));
            Plan::idle(row.line, Action::Skip, issues)
        }
    }

    fn check_needed(&self, fields: &[Option<String>], issues: &mut Vec<Issue>) {
        for (i, name) in self.needed {
            if fields[*i].is_none() {
                let message = format!("A new {} needs `{name}`.", self.noun);
                issues.push(Issue::error(Code::MissingValue, message).at(name, ""));
            }
        }
    }

    fn create(&mut self, row: &StagedRow, key: &str, mut fields: Vec<Option<String>>, issues: Vec<Issue>) -> Plan {
        for (i, value) in self.defaults {
            fields[*i].get_or_insert_with(|| (*value).to_owned());
        }
        let mut changes = Changes::default();
        for (i, value) in fields.iter().enumerate().filter(|(_, value)| value.is_some()) {
            changes.write(i, fields.len(), None, value.as_deref());
        }
        let id = self.ids.next();
        let existing = id.map(|id| Existing { id, version: None, fields, turns: 1 });
        self.existing.extend(existing.map(|existing| (key.to_owned(), existing)));
        Plan { subject: id, changes, ..Plan::idle(row.line, Action::Create, issues) }
    }

    fn update(&mut self, row: &StagedRow, key: &str, fields: &[Option<String>], issues: Vec<Issue>) -> Plan {
        let mut changes = Changes::default();
        let Some(existing) = self.existing.get_mut(key) else { return Plan::idle(row.line, Action::Reject, issues) };
        for (i, value) in fields.iter().enumerate() {
            if value.is_some() && *value != existing.fields[i] {
                changes.write(i, fields.len(), existing.fields[i].as_deref(), value.as_deref());
                existing.fields[i].clone_from(value);
            }
        }
        existing.turns += 1;
        let action = if changes.mask == 0 { Action::Unchanged } else { Action::Update };
        Plan {
            subject: Some(existing.id),
            turn: existing.turns,
            target_version: existing.version,
            changes,
            ..Plan::idle(row.line, action, issues)
        }
    }
}

/// The record that the rows of the next piece may go on about, as those of the last one would leave it.
#[derive(Default)]
pub(crate) struct Open(Option<(String, Existing)>);

impl Open {
    /// Puts it among those that exist, if the rows go on about it.
    pub(crate) fn resume(&mut self, rows: &Rows, existing: &mut HashMap<String, Existing>) {
        existing.extend(self.0.take().filter(|_| rows.go_on));
    }

    /// Keeps the record of the last row, if more rows come.
    pub(crate) fn keep(&mut self, rows: &Rows, mut existing: HashMap<String, Existing>) {
        let last = rows.all.last().filter(|_| !rows.are_last).and_then(|row| row.key.as_ref());
        self.0 = last.and_then(|key| existing.remove_entry(key));
    }
}

/// The statements that differ between kinds of plain records only by their table.
macro_rules! statements_of_records {
    ($table:literal) => {
        /// The versions of records that are still there, locked in the order of their ids if wanted.
        pub(super) async fn versions(
            conn: &mut PgConnection,
            site: SiteId,
            subjects: &[i64],
            lock: bool,
        ) -> Result<HashMap<i64, i64>, StageError> {
            let rows = if lock {
                sqlx::query!(
                    "SELECT id, version FROM " + $table + " WHERE id = ANY ($2) AND site_id = $1 ORDER BY id FOR NO KEY UPDATE",
                    site.0,
                    subjects,
                )
                .map(|row| (row.id, row.version))
                .fetch_all(conn)
                .await?
            } else {
                sqlx::query!("SELECT id, version FROM " + $table + " WHERE id = ANY ($2) AND site_id = $1", site.0, subjects)
                    .map(|row| (row.id, row.version))
                    .fetch_all(conn)
                    .await?
            };
            Ok(rows.into_iter().collect())
        }

        /// Locks records against everything that would hang on them until the transaction ends.
        pub(super) async fn lock_whole(conn: &mut PgConnection, site: SiteId, ids: &[i64]) -> Result<(), StageError> {
            sqlx::query!("SELECT id FROM " + $table + " WHERE id = ANY ($2) AND site_id = $1 ORDER BY id FOR UPDATE", site.0, ids)
                .fetch_all(conn)
                .await?;
            Ok(())
        }

        /// Deletes records for good; how many. That nothing hangs on them was looked at under their locks.
        pub(super) async fn delete(conn: &mut PgConnection, turn: Turn<'_>) -> Result<i64, StageError> {
            let deleted = sqlx::query!(
                "DELETE FROM "
                    + $table
                    + " r
                  USING muster.plans_in_turn($1, $2, $3, $4) p
                  WHERE p.action::text = 'd' AND r.id = p.target_id AND r.site_id + 0 = $5",
                turn.piece.import_no.0,
                turn.piece.low,
                turn.piece.high,
                turn.lines,
                turn.piece.site.0,
            )
            .execute(conn)
            .await?;
            Ok(deleted.rows_affected() as i64)
        }
    };
}
pub(crate) use statements_of_records;
