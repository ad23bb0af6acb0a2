//! Undo compares all that it takes away with what was given: what somebody changed since stays, and
//! so does its person, whole.

use super::{by_hand, lms};
use crate::{
    counts::lines,
    journeys::{custom, id, summary, with_a_small_lms},
};
use muster_tests::harness::{Muster, Order};
use serde_json::{Value, json};

const ENROLS: &str = "username,course1\nanna,c1\nbo,c1\ncy,c1\ndora,c1\n";

/// Four people in a course, by an import.
async fn with_enrolments(muster: &Muster) -> Value {
    with_a_small_lms(muster).await;
    muster
        .applied(
            "create-users",
            "username,firstname,lastname,email\ndora,Dora,Dale,dora@example.com\n",
        )
        .await;
    muster.applied("enrol-in-courses", ENROLS).await
}

/// Who is in a course still, with the status of each and the days on which it starts and ends, as
/// far as somebody set them.
async fn enrolments(muster: &Muster) -> Vec<String> {
    let statement = "SELECT u.username || ' ' || e.status || coalesce(' to ' || e.ends_at::date, '')
                       FROM lms.enrolments e JOIN lms.users u ON u.id = e.user_id ORDER BY u.username";
    sqlx::query_scalar(statement)
        .fetch_all(muster.sql())
        .await
        .expect("enrolments")
}

/// What somebody does to the enrolments of anna, bo and cy, each another thing.
async fn change_enrolments(muster: &Muster) {
    for statement in [
        "UPDATE lms.enrolments SET status = 1 WHERE user_id = (SELECT id FROM lms.users WHERE username = 'anna')",
        "UPDATE lms.enrolments SET ends_at = '2099-12-31' WHERE user_id = (SELECT id FROM lms.users WHERE username = 'bo')",
        "UPDATE lms.enrolments SET starts_at = starts_at - interval '30 days' WHERE user_id = (SELECT id FROM lms.users WHERE username = 'cy')",
    ] {
        by_hand(muster, statement).await;
    }
}

const CHANGED: [&str; 3] = ["anna 1", "bo 0 to 2099-12-31", "cy 0"];

#[tokio::test]
async fn enrolments_before_its_preview() {
    let muster = Muster::start().await;
    let import = with_enrolments(&muster).await;
    change_enrolments(&muster).await;
    let undo = muster.undo(id(&import)).await;
    let rows = muster.rows(id(&undo), "").await;
    assert_eq!(
        lines(&rows, "action"),
        [
            "2 skip target-changed",
            "3 skip target-changed",
            "4 skip target-changed",
            "5 update"
        ]
    );
    assert!(
        rows[..3].iter().all(|row| row["memberships"] == json!([])),
        "{rows:#?}"
    );
    assert_eq!(
        (
            &undo["effects"]["enrolments_removed"],
            &undo["effects"]["course_roles_removed"]
        ),
        (&json!(1), &json!(1))
    );
    muster.apply(id(&undo)).await;
    let undo = muster.wait_for(id(&undo), "applied").await;
    assert_eq!(
        summary(&undo),
        "skip 3, update 1 | held 3, updated 1 | course_roles_removed 1, enrolments_removed 1"
    );
    assert_eq!(enrolments(&muster).await, CHANGED);
    assert_eq!(
        lms(&muster).await.matches("student by import 5").count(),
        3,
        "with their roles"
    );
}

#[tokio::test]
async fn enrolments_between_its_preview_and_its_apply() {
    let muster = Muster::start().await;
    let import = with_enrolments(&muster).await;
    let undo = muster.undo(id(&import)).await;
    assert_eq!(
        lines(&muster.rows(id(&undo), "").await, "action"),
        ["2 update", "3 update", "4 update", "5 update"]
    );
    change_enrolments(&muster).await;
    muster.apply(id(&undo)).await;
    let undo = muster.wait_for(id(&undo), "applied").await;
    assert_eq!(
        summary(&undo),
        "update 4 | held 3, updated 1 | course_roles_removed 1, enrolments_removed 1"
    );
    let outcomes = lines(&muster.rows(id(&undo), "").await, "outcome");
    assert_eq!(
        outcomes,
        [
            "2 held target-changed",
            "3 held target-changed",
            "4 held target-changed",
            "5 updated"
        ]
    );
    assert_eq!(enrolments(&muster).await, CHANGED);
}

#[tokio::test]
async fn enrolments_of_people_whom_the_import_created() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let file = "username,firstname,lastname,email,course1\neve,Eve,Elm,eve@example.com,c1\nfay,Fay,Fir,fay@example.com,c1\n";
    let import = muster.applied("create-users", file).await;
    by_hand(&muster, "UPDATE lms.enrolments SET status = 1 WHERE user_id = (SELECT id FROM lms.users WHERE username = 'eve')").await;
    let undo = muster.undone(id(&import)).await;
    assert_eq!(
        summary(&undo),
        "delete 1, skip 1 | deleted 1, held 1 | course_roles_removed 1, enrolments_removed 1, users_deleted 1"
    );
    assert_eq!(enrolments(&muster).await, ["eve 1"]);
}

#[tokio::test]
async fn enrolments_that_an_undo_gave_back() {
    let muster = Muster::start().await;
    let import = with_enrolments(&muster).await;
    let undo = muster.undone(id(&import)).await;
    assert_eq!(enrolments(&muster).await, [""; 0]);
    let again = muster.undone(id(&undo)).await;
    // As if it had come days later: what it gave back began on the day of the first all the same.
    let later = sqlx::query(
        "UPDATE muster.imports SET ready_at = ready_at + interval '10 days' WHERE id = $1::uuid",
    )
    .bind(id(&again));
    assert_eq!(
        later
            .execute(muster.sql())
            .await
            .expect("a statement")
            .rows_affected(),
        1
    );
    change_enrolments(&muster).await;
    let third = muster.undone(id(&again)).await;
    assert_eq!(
        lines(&muster.rows(id(&third), "").await, "outcome"),
        [
            "2 held target-changed",
            "3 held target-changed",
            "4 held target-changed",
            "5 updated"
        ]
    );
    assert_eq!(enrolments(&muster).await, CHANGED);
}

/// A course that ends later by an import than before it.
async fn with_a_later_end(muster: &Muster) -> Value {
    muster
        .applied("create-courses", "shortname,fullname,startdate,enddate\nc1,One,2024-01-01,2025-01-01\nc2,Two,2024-01-01,2025-01-01\n")
        .await;
    let file = "shortname,enddate\nc1,2030-01-01\nc2,2030-01-01\n";
    muster
        .applied_order(
            Order::new("custom", file)
                .with("kind", "courses")
                .settings(&json!({"mode": "update-only"})),
        )
        .await
}

#[tokio::test]
async fn a_course_that_would_end_before_it_starts() {
    let muster = Muster::start().await;
    let import = with_a_later_end(&muster).await;
    by_hand(
        &muster,
        "UPDATE lms.courses SET startdate = '2027-01-01' WHERE shortname = 'c1'",
    )
    .await;
    let undo = muster.undo(id(&import)).await;
    assert_eq!(
        lines(&muster.rows(id(&undo), "").await, "action"),
        ["2 skip target-changed", "3 update"]
    );
    muster.apply(id(&undo)).await;
    let undo = muster.wait_for(id(&undo), "applied").await;
    assert_eq!(
        lines(&muster.rows(id(&undo), "").await, "outcome"),
        ["2 held target-changed", "3 updated"]
    );
    let lms = muster.lms().await;
    assert!(
        lms.contains("t | 2027-01-01 | 2030-01-01 ")
            && lms.contains("t | 2024-01-01 | 2025-01-01 "),
        "{lms}"
    );
}

#[tokio::test]
async fn a_course_whose_start_is_moved_between_its_preview_and_its_apply() {
    let muster = Muster::start().await;
    let import = with_a_later_end(&muster).await;
    let undo = muster.undo(id(&import)).await;
    by_hand(
        &muster,
        "UPDATE lms.courses SET startdate = '2027-01-01' WHERE shortname = 'c1'",
    )
    .await;
    muster.apply(id(&undo)).await;
    let undo = muster.wait_for(id(&undo), "applied").await;
    assert_eq!(
        lines(&muster.rows(id(&undo), "").await, "outcome"),
        ["2 held target-changed", "3 updated"]
    );
}

#[tokio::test]
async fn a_category_that_was_moved() {
    let muster = Muster::start().await;
    let import = muster
        .applied(
            "create-courses",
            "shortname,fullname,category_path\nc1,One,A / B\nc2,Two,A / C\n",
        )
        .await;
    by_hand(
        &muster,
        "INSERT INTO lms.categories (site_id, name) SELECT id, 'Z' FROM muster.sites",
    )
    .await;
    by_hand(&muster, "UPDATE lms.categories SET parent_id = (SELECT id FROM lms.categories WHERE name = 'Z') WHERE name = 'B'").await;
    let undo = muster.undone(id(&import)).await;
    assert_eq!(
        summary(&undo),
        "delete 2 | deleted 2 | categories_deleted 2, courses_deleted 2"
    );
    let left: Vec<String> = sqlx::query_scalar(
        "SELECT coalesce(p.name || ' / ', '') || c.name FROM lms.categories c LEFT JOIN lms.categories p ON p.id = c.parent_id ORDER BY 1",
    )
    .fetch_all(muster.sql())
    .await
    .expect("categories");
    assert_eq!(left, ["Z", "Z / B"]);
}

#[tokio::test]
async fn segments_that_became_managed() {
    let muster = Muster::start().await;
    let import = muster
        .applied(
            "create-segments",
            "idnumber,name\nbefore,Before\nbetween,Between\nnever,Never\n",
        )
        .await;
    by_hand(
        &muster,
        "UPDATE lms.segments SET is_managed = true WHERE idnumber = 'before'",
    )
    .await;
    let undo = muster.undo(id(&import)).await;
    assert_eq!(
        lines(&muster.rows(id(&undo), "").await, "action"),
        ["2 skip target-changed", "3 delete", "4 delete"]
    );
    by_hand(
        &muster,
        "UPDATE lms.segments SET is_managed = true WHERE idnumber = 'between'",
    )
    .await;
    muster.apply(id(&undo)).await;
    let undo = muster.wait_for(id(&undo), "applied").await;
    assert_eq!(
        summary(&undo),
        "delete 2, skip 1 | deleted 1, held 2 | segments_deleted 1"
    );
    let lms = muster.lms().await;
    assert!(
        lms.contains("segment before:")
            && lms.contains("segment between:")
            && !lms.contains("segment never:"),
        "{lms}"
    );
}

#[tokio::test]
async fn members_of_a_segment_that_became_managed() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let settings = json!({"mode": "update-only", "existing_details": "override"});
    let file = "username,city,cohort1\nanna,Oslo,sales\nbo,Oslo,hr\n";
    let import = muster.applied_order(custom(file, &settings)).await;
    by_hand(
        &muster,
        "UPDATE lms.segments SET is_managed = true WHERE idnumber = 'sales'",
    )
    .await;
    let undo = muster.undo(id(&import)).await;
    assert_eq!(
        lines(&muster.rows(id(&undo), "").await, "action"),
        ["2 skip target-changed", "3 update"]
    );
    muster.apply(id(&undo)).await;
    let undo = muster.wait_for(id(&undo), "applied").await;
    assert_eq!(
        lines(&muster.rows(id(&undo), "").await, "outcome"),
        ["2 held target-changed", "3 updated"]
    );
    let lms = lms(&muster).await;
    assert!(
        lms.contains("anna in segment sales") && !lms.contains("in segment hr"),
        "{lms}"
    );
    assert_eq!(
        lms.matches("| Oslo |").count(),
        1,
        "she is held whole: {lms}"
    );
}

#[tokio::test]
async fn members_of_a_segment_that_becomes_managed_between_its_preview_and_its_apply() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let import = muster
        .applied("add-to-segments", "username,cohort1\nanna,sales\nbo,hr\n")
        .await;
    let undo = muster.undo(id(&import)).await;
    by_hand(
        &muster,
        "UPDATE lms.segments SET is_managed = true WHERE idnumber = 'sales'",
    )
    .await;
    muster.apply(id(&undo)).await;
    let undo = muster.wait_for(id(&undo), "applied").await;
    assert_eq!(
        summary(&undo),
        "update 2 | held 1, updated 1 | segments_left 1"
    );
    assert_eq!(
        lines(&muster.rows(id(&undo), "").await, "outcome"),
        ["2 held target-changed", "3 updated"]
    );
    assert!(lms(&muster).await.contains("anna in segment sales"));
}

#[tokio::test]
async fn a_course_that_was_moved_since_is_held_by_the_path_of_its_category() {
    let muster = Muster::start().await;
    muster
        .applied(
            "create-courses",
            "shortname,fullname,category_path\nc1,Course 1,Plants\n",
        )
        .await;
    let moved = |path: &str| {
        let file = format!("shortname,category_path\nc1,{path}\n");
        let settings = json!({"mode": "update-only"});
        Order::new("custom", file)
            .with("kind", "courses")
            .settings(&settings)
    };
    let first = muster.applied_order(moved("Trees")).await;
    let _second = muster.applied_order(moved("Trees / Oaks")).await;
    let undo = muster.undo(id(&first)).await;
    let rows = muster.rows(id(&undo), "").await;
    assert_eq!(lines(&rows, "action"), ["2 skip target-changed"]);
    let issue = &rows[0]["issues"][0];
    assert_eq!(
        (&issue["column"], &issue["value"]),
        (&json!("category_path"), &json!("Trees / Oaks"))
    );
}

#[tokio::test]
async fn a_course_goes_back_into_a_category_whose_name_looks_like_a_path() {
    let muster = Muster::start().await;
    muster
        .applied(
            "create-courses",
            "shortname,fullname,category_path\nc1,Course 1,Payroll\n",
        )
        .await;
    by_hand(
        &muster,
        "UPDATE lms.categories SET name = 'HR / Payroll' WHERE name = 'Payroll'",
    )
    .await;
    let settings = json!({"mode": "update-only"});
    let file = "shortname,category_path\nc1,Finance\n";
    let import = muster
        .applied_order(
            Order::new("custom", file)
                .with("kind", "courses")
                .settings(&settings),
        )
        .await;
    let undo = muster.undo(id(&import)).await;
    muster.apply(id(&undo)).await;
    assert_eq!(
        muster.wait_for(id(&undo), "applied").await["outcomes"]["updated"],
        1
    );
    let statement = "SELECT c.name FROM lms.courses JOIN lms.categories c ON c.id = category_id";
    let name: String = sqlx::query_scalar(statement)
        .fetch_one(muster.sql())
        .await
        .expect("a course");
    assert_eq!(name, "HR / Payroll");
}

/// What an undo would give back is looked for when it is previewed, so that its preview holds what
/// its apply would.
#[tokio::test]
async fn what_people_would_come_back_into_is_gone_or_managed() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    muster
        .applied("create-segments", "idnumber,name\nlost,Lost\nruled,Ruled\n")
        .await;
    muster
        .applied(
            "create-courses",
            "shortname,fullname,category_path\ngone,Gone,Plants\n",
        )
        .await;
    let file = "username,cohort1,course1\nanna,lost,\nbo,ruled,\ncy,,gone\ndora,sales,\n";
    muster
        .applied(
            "create-users",
            "username,firstname,lastname,email\ndora,Dora,Dale,dora@example.com\n",
        )
        .await;
    let import = muster
        .applied_order(custom(file, &json!({"mode": "update-only"})))
        .await;
    let undo = muster.undone(id(&import)).await;
    assert_eq!(
        summary(&undo),
        "update 4 | updated 4 | course_roles_removed 1, enrolments_removed 1, segments_left 3"
    );
    by_hand(&muster, "DELETE FROM lms.segments WHERE idnumber = 'lost'").await;
    by_hand(&muster, "DELETE FROM lms.courses WHERE shortname = 'gone'").await;
    by_hand(
        &muster,
        "UPDATE lms.segments SET is_managed = true WHERE idnumber = 'ruled'",
    )
    .await;
    by_hand(
        &muster,
        "INSERT INTO lms.segment_members (site_id, segment_id, user_id)
         SELECT s.site_id, s.id, u.id FROM lms.segments s JOIN lms.users u USING (site_id) WHERE s.idnumber = 'ruled' AND u.username = 'bo'",
    )
    .await;
    let again = muster.undo(id(&undo)).await;
    let held = [
        "2 skip target-changed",
        "3 skip target-changed",
        "4 skip target-changed",
        "5 update",
    ];
    assert_eq!(lines(&muster.rows(id(&again), "").await, "action"), held);
    muster.apply(id(&again)).await;
    let again = muster.wait_for(id(&again), "applied").await;
    assert_eq!(
        summary(&again),
        "skip 3, update 1 | held 3, updated 1 | segments_joined 1"
    );
}
