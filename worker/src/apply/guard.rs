//! The guard: are the subjects of a piece still as their plans found them?

use crate::{
    error::StageError,
    kinds::importer::{Importer, Piece, Plan},
    plans, rows,
};
use sqlx::PgConnection;
use std::collections::{HashMap, HashSet};

/// Locks the subjects of a piece and returns those that must not be touched: they changed since, and planned anew, under the
/// lock, their lines would do something else.
pub(super) async fn check(conn: &mut PgConnection, piece: Piece, importer: &mut dyn Importer) -> Result<Vec<i64>, StageError> {
    let depended_on = depended_on(conn, piece, importer).await?;
    let changed = changed(conn, piece, importer).await?;
    if changed.is_empty() {
        return Ok(depended_on);
    }
    let stored = plans::of_subjects(conn, piece, &changed).await?;
    let fresh = plan_again(conn, piece, importer, &changed, &stored).await?;
    let fresh: HashMap<i32, Plan> = fresh.into_iter().map(|plan| (plan.line, plan)).collect();
    let differs = |plan: &&Plan| !fresh.get(&plan.line).is_some_and(|fresh| fresh.does_the_same_as(plan));
    let mut held: HashSet<i64> = stored.iter().filter(differs).filter_map(|plan| plan.subject).collect();
    held.extend(depended_on);
    Ok(held.into_iter().collect())
}

/// Those who would be deleted and on whom something hangs. Asked first, since it takes the strongest locks.
async fn depended_on(conn: &mut PgConnection, piece: Piece, importer: &dyn Importer) -> Result<Vec<i64>, StageError> {
    if piece.undoes.is_none() {
        return Ok(Vec::new());
    }
    let deleted = sqlx::query_scalar!(
        r#"SELECT subject AS "subject!" FROM muster.plans_of($1, $2, $3) WHERE action::text = 'd' ORDER BY subject"#,
        piece.import_no.0,
        piece.low,
        piece.high,
    )
    .fetch_all(&mut *conn)
    .await?;
    if deleted.is_empty() { Ok(deleted) } else { importer.depended_on(conn, piece, &deleted).await }
}

/// What would be planned now for subjects that changed.
async fn plan_again(
    conn: &mut PgConnection,
    piece: Piece,
    importer: &mut dyn Importer,
    subjects: &[i64],
    stored: &[Plan],
) -> Result<Vec<Plan>, StageError> {
    let planned = if let Some(undone) = piece.undoes {
        let done = plans::done(conn, undone, piece.low, piece.high, Some(subjects)).await?;
        importer.reverse(conn, undone, &done).await?
    } else {
        let lines: Vec<i32> = stored.iter().map(|plan| plan.line).collect();
        let rows = rows::of_lines(conn, piece.import_no, &lines).await?;
        importer.plan(conn, &rows).await?
    };
    Ok(planned.plans)
}

/// The subjects of a piece that are no longer as they were found. Those of whom nothing is written are looked at, not locked.
async fn changed(conn: &mut PgConnection, piece: Piece, importer: &dyn Importer) -> Result<Vec<i64>, StageError> {
    // Compared here and not in one statement: its planner would take the few rows that it expects for granted and compare each
    // of five thousand with each.
    let found = sqlx::query!(
        r#"SELECT subject AS "id!", max(target_version) AS "version!", bool_or(action <> 'n') AS "is_written!"
             FROM muster.plans_of($1, $2, $3)
            WHERE target_version IS NOT NULL
            GROUP BY subject"#,
        piece.import_no.0,
        piece.low,
        piece.high,
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut present = HashMap::new();
    for lock in [true, false] {
        let subjects: Vec<i64> = found.iter().filter(|subject| subject.is_written == lock).map(|subject| subject.id).collect();
        if !subjects.is_empty() {
            present.extend(importer.versions(conn, &subjects, lock).await?);
        }
    }
    let changed = found.into_iter().filter(|subject| present.get(&subject.id) != Some(&subject.version));
    Ok(changed.map(|subject| subject.id).collect())
}
