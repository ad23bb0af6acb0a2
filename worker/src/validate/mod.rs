//! Validate: the file, or what another import left, becomes rows, in one streaming pass by one lane. Every chunk is a transaction of
//! its own that begins by confirming the claim; a lane that takes over goes on after the last staged line.

mod carry;
pub(crate) mod decode;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub(crate) mod header;
mod pass;
pub(crate) mod records;
mod sample;
mod source;
mod stage;

use crate::{batches, choice, context::Context, crash, error::StageError, kinds, statistics};
use carry::carry;
use muster_shared::{
    model::{
        ids::ImportNo,
        issue::{Code, FileIssue},
        site::Limits,
        stage::Stage,
        status::Status,
        tally::{Effects, Tally},
    },
    store::{
        batches::{Batch, record_progress},
        imports::Import,
        imports::to_json,
        sites,
    },
};
use pass::Pass;
use sqlx::Connection;
use stage::Division;
use std::time::{Duration, Instant};

/// A lane reads on for so long before it looks whether another site waits: whoever goes on reads from the beginning.
const READS_ON: Duration = Duration::from_secs(10);

/// How a pass over the file, or over the lines of another import, ended.
enum Ended {
    /// Everything is read and staged.
    Whole(Found),
    /// The file as a whole cannot be taken.
    Rejected(Vec<FileIssue>),
    /// Asked to stop, or the import wants no more work; what is staged stays for whoever goes on.
    Stopped,
}

/// What a pass over the whole file found.
struct Found {
    headings: Vec<String>,
    warnings: Vec<FileIssue>,
    sample: Vec<Vec<String>>,
    lines: i32,
}

/// Reads what there is and stages it. `false`: it was stopped between two chunks.
pub(crate) async fn run(context: &Context, import: &Import, batch: &Batch) -> Result<bool, StageError> {
    let mut conn = context.lanes.acquire().await?;
    let site = sites::of_id(&mut conn, import.site_id).await?;
    let limits = &site.settings.limits;
    let resume_after = if batch.progress > 0 {
        stage::last_line(&mut conn, import.no).await?
    } else {
        let Some(division) = divide(context, &mut conn, import, batch, limits).await? else { return Ok(false) };
        stage::begin(&mut conn, batch, context.config.lease_seconds, &division).await?;
        0
    };
    let ended = match &import.carries {
        Some(became) => carry(context, &mut conn, import, batch, became, resume_after).await?,
        None => Pass::open(context, &mut conn, import, limits, resume_after).await?.read(context, &mut conn, batch).await?,
    };
    match ended {
        Ended::Stopped => return Ok(false),
        Ended::Rejected(issues) => reject(context, &mut conn, import, batch, &issues).await?,
        Ended::Whole(found) => complete(context, &mut conn, import, batch, &found, limits.lines_of_one_subject).await?,
    }
    Ok(true)
}

/// How the lines are to be divided into slots. `None`: it was stopped.
async fn divide(
    context: &Context,
    conn: &mut sqlx::PgConnection,
    import: &Import,
    batch: &Batch,
    limits: &Limits,
) -> Result<Option<Division>, StageError> {
    if import.carries.is_some() {
        return Ok(Some(Division::As(carry::parent(conn, import).await?.no)));
    }
    Ok(sample::bounds(context, conn, import, batch, limits).await?.map(Division::Sampled))
}

/// What intake found of the file stays; what an earlier reading of its header gave rise to does not.
fn file_issues<'a>(import: &'a Import, warnings: &'a [FileIssue]) -> Vec<&'a FileIssue> {
    let of_intake = import.file.issues.iter().filter(|found| found.issue.code == Code::SameFile);
    of_intake.chain(warnings).collect()
}

/// Nothing stays staged of a file that cannot be taken.
async fn reject(
    context: &Context,
    conn: &mut sqlx::PgConnection,
    import: &Import,
    batch: &Batch,
    issues: &[FileIssue],
) -> Result<(), StageError> {
    let mut tx = conn.begin().await?;
    batches::confirm(&mut tx, batch, context.config.lease_seconds).await?;
    sqlx::query!("SET LOCAL statement_timeout = '10min'").execute(&mut *tx).await?;
    stage::clear(&mut tx, batch.import_no).await?;
    sqlx::query!(
        "UPDATE muster.imports SET rejected = $2, lines = NULL, file_issues = $3 WHERE no = $1",
        batch.import_no.0,
        to_json(&issues),
        to_json(&file_issues(import, &[])),
    )
    .execute(&mut *tx)
    .await?;
    batches::finish(&mut tx, batch, &Tally::default(), &Effects::default(), &context.config.name).await?;
    tx.commit().await?;
    Ok(())
}

/// Must a pass end here, between two chunks? `since`: when it staged its first new line.
async fn must_leave(context: &Context, conn: &mut sqlx::PgConnection, import: &Import, since: Option<Instant>) -> Result<bool, StageError> {
    if context.stop.is_cancelled() || !is_wanted(conn, import.no).await? {
        return Ok(true);
    }
    let is_long = since.is_some_and(|since| since.elapsed() >= READS_ON);
    Ok(is_long && choice::another_site_waits(context, import.site_id).await?)
}

/// Has nobody asked to cancel?
async fn is_wanted(conn: &mut sqlx::PgConnection, import: ImportNo) -> Result<bool, StageError> {
    let status = sqlx::query_scalar!("SELECT status FROM muster.imports WHERE no = $1", import.0).fetch_one(conn).await?;
    Ok(status == Status::Validating.name())
}

/// What only the whole file shows, and the end of the stage.
async fn complete(
    context: &Context,
    conn: &mut sqlx::PgConnection,
    import: &Import,
    batch: &Batch,
    found: &Found,
    most_lines: u64,
) -> Result<(), StageError> {
    statistics::of_rows(conn, batch.import_no, found.lines.into()).await?;
    let mut tx = conn.begin().await?;
    batches::confirm(&mut tx, batch, context.config.lease_seconds).await?;
    stage::look_at_all_lines(&mut tx).await?;
    if let Some(issue) = stage::too_many_lines(&mut tx, batch.import_no, most_lines).await? {
        tx.rollback().await?;
        return reject(context, conn, import, batch, &[issue]).await;
    }
    stage::find_clashes(&mut tx, batch.import_no, kinds::claims(import.kind)).await?;
    sqlx::query!(
        "UPDATE muster.imports SET lines = $2, file_columns = $3, file_sample = $4, file_issues = $5 WHERE no = $1",
        batch.import_no.0,
        found.lines,
        &found.headings,
        to_json(&found.sample),
        to_json(&file_issues(import, &found.warnings)),
    )
    .execute(&mut *tx)
    .await?;
    record_progress(&mut tx, batch, import.file.bytes, found.lines).await?;
    batches::finish(&mut tx, batch, &Tally::default(), &Effects::default(), &context.config.name).await?;
    crash::point(batch.stage, "finished");
    tx.commit().await?;
    crash::point(batch.stage, "committed");
    tracing::info!(import.id = %import.id, stage = %Stage::Validate, lines = found.lines, "staged");
    Ok(())
}
