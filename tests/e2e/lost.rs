//! Losing a worker or all of Redis loses nothing: Postgres remembers, Redis wakes.

use muster_tests::harness::Muster;

const SEGMENTS: &str = "idnumber,name\nsales,Sales\nhr,People\n";
const LMS: &str =
    "segment hr: People |  | t v1 by import 1\nsegment sales: Sales |  | t v1 by import 1\n";

#[tokio::test]
async fn a_wake_that_redis_forgot() {
    let muster = Muster::with().workers(0).start().await;
    let id = muster.upload("create-segments", SEGMENTS).await;
    muster.redis_flushall();
    muster.start_worker().await;
    muster.wait_for(&id, "ready").await;
    muster.redis_flushall();
    muster.apply(&id).await;
    muster.redis_flushall();
    muster.wait_for(&id, "applied").await;
    assert_eq!(muster.lms().await, LMS);
}

#[tokio::test]
async fn a_worker_that_froze_and_died_with_the_wake_in_its_hands() {
    let muster = Muster::with()
        .setting("MUSTER_LEASE_SECONDS", "2")
        .start()
        .await;
    muster.worker(0).sigstop();
    let id = muster.upload("create-segments", SEGMENTS).await;
    muster.start_worker().await;
    muster.wait_for(&id, "ready").await;
    muster.worker(0).kill9();
    muster.apply(&id).await;
    muster.wait_for(&id, "applied").await;
    muster.quiet().await;
    assert_eq!(muster.lms().await, LMS);
}

#[tokio::test]
async fn redis_that_stops_for_a_while() {
    let muster = Muster::start().await;
    let id = muster.ready("create-segments", SEGMENTS).await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    muster.with_redis(muster_tests::harness::Process::sigstop);
    let path = muster.path(&format!("/imports/{id}/apply"));
    let asked = muster
        .client()
        .post(&path, None)
        .await
        .expect("the api is up");
    assert_eq!(
        asked.status,
        202,
        "what was asked is in Postgres; the wake may come later: {}",
        asked.text()
    );
    muster.with_redis(muster_tests::harness::Process::sigcont);
    muster.wait_for(&id, "applied").await;
    assert_eq!(muster.lms().await, LMS);
}

#[tokio::test]
async fn a_worker_that_is_asked_to_stop_ends_in_good_order_and_another_goes_on() {
    let muster = Muster::start().await;
    muster.applied("create-segments", SEGMENTS).await;
    muster.worker(0).sigterm();
    let ended = muster.worker(0).exit().await;
    assert!(ended.success(), "{ended}\n{}", muster.worker(0).log());
    let claimed: i64 =
        sqlx::query_scalar("SELECT count(*) FROM muster.import_batches WHERE state = 'claimed'")
            .fetch_one(muster.sql())
            .await
            .expect("a count");
    assert_eq!(claimed, 0);
    let id = muster
        .upload("create-segments", "idnumber,name\nlegal,Legal\n")
        .await;
    muster.start_worker().await;
    muster.wait_for(&id, "ready").await;
}
