//! An api that is killed while it takes files in: what it leaves is cleaned up, once it is old.

use super::{
    files::{OLD, age_to},
    with_a_quick_pruner,
};
use crate::bad_input::uploads::{begin, keys, stored};
use muster_tests::harness::{Muster, eventually};
use std::path::Path;

const PEOPLE: &str = "username,firstname,lastname,email\nanna,Anna,Ash,anna@example.com\n";

/// Files of which the store has all, and of which it has a part.
fn whole_and_half(muster: &Muster) -> (usize, usize) {
    let files = stored(muster);
    let halves = files.iter().filter(|file| file.ends_with("#1")).count();
    (files.len() - halves, halves)
}

#[tokio::test]
async fn an_api_that_is_killed_in_the_middle_of_a_file_and_before_an_import() {
    let muster = with_a_quick_pruner().workers(0).start().await;
    let half = begin(&muster, PEOPLE.repeat(20_000).as_bytes(), false);
    eventually("half a file is stored", async || {
        (whole_and_half(&muster) == (0, 1)).then_some(())
    })
    .await;
    // An import is not written while somebody has its site.
    let mut hold = muster.sql().begin().await.expect("a connection");
    sqlx::query("SELECT FROM muster.sites FOR NO KEY UPDATE")
        .execute(&mut *hold)
        .await
        .expect("a lock");
    let whole = begin(&muster, PEOPLE.as_bytes(), true);
    eventually("a file is stored", async || {
        (whole_and_half(&muster) == (1, 1)).then_some(())
    })
    .await;
    muster.api().kill9();
    hold.rollback().await.expect("the test's own transaction");
    drop((half, whole));
    assert_eq!((whole_and_half(&muster), keys(&muster).await), ((1, 1), 2));
    let imports: i64 = sqlx::query_scalar("SELECT count(*) FROM muster.imports")
        .fetch_one(muster.sql())
        .await
        .expect("a count");
    assert_eq!(imports, 0);

    for file in stored(&muster) {
        age_to(Path::new(&file), OLD);
    }
    sqlx::query("UPDATE muster.uploads SET begun_at = now() - interval '25 hours'")
        .execute(muster.sql())
        .await
        .expect("two keys");
    muster.start_worker().await;
    eventually("what it left is gone", async || {
        (stored(&muster).is_empty() && keys(&muster).await == 0).then_some(())
    })
    .await;
}
