//! The cells of one record, by heading, and the checks that all kinds share. Reading never fails:
//! what is wrong becomes an issue.

use crate::header::Header;
use chrono::{Datelike, NaiveDate};
use muster_shared::model::{
    column::ColumnSpec,
    guard::unguarded,
    issue::{Code, Issue},
    text::trimmed,
};

/// The cells of one record.
#[derive(Clone, Copy)]
pub(crate) struct Cells<'a> {
    header: &'a Header,
    raw: &'a [String],
}

/// One cell.
#[derive(Clone, Copy)]
pub(crate) struct Cell<'a> {
    pub(crate) heading: &'a str,
    /// Without what nobody sees at its edges.
    pub(crate) text: &'a str,
    spec: &'static ColumnSpec,
}

impl<'a> Cells<'a> {
    pub(crate) fn new(header: &'a Header, raw: &'a [String]) -> Self {
        Self { header, raw }
    }

    /// The cell at a position of the header; `None`: the column is passed over.
    pub(crate) fn at(&self, position: usize) -> Option<Cell<'a>> {
        let spec = self.header.meanings.get(position)?.as_ref()?.spec;
        let raw = self.raw.get(position).map_or("", String::as_str);
        let raw = if self.header.is_report {
            unguarded(raw)
        } else {
            raw
        };
        Some(Cell {
            heading: &self.header.headings[position],
            text: trimmed(raw),
            spec,
        })
    }

    /// The cell of the plain column of that name; `None`: the file has no such column.
    pub(crate) fn named(&self, name: &str) -> Option<Cell<'a>> {
        self.at(self.header.position(name)?)
    }

    /// All cells that are read, in the order of the file.
    pub(crate) fn all(&self) -> impl Iterator<Item = Cell<'a>> + use<'a> {
        let cells = *self;
        (0..cells.header.meanings.len()).filter_map(move |position| cells.at(position))
    }
}

impl<'a> Cell<'a> {
    /// An issue at this cell.
    pub(crate) fn issue(&self, issue: Issue) -> Issue {
        issue.at(self.heading, self.text)
    }

    /// Adds an issue if the cell is longer than its column allows.
    pub(crate) fn check_length(&self, issues: &mut Vec<Issue>) {
        // Most cells are shorter in bytes already.
        if self.text.len() > self.spec.max_chars && self.text.chars().count() > self.spec.max_chars
        {
            let max = self.spec.max_chars;
            issues.push(self.issue(Issue::error(
                Code::TooLong,
                format!("`{}` may have at most {max} characters.", self.heading),
            )));
        }
    }

    /// Is it a yes or a no?
    pub(crate) fn yes_or_no(&self) -> Result<bool, Issue> {
        match self.text.to_lowercase().as_str() {
            "1" | "yes" | "y" | "true" => Ok(true),
            "0" | "no" | "n" | "false" => Ok(false),
            _ => Err(self.issue(Issue::error(
                Code::BadValue,
                format!("`{}` is 1 or 0, yes or no, true or false.", self.heading),
            ))),
        }
    }

    /// Is it a date?
    pub(crate) fn date(&self) -> Result<NaiveDate, Issue> {
        let plain = NaiveDate::parse_from_str(self.text, "%Y-%m-%d")
            .ok()
            .filter(|_| self.text.len() == "2026-09-01".len());
        let date = plain.or_else(|| {
            chrono::DateTime::parse_from_rfc3339(self.text)
                .ok()
                .map(|time| time.date_naive())
        });
        date.filter(|date| (1..=9999).contains(&date.year()))
            .ok_or_else(|| {
                self.issue(Issue::error(
                    Code::BadValue,
                    format!("`{}` is a date such as 2026-09-01.", self.heading),
                ))
            })
    }

    /// The text, unless it is empty.
    pub(crate) fn filled(&self) -> Option<&'a str> {
        (!self.text.is_empty()).then_some(self.text)
    }

    /// Its column.
    pub(crate) fn spec(&self) -> &'static ColumnSpec {
        self.spec
    }
}

/// Warns of white space inside a key that looks like a blank or like nothing, and is neither.
pub(crate) fn check_odd_space(cell: &Cell<'_>, issues: &mut Vec<Issue>) {
    let is_odd = |c: char| {
        matches!(
            c,
            '\u{a0}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' | '\u{202f}'
        )
    };
    if cell.text.contains(is_odd) {
        let message = format!(
            "`{}` has a no-break or zero-width space in it. Type it again.",
            cell.heading
        );
        issues.push(cell.issue(Issue::warning(Code::OddSpace, message)));
    }
}

/// The error of a line without a key.
pub(crate) fn missing(heading: &str) -> Issue {
    Issue::error(
        Code::MissingValue,
        format!("`{heading}` is empty; the line needs it."),
    )
    .at(heading, "")
}

/// The error of a template's example line.
pub(crate) fn check_example(key: &Cell<'_>, issues: &mut Vec<Issue>) {
    if key.text.to_lowercase().starts_with("example.") {
        issues.push(key.issue(Issue::error(
            Code::ExampleLine,
            "This is an example line of the template. Take it out.",
        )));
    }
}
