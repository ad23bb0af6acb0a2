//! A worker that is killed, and a Redis that forgets everything, in the middle of each stage: the
//! import ends as it would have.

use super::{
    files::{SEGMENTS, id, new_people},
    hold::Hold,
    ledger::Ledger,
    outcome::{LINES, Outcome},
    sessions::{JOINING, PLANNING, STAGING, until_waiting},
};
use muster_tests::harness::{Builder, Muster, Worker};

/// With one lane a worker, two batches that are held are held by two workers.
fn with_one_lane_each() -> Builder {
    Muster::with()
        .setting("MUSTER_LANES", "1")
        .setting("MUSTER_EXPRESS_LANES", "1")
        .setting("MUSTER_LEASE_SECONDS", "10")
}

/// With segments, and with a worker that has gone.
async fn with_segments_and_nobody_at_work() -> Muster {
    let muster = with_one_lane_each().start().await;
    muster.applied("create-segments", SEGMENTS).await;
    muster.worker(0).sigterm();
    muster.worker(0).exit().await;
    muster
}

/// All batches of the stage were done by this worker.
async fn assert_done_by(muster: &Muster, worker: &Worker<'_>, import: &str, stage: &str) {
    let statement = "SELECT DISTINCT done_by FROM muster.import_batches b JOIN muster.imports i ON i.no = b.import_no
                      WHERE i.id = $1::uuid AND b.stage = $2";
    let names: Vec<String> = sqlx::query_scalar(statement)
        .bind(import)
        .bind(stage)
        .fetch_all(muster.sql())
        .await
        .expect("names");
    assert_eq!(names, [worker.name()]);
}

/// The most times that a batch of the stage was begun.
async fn attempts(muster: &Muster, import: &str, stage: &str) -> i16 {
    let statement = "SELECT max(b.attempts) FROM muster.import_batches b JOIN muster.imports i ON i.no = b.import_no
                      WHERE i.id = $1::uuid AND b.stage = $2";
    sqlx::query_scalar(statement)
        .bind(import)
        .bind(stage)
        .fetch_one(muster.sql())
        .await
        .expect("a count")
}

#[tokio::test]
async fn a_worker_that_is_killed_while_both_apply() {
    let muster = with_one_lane_each().workers(2).start().await;
    let ledger = Ledger::keep(&muster).await;
    muster.applied("create-segments", SEGMENTS).await;
    let import = id(&muster.ready("create-users", new_people(LINES)).await);
    let hold = Hold::writers(&muster, "lms.segment_members").await;
    muster.apply(&import).await;
    until_waiting(&muster, JOINING, 2).await;
    muster.worker(0).kill9();
    hold.release().await;
    muster.wait_for(&import, "applied").await;
    assert_done_by(&muster, &muster.worker(1), &import, "apply").await;
    assert!(
        attempts(&muster, &import, "apply").await > 1,
        "the one that was killed held a batch"
    );
    Outcome::assert_undisturbed(&ledger, &muster, &import).await;
}

#[tokio::test]
async fn a_worker_that_is_killed_while_both_preview() {
    let muster = with_segments_and_nobody_at_work().await;
    let ledger = Ledger::keep(&muster).await;
    let import = muster.upload("create-users", new_people(LINES)).await;
    let hold = Hold::planned_lines(&muster, &import, LINES).await;
    let (killed, other) = (muster.start_worker().await, muster.start_worker().await);
    until_waiting(&muster, PLANNING, 2).await;
    killed.kill9();
    hold.release().await;
    muster.wait_for(&import, "ready").await;
    assert_done_by(&muster, &other, &import, "preview").await;
    assert!(
        attempts(&muster, &import, "preview").await > 1,
        "the one that was killed held a batch"
    );
    muster.apply(&import).await;
    muster.wait_for(&import, "applied").await;
    Outcome::assert_undisturbed(&ledger, &muster, &import).await;
}

#[tokio::test]
async fn a_worker_that_is_killed_while_it_stages_the_second_chunk() {
    let muster = with_segments_and_nobody_at_work().await;
    let ledger = Ledger::keep(&muster).await;
    let import = muster.upload("create-users", new_people(LINES)).await;
    let hold = Hold::staged_line(&muster, &import, 20_500).await;
    let killed = muster.start_worker().await;
    until_waiting(&muster, STAGING, 1).await;
    // The header is one of the 20 000 records of a chunk.
    assert_eq!(
        staged(&muster, &import).await,
        19_999,
        "the first chunk is there, and of the second nothing"
    );
    killed.kill9();
    hold.release().await;
    let other = muster.start_worker().await;
    muster.wait_for(&import, "ready").await;
    assert_done_by(&muster, &other, &import, "validate").await;
    assert_eq!(
        attempts(&muster, &import, "validate").await,
        1,
        "an attempt that gets further begins to count anew"
    );
    muster.apply(&import).await;
    muster.wait_for(&import, "applied").await;
    Outcome::assert_undisturbed(&ledger, &muster, &import).await;
}

async fn staged(muster: &Muster, import: &str) -> i64 {
    let statement = "SELECT count(*) FROM muster.import_rows WHERE import_no = (SELECT no FROM muster.imports WHERE id = $1::uuid)";
    sqlx::query_scalar(statement)
        .bind(import)
        .fetch_one(muster.sql())
        .await
        .expect("a count")
}

#[tokio::test]
async fn a_redis_that_forgets_everything_while_both_apply() {
    let muster = with_one_lane_each().workers(2).start().await;
    let ledger = Ledger::keep(&muster).await;
    muster.applied("create-segments", SEGMENTS).await;
    let import = id(&muster.ready("create-users", new_people(LINES)).await);
    let hold = Hold::writers(&muster, "lms.segment_members").await;
    muster.apply(&import).await;
    until_waiting(&muster, JOINING, 2).await;
    muster.redis_flushall();
    hold.release().await;
    muster.wait_for(&import, "applied").await;
    Outcome::assert_undisturbed(&ledger, &muster, &import).await;
    muster.redis_flushall();
    muster
        .ready("create-segments", "idnumber,name\nlegal,Legal\n")
        .await;
}
