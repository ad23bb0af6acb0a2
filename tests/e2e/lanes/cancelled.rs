//! A lane that is stopped in the middle of a batch while its import is cancelled: as long as its
//! transaction may still commit, nobody says that the import is at rest; once somebody has said so,
//! it changes nothing any more.

use super::{
    files::{id, joins, wake, with_people},
    hold::Hold,
    ledger::Ledger,
    outcome::statuses,
    sessions::{JOINING, idle_lanes, until_waiting},
};
use muster_shared::{model::ids::ImportId, queue::Notices};
use muster_tests::harness::{Muster, eventually};
use std::time::Duration;
use tokio::time::timeout;

/// Stops worker 0 in the middle of a batch of an import that is being applied, and cancels it.
async fn stop_and_cancel(muster: &Muster, people: usize) -> String {
    let import = id(&muster
        .ready("add-to-segments", joins(people, "sales"))
        .await);
    let hold = Hold::writers(muster, "lms.segment_members").await;
    muster.apply(&import).await;
    until_waiting(muster, JOINING, 1).await;
    muster.worker(0).sigstop();
    hold.release().await;
    eventually("the lane has written and says nothing", async || {
        (idle_lanes(muster).await == 1).then_some(())
    })
    .await;
    muster.cancel(&import).await;
    import
}

/// Wakes lanes until one has looked at the import and settled it, or not.
async fn somebody_settles(muster: &Muster, import: &str, notices: &Notices) {
    let this: ImportId = import.parse().expect("an id");
    let mut notices = notices.subscribe();
    let told = async || {
        wake(muster, import).await;
        timeout(Duration::from_secs(1), notices.recv())
            .await
            .is_ok_and(|told| told == Ok(this))
            .then_some(())
    };
    eventually("a lane looks at the import", told).await;
}

async fn members(muster: &Muster) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM lms.segment_members")
        .fetch_one(muster.sql())
        .await
        .expect("a count")
}

/// Cancels an import while its lane is stopped in one batch; it rests only when the batch is done,
/// as `rest`.
async fn rests_when_the_lane_is_through(people: usize, rest: &str) {
    let muster = Muster::start().await;
    let ledger = Ledger::keep(&muster).await;
    with_people(&muster, people as i32).await;
    let import = stop_and_cancel(&muster, people).await;
    let notices = Notices::connect(&muster.redis_url()).expect("an address");
    muster.start_worker().await;
    for _ in 0..3 {
        somebody_settles(&muster, &import, &notices).await;
        assert_eq!(
            (
                muster.import(&import).await["status"].as_str(),
                idle_lanes(&muster).await
            ),
            (Some("cancelling"), 1)
        );
    }
    assert_eq!(members(&muster).await, 0);
    muster.worker(0).sigcont();
    let ended = muster.wait_for(&import, rest).await;
    let done: Vec<i32> = sqlx::query_scalar(
        "SELECT lines FROM muster.import_batches WHERE stage = 'apply' AND state = 'done'",
    )
    .fetch_all(muster.sql())
    .await
    .expect("batches");
    assert_eq!(
        done.len(),
        1,
        "the batch that was begun is done, and no other"
    );
    assert_eq!(
        (&ended["effects"]["segments_joined"], members(&muster).await),
        (&done[0].into(), done[0].into())
    );
    assert_eq!(
        statuses(&muster, &import).await,
        format!("validating previewing ready applying cancelling {rest}")
    );
    if rest == "applied" {
        ledger.assert_done_once(&import).await;
    }
}

#[tokio::test]
async fn it_is_cancelled_when_the_batch_that_was_begun_is_done() {
    rests_when_the_lane_is_through(6_000, "cancelled").await;
}

#[tokio::test]
async fn it_is_applied_when_the_batch_that_was_begun_was_the_last() {
    rests_when_the_lane_is_through(20, "applied").await;
}

#[tokio::test]
async fn a_lane_that_wakes_up_too_late_changes_nothing() {
    let muster = Muster::with()
        .setting("MUSTER_LEASE_SECONDS", "4")
        .start()
        .await;
    with_people(&muster, 20).await;
    let import = stop_and_cancel(&muster, 20).await;
    muster.start_worker().await;
    muster.wait_for(&import, "cancelled").await;
    assert_eq!(
        (idle_lanes(&muster).await, members(&muster).await),
        (0, 0),
        "its session was ended"
    );
    let story = muster.story(&import).await;
    muster.worker(1).sigterm();
    muster.worker(1).exit().await;
    muster.worker(0).sigcont();
    // The one lane for small imports gets to this when it is through with the other.
    muster
        .ready("create-segments", "idnumber,name\nmore,More\n")
        .await;
    assert_eq!(muster.story(&import).await, story);
    assert_eq!(
        statuses(&muster, &import).await,
        "validating previewing ready applying cancelling cancelled"
    );
}
