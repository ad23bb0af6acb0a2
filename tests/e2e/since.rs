//! What a plan rests on is looked at again when it is executed, besides the person: a segment that
//! a rule manages since is not joined.

use crate::{
    counts::{counts, lines},
    journeys::{id, with_a_small_lms},
};
use muster_tests::harness::Muster;

async fn by_rule(muster: &Muster, segment: &str) {
    let statement = "UPDATE lms.segments SET is_managed = true WHERE idnumber = $1";
    let done = sqlx::query(statement)
        .bind(segment)
        .execute(muster.sql())
        .await
        .expect("a statement");
    assert_eq!(done.rows_affected(), 1);
}

#[tokio::test]
async fn a_segment_that_became_managed_is_not_joined() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let import = muster
        .ready(
            "add-to-segments",
            "username,cohort1,cohort2\nanna,sales,\nbo,hr,\ncy,hr,sales\n",
        )
        .await;
    by_rule(&muster, "sales").await;
    muster.apply(id(&import)).await;
    let import = muster.wait_for(id(&import), "applied").await;
    assert_eq!(counts(&import["outcomes"]), "held 2, updated 1");
    let outcomes = lines(&muster.rows(id(&import), "").await, "outcome");
    assert_eq!(
        outcomes,
        [
            "2 held target-changed",
            "3 updated",
            "4 held target-changed"
        ],
        "a person is held whole"
    );
    assert_eq!(counts(&import["effects"]), "segments_joined 1");
    let lms = muster.lms().await;
    assert!(
        lms.contains("bo in segment hr") && lms.matches(" in segment ").count() == 1,
        "{lms}"
    );
}

#[tokio::test]
async fn a_new_person_is_not_made_without_it() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let file = "username,firstname,lastname,email,cohort1\ndora,Dora,Dale,dora@example.com,sales\neve,Eve,Elm,eve@example.com,hr\n";
    let import = muster.ready("create-users", file).await;
    by_rule(&muster, "sales").await;
    muster.apply(id(&import)).await;
    let import = muster.wait_for(id(&import), "applied").await;
    assert_eq!(
        lines(&muster.rows(id(&import), "").await, "outcome"),
        ["2 held target-changed", "3 created"]
    );
    let lms = muster.lms().await;
    assert!(
        !lms.contains("dora") && lms.contains("eve in segment hr"),
        "{lms}"
    );
}

#[tokio::test]
async fn what_was_taken_away_is_not_given_back() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let import = muster
        .applied("add-to-segments", "username,cohort1\nanna,sales\nbo,hr\n")
        .await;
    let undo = muster.undone(id(&import)).await;
    let again = muster.undo(id(&undo)).await;
    by_rule(&muster, "sales").await;
    muster.apply(id(&again)).await;
    let again = muster.wait_for(id(&again), "applied").await;
    assert_eq!(
        lines(&muster.rows(id(&again), "").await, "outcome"),
        ["2 held target-changed", "3 updated"]
    );
    let lms = muster.lms().await;
    assert!(
        lms.contains("bo in segment hr") && lms.matches(" in segment ").count() == 1,
        "{lms}"
    );
}
