//! Validate is one long batch: a lane that has read for ten seconds leaves a file for another site
//! that has no lane, and somebody goes on with it.

use super::{PEOPLE, done_in_order, large, with_one_lane_each, with_people};
use crate::{
    counts::counts,
    lanes::{
        hold::Hold,
        sessions::{STAGING, until_waiting},
    },
};
use muster_tests::harness::eventually;

/// Three chunks of validate.
const LINES: usize = 45_000;

#[tokio::test]
async fn a_lane_that_reads_for_long_leaves_when_another_site_waits() {
    let muster = with_one_lane_each().workers(0).start().await;
    let other = muster.site("other").await;
    with_people(&muster, &muster, LINES).await;
    with_people(&muster, &other, PEOPLE).await;
    let long = muster.upload("add-to-segments", large(LINES)).await;
    let hold = Hold::staged_line(&muster, &long, 5).await;
    let worker = muster.start_worker().await;
    until_waiting(&muster, STAGING, 1).await;
    let short = other.upload("add-to-segments", large(PEOPLE)).await;
    // The worker's clock goes on while it sleeps.
    worker.sigstop();
    hold.release().await;
    let is_long = "SELECT served_at < clock_timestamp() - interval '11 s' FROM muster.imports WHERE id = $1::uuid";
    let look = async || {
        let is_long: bool = sqlx::query_scalar(is_long)
            .bind(&long)
            .fetch_one(muster.sql())
            .await
            .expect("the import");
        is_long.then_some(())
    };
    eventually("the lane has had the file for long", look).await;
    worker.sigcont();

    assert_eq!(
        counts(&muster.wait_for(&long, "ready").await["actions"]),
        format!("update {LINES}")
    );
    other.wait_for(&short, "ready").await;
    assert_eq!(
        done_in_order(&muster, &["validate"]).await,
        [short, long.clone()]
    );
}
