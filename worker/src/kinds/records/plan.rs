//! Planning of plain records. Pure: rows and records go in, plans come out; a later line of the
//! same record sees what the earlier ones would do.

use super::Description;
use crate::{
    error::StageError,
    staging::rows::{Rows, StagedRow},
};
use muster_shared::{
    model::{
        issue::{Code, Issue},
        recipe::Recipe,
        settings::Mode,
    },
    plan::{Changes, Plan, Write},
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
pub(super) struct Planner<'a> {
    pub(super) description: &'a Description,
    pub(super) mode: Mode,
    pub(super) recipe: Recipe,
    /// By key.
    pub(super) existing: HashMap<String, Existing>,
    /// Ids for new ones.
    pub(super) ids: std::vec::IntoIter<i64>,
}

impl Planner<'_> {
    /// Plans a line, and remembers what it would leave for the lines after it.
    pub(super) fn plan(&mut self, row: &StagedRow, read: Read) -> Result<Plan, StageError> {
        let mut issues = read.issues;
        let Some(key) = row
            .key
            .as_ref()
            .filter(|_| !issues.iter().any(Issue::is_error))
        else {
            return Ok(Plan::reject(row.line, issues));
        };
        match (self.existing.get_mut(key), self.mode) {
            (Some(existing), Mode::CreateOnly) => Ok(already_there(
                self.description,
                existing,
                row.line,
                key,
                issues,
            )),
            (Some(existing), _) => Ok(update(existing, row.line, &read.fields, issues)),
            (None, Mode::UpdateOnly) => Ok(self.unknown(row.line, key, issues)),
            (None, _) => {
                self.check_needed(&read.fields, &mut issues);
                if issues.iter().any(Issue::is_error) {
                    Ok(Plan::reject(row.line, issues))
                } else {
                    self.create(row.line, key, read.fields, issues)
                }
            }
        }
    }

    fn unknown(&self, line: i32, key: &str, mut issues: Vec<Issue>) -> Plan {
        let Description {
            noun, not_found, ..
        } = self.description;
        let message = format!("There is no {noun} with this key.");
        let is_error = self.recipe.spec().unknown_is_error;
        let issue = if is_error {
            Issue::error(*not_found, message)
        } else {
            Issue::warning(*not_found, message)
        };
        issues.push(issue.at(self.description.spec().key, key));
        if is_error {
            Plan::reject(line, issues)
        } else {
            Plan::skip(line, issues)
        }
    }

    fn check_needed(&self, fields: &[Option<String>], issues: &mut Vec<Issue>) {
        for &i in self
            .description
            .needed
            .iter()
            .filter(|i| fields[**i].is_none())
        {
            let name = self.description.spec().fields[i];
            let message = format!("A new {} needs `{name}`.", self.description.noun);
            issues.push(Issue::error(Code::MissingValue, message).at(name, ""));
        }
    }

    fn create(
        &mut self,
        line: i32,
        key: &str,
        mut fields: Vec<Option<String>>,
        issues: Vec<Issue>,
    ) -> Result<Plan, StageError> {
        for (field, default) in fields.iter_mut().zip(self.description.defaults) {
            if field.is_none() {
                *field = default.map(str::to_owned);
            }
        }
        let id = self
            .ids
            .next()
            .ok_or_else(|| StageError::defect("fewer ids were reserved than records are new"))?;
        let write = Write::create(id, Changes::of_new(fields.clone()));
        self.existing.insert(
            key.to_owned(),
            Existing {
                id,
                version: None,
                fields,
                turns: 1,
            },
        );
        Ok(Plan::write(line, write, issues))
    }
}

fn already_there(
    description: &Description,
    existing: &Existing,
    line: i32,
    key: &str,
    mut issues: Vec<Issue>,
) -> Plan {
    let Description { noun, exists, .. } = description;
    let key_heading = description.spec().key;
    if existing.version.is_none() {
        let message = format!(
            "An earlier line of the file has the same key; a {noun} can be created only once."
        );
        issues.push(Issue::error(Code::NameUsedTwice, message).at(key_heading, key));
        return Plan::reject(line, issues);
    }
    let message = format!("There is a {noun} with this key already; the line is skipped.");
    issues.push(Issue::warning(*exists, message).at(key_heading, key));
    Plan::skip(line, issues)
}

fn update(
    existing: &mut Existing,
    line: i32,
    fields: &[Option<String>],
    issues: Vec<Issue>,
) -> Plan {
    let mut changes = Changes::default();
    for (i, value) in fields.iter().enumerate() {
        if value.is_some() && *value != existing.fields[i] {
            changes.write(i, existing.fields[i].as_deref(), value.as_deref());
            existing.fields[i].clone_from(value);
        }
    }
    existing.turns += 1;
    Plan::write(
        line,
        Write::update(
            existing.id,
            existing.turns,
            existing.version,
            changes,
            Vec::new(),
        ),
        issues,
    )
}

/// The record that the rows of the next piece may go on about, as those of the last one would leave
/// it.
#[derive(Default)]
pub(crate) struct Open(Option<(String, Existing)>);

impl Open {
    /// Puts it among those that exist, if the rows go on about it.
    pub(crate) fn resume(&mut self, rows: &Rows, existing: &mut HashMap<String, Existing>) {
        existing.extend(self.0.take().filter(|_| rows.go_on));
    }

    /// Keeps the record of the last row, if more rows come.
    pub(crate) fn keep(&mut self, rows: &Rows, mut existing: HashMap<String, Existing>) {
        let last = rows
            .all
            .last()
            .filter(|_| !rows.are_last)
            .and_then(|row| row.key.as_ref());
        self.0 = last.and_then(|key| existing.remove_entry(key));
    }
}
