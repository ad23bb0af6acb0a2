//! The most lanes of an import: however many ask at once, no more than that hold a batch of it.

use super::{
    files::{id, joins, wake, with_people},
    hold::Hold,
    ledger::Ledger,
    sessions::{JOINING, LOCKING_IMPORT, in_control, waiting},
};
use muster_tests::harness::{Muster, eventually};

/// People in four batches of apply.
const PEOPLE: usize = 17_000;

#[tokio::test]
async fn lanes_that_claim_at_once_are_no_more_than_the_import_may_have() {
    let settings = [
        ("MUSTER_LANES_PER_IMPORT", "2"),
        ("MUSTER_EXPRESS_LANES", "2"),
    ];
    let muster = settings
        .into_iter()
        .fold(Muster::with(), |muster, (name, value)| {
            muster.setting(name, value)
        })
        .start()
        .await;
    let ledger = Ledger::keep(&muster).await;
    with_people(&muster, PEOPLE as i32).await;
    let import = id(&muster
        .ready("add-to-segments", joins(PEOPLE, "sales"))
        .await);
    muster.worker(0).sigterm();
    muster.worker(0).exit().await;
    muster.apply(&import).await;

    let (joining, claiming) = (
        Hold::writers(&muster, "lms.segment_members").await,
        Hold::import(&muster, &import).await,
    );
    muster.start_worker().await;
    muster.start_worker().await;
    let crowd = async || {
        let many = waiting(&muster, LOCKING_IMPORT).await;
        if many < 3 {
            wake(&muster, &import).await;
        }
        (many >= 3).then_some(())
    };
    eventually("three lanes claim at once", crowd).await;
    claiming.release().await;
    let decided = async || {
        (in_control(&muster).await == 0 && waiting(&muster, JOINING).await >= 2).then_some(())
    };
    eventually("all of them have got a batch, or none", decided).await;
    assert_eq!(ledger.most_claimed(&import, "apply").await, 2);

    joining.release().await;
    let applied = muster.wait_for(&import, "applied").await;
    assert_eq!(applied["effects"]["segments_joined"], PEOPLE);
    assert_eq!(ledger.most_claimed(&import, "apply").await, 2);
    ledger.assert_done_once(&import).await;
}
