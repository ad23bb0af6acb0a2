//! How the lines of a file are divided into batches of preview: by neighbouring keys, about
//! equally, whatever the keys are.

use super::files::{SEGMENTS, id, new_people};
use crate::counts::counts;
use muster_shared::model::slot::Slots;
use muster_tests::harness::Muster;
use serde_json::json;

/// The batches of preview, in their order: lines, and the smallest and the greatest key.
const BATCHES: &str = "SELECT b.lines, min(r.key), max(r.key), count(*)
      FROM muster.import_batches b
      JOIN muster.import_rows r ON r.import_no = b.import_no AND r.slot >= b.low AND r.slot < b.high
     WHERE b.stage = 'preview' AND b.step = 'main'
     GROUP BY b.number, b.lines ORDER BY b.number";

/// Segments in the order of their names, most of which begin alike, with one that has many lines.
fn skewed() -> String {
    let mut names: Vec<_> = (0..18_000)
        .map(|number| format!("department-of-many-{number:05}"))
        .collect();
    names.extend(
        (0..1_600).map(|number| format!("{}-{number}", char::from(b'a' + (number % 26) as u8))),
    );
    names.extend(vec!["twin".to_owned(); 400]);
    names.sort();
    names
        .iter()
        .fold("idnumber,name\n".to_owned(), |text, name| {
            text + &format!("{name},Name\n")
        })
}

#[tokio::test]
async fn batches_are_of_neighbours_and_about_equally_large() {
    let muster = Muster::start().await;
    let import = id(&muster.ready("create-segments", skewed()).await);
    let batches: Vec<(i32, String, String, i64)> = sqlx::query_as(BATCHES)
        .fetch_all(muster.sql())
        .await
        .expect("batches");
    assert_eq!(batches.iter().map(|(lines, ..)| lines).sum::<i32>(), 20_000);
    let (last, others) = batches.split_last().expect("batches");
    assert!(
        last.0 < 5_500 && others.len() == 4,
        "{}, {}",
        others.len(),
        last.0
    );
    for (lines, first, last, found) in others {
        assert!(
            (4_500..5_500).contains(lines) && i64::from(*lines) == *found,
            "{first} to {last}: {lines}, {found}"
        );
    }
    for pair in batches.windows(2) {
        assert!(
            pair[0].2 < pair[1].1,
            "{} is not before {}",
            pair[0].2,
            pair[1].1
        );
    }
    assert_eq!(muster.rows(&import, "?key=twin").await.len(), 400);
}

/// Makes an import one that was staged by a version that did not know bounds.
async fn as_it_was_before(muster: &Muster) {
    sqlx::query("DELETE FROM muster.import_slots")
        .execute(muster.sql())
        .await
        .expect("no bounds");
    let rows: Vec<(i32, String)> = sqlx::query_as("SELECT line, key FROM muster.import_rows")
        .fetch_all(muster.sql())
        .await
        .expect("the rows");
    let slots = Slots::hashed();
    let (lines, hashes): (Vec<_>, Vec<_>) = rows
        .into_iter()
        .map(|(line, key)| (line, slots.of_key(&key)))
        .unzip();
    let statement = "UPDATE muster.import_rows r SET slot = n.slot
                       FROM unnest($1::integer[], $2::smallint[]) AS n (line, slot) WHERE r.line = n.line";
    sqlx::query(statement)
        .bind(lines)
        .bind(hashes)
        .execute(muster.sql())
        .await
        .expect("other slots");
    let statement = "UPDATE muster.import_batches SET low = (number - 1) * 2048, high = number * 2048 WHERE stage = 'preview'";
    sqlx::query(statement)
        .execute(muster.sql())
        .await
        .expect("other batches");
}

#[tokio::test]
async fn an_import_without_bounds_is_divided_by_a_hash() {
    let muster = Muster::start().await;
    muster.applied("create-segments", SEGMENTS).await;
    sqlx::query("DELETE FROM muster.import_rows")
        .execute(muster.sql())
        .await
        .expect("no other rows");
    let parent = id(&muster.ready("create-users", new_people(10_000)).await);
    as_it_was_before(&muster).await;
    assert_eq!(
        muster.rows(&parent, "?key=U00007").await[0]["key"],
        "u00007"
    );
    muster.preview(&parent, &json!({})).await;
    let ready = muster.wait_for(&parent, "ready").await;
    assert_eq!(counts(&ready["actions"]), "create 9900, reject 100");
    muster.apply(&parent).await;
    muster.wait_for(&parent, "applied").await;
    // What goes on with its lines is divided as they are.
    let child = muster.carry_on(&parent, &["rejected"]).await;
    let ready = muster.wait_for(&child, "ready").await;
    assert_eq!(counts(&ready["actions"]), "reject 100");
    assert_eq!(muster.rows(&child, "?key=U00700").await[0]["key"], "u00700");
}
