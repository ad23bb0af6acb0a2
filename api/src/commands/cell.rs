//! Which numbers a database gives. Each cell, which is a whole Muster with some of the sites, has a
//! range of its own, so that a site can move to another cell with all its numbers. It must never
//! give a database a second range.

use anyhow::{Context, bail};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::fmt;

/// Numbers of a cell: 2⁴⁴. 512 cells end at 2⁵³, below which whoever reads JSON keeps whole
/// numbers.
const BITS: u32 = 44;

/// The last cell.
pub(crate) const MAX: i64 = 511;

/// The numbers of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    cell: i64,
    low: i64,
    high: i64,
}

impl Range {
    /// Numbers begin at 1, also those of the first cell.
    fn of(cell: i64) -> Self {
        Self {
            cell,
            low: (cell << BITS).max(1),
            high: ((cell + 1) << BITS) - 1,
        }
    }

    fn has(self, number: i64) -> bool {
        (self.low..=self.high).contains(&number)
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cell {} ({} to {})", self.cell, self.low, self.high)
    }
}

/// A column whose numbers Muster or its LMS gives. Its names are quoted where they must be.
struct Numbered {
    table: String,
    column: String,
    sequence: String,
    low: i64,
    high: i64,
}

/// Has all numbers begin at the cell's range and end with it, all of them or none. Does nothing
/// where that is so.
pub(super) async fn settle(connection: &mut PgConnection, cell: i64) -> anyhow::Result<()> {
    let range = Range::of(cell);
    let mut tx = connection.begin().await?;
    // Whoever writes is waited for, but not so long that all else queues up behind.
    sqlx::query("SET LOCAL lock_timeout = '3s'")
        .execute(&mut *tx)
        .await?;
    let all = numbered(&mut tx).await?;
    for numbered in all
        .iter()
        .filter(|numbered| (numbered.low, numbered.high) != (range.low, range.high))
    {
        settle_one(&mut tx, numbered, range).await?;
        tracing::info!(
            sequence = numbered.sequence,
            cell,
            "numbers are given from the range of the cell"
        );
    }
    tx.commit().await?;
    Ok(())
}

/// The numbers of imports, and of whatever the LMS has. Those of sites come from whoever knows all
/// cells.
async fn numbered(conn: &mut PgConnection) -> sqlx::Result<Vec<Numbered>> {
    sqlx::query_as!(
        Numbered,
        r#"SELECT format('%I.%I', n.nspname, c.relname) AS "table!", quote_ident(a.attname) AS "column!",
                  s.seqrelid::regclass::text AS "sequence!", s.seqmin AS low, s.seqmax AS high
             FROM pg_class c
             JOIN pg_namespace n ON n.oid = c.relnamespace
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attidentity <> '' AND a.atttypid = 'bigint'::regtype
             JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'i'
                             AND d.refobjid = c.oid AND d.refobjsubid = a.attnum
             JOIN pg_sequence s ON s.seqrelid = d.objid
            WHERE n.nspname = 'lms' OR c.oid = 'muster.imports'::regclass
            ORDER BY 1"#
    )
    .fetch_all(conn)
    .await
}

async fn settle_one(
    conn: &mut PgConnection,
    numbered: &Numbered,
    range: Range,
) -> anyhow::Result<()> {
    let Numbered {
        table,
        column,
        sequence,
        ..
    } = numbered;
    // Whoever has a number and is about to write it is waited for.
    let lock = format!("LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE");
    sqlx::raw_sql(AssertSqlSafe(lock))
        .execute(&mut *conn)
        .await
        .with_context(|| format!("{table} is in use; try again"))?;
    let stored = format!("SELECT min({column}), max({column}) FROM {table}");
    let (least, max): (Option<i64>, Option<i64>) = sqlx::query_as(AssertSqlSafe(stored))
        .fetch_one(&mut *conn)
        .await?;
    if let Some(other) = [least, max]
        .into_iter()
        .flatten()
        .find(|&number| !range.has(number))
    {
        bail!(
            "{table} has number {other}, which is not of {range}; a database gets its cell before it gets its data"
        );
    }
    let given: i64 =
        sqlx::query_scalar(AssertSqlSafe(format!("SELECT last_value FROM {sequence}")))
            .fetch_one(&mut *conn)
            .await?;
    if given > range.high {
        bail!("{sequence} is at {given}, beyond {range}; this database is of another cell");
    }
    let Range { low, high, .. } = range;
    let restart = if range.has(given) {
        String::new()
    } else {
        format!(" RESTART WITH {low}")
    };
    let change = format!(
        "ALTER SEQUENCE {sequence} MINVALUE {low} MAXVALUE {high} START WITH {low}{restart}"
    );
    sqlx::raw_sql(AssertSqlSafe(change)).execute(conn).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_lie_side_by_side_up_to_what_json_keeps() {
        assert_eq!(
            Range::of(0),
            Range {
                cell: 0,
                low: 1,
                high: (1 << 44) - 1
            }
        );
        for cell in 0..MAX {
            assert_eq!(Range::of(cell).high + 1, Range::of(cell + 1).low);
        }
        assert_eq!(
            (Range::of(MAX).low, Range::of(MAX).high),
            (511 << 44, (1 << 53) - 1)
        );
        let range = Range::of(3);
        for (number, expected) in [
            (range.low - 1, false),
            (range.low, true),
            (range.high, true),
            (range.high + 1, false),
            (1, false),
        ] {
            assert_eq!(range.has(number), expected, "{number}");
        }
    }
}
