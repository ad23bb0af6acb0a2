//! What follows when a batch is done: nothing while another is at work; the next stage or rest once none is.
//!
//! Nobody declares an import at rest while one of its batches is claimed: a stalled lane would commit after it.

use crate::{context::Context, crash, error::StageError, statistics};
use muster_shared::{
    model::{ids::ImportId, stage::Stage, status::Status},
    store::{
        batches::{self, make_apply, make_preview},
        imports::{self, Import},
    },
};
use sqlx::PgConnection;

/// Issue groups that are kept, the largest of each severity first; the others are counted without their values.
const MAX_GROUPS: i64 = 10_000;

/// Moves an import on if nothing runs any more, in a transaction of its own. Returns its new status if it moved.
pub(crate) async fn settle(context: &Context, id: ImportId) -> Result<Option<Status>, StageError> {
    let mut tx = context.control.begin().await?;
    // Cutting the batches of ten million plans takes longer than any other statement; nobody works on this import meanwhile.
    sqlx::query!("SET LOCAL statement_timeout = '10min'").execute(&mut *tx).await?;
    let Some(import) = imports::lock(&mut tx, id).await? else { return Ok(None) };
    batches::revoke_expired(&mut tx, import.no).await?;
    let moved = match next(&mut tx, &import).await? {
        Some(to) => enter(&mut tx, &import, to).await?.then_some(to),
        None => None,
    };
    let stage = stage_at_work(&import).filter(|_| moved.is_some());
    if let Some(stage) = stage {
        crash::point(stage, "settling");
    }
    tx.commit().await?;
    if let Some(stage) = stage {
        crash::point(stage, "settled");
    }
    Ok(moved)
}

/// Where the import goes now; `None`: it stays.
async fn next(conn: &mut PgConnection, import: &Import) -> Result<Option<Status>, StageError> {
    let Some(stage) = stage_at_work(import) else { return Ok(None) };
    let open = batches::open(conn, import.no, stage).await?;
    if open.claimed > 0 {
        return Ok(None);
    }
    let is_through = open.step.is_none();
    Ok(match import.status {
        // What failed shows again when somebody resumes.
        Status::Pausing if is_through => Some(Status::Applied),
        Status::Pausing => Some(Status::Paused),
        Status::Cancelling if stage == Stage::Apply && is_through => Some(Status::Applied),
        Status::Cancelling => Some(Status::Cancelled),
        _ if open.waiting_in_turn > 0 => None,
        _ if open.failed > 0 => Some(Status::Failed),
        Status::Validating if import.rejected.is_some() => Some(Status::Rejected),
        Status::Validating => Some(Status::Previewing),
        Status::Previewing => Some(Status::Ready),
        Status::Applying => Some(Status::Applied),
        _ => None,
    })
}

/// The stage whose lanes may be at work; an import that is being cancelled is in the last one that began.
fn stage_at_work(import: &Import) -> Option<Stage> {
    match import.status {
        Status::Cancelling if import.applied_at.is_some() => Some(Stage::Apply),
        Status::Cancelling if import.lines.is_some() => Some(Stage::Preview),
        Status::Cancelling => Some(Stage::Validate),
        Status::Pausing => Some(Stage::Apply),
        status => status.working_stage(),
    }
}

/// Writes the new status, and makes what it needs in the same transaction.
async fn enter(conn: &mut PgConnection, import: &Import, to: Status) -> Result<bool, StageError> {
    match to {
        Status::Previewing => make_preview(conn, import.no, lines(import)?, import.file.expanded_bytes).await?,
        Status::Ready => {
            group_issues(conn, import).await?;
            make_apply(conn, import.no).await?;
            statistics::of_plans(conn, import.no, lines(import)?).await?;
        }
        _ => {}
    }
    Ok(imports::move_to(conn, import, to, None).await?)
}

/// How many lines are staged, of an import whose file is read.
fn lines(import: &Import) -> Result<i64, StageError> {
    let lines = import.lines.ok_or_else(|| StageError::defect("a file that is read has no number of lines"))?;
    Ok(lines.into())
}

/// Counts the issues of all lines and of the file by code, column and value, errors first, then by count.
async fn group_issues(conn: &mut PgConnection, import: &Import) -> Result<(), StageError> {
    let (headings, counts): (Vec<_>, Vec<_>) = batches::ignored_by_details(conn, import.no).await?.into_iter().unzip();
    sqlx::query!(
        "WITH by_value AS (
            SELECT code, severity, column_name, value, count(*) AS count, min(line) AS first_line,
                   min(message) AS message, min(suggestion) AS suggestion
              FROM muster.import_issues WHERE import_no = $1
             GROUP BY code, severity, column_name, value),
         ranked AS (
            SELECT *, row_number() OVER (PARTITION BY severity ORDER BY count DESC, first_line) > $2 AS is_rest FROM by_value),
         kept AS (
            SELECT code, severity, column_name, value, count, first_line, message, suggestion FROM ranked WHERE NOT is_rest
             UNION ALL
            SELECT code, severity, column_name, NULL, sum(count), min(first_line), 'Further values with the same problem.', NULL
              FROM ranked WHERE is_rest GROUP BY code, severity, column_name
             UNION ALL
            SELECT f ->> 'code', left(f ->> 'severity', 1)::\"char\", f ->> 'column', f ->> 'value', (f ->> 'count')::bigint, NULL,
                   f ->> 'message', f ->> 'suggestion'
              FROM muster.imports i CROSS JOIN jsonb_array_elements(i.file_issues) f WHERE i.no = $1
             UNION ALL
            SELECT 'ignored-by-details', 'w', c.heading, NULL, c.count, NULL,
                   'Details of people who exist are kept: what these cells say is passed over.', NULL
              FROM unnest($3::text[], $4::bigint[]) AS c (heading, count))
         INSERT INTO muster.import_issue_groups
                (import_no, number, code, severity, column_name, value, count, first_line, message, suggestion)
         SELECT $1, row_number() OVER (ORDER BY strpos('ewi', severity::text), count DESC, first_line, code, column_name, value),
                code, severity, column_name, value, count, first_line, message, suggestion
           FROM kept",
        import.no.0,
        MAX_GROUPS,
        &headings,
        &counts,
    )
    .execute(conn)
    .await?;
    Ok(())
}
