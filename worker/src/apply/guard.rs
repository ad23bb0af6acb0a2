//! The guard: are the subjects of a piece still as their plans found them?

use crate::{
    error::StageError,
    kinds::importer::{Changes, Importer, Memberships, Piece, Plan},
    rows,
};
use muster_shared::model::plan::Action;
use sqlx::PgConnection;
use std::collections::{HashMap, HashSet};

/// Locks the subjects of a piece and returns those that must not be touched: they changed since, and planned anew, under the
/// lock, their lines would do something else.
pub(super) async fn check(conn: &mut PgConnection, piece: Piece, importer: &mut dyn Importer) -> Result<Vec<i64>, StageError> {
    let changed = changed(conn, piece, importer).await?;
    if changed.is_empty() {
        return Ok(changed);
    }
    let stored = stored_plans(conn, piece, &changed).await?;
    let lines: Vec<i32> = stored.iter().map(|plan| plan.line).collect();
    let rows = rows::of_lines(conn, piece.import_no, &lines).await?;
    let fresh: HashMap<i32, Plan> = importer.plan(conn, &rows).await?.plans.into_iter().map(|plan| (plan.line, plan)).collect();
    let differs = |plan: &&Plan| !fresh.get(&plan.line).is_some_and(|fresh| fresh.does_the_same_as(plan));
    let held: HashSet<i64> = stored.iter().filter(differs).filter_map(|plan| plan.subject).collect();
    Ok(held.into_iter().collect())
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

async fn stored_plans(conn: &mut PgConnection, piece: Piece, subjects: &[i64]) -> Result<Vec<Plan>, StageError> {
    let rows = sqlx::query!(
        r#"SELECT line AS "line!", subject, turn AS "turn!", action AS "action!: i8", target_version, mask AS "mask!",
                  before AS "before: Vec<Option<String>>", after AS "after: Vec<Option<String>>",
                  segments_joined, segments_there, courses, course_roles, course_does
             FROM muster.plans_of($1, $2, $3)
            WHERE subject = ANY ($4)"#,
        piece.import_no.0,
        piece.low,
        piece.high,
        subjects,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let action = Action::of_letter(row.action as u8)
                .ok_or(StageError::Fail { code: "defect", detail: "import_plans.action is not known".to_owned() })?;
            let after = row.after.unwrap_or_default();
            // Values that were all absent are stored as nothing.
            let before = row.before.unwrap_or_else(|| vec![None; after.len()]);
            Ok(Plan {
                line: row.line,
                subject: row.subject,
                turn: row.turn,
                action,
                target_version: row.target_version,
                changes: Changes { mask: row.mask, before, after },
                memberships: Memberships {
                    segments_joined: row.segments_joined.unwrap_or_default(),
                    segments_there: row.segments_there.unwrap_or_default(),
                    courses: row.courses.unwrap_or_default(),
                    course_roles: row.course_roles.unwrap_or_default(),
                    course_does: row.course_does.unwrap_or_default(),
                },
                issues: Vec::new(),
            })
        })
        .collect()
}
