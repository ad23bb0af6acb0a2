//! A batch of far too many lines for a lane: all its people are neighbours, and each has many
//! lines.

use super::{
    files::{id, with_people},
    ledger::Ledger,
};
use muster_tests::harness::Muster;

/// Few enough that their ids are neighbours, which are not parted beforehand.
const PEOPLE: usize = 1_000;
/// Of each of them, in turn of these segments: together more than two transactions have.
const LINES: usize = 21;
/// As many lines of whole people as one transaction takes: it has 10 000 at most.
const FULL: i32 = (10_000 / LINES * LINES) as i32;
const SEGMENTS: [&str; 5] = ["sales", "hr", "legal", "it", "law"];

/// Batches of apply, in order: their lines and whether they are done.
async fn batches(muster: &Muster, import: &str) -> Vec<(i32, bool)> {
    let statement = "SELECT lines, state = 'done' FROM muster.import_batches
                      WHERE import_no = (SELECT no FROM muster.imports WHERE id = $1::uuid) AND stage = 'apply' ORDER BY number";
    sqlx::query_as(statement)
        .bind(import)
        .fetch_all(muster.sql())
        .await
        .expect("batches")
}

#[tokio::test]
async fn it_is_split_before_it_is_applied() {
    let muster = Muster::start().await;
    let ledger = Ledger::keep(&muster).await;
    with_people(&muster, PEOPLE as i32).await;
    let cells = (1..=PEOPLE)
        .flat_map(|number| (0..LINES).map(move |line| (number, SEGMENTS[line % SEGMENTS.len()])));
    let file = cells.fold(
        "username,cohort1\n".to_owned(),
        |text, (number, segment)| text + &format!("u{number:05},{segment}\n"),
    );
    let import = id(&muster.ready("add-to-segments", file).await);
    let all = (PEOPLE * LINES) as i32;
    assert_eq!(batches(&muster, &import).await, [(all, false)]);

    muster.apply(&import).await;
    let applied = muster.wait_for(&import, "applied").await;
    assert_eq!(
        applied["effects"]["segments_joined"],
        PEOPLE * SEGMENTS.len()
    );
    assert_eq!(
        batches(&muster, &import).await,
        [(FULL, true), (FULL, true), (all - 2 * FULL, true)]
    );
    ledger.assert_done_once(&import).await;
}
