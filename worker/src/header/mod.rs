//! What the columns of a file mean. Validate asks once for the file, preview and apply ask again
//! for the import.

#[cfg(test)]
mod tests;
mod understand;

use crate::error::StageError;
use muster_shared::{
    model::{column::ColumnSpec, kind::Kind, recipe::Recipe, site::Limits},
    store::imports::Import,
};
use std::collections::BTreeMap;

pub(crate) use understand::understand;

/// The column of a report by which the report is known: the lines of the import that it reports on.
const LINE: &str = "_line";

/// What one column means.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meaning {
    /// The column that the kind understands.
    pub(crate) spec: &'static ColumnSpec,
    /// Of a numbered column.
    pub(crate) number: Option<u32>,
}

/// The columns of a file.
#[derive(Debug, Clone)]
pub(crate) struct Header {
    /// As they stand in the file, trimmed.
    pub(crate) headings: Vec<String>,
    /// By position; `None`: passed over.
    pub(crate) meanings: Vec<Option<Meaning>>,
    /// From a report of Muster, whose cells may have one apostrophe more.
    pub(crate) is_report: bool,
}

impl Header {
    /// Where the report that the file comes from has its lines. The report of a report has its own
    /// behind those of the other.
    pub(crate) fn lines_of_report(&self) -> Option<usize> {
        self.headings.iter().rposition(|heading| heading == LINE)
    }

    /// Where the plain column of that name is.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.meanings
            .iter()
            .position(|meaning| meaning.is_some_and(|m| m.spec.name == name && m.number.is_none()))
    }

    /// Where the numbered columns of that name are, by number.
    pub(crate) fn numbered(&self, name: &str) -> BTreeMap<u32, usize> {
        let of_name = |(i, meaning): (usize, &Option<Meaning>)| {
            meaning
                .filter(|m| m.spec.name == name)
                .and_then(|m| m.number.map(|number| (number, i)))
        };
        self.meanings
            .iter()
            .enumerate()
            .filter_map(of_name)
            .collect()
    }
}

/// How the header is to be understood.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expect<'a> {
    pub(crate) recipe: Recipe,
    pub(crate) kind: Kind,
    pub(crate) mapping: &'a BTreeMap<String, String>,
    pub(crate) limits: &'a Limits,
}

impl<'a> Expect<'a> {
    /// As the import wants it.
    pub(crate) fn of(import: &'a Import, limits: &'a Limits) -> Self {
        Self {
            recipe: import.recipe,
            kind: import.kind,
            mapping: &import.mapping,
            limits,
        }
    }
}

/// The header that validate has accepted, understood once more. An undo reads no cells.
pub(crate) fn accepted(import: &Import) -> Result<Header, StageError> {
    if import.undoes.is_some() {
        return Ok(Header {
            headings: Vec::new(),
            meanings: Vec::new(),
            is_report: false,
        });
    }
    let limits = Limits {
        columns: u64::MAX,
        numbered_columns: u64::MAX,
        ..Limits::default()
    };
    let expect = Expect::of(import, &limits);
    let (header, _) = understand(&import.file.columns, 1, expect)
        .map_err(|_| StageError::defect("an accepted header is refused now"))?;
    Ok(header)
}
