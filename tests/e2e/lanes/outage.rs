//! Postgres or Redis that goes away while an import is half done: it ends as it would have.

use super::{
    files::{SEGMENTS, id, new_people},
    hold::Hold,
    ledger::Ledger,
    outcome::{LINES, Outcome},
    sessions::{JOINING, PLANNING, until_waiting},
};
use muster_tests::harness::{Builder, Muster, Process, eventually};

/// Two lanes, and claims that expire soon when their lane has lost its connection.
fn builder() -> Builder {
    Muster::with()
        .workers(2)
        .setting("MUSTER_LANES", "1")
        .setting("MUSTER_EXPRESS_LANES", "1")
        .setting("MUSTER_LEASE_SECONDS", "4")
}

/// Waits until all batches of apply are done but one.
async fn until_one_is_left(muster: &Muster, import: &str) {
    let statement = "SELECT count(*) FILTER (WHERE state = 'done') > 0 AND count(*) FILTER (WHERE state <> 'done') = 1
                       FROM muster.import_batches WHERE import_no = (SELECT no FROM muster.imports WHERE id = $1::uuid) AND stage = 'apply'";
    let look = async || {
        let is_so: bool = sqlx::query_scalar(statement)
            .bind(import)
            .fetch_one(muster.sql())
            .await
            .expect("the database is up");
        is_so.then_some(())
    };
    eventually("one batch is left", look).await;
}

#[tokio::test]
async fn postgres_that_stops_while_both_plan_and_half_way_through_apply() {
    let muster = builder().own_postgres().start().await;
    let ledger = Ledger::keep(&muster).await;
    muster.applied("create-segments", SEGMENTS).await;

    let import = muster.upload("create-users", new_people(LINES)).await;
    let hold = Hold::planned_lines(&muster, &import, LINES).await;
    until_waiting(&muster, PLANNING, 2).await;
    muster.stop_postgres().await;
    drop(hold);
    muster.start_postgres().await;
    muster.wait_for(&import, "ready").await;

    let hold = Hold::username(&muster, "u10001").await;
    muster.apply(&import).await;
    until_one_is_left(&muster, &import).await;
    muster.stop_postgres().await;
    drop(hold);
    muster.start_postgres().await;
    muster.wait_for(&import, "applied").await;
    Outcome::assert_undisturbed(&ledger, &muster, &import).await;
}

#[tokio::test]
async fn redis_that_ends_while_both_apply() {
    let muster = builder().start().await;
    let ledger = Ledger::keep(&muster).await;
    muster.applied("create-segments", SEGMENTS).await;
    let import = id(&muster.ready("create-users", new_people(LINES)).await);
    let hold = Hold::writers(&muster, "lms.segment_members").await;
    muster.apply(&import).await;
    until_waiting(&muster, JOINING, 2).await;
    muster.with_redis(Process::kill9);
    hold.release().await;
    // Whoever is at work needs no wake.
    muster.wait_for(&import, "applied").await;
    Outcome::assert_undisturbed(&ledger, &muster, &import).await;
    muster.start_redis().await;
    muster
        .applied("create-segments", "idnumber,name\nlegal,Legal\n")
        .await;
}
