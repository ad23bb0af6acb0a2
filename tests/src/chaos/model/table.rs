//! A file as it was meant: its columns and its lines, and the settings it is imported with.

use super::{Kind, Mode};

/// How a file is applied.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) kind: Kind,
    pub(crate) mode: Mode,
    /// Details of existing people are written.
    pub(crate) overrides: bool,
    /// An unknown subject is an error; otherwise the line is skipped.
    pub(crate) unknown_is_error: bool,
    /// The columns that the recipe reads; empty: all.
    pub(crate) reads: &'static [&'static str],
}

/// A file as it was meant.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) headings: Vec<String>,
    /// The physical line on which each record begins, and its cells.
    pub(crate) lines: Vec<(u32, Vec<String>)>,
}

impl Table {
    /// Where a plain column is.
    pub(super) fn column(&self, rules: &Rules, name: &str) -> Option<usize> {
        let reads = rules.reads.is_empty() || rules.reads.contains(&name);
        self.headings
            .iter()
            .position(|heading| reads && heading.trim().to_lowercase() == name)
    }

    /// Where the columns of a numbered name are, in the order of their numbers.
    pub(super) fn numbered(&self, rules: &Rules, name: &str) -> Vec<(u32, usize)> {
        let reads = rules.reads.is_empty() || rules.reads.contains(&name);
        let number = |heading: &str| {
            let heading = heading.trim().to_lowercase();
            let alias = if name == "cohort" { "segment" } else { name };
            heading
                .strip_prefix(name)
                .or_else(|| heading.strip_prefix(alias))?
                .parse()
                .ok()
        };
        let mut found: Vec<_> = self
            .headings
            .iter()
            .enumerate()
            .filter_map(|(at, heading)| Some((number(heading)?, at)))
            .collect();
        found.retain(|_| reads);
        found.sort_unstable();
        found
    }

    /// Those lines only.
    pub(crate) fn of_lines(&self, wanted: impl Fn(u32) -> bool) -> Self {
        let lines = self
            .lines
            .iter()
            .filter(|(line, _)| wanted(*line))
            .cloned()
            .collect();
        Self {
            headings: self.headings.clone(),
            lines,
        }
    }

    /// What the cells of a report meant before it guarded those that a spreadsheet would take for
    /// formulas.
    pub(crate) fn unguarded(mut self) -> Self {
        for cell in self.lines.iter_mut().flat_map(|(_, cells)| cells) {
            if let Some(rest) = cell
                .strip_prefix('\'')
                .filter(|rest| rest.starts_with(['=', '+', '-', '@', '\'', '\t']))
            {
                *cell = rest.to_owned();
            }
        }
        self
    }

    /// Does a record have as many cells as the header? A surplus of empty ones is none.
    pub(super) fn fits(&self, cells: &[String]) -> bool {
        let filled = cells
            .iter()
            .rposition(|cell| !cell.trim().is_empty())
            .map_or(0, |last| last + 1);
        cells.len() == self.headings.len()
            || (cells.len() > self.headings.len() && filled <= self.headings.len())
    }
}

/// The trimmed text of a cell; `None`: it is empty, or there is none.
pub(super) fn text(cells: &[String], at: Option<usize>) -> Option<&str> {
    at.and_then(|at| cells.get(at))
        .map(|cell| cell.trim())
        .filter(|text| !text.is_empty())
}

/// Is it longer than a column allows?
pub(super) fn is_longer(text: &str, max: usize) -> bool {
    text.chars().count() > max
}
