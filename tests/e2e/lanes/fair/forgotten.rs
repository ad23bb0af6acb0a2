//! A Redis that forgets everything again and again, and workers that sleep past their claims.

use crate::lanes::{
    files::{id, joins, with_people},
    hold::Hold,
    ledger::Ledger,
    sessions::{JOINING, idle_lanes, until_waiting},
};
use muster_tests::harness::{Muster, eventually};

/// People in four batches.
const PEOPLE: usize = 17_000;

/// Takes away all that Redis has whenever the import has come a step further, until it rests.
async fn wiped_at_every_step(muster: &Muster, import: &str) {
    let statement =
        "SELECT count(*) FROM muster.import_batches b JOIN muster.imports i ON i.no = b.import_no
                      WHERE i.id = $1::uuid AND b.state = 'done'";
    let mut wiped_at = -1;
    let look = async || {
        let done: i64 = sqlx::query_scalar(statement)
            .bind(import)
            .fetch_one(muster.sql())
            .await
            .expect("a count");
        if done != wiped_at {
            wiped_at = done;
            muster.redis_flushall();
        }
        (muster.import(import).await["at_rest"] == true).then_some(())
    };
    eventually("the import comes to rest", look).await;
}

#[tokio::test]
async fn a_redis_that_is_wiped_again_and_again() {
    let muster = Muster::with().workers(2).start().await;
    let ledger = Ledger::keep(&muster).await;
    with_people(&muster, PEOPLE as i32).await;
    let import = muster
        .upload("add-to-segments", joins(PEOPLE, "sales"))
        .await;
    wiped_at_every_step(&muster, &import).await;
    muster.wait_for(&import, "ready").await;
    muster.apply(&import).await;
    wiped_at_every_step(&muster, &import).await;
    assert_eq!(
        muster.wait_for(&import, "applied").await["effects"]["segments_joined"],
        PEOPLE
    );
    ledger.assert_done_once(&import).await;
}

#[tokio::test]
async fn two_workers_that_sleep_past_their_claims_change_nothing_when_they_wake_up() {
    let settings = [("MUSTER_EXPRESS_LANES", "1"), ("MUSTER_LEASE_SECONDS", "5")];
    let muster = settings
        .into_iter()
        .fold(Muster::with(), |muster, (name, value)| {
            muster.setting(name, value)
        })
        .workers(2)
        .start()
        .await;
    let ledger = Ledger::keep(&muster).await;
    with_people(&muster, 6_000).await;
    let import = id(&muster.ready("add-to-segments", joins(6_000, "sales")).await);
    let hold = Hold::writers(&muster, "lms.segment_members").await;
    muster.apply(&import).await;
    until_waiting(&muster, JOINING, 2).await;
    let asleep = [muster.worker(0), muster.worker(1)];
    for worker in &asleep {
        worker.sigstop();
    }
    let before: Vec<_> = asleep.iter().map(|worker| worker.log().len()).collect();
    hold.release().await;
    eventually("both have written and say nothing", async || {
        (idle_lanes(&muster).await == 2).then_some(())
    })
    .await;

    let other = muster.start_worker().await;
    let applied = muster.wait_for(&import, "applied").await;
    assert_eq!(applied["effects"]["segments_joined"], 6_000);
    let done_by: Vec<String> = sqlx::query_scalar(
        "SELECT done_by FROM muster.import_batches WHERE stage = 'apply' AND lines > 0",
    )
    .fetch_all(muster.sql())
    .await
    .expect("batches");
    assert_eq!(done_by, [other.name(), other.name()]);
    let (story, lms) = (muster.story(&import).await, muster.lms().await);
    for (worker, before) in asleep.iter().zip(before) {
        worker.sigcont();
        let gave_up = async || worker.log()[before..].contains("put off").then_some(());
        eventually("it has tried to go on", gave_up).await;
    }
    other.sigterm();
    other.exit().await;
    muster
        .ready("create-segments", "idnumber,name\nmore,More\n")
        .await;
    assert!(
        muster.story(&import).await == story && muster.lms().await == lms,
        "something was changed"
    );
    ledger.assert_done_once(&import).await;
}
