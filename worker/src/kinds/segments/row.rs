//! Cells → what a line says about a segment. Never fails: what is wrong becomes an issue.

use super::{DESCRIPTION, FIELDS, IDNUMBER, NAME, VISIBLE};
use crate::{
    kinds::{
        cells::{Cells, check_example, check_odd_space, missing},
        records::Read,
    },
    staging::rows::StagedRow,
};

/// Reads a line.
pub(super) fn read(row: &StagedRow, cells: &Cells<'_>) -> Read {
    let mut read = Read {
        fields: vec![None; FIELDS],
        issues: row.issues.clone(),
    };
    if !read.issues.is_empty() {
        return read;
    }
    for cell in cells.all() {
        cell.check_length(&mut read.issues);
        let Some(text) = cell.filled() else { continue };
        match cell.spec().name {
            "idnumber" => {
                check_example(&cell, &mut read.issues);
                check_odd_space(&cell, &mut read.issues);
                read.fields[IDNUMBER] = Some(text.to_owned());
            }
            "name" => read.fields[NAME] = Some(text.to_owned()),
            "description" => read.fields[DESCRIPTION] = Some(text.to_owned()),
            "visible" => match cell.yes_or_no() {
                Ok(yes) => read.fields[VISIBLE] = Some(yes.to_string()),
                Err(issue) => read.issues.push(issue),
            },
            _ => {}
        }
    }
    if row.key.is_none() && read.issues.is_empty() {
        read.issues.push(missing("idnumber"));
    }
    read
}
