//! A lane that is stopped in the middle of COPY: no time-out ends a session that waits for its
//! client. The rescuer does, and another lane does the batch; what the first had sent is gone.

use super::{
    files::{joins, with_people},
    hold::Hold,
    ledger::Ledger,
    outcome::{records, statuses},
    sessions::{PLANNING, STAGING, forsaken, until_queued, until_waiting},
};
use crate::counts::counts;
use muster_tests::harness::{Builder, Muster, Worker, eventually};

fn with_a_short_lease() -> Builder {
    Muster::with()
        .workers(0)
        .setting("MUSTER_LEASE_SECONDS", "5")
}

/// Stops the worker while it waits to begin its COPY, and lets the COPY begin.
async fn stop_in(muster: &Muster, worker: Worker<'_>, statement: &str, hold: Hold) {
    until_waiting(muster, statement, 1).await;
    worker.sigstop();
    hold.release().await;
    eventually("COPY waits for its client", async || {
        (forsaken(muster, statement).await == 1).then_some(())
    })
    .await;
}

/// Another worker brings the import to its preview, with every line there once; the first wakes up
/// and changes nothing.
async fn another_goes_on(muster: &Muster, stopped: Worker<'_>, import: &str, lines: usize) {
    let other = muster.start_worker().await;
    let ready = muster.wait_for(import, "ready").await;
    assert_eq!(counts(&ready["actions"]), format!("update {lines}"));
    let records = records(muster, import).await;
    assert!(
        records[0].starts_with(&format!("rows {lines} "))
            && records[1].starts_with(&format!("plans {lines} ")),
        "{records:?}"
    );
    let story = muster.story(import).await;
    other.sigterm();
    other.exit().await;
    stopped.sigcont();
    // The one lane for small imports gets to this when it is through with the other.
    muster
        .ready("create-segments", "idnumber,name\nmore,More\n")
        .await;
    assert_eq!(
        (
            self::records(muster, import).await,
            muster.story(import).await
        ),
        (records, story)
    );
    assert_eq!(
        statuses(muster, import).await,
        "validating previewing ready"
    );
}

#[tokio::test]
async fn a_lane_that_is_stopped_while_it_writes_plans() {
    let muster = with_a_short_lease().start().await;
    let ledger = Ledger::keep(&muster).await;
    with_people(&muster, 20).await;
    let import = muster.upload("add-to-segments", joins(20, "sales")).await;
    // Preview stops where it looks people up; only then are its plans stopped, since validate
    // sweeps away earlier ones.
    let looking = Hold::readers(&muster, "lms.users").await;
    let worker = muster.start_worker().await;
    until_waiting(&muster, "%lms.users%", 1).await;
    let writing = Hold::writers(&muster, "muster.import_plans").await;
    looking.release().await;
    stop_in(&muster, worker, PLANNING, writing).await;
    another_goes_on(&muster, worker, &import, 20).await;
    assert_ended_by_the_rescuer(&muster);
    ledger.assert_none_done_twice(&import).await;
}

#[tokio::test]
async fn a_lane_that_is_stopped_while_it_stages_the_second_chunk() {
    const LINES: usize = 20_020;
    let muster = with_a_short_lease().start().await;
    let ledger = Ledger::keep(&muster).await;
    with_people(&muster, LINES as i32).await;
    let import = muster
        .upload("add-to-segments", joins(LINES, "sales"))
        .await;
    let first_chunk = Hold::staged_line(&muster, &import, 5).await;
    let worker = muster.start_worker().await;
    until_waiting(&muster, STAGING, 1).await;
    // The test's lock is next in the queue: it is granted between the first chunk and the second.
    let go_on = async {
        until_queued(&muster).await;
        first_chunk.release().await;
    };
    let (second_chunk, ()) = tokio::join!(Hold::writers(&muster, "muster.import_rows"), go_on);
    stop_in(&muster, worker, STAGING, second_chunk).await;
    another_goes_on(&muster, worker, &import, LINES).await;
    assert_ended_by_the_rescuer(&muster);
    ledger.assert_none_done_twice(&import).await;
}

fn assert_ended_by_the_rescuer(muster: &Muster) {
    assert!(
        muster
            .worker(1)
            .log()
            .contains("ended sessions of lanes that stalled"),
        "{}",
        muster.worker(1).log()
    );
}
