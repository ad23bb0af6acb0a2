//! A pruner that is killed half-way: the next one goes on.

use super::{assert_only_a_header, delete, id, is, lasting, left, until_emptied};
use muster_tests::harness::{Muster, eventually};
use sqlx::AssertSqlSafe;
use std::fmt::Write;

/// More than a piece, and less than two.
const LINES: usize = 6_000;

#[tokio::test]
async fn a_pruner_that_is_killed_between_two_pieces() {
    let muster = Muster::start().await;
    let mut file = "idnumber,name\n".to_owned();
    for n in 1..=LINES {
        let name = if n == LINES { "" } else { "Name" };
        let _ = writeln!(file, "s{n},{name}");
    }
    let import = muster.ready("create-segments", file).await;
    let kept = id(&muster.ready("create-segments", super::SEGMENTS).await);

    // The second piece waits for one of its plans.
    let mut hold = muster.sql().begin().await.expect("a connection");
    let statement = format!(
        "SELECT FROM muster.import_plans WHERE import_no = (SELECT no FROM muster.imports WHERE id = '{}') AND line = {LINES} FOR UPDATE",
        id(&import)
    );
    sqlx::raw_sql(AssertSqlSafe(statement))
        .execute(&mut *hold)
        .await
        .expect("a lock");
    let _ = delete(&muster, &id(&import)).await.expect(204);
    eventually("the pruner waits", async || {
        (waiting(&muster).await == 1).then_some(())
    })
    .await;
    muster.worker(0).kill9();
    hold.rollback().await.expect("the test's own transaction");
    let half = format!(
        "rows {0}, plans {0}, issues 1, issue_groups 1",
        LINES - 5_000
    );
    assert_eq!(left(&muster, &id(&import)).await, half);
    assert!(is(&muster, &id(&import), "emptied_at IS NULL").await);
    assert_only_a_header(&muster, &id(&import)).await;

    muster.start_worker().await;
    until_emptied(&muster, &id(&import)).await;
    let mut after = lasting(muster.import(&id(&import)).await);
    // It was cancelled because it is deleted.
    for member in ["status", "settled_at"] {
        after[member] = import[member].clone();
    }
    assert_eq!(after, lasting(import));
    assert_eq!(
        left(&muster, &kept).await,
        "rows 2, plans 2, issues 1, issue_groups 1"
    );
}

async fn waiting(muster: &Muster) -> i64 {
    sqlx::query_scalar(
        "SELECT count(*) FROM pg_stat_activity
          WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'DELETE FROM muster.import_plans%'",
    )
    .fetch_one(muster.sql())
    .await
    .expect("the database is up")
}
