//! The guard: are the subjects of a piece still as their plans found them?

use crate::{
    error::StageError,
    kinds::importer::{Importer, Outline, Piece, Plan},
    plans, rows,
};
use muster_shared::model::plan::Action;
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
pub(super) async fn check(
    conn: &mut PgConnection,
    piece: Piece,
    plans: &[Outline],
    importer: &mut dyn Importer,
) -> Result<Held, StageError> {
    let depended_on = depended_on(conn, piece, plans, importer).await?;
    let mut changed = changed(conn, plans, importer).await?;
    let shaken = importer.shaken(conn, piece, plans).await?;
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
async fn depended_on(conn: &mut PgConnection, piece: Piece, plans: &[Outline], importer: &dyn Importer) -> Result<Vec<i64>, StageError> {
    let deleted: Vec<i64> = plans.iter().filter(|plan| plan.action == Action::Delete).map(|plan| plan.subject).collect();
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
async fn changed(conn: &mut PgConnection, plans: &[Outline], importer: &dyn Importer) -> Result<HashSet<i64>, StageError> {
    let (mut written, mut read) = (Vec::new(), Vec::new());
    let mut found = HashMap::new();
    for plans in plans.chunk_by(|one, next| one.subject == next.subject) {
        let Some(version) = plans.iter().find_map(|plan| plan.target_version) else { continue };
        let subject = plans[0].subject;
        found.insert(subject, version);
        let is_written = plans.iter().any(|plan| plan.action != Action::Unchanged);
        if is_written { &mut written } else { &mut read }.push(subject);
    }
    for (subjects, lock) in [(written, true), (read, false)] {
        if !subjects.is_empty() {
            let present = importer.versions(conn, &subjects, lock).await?;
            found.retain(|subject, version| present.get(subject) != Some(version));
        }
    }
    Ok(found.into_keys().collect())
}
