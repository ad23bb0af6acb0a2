//! The claim on a batch: who holds it, how it ends, and what a lane that lost it may no longer do.

use super::{Ground, batches, run};
use muster_shared::{
    model::{
        batch::Step,
        stage::Stage,
        status::Status,
        tally::{Effects, Outcomes, Tally},
    },
    store::batches::{self as store, Batch, Part, Taken},
};
use sqlx::PgConnection;
use std::time::Duration;

/// Seconds for which a claim is good; none of these tests waits so long.
const LEASE: f64 = 600.0;

/// An import in apply with two batches, 0..1024 and 1024..2048.
async fn applying() -> Ground {
    let ground = Ground::with_import(Status::Applying).await;
    let statement = "INSERT INTO muster.import_batches (import_no, stage, number, low, high, lines)
                     SELECT $1, 'apply', n, (n - 1) * 1024, n * 1024, 10 FROM generate_series(1, 2) n";
    run(&mut *ground.connection().await, statement, ground.import).await;
    ground
}

async fn take(conn: &mut PgConnection, ground: &Ground) -> Option<Taken> {
    let taken = store::take(conn, ground.import, Stage::Apply, Step::Main, LEASE).await;
    taken.expect("the database answers")
}

async fn hold(conn: &mut PgConnection, ground: &Ground) -> Batch {
    take(conn, ground).await.expect("a batch waits").batch
}

async fn expire(conn: &mut PgConnection, ground: &Ground) {
    let statement = "UPDATE muster.import_batches SET expires_at = now() - interval '1 s' WHERE import_no = $1 AND state = 'claimed'";
    run(conn, statement, ground.import).await;
}

#[tokio::test]
async fn each_batch_is_held_once() {
    let ground = applying().await;
    let mut conn = ground.connection().await;
    let (first, second) = (
        hold(&mut conn, &ground).await,
        hold(&mut conn, &ground).await,
    );
    assert_eq!((first.number, second.number), (1, 2));
    assert!(take(&mut conn, &ground).await.is_none(), "both are held");
    let open = store::open(&mut conn, ground.import, Stage::Apply)
        .await
        .expect("counts");
    assert_eq!(
        (open.claimed, open.waiting, open.step),
        (2, 0, Some(Step::Main))
    );
}

#[tokio::test]
async fn only_the_holder_finishes() {
    let ground = applying().await;
    let mut conn = ground.connection().await;
    let lost = hold(&mut conn, &ground).await;
    expire(&mut conn, &ground).await;
    store::revoke_expired(&mut conn, ground.import)
        .await
        .expect("revoked");
    let held = take(&mut conn, &ground).await.expect("it waits again");
    assert_eq!((held.batch.number, held.attempts), (1, 2));
    let outcomes = Outcomes {
        created: 7,
        ..Outcomes::default()
    };
    let tally = Tally {
        outcomes: Some(outcomes),
        ..Tally::default()
    };
    let effects = Effects::of([("segments_created", 7)]);
    for (batch, is_holder) in [(&lost, false), (&held.batch, true)] {
        let locked = store::lock_claim(&mut conn, batch, LEASE)
            .await
            .expect("an answer");
        assert_eq!(locked, is_holder);
        let finished = store::finish(&mut conn, batch, &tally, &effects, "worker").await;
        assert_eq!(finished.expect("an answer"), is_holder);
    }
    let sums = store::sums(&mut conn, ground.import).await.expect("sums");
    assert_eq!(
        (sums.outcomes.created, sums.effects.get("segments_created")),
        (7, 7),
        "once"
    );
    assert_eq!(sums.applied, (10, 20));
}

#[tokio::test]
async fn a_claim_whose_row_is_locked_is_never_revoked() {
    let ground = applying().await;
    let mut conn = ground.connection().await;
    let held = hold(&mut conn, &ground).await;
    expire(&mut conn, &ground).await;
    let mut lane = ground.pool.begin().await.expect("a transaction");
    assert!(
        store::lock_claim(&mut lane, &held, LEASE)
            .await
            .expect("an answer")
    );
    // As others see it the claim is expired still: the renewal is not committed.
    store::revoke_expired(&mut conn, ground.import)
        .await
        .expect("revoked");
    let (tally, effects) = (Tally::default(), Effects::default());
    let finished = store::finish(&mut lane, &held, &tally, &effects, "worker").await;
    assert!(finished.expect("an answer"));
    lane.commit().await.expect("committed");
    let all = batches(&mut conn, ground.import, "apply").await;
    assert_eq!(
        all,
        ["1 main done 0..1024 10", "2 main waiting 1024..2048 10"]
    );
}

#[tokio::test]
async fn a_snapshot_from_before_the_claim_moved_finds_it_lost() {
    let ground = applying().await;
    let mut conn = ground.connection().await;
    let lost = hold(&mut conn, &ground).await;
    let mut lane = ground
        .pool
        .begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ")
        .await
        .expect("a transaction");
    let _: i64 = sqlx::query_scalar("SELECT count(*) FROM muster.import_batches")
        .fetch_one(&mut *lane)
        .await
        .expect("a snapshot");
    store::release(&mut conn, &lost).await.expect("released");
    hold(&mut conn, &ground).await;
    assert!(
        !store::lock_claim(&mut lane, &lost, LEASE)
            .await
            .expect("no error")
    );
}

#[tokio::test]
async fn a_released_attempt_does_not_count_and_a_failed_batch_says_why() {
    let ground = applying().await;
    let mut conn = ground.connection().await;
    let first = hold(&mut conn, &ground).await;
    store::release(&mut conn, &first).await.expect("released");
    let again = take(&mut conn, &ground).await.expect("it waits");
    assert_eq!(again.attempts, 1);
    store::fail(&mut conn, &again.batch, "refused", "Because.")
        .await
        .expect("failed");
    let failure: serde_json::Value = sqlx::query_scalar("SELECT failure FROM muster.imports")
        .fetch_one(&mut *conn)
        .await
        .expect("one");
    assert_eq!(
        (&failure["code"], &failure["stage"], &failure["batch"]),
        (&"refused".into(), &"apply".into(), &1.into())
    );
    let open = store::open(&mut conn, ground.import, Stage::Apply)
        .await
        .expect("counts");
    assert_eq!((open.failed, open.waiting_in_turn), (1, 1));
    store::reset_failed(&mut conn, ground.import, Stage::Apply)
        .await
        .expect("reset");
    let again = take(&mut conn, &ground).await.expect("it waits");
    assert_eq!((again.batch.number, again.attempts), (1, 1));
}

#[tokio::test]
async fn a_snoozed_batch_waits_for_its_time_and_not_for_ever() {
    let ground = applying().await;
    let mut conn = ground.connection().await;
    let first = hold(&mut conn, &ground).await;
    let pause = store::snooze(&mut conn, &first, 1)
        .await
        .expect("an answer")
        .expect("a pause");
    assert!(
        pause >= Duration::from_millis(100) && pause <= Duration::from_millis(300),
        "{pause:?}"
    );
    assert_eq!(
        hold(&mut conn, &ground).await.number,
        2,
        "the other one is taken meanwhile"
    );
    run(
        &mut conn,
        "UPDATE muster.import_batches SET not_before = now() WHERE import_no = $1",
        ground.import,
    )
    .await;
    let again = hold(&mut conn, &ground).await;
    assert_eq!(again.number, 1);
    assert_eq!(
        store::snooze(&mut conn, &again, 1)
            .await
            .expect("an answer"),
        None,
        "it was tried once more than it may"
    );
}

#[tokio::test]
async fn parts_stand_in_place_of_a_batch() {
    let ground = applying().await;
    let mut conn = ground.connection().await;
    let first = hold(&mut conn, &ground).await;
    let part = |low, high, lines| Part { low, high, lines };
    let parts = [part(0, 100, 4), part(100, 700, 5), part(700, 1024, 1)];
    store::put_parts(&mut conn, &first, &parts)
        .await
        .expect("parts");
    let all = batches(&mut conn, ground.import, "apply").await;
    let expected = [
        "1 main waiting 0..100 4",
        "2 main waiting 1024..2048 10",
        "3 main waiting 100..700 5",
        "4 main waiting 700..1024 1",
    ];
    assert_eq!(
        all, expected,
        "every id is in one of them, and no line is lost"
    );
}
