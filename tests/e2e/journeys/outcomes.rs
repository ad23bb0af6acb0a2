//! What comes out when the LMS changed between preview and apply: the plan is the contract, and
//! what it was made for is gone.

use super::{custom, id, summary, with_a_small_lms};
use crate::counts::lines;
use muster_tests::harness::Muster;
use serde_json::json;

async fn by_hand(muster: &Muster, statement: &'static str) {
    let done = sqlx::query(statement)
        .execute(muster.sql())
        .await
        .expect("a statement");
    assert!(done.rows_affected() > 0, "{statement}");
}

#[tokio::test]
async fn a_person_who_changed_is_held_and_the_others_are_not() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let settings = json!({"mode": "update-only", "existing_details": "override"});
    let file = "username,city,cohort1\nanna,Oslo,sales\nbo,Oslo,sales\nanna,Oslo,hr\ncy,,sales\n";
    let import = muster.ready_order(custom(file, &settings)).await;
    by_hand(
        &muster,
        "UPDATE lms.users SET city = 'Bergen' WHERE username = 'anna'",
    )
    .await;
    muster.apply(id(&import)).await;
    let import = muster.wait_for(id(&import), "applied").await;
    assert_eq!(
        summary(&import),
        "update 4 | held 2, updated 2 | segments_joined 2, users_updated 1"
    );
    let outcomes = lines(&muster.rows(id(&import), "").await, "outcome");
    assert_eq!(
        outcomes,
        [
            "2 held target-changed",
            "3 updated",
            "4 held target-changed",
            "5 updated"
        ]
    );
    let lms = muster.lms().await;
    assert!(
        lms.contains("| Bergen |  v2") && !lms.contains("anna in segment"),
        "{lms}"
    );
}

#[tokio::test]
async fn a_person_whose_change_does_not_touch_the_plan_is_planned_again_and_goes_on() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let import = muster
        .ready("add-to-segments", "username,cohort1\nanna,sales\n")
        .await;
    by_hand(
        &muster,
        "UPDATE lms.users SET city = 'Bergen' WHERE username = 'anna'",
    )
    .await;
    muster.apply(id(&import)).await;
    let import = muster.wait_for(id(&import), "applied").await;
    assert_eq!(summary(&import), "update 1 | updated 1 | segments_joined 1");
}

#[tokio::test]
async fn a_person_who_is_deleted_meanwhile_is_held() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let import = muster
        .ready(
            "add-to-segments",
            "username,cohort1\nanna,sales\nbo,sales\n",
        )
        .await;
    by_hand(
        &muster,
        "UPDATE lms.users SET deleted_at = now() WHERE username = 'anna'",
    )
    .await;
    muster.apply(id(&import)).await;
    let import = muster.wait_for(id(&import), "applied").await;
    assert_eq!(
        summary(&import),
        "update 2 | held 1, updated 1 | segments_joined 1"
    );
}

#[tokio::test]
async fn a_name_or_an_address_that_somebody_took_meanwhile() {
    let muster = Muster::start().await;
    let file = "username,firstname,lastname,email\nanna,Anna,Ash,anna@example.com\nbo,Bo,Birch,bo@example.com\ncy,Cy,Cedar,cy@example.com\n";
    let import = muster.ready("create-users", file).await;
    let site = "SELECT id, 'anna', 'x@example.com', 'x@example.com', 'X', 'X' FROM muster.sites WHERE slug = 'acme'
                 UNION ALL
                SELECT id, 'other', 'bo@example.com', 'bo@example.com', 'Y', 'Y' FROM muster.sites WHERE slug = 'acme'";
    let insert = format!(
        "INSERT INTO lms.users (site_id, username, email, email_key, firstname, lastname) {site}"
    );
    sqlx::query(sqlx::AssertSqlSafe(insert))
        .execute(muster.sql())
        .await
        .expect("a statement");
    muster.apply(id(&import)).await;
    let import = muster.wait_for(id(&import), "applied").await;
    assert_eq!(
        summary(&import),
        "create 3 | created 1, held 2 | users_created 1"
    );
    assert_eq!(
        lines(
            &muster.rows(id(&import), "?outcome=created").await,
            "outcome"
        ),
        ["4 created"]
    );
}

#[tokio::test]
async fn a_membership_that_somebody_gave_meanwhile_is_theirs() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let import = muster
        .ready(
            "add-to-segments",
            "username,cohort1\nanna,sales\nbo,sales\n",
        )
        .await;
    by_hand(
        &muster,
        "INSERT INTO lms.segment_members (site_id, user_id, segment_id)
         SELECT u.site_id, u.id, s.id FROM lms.users u, lms.segments s WHERE u.username = 'anna' AND s.idnumber = 'sales'",
    )
    .await;
    muster.apply(id(&import)).await;
    let import = muster.wait_for(id(&import), "applied").await;
    assert_eq!(
        import["effects"]["segments_joined"], 1,
        "only what was really done is counted"
    );
    let lms = muster.lms().await;
    assert!(
        lms.contains("anna in segment sales by hand\nbo in segment sales by import 4\n"),
        "{lms}"
    );
}
