//! Validate: the file, or what another import left, becomes rows, in one streaming pass by one
//! lane. Every chunk is a transaction of its own; a lane that takes over goes on after the last
//! staged line.

mod copy_parent_rows;
pub(crate) mod decode;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
mod pass;
pub(crate) mod records;
mod sample;
mod source;
mod stage;

use crate::{
    batch::{claim::Claim, context::Context, scheduling},
    error::StageError,
    kinds,
    process::crash,
    staging::{leftovers, statistics},
};
use copy_parent_rows::copy_parent_rows;
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
        imports::{Import, to_json},
        sites,
    },
};
use pass::Pass;
use stage::Division;
use std::time::{Duration, Instant};

/// A lane reads on for so long before it looks whether another site waits: whoever goes on reads
/// from the beginning.
const READS_ON: Duration = Duration::from_secs(10);

/// How a pass over the file, or over the lines of another import, ended.
enum PassEnd {
    /// Everything is read and staged.
    Whole(PassResult),
    /// The file as a whole cannot be taken.
    Rejected(Vec<FileIssue>),
    /// Asked to stop, or the import wants no more work; what is staged stays for whoever goes on.
    Stopped,
}

/// What a pass over the whole file found.
struct PassResult {
    headings: Vec<String>,
    warnings: Vec<FileIssue>,
    sample: Vec<Vec<String>>,
    lines: i32,
}

/// Reads what there is and stages it. `false`: it was stopped between two chunks.
pub(crate) async fn run(
    context: &Context,
    import: &Import,
    claim: &Claim,
) -> Result<bool, StageError> {
    let limits = limits(context, import).await?;
    let resume_after = if claim.batch().progress > 0 {
        last_line(context, import).await?
    } else {
        let Some(division) = divide(context, import, claim, &limits).await? else {
            return Ok(false);
        };
        stage::begin(claim, &division).await?;
        0
    };
    let ended = match &import.carries {
        Some(became) => copy_parent_rows(context, import, claim, became, resume_after).await?,
        None => {
            Pass::open(context, import, &limits, resume_after)
                .await?
                .read(context, claim)
                .await?
        }
    };
    match ended {
        PassEnd::Stopped => return Ok(false),
        PassEnd::Rejected(issues) => reject(import, claim, &issues).await?,
        PassEnd::Whole(found) => {
            complete(context, import, claim, &found, limits.lines_of_one_subject).await?;
        }
    }
    Ok(true)
}

/// What a file of this site may be like.
async fn limits(context: &Context, import: &Import) -> Result<Limits, StageError> {
    let mut conn = context.control.acquire().await?;
    Ok(sites::of_id(&mut conn, import.site_id)
        .await?
        .settings
        .limits)
}

/// Up to where an earlier lane has staged it.
async fn last_line(context: &Context, import: &Import) -> Result<i32, StageError> {
    let mut conn = context.control.acquire().await?;
    stage::last_line(&mut conn, import.no).await
}

/// How the lines are to be divided into slots. `None`: it was stopped.
async fn divide(
    context: &Context,
    import: &Import,
    claim: &Claim,
    limits: &Limits,
) -> Result<Option<Division>, StageError> {
    if import.carries.is_some() {
        let mut conn = context.control.acquire().await?;
        return Ok(Some(Division::As(
            copy_parent_rows::parent(&mut conn, import).await?.no,
        )));
    }
    Ok(sample::bounds(context, import, claim, limits)
        .await?
        .map(Division::Sampled))
}

/// What intake found of the file stays; what an earlier reading of its header gave rise to does
/// not.
fn file_issues<'a>(import: &'a Import, warnings: &'a [FileIssue]) -> Vec<&'a FileIssue> {
    let of_intake = import
        .file
        .issues
        .iter()
        .filter(|found| found.issue.code == Code::SameFile);
    of_intake.chain(warnings).collect()
}

/// Nothing stays staged of a file that cannot be taken.
async fn reject(import: &Import, claim: &Claim, issues: &[FileIssue]) -> Result<(), StageError> {
    let mut work = claim.begin().await?;
    sqlx::query!("SET LOCAL statement_timeout = '10min'")
        .execute(&mut *work)
        .await?;
    leftovers::of_validate(&mut work, import.no).await?;
    sqlx::query!(
        "UPDATE muster.imports SET rejected = $2, lines = NULL, file_issues = $3 WHERE no = $1",
        import.no.0,
        to_json(&issues),
        to_json(&file_issues(import, &[])),
    )
    .execute(&mut *work)
    .await?;
    work.finish(&Tally::default(), &Effects::default()).await?;
    work.commit().await
}

/// Must a pass end here, between two chunks? `since`: when it staged its first new line.
async fn must_leave(
    context: &Context,
    import: &Import,
    since: Option<Instant>,
) -> Result<bool, StageError> {
    if context.stop.is_cancelled() || !is_wanted(context, import.no).await? {
        return Ok(true);
    }
    let is_long = since.is_some_and(|since| since.elapsed() >= READS_ON);
    Ok(is_long && scheduling::another_site_waits(context, import.site_id).await?)
}

/// Has nobody asked to cancel?
async fn is_wanted(context: &Context, import: ImportNo) -> Result<bool, StageError> {
    let status = sqlx::query_scalar!("SELECT status FROM muster.imports WHERE no = $1", import.0)
        .fetch_one(&context.control)
        .await?;
    Ok(status == Status::Validating.name())
}

/// What only the whole file shows, and the end of the stage.
async fn complete(
    context: &Context,
    import: &Import,
    claim: &Claim,
    found: &PassResult,
    most_lines: u64,
) -> Result<(), StageError> {
    let mut conn = context.control.acquire().await?;
    statistics::of_rows(&mut conn, import.no, found.lines.into()).await?;
    drop(conn);
    let mut work = claim.begin().await?;
    stage::look_at_all_lines(&mut work).await?;
    if let Some(issue) = stage::too_many_lines(&mut work, import.no, most_lines).await? {
        work.rollback().await?;
        return reject(import, claim, &[issue]).await;
    }
    stage::find_duplicates(&mut work, import.no, kinds::unique_values(import.kind)).await?;
    sqlx::query!(
        "UPDATE muster.imports SET lines = $2, file_columns = $3, file_sample = $4, file_issues = $5 WHERE no = $1",
        import.no.0,
        found.lines,
        &found.headings,
        to_json(&found.sample),
        to_json(&file_issues(import, &found.warnings)),
    )
    .execute(&mut *work)
    .await?;
    work.record_progress(import.file.bytes, found.lines).await?;
    work.finish(&Tally::default(), &Effects::default()).await?;
    crash::point(Stage::Validate, "finished");
    work.commit().await?;
    crash::point(Stage::Validate, "committed");
    tracing::info!(import.id = %import.id, stage = %Stage::Validate, lines = found.lines, "staged");
    Ok(())
}
