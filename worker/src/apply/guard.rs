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
    let changed = importer.lock(conn, piece).await?;
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

async fn stored_plans(conn: &mut PgConnection, piece: Piece, subjects: &[i64]) -> Result<Vec<Plan>, StageError> {
    let rows = sqlx::query!(
        r#"SELECT line, subject, turn, action AS "action: i8", target_version, mask,
                  before AS "before: Vec<Option<String>>", after AS "after: Vec<Option<String>>",
                  segments_joined, segments_there, courses, course_roles, course_does
             FROM muster.import_plans
            WHERE import_no = $1 AND place BETWEEN $2::bigint >> 10 AND ($3::bigint - 1) >> 10 AND subject = ANY ($4)"#,
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
            Ok(Plan {
                line: row.line,
                subject: row.subject,
                turn: row.turn,
                action,
                target_version: row.target_version,
                changes: Changes { mask: row.mask, before: row.before.unwrap_or_default(), after: row.after.unwrap_or_default() },
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
