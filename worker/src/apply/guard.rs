//! The guard: are the subjects of a piece still as their plans found them?

use crate::{
    error::StageError,
    kinds::importer::{Importer, Piece, Plan},
    plans, rows,
};
use sqlx::PgConnection;
use std::collections::{HashMap, HashSet};

/// Subjects of a piece that must not be touched.
pub(super) struct Held {
    /// They changed since, or what their plans take for granted did, and planned anew, under the lock, their lines would do something
    /// else.
    pub(super) changed: Vec<i64>,
    /// What their plans name is gone.
    pub(super) gone: Vec<i64>,
}

/// Locks the subjects of a piece, and what their plans name; tells those that must not be touched.
pub(super) async fn check(conn: &mut PgConnection, piece: Piece, importer: &mut dyn Importer) -> Result<Held, StageError> {
    let depended_on = depended_on(conn, piece, importer).await?;
    let mut changed: HashSet<i64> = changed(conn, piece, importer).await?.into_iter().collect();
    let shaken = importer.shaken(conn, piece).await?;
    changed.extend(shaken.changed);
    let gone: HashSet<i64> = shaken.gone.into_iter().collect();
    let doubtful: Vec<i64> = changed.difference(&gone).copied().collect();
    let mut held: HashSet<i64> = depended_on.into_iter().filter(|subject| !gone.contains(subject)).collect();
    if !doubtful.is_empty() {
        held.extend(planned_otherwise(conn, piece, importer, &doubtful).await?);
    }
    Ok(Held { changed: held.into_iter().collect(), gone: gone.into_iter().collect() })
}

/// Those of the subjects whose lines would do something else now.
async fn planned_otherwise(
    conn: &mut PgConnection,
    piece: Piece,
    importer: &mut dyn Importer,
    subjects: &[i64],
) -> Result<HashSet<i64>, StageError> {
    let stored = plans::of_subjects(conn, piece, subjects).await?;
    let fresh = plan_again(conn, piece, importer, subjects, &stored).await?;
    let fresh: HashMap<i32, Plan> = fresh.into_iter().map(|plan| (plan.line, plan)).collect();
    let differs = |plan: &&Plan| !fresh.get(&plan.line).is_some_and(|fresh| fresh.does_the_same_as(plan));
    Ok(stored.iter().filter(differs).filter_map(|plan| plan.subject).collect())
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
