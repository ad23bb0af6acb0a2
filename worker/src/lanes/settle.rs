//! What follows when a batch is done: nothing while another is at work; the next stage or rest once
//! none is.
//!
//! Nobody declares an import at rest while one of its batches is claimed: a stalled lane would
//! commit after it.

use crate::{
    batch::context::Context,
    error::StageError,
    process::crash,
    staging::{issue_groups, statistics},
};
use muster_shared::{
    model::{ids::ImportId, stage::Stage, status::Status},
    store::{
        batches::{self, Open, make_apply, make_preview},
        imports::{self, Import},
    },
};
use sqlx::PgConnection;

/// Moves an import on if nothing runs any more. `false`: it stays.
pub(super) async fn settle(context: &Context, id: ImportId) -> Result<bool, StageError> {
    let moved = move_on(context, id).await?;
    context.publish(id);
    if let Some(status) = moved {
        tracing::info!(import.id = %id, %status, "moved");
    }
    Ok(moved.is_some())
}

/// The same, in a transaction of its own. Its new status, if it moved.
async fn move_on(context: &Context, id: ImportId) -> Result<Option<Status>, StageError> {
    let mut tx = context.control.begin().await?;
    // Cutting the batches of ten million plans takes longer than any other statement; nobody works
    // on this import meanwhile.
    sqlx::query!("SET LOCAL statement_timeout = '10min'")
        .execute(&mut *tx)
        .await?;
    let Some(import) = imports::lock(&mut tx, id).await? else {
        return Ok(None);
    };
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
    let Some(stage) = stage_at_work(import) else {
        return Ok(None);
    };
    let open = batches::open(conn, import.no, stage).await?;
    Ok(next_status(
        import.status,
        stage,
        import.rejected.is_some(),
        open,
    ))
}

/// The status after `status`, by what is open of the stage whose lanes may be at work; `None`: the
/// import stays.
fn next_status(status: Status, stage: Stage, is_rejected: bool, open: Open) -> Option<Status> {
    if open.claimed > 0 {
        return None;
    }
    let is_through = open.step.is_none();
    match status {
        // What failed shows again when somebody resumes.
        Status::Pausing if is_through => Some(Status::Applied),
        Status::Pausing => Some(Status::Paused),
        Status::Cancelling if stage == Stage::Apply && is_through => Some(Status::Applied),
        Status::Cancelling => Some(Status::Cancelled),
        _ if open.waiting_in_turn > 0 => None,
        _ if open.failed > 0 => Some(Status::Failed),
        Status::Validating if is_rejected => Some(Status::Rejected),
        Status::Validating => Some(Status::Previewing),
        Status::Previewing => Some(Status::Ready),
        Status::Applying => Some(Status::Applied),
        _ => None,
    }
}

/// The stage whose lanes may be at work; an import that is being cancelled is in the last one that
/// began.
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
        Status::Previewing => {
            make_preview(conn, import.no, lines(import)?, import.file.expanded_bytes).await?;
        }
        Status::Ready => {
            issue_groups::count(conn, import.no).await?;
            make_apply(conn, import.no).await?;
            statistics::of_plans(conn, import.no, lines(import)?).await?;
        }
        _ => {}
    }
    Ok(imports::move_to(conn, import, to, None).await?)
}

/// How many lines are staged, of an import whose file is read.
fn lines(import: &Import) -> Result<i64, StageError> {
    let lines = import
        .lines
        .ok_or_else(|| StageError::defect("a file that is read has no number of lines"))?;
    Ok(lines.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use Stage::{Apply, Preview, Validate};
    use Status::{
        Applied, Applying, Cancelled, Cancelling, Failed, Paused, Pausing, Previewing, Ready,
        Rejected, Validating,
    };
    use muster_shared::model::{
        batch::Step,
        status::{Mover, may_be_moved},
    };

    const THROUGH: Open = Open {
        claimed: 0,
        waiting: 0,
        failed: 0,
        step: None,
        waiting_in_turn: 0,
    };
    const MAIN: Open = Open {
        step: Some(Step::Main),
        ..THROUGH
    };
    const CLAIMED: Open = Open { claimed: 1, ..MAIN };
    const WAITING: Open = Open {
        waiting: 2,
        waiting_in_turn: 2,
        ..MAIN
    };
    const FAILED: Open = Open { failed: 1, ..MAIN };
    const FAILED_BEFORE_OTHERS: Open = Open {
        failed: 1,
        waiting: 3,
        ..MAIN
    };
    const FAILED_BESIDE_OTHERS: Open = Open {
        failed: 1,
        ..WAITING
    };

    #[test]
    fn an_import_goes_on_when_no_batch_is_at_work() {
        for (status, stage, open, expected) in [
            (Validating, Validate, CLAIMED, None),
            (Validating, Validate, WAITING, None),
            (Validating, Validate, THROUGH, Some(Previewing)),
            (Validating, Validate, FAILED, Some(Failed)),
            (Previewing, Preview, THROUGH, Some(Ready)),
            (Previewing, Preview, FAILED_BESIDE_OTHERS, None),
            (Previewing, Preview, FAILED_BEFORE_OTHERS, Some(Failed)),
            (Applying, Apply, CLAIMED, None),
            (Applying, Apply, WAITING, None),
            (Applying, Apply, FAILED_BESIDE_OTHERS, None),
            (Applying, Apply, FAILED, Some(Failed)),
            (Applying, Apply, THROUGH, Some(Applied)),
            (Pausing, Apply, CLAIMED, None),
            (Pausing, Apply, WAITING, Some(Paused)),
            (Pausing, Apply, FAILED, Some(Paused)),
            (Pausing, Apply, THROUGH, Some(Applied)),
            (Cancelling, Validate, WAITING, Some(Cancelled)),
            (Cancelling, Validate, THROUGH, Some(Cancelled)),
            (Cancelling, Preview, THROUGH, Some(Cancelled)),
            (Cancelling, Apply, CLAIMED, None),
            (Cancelling, Apply, FAILED, Some(Cancelled)),
            (Cancelling, Apply, THROUGH, Some(Applied)),
        ] {
            let next = next_status(status, stage, false, open);
            assert_eq!(next, expected, "{status} {open:?}");
            assert!(next.is_none_or(|next| may_be_moved(status, next, Mover::Worker)));
        }
        assert_eq!(
            next_status(Validating, Validate, true, THROUGH),
            Some(Rejected)
        );
    }

    #[test]
    fn an_import_at_rest_stays() {
        for status in [Rejected, Ready, Paused, Applied, Cancelled, Failed] {
            assert_eq!(next_status(status, Apply, false, THROUGH), None, "{status}");
        }
    }
}
