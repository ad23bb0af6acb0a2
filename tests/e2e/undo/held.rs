//! Undo after other people's changes touches only what is still this import's.

use super::{by_hand, lms};
use crate::{
    counts::lines,
    journeys::{custom, id, summary, with_a_small_lms},
};
use muster_tests::harness::Muster;
use serde_json::json;

const NEW: &str = "username,firstname,lastname,email,cohort1\n\
                   dora,Dora,Dale,dora@example.com,sales\n\
                   eve,Eve,Elm,eve@example.com,sales\n\
                   fay,Fay,Fir,fay@example.com,\n\
                   gus,Gus,Gum,gus@example.com,\n";

#[tokio::test]
async fn people_with_whom_something_happened_since() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let import = muster.applied("create-users", NEW).await;
    muster
        .applied("add-to-segments", "username,cohort1\ndora,hr\n")
        .await;
    muster
        .applied("enrol-in-courses", "username,course1\nfay,c1\n")
        .await;
    by_hand(
        &muster,
        "UPDATE lms.users SET city = 'Bergen' WHERE username = 'gus'",
    )
    .await;
    let undo = muster.undo(id(&import)).await;
    let rows = muster.rows(id(&undo), "").await;
    assert_eq!(
        lines(&rows, "action"),
        [
            "2 skip target-changed",
            "3 delete",
            "4 skip target-changed",
            "5 skip target-changed"
        ]
    );
    assert_eq!(
        (
            &rows[3]["issues"][0]["column"],
            &rows[3]["issues"][0]["value"]
        ),
        (&json!("city"), &json!("Bergen")),
        "it says what"
    );
    muster.apply(id(&undo)).await;
    let undo = muster.wait_for(id(&undo), "applied").await;
    assert_eq!(
        summary(&undo),
        "delete 1, skip 3 | deleted 1, held 3 | segments_left 1, users_deleted 1"
    );
    assert_eq!(
        lines(&muster.rows(id(&undo), "?outcome=held").await, "outcome").len(),
        3
    );
    let lms = lms(&muster).await;
    assert!(
        !lms.contains("eve")
            && lms.contains("dora in segment sales")
            && lms.contains("dora in segment hr"),
        "{lms}"
    );
}

#[tokio::test]
async fn what_happened_between_its_preview_and_its_apply() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let import = muster.applied("create-users", NEW).await;
    let undo = muster.undo(id(&import)).await;
    assert_eq!(undo["actions"]["delete"], 4);
    muster
        .applied("add-to-segments", "username,cohort1\nfay,hr\n")
        .await;
    by_hand(
        &muster,
        "UPDATE lms.users SET city = 'Bergen' WHERE username = 'gus'",
    )
    .await;
    by_hand(&muster, "DELETE FROM lms.segment_members WHERE user_id = (SELECT id FROM lms.users WHERE username = 'dora')").await;
    muster.apply(id(&undo)).await;
    let undo = muster.wait_for(id(&undo), "applied").await;
    assert_eq!(
        summary(&undo),
        "delete 4 | deleted 2, held 2 | segments_left 1, users_deleted 2"
    );
    let lms = lms(&muster).await;
    assert!(
        lms.contains("fay in segment hr")
            && lms.contains("user gus")
            && !lms.contains("dora")
            && !lms.contains("eve"),
        "{lms}"
    );
}

#[tokio::test]
async fn details_that_somebody_changed_again() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let file = "username,firstname,city,cohort1\nanna,Anne,Oslo,sales\nbo,Bob,Oslo,sales\ncy,Cyd,Oslo,sales\n";
    let import = muster.applied("create-or-update-users", file).await;
    by_hand(
        &muster,
        "UPDATE lms.users SET city = 'Bergen' WHERE username = 'anna'",
    )
    .await;
    by_hand(
        &muster,
        "UPDATE lms.users SET city = '', institution = 'X' WHERE username = 'bo'",
    )
    .await;
    let undo = muster.undone(id(&import)).await;
    assert_eq!(
        summary(&undo),
        "skip 1, update 2 | held 1, updated 2 | segments_left 2, users_updated 2"
    );
    let lms = lms(&muster).await;
    assert!(
        lms.contains("anna: Anne")
            && lms.contains("| Bergen |")
            && lms.contains("anna in segment sales"),
        "held whole: {lms}"
    );
    assert!(
        lms.contains("bo: Bo |") && lms.contains("| X |"),
        "what is back already and what others wrote stays: {lms}"
    );
}

#[tokio::test]
async fn a_change_that_leaves_its_plan_as_it_was_holds_nobody() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let import = muster
        .applied(
            "create-or-update-users",
            "username,city,cohort1\nanna,Oslo,sales\nbo,Oslo,sales\n",
        )
        .await;
    by_hand(
        &muster,
        "UPDATE lms.users SET city = '' WHERE username = 'anna'",
    )
    .await;
    let undo = muster.undo(id(&import)).await;
    by_hand(
        &muster,
        "UPDATE lms.users SET institution = 'X' WHERE username IN ('anna', 'bo')",
    )
    .await;
    muster.apply(id(&undo)).await;
    let undo = muster.wait_for(id(&undo), "applied").await;
    assert_eq!(
        summary(&undo),
        "update 2 | updated 2 | segments_left 2, users_updated 1",
        "who has nothing left but a segment, and who has a city too"
    );
}

#[tokio::test]
async fn memberships_that_somebody_else_gave_again() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let import = muster
        .applied(
            "add-to-segments",
            "username,cohort1,cohort2\nanna,sales,hr\n",
        )
        .await;
    by_hand(&muster, "DELETE FROM lms.segment_members").await;
    muster
        .applied("add-to-segments", "username,cohort1\nanna,sales\n")
        .await;
    let undo = muster.undone(id(&import)).await;
    assert_eq!(summary(&undo), "unchanged 1 | unchanged 1 | ");
    assert!(lms(&muster).await.contains("anna in segment sales"));
}

#[tokio::test]
async fn an_enrolment_on_which_another_role_hangs() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let import = muster
        .applied("enrol-in-courses", "username,course1\nanna,c1\nbo,c1\n")
        .await;
    muster
        .applied(
            "enrol-in-courses",
            "username,course1,role1\nanna,c1,teacher\n",
        )
        .await;
    let undo = muster.undo(id(&import)).await;
    assert_eq!(
        lines(&muster.rows(id(&undo), "").await, "action"),
        ["2 update enrolment-kept", "3 update"]
    );
    muster.apply(id(&undo)).await;
    let undo = muster.wait_for(id(&undo), "applied").await;
    assert_eq!(
        summary(&undo),
        "update 2 | updated 2 | course_roles_removed 2, enrolments_removed 1"
    );
    let lms = lms(&muster).await;
    assert!(
        lms.contains("anna in course c1: active, from that day by import 4, teacher by import 5\n")
            && !lms.contains("bo in course"),
        "{lms}"
    );
}

#[tokio::test]
async fn segments_courses_and_categories_that_are_used() {
    let muster = Muster::start().await;
    let segments = muster
        .applied("create-segments", "idnumber,name\nsales,Sales\nhr,People\n")
        .await;
    let courses = muster
        .applied(
            "create-courses",
            "shortname,fullname,category_path\nc1,One,A / B\nc2,Two,A / C\n",
        )
        .await;
    muster
        .applied(
            "create-users",
            "username,firstname,lastname,email,cohort1,course1\nanna,A,A,a@example.com,sales,c2\n",
        )
        .await;
    let undo = muster.undone(id(&segments)).await;
    assert_eq!(
        summary(&undo),
        "delete 1, skip 1 | deleted 1, held 1 | segments_deleted 1"
    );
    let undo = muster.undo(id(&courses)).await;
    assert_eq!(
        undo["effects"]["categories_deleted"], 1,
        "what apply will take away"
    );
    muster.apply(id(&undo)).await;
    let undo = muster.wait_for(id(&undo), "applied").await;
    assert_eq!(
        summary(&undo),
        "delete 1, skip 1 | deleted 1, held 1 | categories_deleted 1, courses_deleted 1"
    );
    assert!(lms(&muster).await.contains("course c2: Two |  | A / C"));
}

#[tokio::test]
async fn an_address_that_somebody_else_has_by_now() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let settings = json!({"mode": "update-only", "existing_details": "override"});
    let import = muster
        .applied_order(custom("username,email\nanna,anne@example.com\n", &settings))
        .await;
    muster
        .applied(
            "create-users",
            "username,firstname,lastname,email\ndora,D,D,anna@example.com\n",
        )
        .await;
    let undo = muster.undone(id(&import)).await;
    let rows = muster.rows(id(&undo), "").await;
    assert_eq!(lines(&rows, "outcome"), ["2 held target-changed"]);
    assert!(lms(&muster).await.contains("anne@example.com"));
}
