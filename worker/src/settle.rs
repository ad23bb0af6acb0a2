//! What follows when a batch is done: nothing while another is at work; the next stage or rest once none is.
//!
//! Nobody declares an import at rest while one of its batches is claimed: a stalled lane would commit after it.

use crate::{
    batches::{self, LAST},
    context::Context,
    crash,
    error::StageError,
    statistics,
};
use muster_shared::{
    model::{ids::ImportId, stage::Stage, status::Status},
    store::{
        batches::{BATCH_LINES, make_preview},
        imports::{self, Import},
    },
};
use sqlx::PgConnection;

/// Issue groups that are kept, the largest of each severity first; the others are counted without their values.
const MAX_GROUPS: i64 = 10_000;

/// The open batches of one stage.
struct Open {
    running: i64,
    waiting: i64,
    stuck: i64,
    /// What waits may not be claimed, since what comes before it is stuck.
    is_blocked: bool,
}

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
    let open = open(conn, import, stage).await?;
    if open.running > 0 {
        return Ok(None);
    }
    let is_through = open.waiting == 0 && open.stuck == 0;
    Ok(match import.status {
        // What is stuck shows again when somebody resumes.
        Status::Pausing if is_through => Some(Status::Applied),
        Status::Pausing => Some(Status::Paused),
        Status::Cancelling if stage == Stage::Apply && is_through => Some(Status::Applied),
        Status::Cancelling => Some(Status::Cancelled),
        _ if open.waiting > 0 && !open.is_blocked => None,
        _ if open.stuck > 0 => Some(Status::Failed),
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

async fn open(conn: &mut PgConnection, import: &Import, stage: Stage) -> Result<Open, StageError> {
    Ok(sqlx::query_as!(
        Open,
        r#"SELECT count(*) FILTER (WHERE state = 'claimed') AS "running!",
                  count(*) FILTER (WHERE state = 'waiting') AS "waiting!",
                  count(*) FILTER (WHERE state = 'stuck') AS "stuck!",
                  count(*) FILTER (WHERE state = 'stuck' AND number = 0) > 0
                  OR count(*) FILTER (WHERE state = 'stuck') > 0 AND count(*) FILTER (WHERE state = 'waiting' AND number < $3) = 0
                  AS "is_blocked!"
             FROM muster.import_batches WHERE import_no = $1 AND stage = $2 AND state <> 'done'"#,
        import.no.0,
        stage.name(),
        LAST,
    )
    .fetch_one(conn)
    .await?)
}

/// Writes the new status, and makes what it needs in the same transaction.
async fn enter(conn: &mut PgConnection, import: &Import, to: Status) -> Result<bool, StageError> {
    match to {
        Status::Previewing => make_preview(conn, import.no, import.lines.unwrap_or(0).into(), import.file.expanded_bytes).await?,
        Status::Ready => {
            group_issues(conn, import).await?;
            cut_apply(conn, import).await?;
            statistics::of_plans(conn, import.no, import.lines.unwrap_or(0).into()).await?;
        }
        _ => {}
    }
    Ok(imports::move_to(conn, import, to, None).await?)
}

/// Counts the issues of all lines and of the file by code, column and value, errors first, then by count.
async fn group_issues(conn: &mut PgConnection, import: &Import) -> Result<(), StageError> {
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
            SELECT 'ignored-by-details', 'w', c.key, NULL, sum(c.value::bigint), NULL,
                   'Details of people who exist are kept: what these cells say is passed over.', NULL
              FROM muster.import_batches b CROSS JOIN jsonb_each_text(b.tally -> 'ignored_by_details') c
             WHERE b.import_no = $1 AND b.stage = 'preview' GROUP BY c.key)
         INSERT INTO muster.import_issue_groups
                (import_no, number, code, severity, column_name, value, count, first_line, message, suggestion)
         SELECT $1, row_number() OVER (ORDER BY strpos('ewi', severity::text), count DESC, first_line, code, column_name, value),
                code, severity, column_name, value, count, first_line, message, suggestion
           FROM kept",
        import.no.0,
        MAX_GROUPS,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Cuts the plans into the batches of apply, at the borders between blocks of subjects. Batch 0 comes first where things are to be made, the
/// last one where things are to be taken away.
async fn cut_apply(conn: &mut PgConnection, import: &Import) -> Result<(), StageError> {
    sqlx::query!(
        "WITH cut AS (
            SELECT subject_block, lines, floor((sum(lines) OVER (ORDER BY subject_block) - 1) / $2::bigint)::integer AS number
              FROM muster.blocks_of($1))
         INSERT INTO muster.import_batches (import_no, stage, number, low, high, lines)
         SELECT $1, 'apply', row_number() OVER (ORDER BY number), min(subject_block) << 10, (max(subject_block) + 1) << 10, sum(lines)
           FROM cut GROUP BY number
          UNION ALL
         SELECT $1, 'apply', CASE WHEN removes THEN $3 ELSE 0 END, 0, 0, 0 FROM muster.import_makes WHERE import_no = $1 GROUP BY removes",
        import.no.0,
        BATCH_LINES,
        LAST,
    )
    .execute(conn)
    .await?;
    Ok(())
}
