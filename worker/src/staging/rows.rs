//! Staged rows, read back for a batch of preview, or for the people whom apply finds changed: in
//! pieces that a lane can hold, however large the records are and however many are about one
//! subject.

use crate::error::StageError;
use muster_shared::{
    model::{
        budget::{Budget, Load},
        ids::ImportNo,
        issue::Issue,
    },
    store::imports::from_json,
};
use sqlx::PgConnection;
use std::collections::HashMap;

/// One staged record. Not `Debug`, like all that holds cells: they must not be printed.
pub(crate) struct StagedRow {
    pub(crate) line: i32,
    pub(crate) key: Option<String>,
    pub(crate) cells: Vec<String>,
    /// What is wrong with its shape.
    pub(crate) issues: Vec<Issue>,
    /// Unique values of this line that an earlier line about another subject has: which, that line.
    pub(crate) duplicates: Vec<(i16, i32)>,
    /// Bytes of memory that its cells hold.
    pub(crate) bytes_held: u64,
}

/// Rows that are in hand together, in the order of slot, key and line: those of a subject come one
/// after the other.
pub(crate) struct Rows {
    pub(crate) all: Vec<StagedRow>,
    /// The first of them is about the subject of the last one that was in hand before.
    pub(crate) go_on: bool,
    /// There are no more.
    pub(crate) are_last: bool,
}

/// Reads rows of an import piece by piece.
pub(crate) struct RowReader<'a> {
    import: ImportNo,
    of: Of<'a>,
    most_lines: i64,
    last: Option<Last>,
    is_ended: bool,
}

/// Which rows.
enum Of<'a> {
    Slots { low: i16, high: i16 },
    Lines(&'a [i32]),
}

/// Where the last piece ended.
struct Last {
    slot: i16,
    line: i32,
    key: Option<String>,
}

/// All rows that meet the condition, in no order.
macro_rules! all {
    ($condition:literal, $($argument:expr),+ $(,)?) => {
        sqlx::query_as!(
            RowRecord,
            r#"SELECT line, slot, key, cells, issues, muster.bytes_held(bytes_held, cells) AS "bytes_held!"
                 FROM muster.import_rows WHERE import_no = $1 AND "# + $condition,
            $($argument),+
        )
    };
}

/// How many rows meet the condition, and what they hold.
macro_rules! load {
    ($condition:literal, $($argument:expr),+ $(,)?) => {
        sqlx::query!(
            r#"SELECT count(*) AS "lines!", coalesce(sum(muster.bytes_held(bytes_held, cells)), 0) AS "bytes!"
                 FROM muster.import_rows WHERE import_no = $1 AND "# + $condition,
            $($argument),+
        )
        .map(|row| Load { lines: row.lines as u64, bytes: row.bytes as u64, ..Load::default() })
    };
}

/// The rows that fit into a piece, of those behind slot `$2`, key `$3` and line `$4` that meet the
/// condition: at most `$5` that hold `$6` bytes. A slot has many subjects once a file has thousands
/// of them, whose lines lie in between each other.
macro_rules! piece {
    ($condition:literal, $($argument:expr),+ $(,)?) => {
        sqlx::query_as!(
            RowRecord,
            r#"SELECT line AS "line!", slot AS "slot!", key, cells AS "cells!", issues, bytes_held AS "bytes_held!"
                 FROM (SELECT line, slot, key, place, cells, issues, bytes_held,
                              sum(bytes_held) OVER (ORDER BY slot, place, line ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before
                         FROM (SELECT line, slot, key, coalesce(key, '') COLLATE "C" AS place, cells, issues, muster.bytes_held(bytes_held, cells) AS bytes_held
                                 FROM muster.import_rows
                                WHERE import_no = $1 AND (slot, coalesce(key, '') COLLATE "C", line) > ($2, $3, $4) AND "#
                + $condition
                + r#" ORDER BY slot, place, line
                                LIMIT $5) r) s
                WHERE coalesce(bytes_before, 0) < $6
                ORDER BY slot, place, line"#,
            $($argument),+
        )
    };
}

impl<'a> RowReader<'a> {
    /// Of the slots `low..high`, each line of which names so many memberships at most.
    pub(crate) fn of_slots(import: ImportNo, low: i16, high: i16, memberships: u64) -> Self {
        Self::new(import, Of::Slots { low, high }, memberships)
    }

    /// Of these lines.
    pub(crate) fn of_lines(import: ImportNo, lines: &'a [i32], memberships: u64) -> Self {
        Self::new(import, Of::Lines(lines), memberships)
    }

    fn new(import: ImportNo, of: Of<'a>, memberships: u64) -> Self {
        Self {
            import,
            of,
            most_lines: Budget::PIECE.lines(memberships) as i64,
            last: None,
            is_ended: false,
        }
    }

    /// The next rows; `None`: there are no more.
    pub(crate) async fn next(
        &mut self,
        conn: &mut PgConnection,
    ) -> Result<Option<Rows>, StageError> {
        if self.is_ended {
            return Ok(None);
        }
        let stored = if self.last.is_none() && self.fit_in_one(conn).await? {
            self.is_ended = true;
            self.all(conn).await?
        } else {
            let piece = self.piece(conn).await?;
            // Cut short by what they hold, or by their number.
            let bytes: u64 = piece.iter().map(|row| row.bytes_held as u64).sum();
            self.is_ended = bytes < Budget::PIECE.bytes() && (piece.len() as i64) < self.most_lines;
            piece
        };
        let Some(last) = stored.last() else {
            return Ok(None);
        };
        let last = Last {
            slot: last.slot,
            line: last.line,
            key: last.key.clone(),
        };
        let before = self.last.replace(last).and_then(|before| before.key);
        let go_on = before.is_some() && stored.first().is_some_and(|first| first.key == before);
        Ok(Some(Rows {
            all: complete(conn, self.import, stored).await?,
            go_on,
            are_last: self.is_ended,
        }))
    }

    /// Do they all fit into one piece? They nearly always do, and then nothing need be cut: the
    /// database took three times as long for that as for reading them.
    async fn fit_in_one(&self, conn: &mut PgConnection) -> Result<bool, StageError> {
        let load = match self.of {
            Of::Slots { low, high } => {
                load!("slot >= $2 AND slot < $3", self.import.0, low, high)
                    .fetch_one(conn)
                    .await?
            }
            Of::Lines(lines) => {
                load!("line = ANY ($2)", self.import.0, lines)
                    .fetch_one(conn)
                    .await?
            }
        };
        Ok(load.bytes < Budget::PIECE.bytes() && (load.lines as i64) < self.most_lines)
    }

    async fn all(&self, conn: &mut PgConnection) -> Result<Vec<RowRecord>, StageError> {
        let mut all = match self.of {
            Of::Slots { low, high } => {
                all!("slot >= $2 AND slot < $3", self.import.0, low, high)
                    .fetch_all(conn)
                    .await?
            }
            Of::Lines(lines) => {
                all!("line = ANY ($2)", self.import.0, lines)
                    .fetch_all(conn)
                    .await?
            }
        };
        all.sort_unstable_by(|one, other| {
            (one.slot, &one.key, one.line).cmp(&(other.slot, &other.key, other.line))
        });
        Ok(all)
    }

    async fn piece(&self, conn: &mut PgConnection) -> Result<Vec<RowRecord>, StageError> {
        let (slot, key, line) = self.last.as_ref().map_or((-1, "", 0), |last| {
            (
                last.slot,
                last.key.as_deref().unwrap_or_default(),
                last.line,
            )
        });
        let (import, lines, bytes) = (self.import.0, self.most_lines, Budget::PIECE.bytes() as i64);
        Ok(match self.of {
            Of::Slots { low, high } => {
                let condition = piece!(
                    "slot >= $7 AND slot < $8",
                    import,
                    slot,
                    key,
                    line,
                    lines,
                    bytes,
                    low.max(slot),
                    high
                );
                condition.fetch_all(conn).await?
            }
            Of::Lines(these) => {
                piece!(
                    "line = ANY ($7)",
                    import,
                    slot,
                    key,
                    line,
                    lines,
                    bytes,
                    these
                )
                .fetch_all(conn)
                .await?
            }
        })
    }
}

struct RowRecord {
    line: i32,
    slot: i16,
    key: Option<String>,
    cells: Vec<String>,
    issues: Option<serde_json::Value>,
    bytes_held: i32,
}

/// Adds the duplicates.
async fn complete(
    conn: &mut PgConnection,
    import: ImportNo,
    stored: Vec<RowRecord>,
) -> Result<Vec<StagedRow>, StageError> {
    let lines: Vec<i32> = stored.iter().map(|row| row.line).collect();
    let found = sqlx::query!(
        "SELECT line, claim, first_line FROM muster.import_clashes WHERE import_no = $1 AND line = ANY ($2)",
        import.0,
        &lines,
    )
    .fetch_all(conn)
    .await?;
    let mut duplicates: HashMap<i32, Vec<(i16, i32)>> = HashMap::new();
    for clash in found {
        duplicates
            .entry(clash.line)
            .or_default()
            .push((clash.claim, clash.first_line));
    }
    let with_clashes = |row: RowRecord| {
        let issues: Vec<Issue> = row
            .issues
            .map(|issues| from_json(issues, "import_rows.issues"))
            .transpose()?
            .unwrap_or_default();
        let duplicates = duplicates.remove(&row.line).unwrap_or_default();
        Ok(StagedRow {
            duplicates,
            line: row.line,
            key: row.key,
            cells: row.cells,
            issues,
            bytes_held: row.bytes_held as u64,
        })
    };
    stored.into_iter().map(with_clashes).collect()
}
