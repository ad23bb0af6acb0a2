//! Preview: a batch of slots becomes plans, in one transaction that sees the site as of one moment. It only reads the site.
//! Of an undo it is a batch of subjects, and what is planned reverses the plans of the undone import.

mod record;

use crate::{
    batches::{Batch, confirm, finish},
    context::Context,
    crash,
    error::StageError,
    kinds::importer::{Importer, Planned},
    plans, rows,
};
use muster_shared::{
    model::{
        ids::ImportNo,
        issue::Severity,
        tally::{Actions, Effects, IssueCounts, Tally},
    },
    store::imports::Import,
};
use sqlx::{Connection, PgConnection};

/// Plans one batch.
pub(crate) async fn run(context: &Context, import: &Import, batch: &Batch, importer: &mut dyn Importer) -> Result<(), StageError> {
    let mut conn = context.lanes.acquire().await?;
    let mut tx = conn.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ").await?;
    confirm(&mut tx, batch, context.config.lease_seconds).await?;
    let (tally, effects) = if batch.number == 0 {
        sqlx::query!("SET LOCAL statement_timeout = '10min'").execute(&mut *tx).await?;
        clear(&mut tx, import.no).await?;
        (Tally::default(), Effects::default())
    } else {
        plan(&mut tx, import, batch, importer).await?
    };
    finish(&mut tx, batch, &tally, &effects, &context.config.name).await?;
    crash::point(batch.stage, "finished");
    tx.commit().await?;
    crash::point(batch.stage, "committed");
    Ok(())
}

async fn plan(
    conn: &mut PgConnection,
    import: &Import,
    batch: &Batch,
    importer: &mut dyn Importer,
) -> Result<(Tally, Effects), StageError> {
    let planned = if let Some(undone) = import.undoes {
        let done = plans::done(conn, undone, batch.low, batch.high, None).await?;
        importer.reverse(conn, undone, &done).await?
    } else {
        let rows = rows::of_slots(conn, batch.import_no, batch.low as i16, batch.high as i16).await?;
        importer.plan(conn, &rows).await?
    };
    record::write(conn, batch.import_no, &planned.plans).await?;
    let effects = planned.effects;
    Ok((tally(planned), effects))
}

fn tally(planned: Planned) -> Tally {
    let mut actions = Actions::default();
    let mut issues = IssueCounts::default();
    for plan in &planned.plans {
        actions.add(plan.action);
        for issue in &plan.issues {
            issues.add(issue.severity, 1);
        }
    }
    issues.add(Severity::Warning, planned.ignored_by_details.values().sum());
    Tally { actions: Some(actions), issues: Some(issues), outcomes: None, ignored_by_details: planned.ignored_by_details }
}

/// Sweeps away all that an earlier preview left.
pub(crate) async fn clear(conn: &mut PgConnection, import: ImportNo) -> Result<(), StageError> {
    sqlx::query!("DELETE FROM muster.import_plans WHERE import_no = $1", import.0).execute(&mut *conn).await?;
    sqlx::query!("DELETE FROM muster.import_issues WHERE import_no = $1", import.0).execute(&mut *conn).await?;
    sqlx::query!("DELETE FROM muster.import_issue_groups WHERE import_no = $1", import.0).execute(&mut *conn).await?;
    sqlx::query!("DELETE FROM muster.import_makes WHERE import_no = $1", import.0).execute(&mut *conn).await?;
    Ok(())
}
