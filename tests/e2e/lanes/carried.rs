//! Lines that an import left are carried on while workers die, imports are cancelled half-way, and
//! what is to be carried goes away.

use super::{
    files::{id, joins, with_people},
    hold::Hold,
    ledger::Ledger,
    outcome::{records, statuses},
    sessions::{JOINING, until_waiting},
};
use crate::counts::counts;
use muster_tests::harness::{Builder, Muster};

/// Carries lines on.
const CARRYING: &str = "INSERT INTO muster.import_rows%";
/// Two chunks of lines that are carried on; the first begins with the header.
const LINES: usize = 60_000;

fn with_one_lane_each() -> Builder {
    Muster::with()
        .setting("MUSTER_LANES", "1")
        .setting("MUSTER_EXPRESS_LANES", "1")
        .setting("MUSTER_LEASE_SECONDS", "10")
}

/// An import of so many lines, of which each is rejected.
async fn all_rejected(muster: &Muster) -> String {
    let file = (1..=LINES).fold("idnumber,name\n".to_owned(), |text, number| {
        text + &format!("s{number},\n")
    });
    id(&muster.applied("create-segments", file).await)
}

#[tokio::test]
async fn lines_that_apply_never_came_to_go_on() {
    const PEOPLE: usize = 6_000;
    let muster = with_one_lane_each().start().await;
    with_people(&muster, PEOPLE as i32).await;
    let parent = id(&muster
        .ready("add-to-segments", joins(PEOPLE, "sales"))
        .await);
    let hold = Hold::writers(&muster, "lms.segment_members").await;
    muster.apply(&parent).await;
    until_waiting(&muster, JOINING, 1).await;
    muster.cancel(&parent).await;
    hold.release().await;
    let cancelled = muster.wait_for(&parent, "cancelled").await;
    let done = cancelled["outcomes"]["updated"].as_i64().expect("a count");
    assert!(done < PEOPLE as i64, "the second batch was not begun");

    let child = id(&muster
        .post(&format!("/imports/{parent}/continue"), None)
        .await
        .expect(202)
        .json());
    let ready = muster.wait_for(&child, "ready").await;
    assert_eq!(
        counts(&ready["actions"]),
        format!("update {}", PEOPLE as i64 - done),
        "those, and no others"
    );
    assert_eq!(
        muster.rows(&parent, "?outcome=none&limit=200").await.len() as i64,
        PEOPLE as i64 - done
    );
    muster.apply(&child).await;
    muster.wait_for(&child, "applied").await;
    let members: i64 = sqlx::query_scalar("SELECT count(*) FROM lms.segment_members")
        .fetch_one(muster.sql())
        .await
        .expect("a count");
    assert_eq!(members, PEOPLE as i64);
}

#[tokio::test]
async fn a_worker_that_is_killed_while_it_carries_the_second_chunk() {
    let muster = with_one_lane_each().start().await;
    let ledger = Ledger::keep(&muster).await;
    let parent = all_rejected(&muster).await;
    let undisturbed = muster.carry_on(&parent, &["rejected"]).await;
    muster.wait_for(&undisturbed, "ready").await;
    muster.worker(0).sigterm();
    muster.worker(0).exit().await;

    // Asked for in other words, since the same would be the same child.
    let child = muster.carry_on(&parent, &["rejected", "held"]).await;
    let hold = Hold::staged_line(&muster, &child, 55_000).await;
    let killed = muster.start_worker().await;
    until_waiting(&muster, CARRYING, 1).await;
    assert_eq!(
        staged(&muster, &child).await,
        49_999,
        "the first chunk is there, and of the second nothing"
    );
    killed.kill9();
    hold.release().await;
    muster.start_worker().await;
    let ready = muster.wait_for(&child, "ready").await;
    assert_eq!(ready["file"]["rows"], LINES);
    assert_eq!(
        records(&muster, &child).await,
        records(&muster, &undisturbed).await
    );
    assert_eq!(
        statuses(&muster, &child).await,
        "validating previewing ready"
    );
    ledger.assert_none_done_twice(&child).await;
    let not_their_own =
        "SELECT count(*) FROM muster.import_rows WHERE parent_line IS DISTINCT FROM line
                            AND import_no = (SELECT no FROM muster.imports WHERE id = $1::uuid)";
    let not_their_own: i64 = sqlx::query_scalar(not_their_own)
        .bind(&child)
        .fetch_one(muster.sql())
        .await
        .expect("a count");
    assert_eq!(not_their_own, 0);
}

#[tokio::test]
async fn lines_that_are_swept_away_meanwhile_are_missed_and_not_passed_over() {
    let muster = with_one_lane_each().start().await;
    let parent = id(&muster.applied("add-to-segments", joins(3, "sales")).await);
    muster.worker(0).sigterm();
    muster.worker(0).exit().await;
    let child = muster.carry_on(&parent, &["rejected"]).await;
    sqlx::query("UPDATE muster.imports SET pruned_at = now() WHERE id = $1::uuid")
        .bind(&parent)
        .execute(muster.sql())
        .await
        .expect("pruned");
    muster.start_worker().await;
    let failed = muster.wait_for(&child, "failed").await;
    assert_eq!(
        (&failed["failed"]["stage"], &failed["failed"]["code"]),
        (&"validate".into(), &"expired".into())
    );
    assert_eq!(staged(&muster, &child).await, 0);
}

async fn staged(muster: &Muster, import: &str) -> i64 {
    let statement = "SELECT count(*) FROM muster.import_rows WHERE import_no = (SELECT no FROM muster.imports WHERE id = $1::uuid)";
    sqlx::query_scalar(statement)
        .bind(import)
        .fetch_one(muster.sql())
        .await
        .expect("a count")
}
