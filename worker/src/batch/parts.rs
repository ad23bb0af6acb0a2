//! Taking a batch apart: one that is more than a transaction may do, that took too long, or whose
//! data the database refuses. What it consists of, a subject or a slot, is never parted.

use super::{claim::Claim, context::Context};
use crate::error::StageError;
use muster_shared::{
    model::{
        batch::Step,
        budget::{Budget, Load},
        stage::Stage,
    },
    store::{batches::Batch, imports::Import, plans},
};
use sqlx::PgConnection;

pub(crate) use muster_shared::store::batches::Part;

/// Cuts `low..high` between units so that no part passes the budget, unless it is one unit.
pub(crate) fn cut(units: &[(i64, Load)], low: i64, high: i64, budget: Budget) -> Vec<Part> {
    let mut parts = vec![Part {
        low,
        high,
        lines: 0,
    }];
    let mut load = Load::default();
    for &(unit, of_unit) in units {
        let mut with_it = load;
        with_it += of_unit;
        if load.lines > 0 && budget.is_passed(&with_it) {
            close(&mut parts, unit, high);
            with_it = of_unit;
        }
        load = with_it;
        if let Some(last) = parts.last_mut() {
            last.lines = load.lines;
        }
    }
    parts
}

/// Cuts `low..high` into two halves of about as many units; into one, if there is no more than one.
pub(crate) fn halve(units: &[(i64, Load)], low: i64, high: i64) -> Vec<Part> {
    let mut parts = vec![Part {
        low,
        high,
        lines: 0,
    }];
    for (nth, &(unit, load)) in units.iter().enumerate() {
        if nth > 0 && nth == units.len() / 2 {
            close(&mut parts, unit, high);
        }
        if let Some(last) = parts.last_mut() {
            last.lines += load.lines;
        }
    }
    parts
}

/// Ends the last part before `unit`, with which the next begins.
fn close(parts: &mut Vec<Part>, unit: i64, high: i64) {
    if let Some(last) = parts.last_mut() {
        last.high = unit;
    }
    parts.push(Part {
        low: unit,
        high,
        lines: 0,
    });
}

/// Takes a batch apart in that way (`how`: of its units, from and to which id). `false`: it stays
/// as it is.
pub(crate) async fn take_apart(
    context: &Context,
    import: &Import,
    claim: &Claim,
    how: impl FnOnce(&[(i64, Load)], i64, i64) -> Vec<Part>,
) -> Result<bool, StageError> {
    let batch = claim.batch();
    let mut conn = context.control.acquire().await?;
    let units = units(&mut conn, import, batch).await?;
    drop(conn);
    let parts = how(&units, batch.low, batch.high);
    if parts.len() < 2 {
        return Ok(false);
    }
    claim.put_parts(import.id, &parts).await?;
    Ok(true)
}

/// What a batch consists of, in order: subjects; of the preview of a file, slots. Nothing: it
/// cannot be taken apart.
async fn units(
    conn: &mut PgConnection,
    import: &Import,
    batch: &Batch,
) -> Result<Vec<(i64, Load)>, StageError> {
    let of_plans = match (batch.stage, import.undoes) {
        _ if batch.step != Step::Main => return Ok(Vec::new()),
        (Stage::Validate, _) => return Ok(Vec::new()),
        (Stage::Preview, None) => return slots(conn, batch).await,
        (Stage::Preview, Some(undone)) => undone,
        (Stage::Apply, _) => import.no,
    };
    let subjects = plans::subjects(conn, of_plans, batch.low, batch.high).await?;
    Ok(subjects
        .into_iter()
        .map(|(subject, lines)| (subject, of_lines(lines)))
        .collect())
}

async fn slots(conn: &mut PgConnection, batch: &Batch) -> Result<Vec<(i64, Load)>, StageError> {
    let slots = sqlx::query!(
        r#"SELECT slot, count(*) AS "lines!" FROM muster.import_rows
            WHERE import_no = $1 AND slot >= $2 AND slot < $3 GROUP BY slot ORDER BY slot"#,
        batch.import_no.0,
        batch.low as i16,
        batch.high as i16,
    )
    .map(|row| (row.slot.into(), of_lines(row.lines)))
    .fetch_all(conn)
    .await?;
    Ok(slots)
}

fn of_lines(lines: i64) -> Load {
    Load {
        lines: lines as u64,
        ..Load::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(lines: &[u64]) -> Vec<(i64, Load)> {
        (10..)
            .step_by(10)
            .zip(lines)
            .map(|(unit, &lines)| {
                (
                    unit,
                    Load {
                        lines,
                        memberships: lines,
                        ..Load::default()
                    },
                )
            })
            .collect()
    }

    fn told(parts: &[Part]) -> String {
        parts
            .iter()
            .map(|part| format!("{}..{}:{}", part.low, part.high, part.lines))
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn parts_are_within_the_budget_unless_they_are_one_unit() {
        for (lines, expected) in [
            (&[][..], "5..99:0"),
            (&[4_000, 6_000][..], "5..99:10000"),
            (&[4_000, 6_000, 1][..], "5..30:10000 30..99:1"),
            (
                &[20_000, 1, 20_000, 20_000][..],
                "5..20:20000 20..30:1 30..40:20000 40..99:20000",
            ),
        ] {
            assert_eq!(
                told(&cut(&units(lines), 5, 99, Budget::TRANSACTION)),
                expected,
                "{lines:?}"
            );
        }
        let many = vec![
            (
                7,
                Load {
                    lines: 1,
                    memberships: 90_000,
                    ..Load::default()
                }
            );
            3
        ];
        assert_eq!(
            cut(&many, 0, 99, Budget::TRANSACTION).len(),
            3,
            "memberships count too"
        );
    }

    #[test]
    fn halves_have_about_as_many_units() {
        for (lines, expected) in [
            (&[][..], "5..99:0"),
            (&[7][..], "5..99:7"),
            (&[7, 8][..], "5..20:7 20..99:8"),
            (&[1, 2, 3, 4, 5][..], "5..30:3 30..99:12"),
        ] {
            assert_eq!(told(&halve(&units(lines), 5, 99)), expected, "{lines:?}");
        }
    }
}
