//! Partitions of the big tables of which every import is emptied: they are removed and not made
//! again.

use super::{
    SEGMENTS, assert_only_a_header, delete, id, lasting, until_emptied, with_a_quick_pruner,
};
use muster_tests::harness::{Muster, eventually};
use serde_json::Value;

/// The first import, and one whose number is far from its.
async fn far_apart() -> (Muster, Value, String) {
    let muster = with_a_quick_pruner().start().await;
    let first = muster.applied("create-segments", SEGMENTS).await;
    muster.worker(0).sigterm();
    muster.worker(0).exit().await;
    let jump = "ALTER TABLE muster.imports ALTER COLUMN no RESTART WITH 5000";
    sqlx::query(jump)
        .execute(muster.sql())
        .await
        .expect("a statement");
    let last = muster
        .upload("create-segments", "idnumber,name\nit,IT\n")
        .await;
    muster.start_worker().await;
    muster.wait_for(&last, "ready").await;
    (muster, first, last)
}

/// Tables of the first so many partitions that are there, attached or not.
async fn tables(muster: &Muster, partitions: &str) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM pg_class WHERE relnamespace = 'muster'::regnamespace AND relkind = 'r' AND relname ~ $1")
        .bind(format!("^import_[a-z]+_({partitions})$"))
        .fetch_one(muster.sql())
        .await
        .expect("the catalogue")
}

async fn made(muster: &Muster) -> i32 {
    sqlx::query_scalar("SELECT muster.make_partitions()")
        .fetch_one(muster.sql())
        .await
        .expect("partitions")
}

#[tokio::test]
async fn those_of_emptied_imports_go_for_good() {
    let (muster, first, last) = far_apart().await;
    eventually("those without an import are gone", async || {
        (tables(&muster, "1|2").await == 0).then_some(())
    })
    .await;
    assert_eq!(
        tables(&muster, "0").await,
        5,
        "the first import is not emptied"
    );
    assert_eq!(muster.rows(&id(&first), "").await.len(), 2);

    let _ = delete(&muster, &id(&first)).await.expect(204);
    until_emptied(&muster, &id(&first)).await;
    eventually("its partition is gone", async || {
        (tables(&muster, "0").await == 0).then_some(())
    })
    .await;
    assert_eq!(
        (made(&muster).await, tables(&muster, "0|1|2").await),
        (0, 0),
        "they are not made again"
    );
    assert_only_a_header(&muster, &id(&first)).await;
    assert_eq!(lasting(muster.import(&id(&first)).await), lasting(first));
    muster.apply(&last).await;
    muster.wait_for(&last, "applied").await;
}

#[tokio::test]
async fn a_reader_in_the_way_is_waited_for() {
    let (muster, first, last) = far_apart().await;
    let mut reader = muster.sql().begin().await.expect("a connection");
    sqlx::query("SELECT FROM muster.import_rows LIMIT 1")
        .execute(&mut *reader)
        .await
        .expect("a read");
    let _ = delete(&muster, &id(&first)).await.expect(204);
    let pending = "SELECT count(*) FROM pg_inherits WHERE inhdetachpending";
    eventually("a partition is being detached", async || {
        let count: i64 = sqlx::query_scalar(pending)
            .fetch_one(muster.sql())
            .await
            .expect("the catalogue");
        (count == 1).then_some(())
    })
    .await;
    eventually("the pruner has given up", async || {
        muster
            .worker(1)
            .log()
            .contains("could not be removed")
            .then_some(())
    })
    .await;
    muster.apply(&last).await;
    muster.wait_for(&last, "applied").await;
    reader.rollback().await.expect("the test's own transaction");
    eventually("all are gone", async || {
        (tables(&muster, "0|1|2").await == 0).then_some(())
    })
    .await;
}
