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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::{segments::SEGMENTS, told::told};

    /// A line about a segment: its key, and what it says of name and description.
    fn line(
        line: i32,
        key: &str,
        name: Option<&str>,
        description: Option<&str>,
    ) -> (StagedRow, Read) {
        let row = StagedRow {
            line,
            key: Some(key.to_owned()),
            cells: Vec::new(),
            issues: Vec::new(),
            duplicates: Vec::new(),
            bytes_held: 0,
        };
        let fields = [Some(key), name, description, None];
        let fields = fields.map(|value| value.map(str::to_owned)).to_vec();
        (
            row,
            Read {
                fields,
                issues: Vec::new(),
            },
        )
    }

    /// The plans of lines, where the segment `sales` (5) is there; new ones get 100 and on.
    fn planned(recipe: Recipe, mode: Mode, lines: Vec<(StagedRow, Read)>) -> Vec<String> {
        let fields = ["sales", "Sales", "", "true"].map(|value| Some(value.to_owned()));
        let sales = Existing {
            id: 5,
            version: Some(3),
            fields: fields.to_vec(),
            turns: 0,
        };
        let mut planner = Planner {
            description: &SEGMENTS,
            mode,
            recipe,
            existing: HashMap::from([("sales".to_owned(), sales)]),
            ids: vec![100, 101].into_iter(),
        };
        let mut plan = |(row, read): (StagedRow, Read)| {
            let plan = planner.plan(&row, read).expect("ids enough");
            told(&plan, SEGMENTS.spec().fields)
        };
        lines.into_iter().map(&mut plan).collect()
    }

    #[test]
    fn by_mode() {
        use Mode::{CreateAndUpdate, CreateOnly, UpdateOnly};
        let created = "2 create 100.1 idnumber →hr name →People description → visible →true";
        for (recipe, mode, line, expected) in [
            (
                Recipe::Custom,
                CreateOnly,
                line(2, "hr", Some("People"), None),
                created,
            ),
            (
                Recipe::Custom,
                CreateAndUpdate,
                line(2, "hr", Some("People"), None),
                created,
            ),
            (
                Recipe::Custom,
                UpdateOnly,
                line(2, "hr", Some("People"), None),
                "2 skip (warning segment-not-found)",
            ),
            (
                Recipe::Custom,
                CreateOnly,
                line(2, "hr", None, None),
                "2 reject (error missing-value)",
            ),
            (
                Recipe::Custom,
                CreateOnly,
                line(2, "sales", Some("S"), None),
                "2 skip (warning segment-exists)",
            ),
            (
                Recipe::Custom,
                CreateAndUpdate,
                line(2, "sales", Some("S"), None),
                "2 update 5.1 name Sales→S",
            ),
            (
                Recipe::Custom,
                UpdateOnly,
                line(2, "sales", Some("Sales"), None),
                "2 unchanged 5.1",
            ),
            (
                Recipe::Custom,
                UpdateOnly,
                line(2, "sales", None, Some("D")),
                "2 update 5.1 description →D",
            ),
        ] {
            assert_eq!(planned(recipe, mode, vec![line]), [expected], "{mode:?}");
        }
    }

    #[test]
    fn a_later_line_sees_what_the_earlier_ones_would_do() {
        let twice = || {
            vec![
                line(2, "hr", Some("A"), None),
                line(3, "hr", Some("B"), None),
            ]
        };
        let of_3 = |mode| planned(Recipe::Custom, mode, twice()).remove(1);
        assert_eq!(of_3(Mode::CreateOnly), "3 reject (error name-used-twice)");
        assert_eq!(of_3(Mode::CreateAndUpdate), "3 update 100.2 name A→B");
    }

    #[test]
    fn a_line_that_is_wrong_or_has_no_key_is_rejected() {
        let mut wrong = line(2, "sales", Some("S"), None);
        wrong
            .1
            .issues
            .push(Issue::error(Code::TooLong, "It is too long."));
        let mut without_key = line(3, "sales", Some("S"), None);
        without_key.0.key = None;
        let plans = planned(
            Recipe::Custom,
            Mode::CreateAndUpdate,
            vec![wrong, without_key],
        );
        assert_eq!(plans, ["2 reject (error too-long)", "3 reject"]);
    }
}
