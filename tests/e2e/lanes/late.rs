//! A batch that is too large for a lane: all its people are neighbours, and each has many lines.

use super::{
    files::{id, with_people},
    hold::Hold,
    ledger::Ledger,
};
use muster_tests::harness::{Muster, eventually};

/// Few enough that their ids are neighbours, which are never parted beforehand.
const PEOPLE: usize = 1_000;
/// Lines of each of them: together more than a batch should have.
const SEGMENTS: &[&str] = &["sales", "hr", "legal", "it", "law", "sales"];

/// Batches of apply, in order: their lines and whether they are done.
async fn batches(muster: &Muster, import: &str) -> Vec<(i32, bool)> {
    let statement = "SELECT lines, state = 'done' FROM muster.import_batches
                      WHERE import_no = (SELECT no FROM muster.imports WHERE id = $1::uuid) AND stage = 'apply' ORDER BY number";
    sqlx::query_as(statement).bind(import).fetch_all(muster.sql()).await.expect("batches")
}

#[tokio::test]
async fn it_is_split_until_it_is_not() {
    let muster = Muster::with().setting("MUSTER_LEASE_SECONDS", "6").start().await;
    let ledger = Ledger::keep(&muster).await;
    with_people(&muster, PEOPLE as i32).await;
    let lines = (1..=PEOPLE).flat_map(|number| SEGMENTS.iter().map(move |segment| format!("u{number:05},{segment}\n")));
    let file = lines.fold("username,cohort1\n".to_owned(), |text, line| text + &line);
    let import = id(&muster.ready("add-to-segments", file).await);
    let half = (PEOPLE * SEGMENTS.len() / 2) as i32;
    assert_eq!(batches(&muster, &import).await, [(2 * half, false)]);

    // Whoever applies waits for the last person until it has taken too long.
    let person = Hold::person(&muster, "u01000").await;
    muster.apply(&import).await;
    let has_split = async || (batches(&muster, &import).await == [(half, true), (half, false)]).then_some(());
    eventually("one half is done, and the other waits", has_split).await;
    person.release().await;
    let applied = muster.wait_for(&import, "applied").await;
    assert_eq!(applied["effects"]["segments_joined"], PEOPLE * 5);
    ledger.assert_done_once(&import).await;
}
