//! What work in hand costs, and how much of it whoever does it may have at once: a lane, a
//! transaction, an answer. Without bounds in every one of these dimensions a small file could take
//! all memory of a process, or a lane for minutes.

use std::{mem::size_of, ops::AddAssign};

/// What a line holds besides its cells, counted in cells.
const PLACES_OF_LINE: usize = 4;

/// What some lines cost while they are in hand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// How many there are.
    pub lines: u64,
    /// Bytes of memory that their texts hold.
    pub bytes: u64,
    /// Segments, courses and roles that they name.
    pub memberships: u64,
}

/// The most that may be in hand at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    load: Load,
    /// Characters of names that may be compared with each other, to find what was probably meant.
    comparisons: u64,
}

impl Load {
    /// Of one line that holds so many bytes and names so many memberships.
    #[must_use]
    pub const fn of_line(bytes: u64, memberships: u64) -> Self {
        Self {
            lines: 1,
            bytes,
            memberships,
        }
    }

    /// Bytes that a line of so many cells holds, whose texts have so many together: a record of
    /// nothing but delimiters holds twenty times as much as it has characters.
    #[must_use]
    pub const fn bytes_of(cells: usize, text: usize) -> u64 {
        (size_of::<String>() * (cells + PLACES_OF_LINE) + text) as u64
    }
}

impl AddAssign for Load {
    fn add_assign(&mut self, other: Self) {
        self.lines += other.lines;
        self.bytes += other.bytes;
        self.memberships += other.memberships;
    }
}

impl Budget {
    /// Rows that are staged together. Three such chunks are in memory: one is read, one waits, one
    /// is sent.
    pub const CHUNK: Self = Self::of(20_000, 4 << 20, u64::MAX);
    /// Rows that are planned together: twice as many as a batch usually has, so that one of plain
    /// lines is not parted. Their plans and what is sent to the database hold as much again, twice.
    pub const PIECE: Self = Self::of(10_000, 8 << 20, 50_000);
    /// Plans that are executed in one transaction. Measured: smaller ones cost more statements,
    /// larger ones more memory, and neither gains speed. Bytes stay in the database.
    pub const TRANSACTION: Self = Self::of(10_000, u64::MAX, 100_000);
    /// Lines about one subject, which are never parted and so are one transaction. Within the
    /// default limits of a site no file comes near: a thousand lines of a hundred segments and a
    /// hundred courses with their roles.
    pub const SUBJECT: Self = Self::of(10_000, 2 << 30, 1_000_000);
    /// Lines of one answer, beside the limit that the client gives.
    pub const PAGE: Self = Self::of(200, 1 << 20, u64::MAX);
    /// Lines of a report that are read together.
    pub const REPORT: Self = Self::of(2_000, 1 << 20, u64::MAX);

    /// Characters that are compared for the suggestions of one piece: a fraction of a second.
    const COMPARISONS: u64 = 20_000_000;

    const fn of(lines: u64, bytes: u64, memberships: u64) -> Self {
        Self {
            load: Load {
                lines,
                bytes,
                memberships,
            },
            comparisons: Self::COMPARISONS,
        }
    }

    /// Is there no more to be taken in hand?
    #[must_use]
    pub const fn is_used_up(&self, load: &Load) -> bool {
        load.lines >= self.load.lines
            || load.bytes >= self.load.bytes
            || load.memberships >= self.load.memberships
    }

    /// Is that more than may be in hand?
    #[must_use]
    pub const fn is_passed(&self, load: &Load) -> bool {
        load.lines > self.load.lines
            || load.bytes > self.load.bytes
            || load.memberships > self.load.memberships
    }

    /// Lines at most, of which each names so many memberships.
    #[must_use]
    pub const fn lines(&self, memberships: u64) -> u64 {
        let max = self.load.memberships / if memberships == 0 { 1 } else { memberships };
        let max = if max < self.load.lines {
            max
        } else {
            self.load.lines
        };
        if max == 0 { 1 } else { max }
    }

    /// Bytes at most.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.load.bytes
    }

    /// Characters that may be compared.
    #[must_use]
    pub const fn comparisons(&self) -> u64 {
        self.comparisons
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_used_up_in_any_dimension() {
        let budget = Budget::of(10, 1_000, 20);
        let loads = [
            Load::of_line(10, 1),
            Load {
                lines: 10,
                ..Load::default()
            },
            Load::of_line(1_000, 0),
            Load::of_line(0, 20),
        ];
        assert_eq!(
            loads.map(|load| budget.is_used_up(&load)),
            [false, true, true, true]
        );
        let loads = [
            Load::of_line(1_000, 20),
            Load::of_line(1_001, 0),
            Load::of_line(0, 21),
            Load {
                lines: 11,
                ..Load::default()
            },
        ];
        assert_eq!(
            loads.map(|load| budget.is_passed(&load)),
            [false, true, true, true]
        );
        assert_eq!(
            [0, 1, 5, 50].map(|memberships| budget.lines(memberships)),
            [10, 10, 4, 1]
        );
    }

    #[test]
    fn empty_cells_hold_memory() {
        assert_eq!(
            (Load::bytes_of(0, 0), Load::bytes_of(1_000_001, 1)),
            (96, 24_000_121)
        );
    }
}
