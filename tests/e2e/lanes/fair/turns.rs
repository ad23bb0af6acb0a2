//! Turns between sites: with one lane, batches of two sites alternate, however many imports each
//! has.

use super::{PEOPLE, applying, done_in_order, large, with_one_lane_each, with_people};
use crate::lanes::{
    hold::Hold,
    ledger::Ledger,
    sessions::{JOINING, until_waiting},
};
use muster_tests::harness::Muster;
use std::collections::HashSet;

#[tokio::test]
async fn one_lane_serves_two_sites_in_turn() {
    let muster = with_one_lane_each().start().await;
    let other = muster.site("other").await;
    with_people(&muster, &muster, PEOPLE).await;
    with_people(&muster, &other, PEOPLE).await;
    muster.worker(0).sigterm();
    muster.worker(0).exit().await;

    let (first, second) = (
        muster.upload("add-to-segments", large(PEOPLE)).await,
        other.upload("add-to-segments", large(PEOPLE)).await,
    );
    let worker = muster.start_worker().await;
    muster.wait_for(&first, "ready").await;
    other.wait_for(&second, "ready").await;
    let in_turn = |batches: usize| {
        [&first, &second]
            .into_iter()
            .cycle()
            .take(batches)
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(
        done_in_order(&muster, &["validate", "preview"]).await,
        in_turn(10)
    );

    worker.sigterm();
    worker.exit().await;
    muster.apply(&first).await;
    other.apply(&second).await;
    muster.start_worker().await;
    muster.wait_for(&first, "applied").await;
    other.wait_for(&second, "applied").await;
    assert_eq!(done_in_order(&muster, &["apply"]).await, in_turn(8));
}

#[tokio::test]
async fn a_site_with_three_imports_gets_no_more_than_a_site_with_one() {
    let muster = with_one_lane_each().workers(0).start().await;
    let other = muster.site("other").await;
    with_people(&muster, &muster, PEOPLE).await;
    with_people(&muster, &other, PEOPLE).await;
    let mut many = HashSet::new();
    for _ in 0..3 {
        many.insert(muster.upload("add-to-segments", large(PEOPLE)).await);
    }
    let one = other.upload("add-to-segments", large(PEOPLE)).await;
    muster.start_worker().await;
    other.wait_for(&one, "ready").await;
    muster.quiet().await;

    let done = done_in_order(&muster, &["validate", "preview"]).await;
    assert_eq!(done.len(), 20);
    let last = done
        .iter()
        .rposition(|import| *import == one)
        .expect("the batches of the one");
    assert_eq!(
        last + 1,
        10,
        "every other batch was of the site with one import, until it was through: {done:?}"
    );
    let of_many: HashSet<_> = done[..last]
        .iter()
        .filter(|import| many.contains(*import))
        .collect();
    assert_eq!(of_many.len(), 3, "and the others were of all three imports");
}

#[tokio::test]
async fn lanes_of_two_workers_are_shared_out() {
    let settings = [("MUSTER_LANES", "2"), ("MUSTER_LANES_PER_IMPORT", "2")];
    let muster = settings
        .into_iter()
        .fold(Muster::with(), |muster, (name, value)| {
            muster.setting(name, value)
        })
        .workers(2)
        .start()
        .await;
    let ledger = Ledger::keep(&muster).await;
    let other = muster.site("other").await;
    with_people(&muster, &muster, PEOPLE).await;
    with_people(&muster, &other, PEOPLE).await;
    let (first, second) = (
        muster.upload("add-to-segments", large(PEOPLE)).await,
        other.upload("add-to-segments", large(PEOPLE)).await,
    );
    muster.wait_for(&first, "ready").await;
    other.wait_for(&second, "ready").await;

    let hold = Hold::writers(&muster, "lms.segment_members").await;
    muster.apply(&first).await;
    other.apply(&second).await;
    until_waiting(&muster, JOINING, 4).await;
    assert_eq!(
        (
            applying(&muster, &first, "claimed").await,
            applying(&muster, &second, "claimed").await
        ),
        (2, 2)
    );
    hold.release().await;
    muster.wait_for(&first, "applied").await;
    other.wait_for(&second, "applied").await;
    for import in [&first, &second] {
        assert_eq!(ledger.most_claimed(import, "apply").await, 2);
        ledger.assert_done_once(import).await;
    }
}
