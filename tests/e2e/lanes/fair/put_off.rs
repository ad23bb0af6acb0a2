//! A batch that is put off for long keeps no lane: others are served until its time has come.

use super::{with_one_lane_each, with_people};
use crate::lanes::{
    files::{id, joins},
    hold::Hold,
    sessions::{JOINING, until_waiting},
};
use muster_tests::harness::{Muster, eventually};
use sqlx::AssertSqlSafe;

/// The only batch of apply: its state, its retries, and the seconds from its claim to when it may
/// be claimed again.
async fn batch(muster: &Muster) -> (String, i16, f64) {
    let statement = "SELECT state, retries, coalesce(extract(epoch FROM not_before - served_at), 0)::float8
                       FROM muster.import_batches b JOIN muster.imports i ON i.no = b.import_no WHERE stage = 'apply' AND b.lines = 20";
    sqlx::query_as(statement)
        .fetch_one(muster.sql())
        .await
        .expect("the batch")
}

async fn set_batch(muster: &Muster, what: &'static str) {
    let statement =
        format!("UPDATE muster.import_batches SET {what} WHERE stage = 'apply' AND lines = 20");
    sqlx::query(AssertSqlSafe(statement))
        .execute(muster.sql())
        .await
        .expect("the batch");
}

#[tokio::test]
async fn others_are_served_while_a_batch_is_put_off_for_long() {
    let muster = with_one_lane_each().start().await;
    with_people(&muster, &muster, 20).await;
    let import = id(&muster.ready("add-to-segments", joins(20, "sales")).await);
    set_batch(&muster, "retries = 18").await;
    let hold = Hold::writers(&muster, "lms.segment_members").await;
    muster.apply(&import).await;
    until_waiting(&muster, JOINING, 1).await;
    eventually("it is put off", async || {
        (batch(&muster).await.1 == 19).then_some(())
    })
    .await;
    let (_, _, pause) = batch(&muster).await;
    assert!(
        pause >= 15.0,
        "after so many retries the pause is long: {pause} s"
    );

    hold.release().await;
    set_batch(&muster, "not_before = now() + interval '1 h'").await;
    muster
        .ready("create-segments", "idnumber,name\nmore,More\n")
        .await;
    assert_eq!(batch(&muster).await.0, "waiting");
    set_batch(&muster, "not_before = now()").await;
    muster.wait_for(&import, "applied").await;
}
