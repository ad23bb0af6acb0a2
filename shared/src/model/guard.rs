//! The apostrophe by which a spreadsheet shows a cell of a report instead of running it as a
//! formula: put before it on the way out, taken off when the report comes back.

use std::borrow::Cow;

/// What a cell that is more than text begins with.
const RUN: [char; 7] = ['=', '+', '-', '@', '\'', '\t', '\r'];

/// A cell that a spreadsheet shows and does not run.
#[must_use]
pub fn guarded(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(RUN) {
        format!("'{cell}").into()
    } else {
        cell.into()
    }
}

/// Does the cell have the apostrophe already?
#[must_use]
pub fn is_guarded(cell: &str) -> bool {
    cell.strip_prefix('\'')
        .is_some_and(|rest| rest.starts_with(RUN))
}

/// A cell of a report as it was before the report put an apostrophe before it.
#[must_use]
pub fn unguarded(cell: &str) -> &str {
    if is_guarded(cell) { &cell[1..] } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_get_one_apostrophe_and_lose_it_again() {
        for (cell, expected) in [
            ("=1", "'=1"),
            ("'x", "''x"),
            ("a=1", "a=1"),
            ("\tx", "'\tx"),
            ("", ""),
            ("+47", "'+47"),
            ("@a", "'@a"),
        ] {
            assert_eq!(guarded(cell), expected, "{cell}");
            assert_eq!(unguarded(&guarded(cell)), cell);
        }
    }

    #[test]
    fn exactly_one_apostrophe_is_taken_off() {
        for (raw, expected) in [
            ("'=1", "=1"),
            ("''x", "'x"),
            ("'x", "'x"),
            ("x", "x"),
            ("'", "'"),
            ("'-5", "-5"),
        ] {
            assert_eq!(unguarded(raw), expected);
        }
    }
}
