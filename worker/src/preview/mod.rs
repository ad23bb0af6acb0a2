//! Preview: a batch of slots becomes plans, in one transaction that sees the site as of one moment. It only reads the site.

mod record;

use crate::{
    batches::{Batch, confirm, finish},
    context::Context,
    error::StageError,
    kinds::importer::{Importer, Planned},
    rows,
};
use muster_shared::{
    model::{
        ids::ImportNo,
        issue::{IssueCounts, Severity},
        tally::{Actions, Effects, Tally},
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
        plan(&mut tx, batch, importer).await?
    };
    finish(&mut tx, batch, &tally, &effects, &context.config.name).await?;
    tx.commit().await?;
    Ok(())
}

async fn plan(conn: &mut PgConnection, batch: &Batch, importer: &mut dyn Importer) -> Result<(Tally, Effects), StageError> {
    let rows = rows::of_slots(conn, batch.import_no, batch.low as i16, batch.high as i16).await?;
    let planned = importer.plan(conn, &rows).await?;
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
