//! Cells → what a line says about a course. Never fails: what is wrong becomes an issue.

use super::{
    CATEGORY_PATH, ENDDATE, FIELDS, FULLNAME, IDNUMBER, SHORTNAME, STARTDATE, SUMMARY, VISIBLE,
    categories,
};
use crate::{
    kinds::{
        cells::{Cell, Cells, check_example, check_odd_space, missing},
        records::Read,
    },
    staging::rows::StagedRow,
};
use muster_shared::model::issue::{Code, Issue};

/// Reads a line; `before`: the course as it is, if it is there.
pub(super) fn read(row: &StagedRow, cells: &Cells<'_>, before: Option<&[Option<String>]>) -> Read {
    let mut read = Read {
        fields: vec![None; FIELDS],
        issues: row.issues.clone(),
    };
    if !read.issues.is_empty() {
        return read;
    }
    for cell in cells.all() {
        cell.check_length(&mut read.issues);
        if let Some(text) = cell.filled() {
            take(&cell, text, &mut read);
        }
    }
    if row.key.is_none() && read.issues.is_empty() {
        read.issues.push(missing("shortname"));
    }
    check_period(cells, &mut read, before);
    read
}

fn take(cell: &Cell<'_>, text: &str, read: &mut Read) {
    let Read { fields, issues } = read;
    let mut put = |i: usize, value: Result<String, Issue>| match value {
        Ok(value) => fields[i] = Some(value),
        Err(issue) => issues.push(issue),
    };
    match cell.spec().name {
        "shortname" => {
            put(SHORTNAME, Ok(text.to_owned()));
            check_example(cell, issues);
            check_odd_space(cell, issues);
        }
        "fullname" => put(FULLNAME, Ok(text.to_owned())),
        "idnumber" => put(IDNUMBER, Ok(text.to_owned())),
        "category_path" => put(CATEGORY_PATH, categories::standard_path(cell)),
        "summary" => put(SUMMARY, Ok(text.to_owned())),
        "visible" => put(VISIBLE, cell.yes_or_no().map(|yes| yes.to_string())),
        "startdate" => put(STARTDATE, cell.date().map(|date| date.to_string())),
        "enddate" => put(ENDDATE, cell.date().map(|date| date.to_string())),
        _ => {}
    }
}

/// A course must not end before it starts, whether the line says both or the course has one of
/// them.
fn check_period(cells: &Cells<'_>, read: &mut Read, before: Option<&[Option<String>]>) {
    let date = |i: usize| {
        read.fields[i]
            .as_ref()
            .or_else(|| before.and_then(|fields| fields[i].as_ref()))
    };
    let says_either = read.fields[STARTDATE].is_some() || read.fields[ENDDATE].is_some();
    // Dates as they are stored compare like their texts.
    if says_either
        && date(STARTDATE)
            .zip(date(ENDDATE))
            .is_some_and(|(start, end)| end < start)
    {
        let issue = Issue::error(Code::BadValue, "The course would end before it starts.");
        let cell = cells.named("enddate").or_else(|| cells.named("startdate"));
        read.issues
            .push(cell.map_or(issue.clone(), |cell| cell.issue(issue)));
    }
}
