//! Every kind and every recipe, taken back: the LMS holds what it held before.

use super::lms;
use crate::{
    counts::lines,
    journeys::{custom, id, summary, with_a_small_lms},
};
use muster_tests::harness::{Muster, Order};
use serde_json::json;

#[tokio::test]
async fn people_who_were_created() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let before = lms(&muster).await;
    let file = "username,firstname,lastname,email,city,cohort1,course1,role1\n\
                dora,Dora,Dale,dora@example.com,Oslo,sales,c1,teacher\n\
                eve,Eve,Elm,eve@example.com,,,,\n\
                dora,,,,,hr,c2,\n\
                anna,,,,,,,\n";
    let import = muster
        .applied_order(custom(
            file,
            &json!({"mode": "create-and-update", "existing_details": "override"}),
        ))
        .await;
    let undo = muster.undo(id(&import)).await;
    assert_eq!(
        (&undo["recipe"], &undo["undoes"]),
        (&json!("undo"), &import["id"])
    );
    assert_eq!(
        summary_of_preview(&undo),
        "delete 2, update 1 | course_roles_removed 2, enrolments_removed 2, segments_left 2, users_deleted 2"
    );
    assert_eq!(
        lines(&muster.rows(id(&undo), "").await, "action"),
        ["2 delete", "3 delete", "4 update"]
    );
    muster.apply(id(&undo)).await;
    let undo = muster.wait_for(id(&undo), "applied").await;
    assert_eq!(
        summary(&undo),
        "delete 2, update 1 | deleted 2, updated 1 | course_roles_removed 2, enrolments_removed 2, segments_left 2, users_deleted 2"
    );
    assert_eq!(lms(&muster).await, before);
    let import = muster.import(id(&import)).await;
    assert_eq!(import["undone_by"], undo["id"]);
}

fn summary_of_preview(import: &serde_json::Value) -> String {
    [&import["actions"], &import["effects"]]
        .map(crate::counts::counts)
        .join(" | ")
}

#[tokio::test]
async fn people_who_were_updated() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    muster
        .applied("add-to-segments", "username,cohort1\nanna,hr\nbo,sales\n")
        .await;
    let before = lms(&muster).await;
    let file = "username,firstname,email,idnumber,city,cohort1,cohort2\n\
                anna,Anne,anne@example.com,7,Oslo,sales,hr\n\
                bo,,,,,sales,\n\
                anna,Ann,,8,,,\n";
    let import = muster.applied("create-or-update-users", file).await;
    assert_eq!(
        summary(&import),
        "unchanged 1, update 2 | unchanged 1, updated 2 | segments_joined 1, users_updated 2"
    );
    let undo = muster.undone(id(&import)).await;
    assert_eq!(
        summary(&undo),
        "update 2 | updated 2 | segments_left 1, users_updated 2",
        "a line that changed nothing is no part of it"
    );
    assert_eq!(
        lms(&muster).await,
        before,
        "what somebody belonged to before stays"
    );
    let story = muster.story(id(&undo)).await;
    assert!(
        story.contains("previewing → ready → applying → applied\n")
            && !story.contains("validating"),
        "{story}"
    );
    assert!(
        story.contains("plan of line 4 anna: update, turn 1; firstname \"Ann\" → \"Anne\""),
        "the last is taken back first: {story}"
    );
}

#[tokio::test]
async fn memberships() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    muster
        .applied(
            "enrol-in-courses",
            "username,course1,role1\nanna,c1,teacher\n",
        )
        .await;
    let before = lms(&muster).await;
    let segments = muster
        .applied(
            "add-to-segments",
            "username,cohort1,cohort2\nanna,sales,hr\nbo,sales,\ncy,hr,sales\n",
        )
        .await;
    let courses = muster
        .applied(
            "enrol-in-courses",
            "username,course1,role1,course2\nanna,c1,,c2\nbo,c2,manager,c1\n",
        )
        .await;
    muster.undone(id(&segments)).await;
    muster.undone(id(&courses)).await;
    assert_eq!(
        lms(&muster).await,
        before,
        "in whatever order they are taken back"
    );
}

#[tokio::test]
async fn segments_and_courses_with_their_categories() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let before = lms(&muster).await;
    let settings = json!({"mode": "create-and-update"});
    let segments = Order::new(
        "custom",
        "idnumber,name,visible\nsales,Sellers,no\nnew,New,\n",
    )
    .with("kind", "segments")
    .settings(&settings);
    let file = "shortname,fullname,category_path,startdate\nc1,First,Science / Physics,2026-01-01\nc9,Ninth,Science / Physics / Waves,\nc8,Eighth,,\n";
    let courses = Order::new("custom", file)
        .with("kind", "courses")
        .settings(&settings);
    let (segments, courses) = (
        muster.applied_order(segments).await,
        muster.applied_order(courses).await,
    );
    assert_eq!(courses["effects"]["categories_created"], 3);
    let undo = muster.undone(id(&segments)).await;
    assert_eq!(
        summary(&undo),
        "delete 1, update 1 | deleted 1, updated 1 | segments_deleted 1, segments_updated 1"
    );
    let undo = muster.undone(id(&courses)).await;
    let expected = "delete 2, update 1 | deleted 2, updated 1 | categories_deleted 3, courses_deleted 2, courses_updated 1";
    assert_eq!(summary(&undo), expected);
    assert_eq!(lms(&muster).await, before);
    let left: i64 =
        sqlx::query_scalar("SELECT count(*) FROM lms.categories WHERE name <> 'General'")
            .fetch_one(muster.sql())
            .await
            .unwrap();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn what_a_cancelled_import_had_done() {
    let muster = Muster::with().workers(0).start().await;
    let import = muster
        .upload("create-segments", "idnumber,name\na,A\n")
        .await;
    muster.cancel(&import).await;
    muster.start_worker().await;
    let import = muster.wait_for(&import, "cancelled").await;
    assert_eq!(
        import["can"],
        json!([]),
        "nothing was done, so there is nothing to take back"
    );
    let _ = muster
        .post(&format!("/imports/{}/undo", id(&import)), None)
        .await
        .expect(409);
}

#[tokio::test]
async fn its_report_is_the_file_with_what_was_taken_back() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let import = muster
        .applied(
            "add-to-segments",
            "username,cohort1\nanna,sales\nnobody,sales\nbo,hr\n",
        )
        .await;
    let undo = muster.undone(id(&import)).await;
    let expected = "username,cohort1,_line,_action,_outcome,_issues\r\nanna,sales,2,update,updated,\r\nbo,hr,4,update,updated,\r\n";
    assert_eq!(muster.report(id(&undo)).await, expected);
    let rows = muster.rows(id(&undo), "?key=bo").await;
    assert_eq!(lines(&rows, "outcome"), ["4 updated"]);
}
