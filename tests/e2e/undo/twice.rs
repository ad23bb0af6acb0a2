//! Undoing an undo brings the changes back; undoing twice is refused, or the same.

use super::{by_hand, lms};
use crate::journeys::{id, summary, with_a_small_lms};
use muster_tests::harness::{Muster, Order};
use serde_json::json;

#[tokio::test]
async fn an_undo_of_an_undo_brings_the_changes_back() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let settings = json!({"mode": "create-and-update"});
    let courses =
        "shortname,fullname,category_path\nc1,First,Science / Physics\nc9,Ninth,Science / Waves\n";
    let people = "username,firstname,lastname,email,city,cohort1,cohort2,course1,role1\n\
                  dora,Dora,Dale,dora@example.com,,sales,,c2,teacher\n\
                  anna,Anne,,,Oslo,sales,hr,c1,\n\
                  dora,,,,Bergen,hr,,,\n";
    let orders = [
        Order::new("custom", "idnumber,name\nsales,Sellers\nnew,New\n")
            .with("kind", "segments")
            .settings(&settings),
        Order::new("custom", courses)
            .with("kind", "courses")
            .settings(&settings),
        Order::new("create-or-update-users", people),
    ];
    for order in orders {
        let before = lms(&muster).await;
        let import = muster.applied_order(order).await;
        let after = lms(&muster).await;
        let undo = muster.undone(id(&import)).await;
        assert_eq!(lms(&muster).await, before);
        let again = muster.undone(id(&undo)).await;
        assert_eq!(
            lms(&muster).await,
            after,
            "under the numbers of whoever brought it first: {}",
            muster.story(id(&again)).await
        );
        let back = muster.undone(id(&again)).await;
        assert_eq!(
            lms(&muster).await,
            before,
            "{}",
            muster.story(id(&back)).await
        );
        let forth = muster.undone(id(&back)).await;
        assert_eq!(
            lms(&muster).await,
            after,
            "{}",
            muster.story(id(&forth)).await
        );
    }
}

/// The only enrolment: its status, and from when to when it holds.
async fn enrolment(muster: &Muster) -> String {
    let statement =
        "SELECT format('%s from %s to %s', status, starts_at, ends_at) FROM lms.enrolments";
    sqlx::query_scalar(statement)
        .fetch_one(muster.sql())
        .await
        .expect("an enrolment")
}

#[tokio::test]
async fn enrolments_come_back_as_they_were() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let import = muster
        .applied("enrol-in-courses", "username,course1\nanna,c1\n")
        .await;
    let before = enrolment(&muster).await;
    let undo = muster.undone(id(&import)).await;
    let again = muster.undone(id(&undo)).await;
    assert_eq!(enrolment(&muster).await, before, "{}", summary(&again));
}

#[tokio::test]
async fn asking_again() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let import = muster
        .applied("add-to-segments", "username,cohort1\nanna,sales\n")
        .await;
    let path = format!("/imports/{}/undo", id(&import));
    let undo = muster.undo(id(&import)).await;
    let same = muster.post(&path, None).await.expect(202);
    assert_eq!(
        same.header("location"),
        Some(muster.path(&format!("/imports/{}", id(&undo))).as_str()),
        "it is under way already"
    );
    muster.cancel(id(&undo)).await;
    let undo = muster.undone(id(&import)).await;
    let problem = muster.post(&path, None).await.expect(409).json();
    assert_eq!(problem["code"], "already-undone");
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains(id(&undo))),
        "{problem}"
    );
    let back = muster.undone(id(&undo)).await;
    let problem = muster.post(&path, None).await.expect(409).json();
    assert_eq!(problem["code"], "already-undone");
    let words = format!(
        "The import {} has brought back what it did. To take that back, undo that one.",
        id(&back)
    );
    assert_eq!(
        problem["detail"], words,
        "whoever wants it undone is told which one to undo"
    );
    let forth = muster.undone(id(&back)).await;
    let problem = muster.post(&path, None).await.expect(409).json();
    let words = format!(
        "The import {} has taken back what it did. To bring that back, undo that one.",
        id(&forth)
    );
    assert_eq!(problem["detail"], words);
}

#[tokio::test]
async fn what_was_held_can_be_taken_back_later() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let before = lms(&muster).await;
    let import = muster
        .applied(
            "create-or-update-users",
            "username,city\nanna,Oslo\nbo,Oslo\n",
        )
        .await;
    by_hand(
        &muster,
        "UPDATE lms.users SET city = 'Bergen' WHERE username = 'anna'",
    )
    .await;
    let undo = muster.undone(id(&import)).await;
    assert_eq!(
        summary(&undo),
        "skip 1, update 1 | held 1, updated 1 | users_updated 1"
    );
    by_hand(
        &muster,
        "UPDATE lms.users SET city = 'Oslo' WHERE username = 'anna'",
    )
    .await;
    let undo = muster.undone(id(&import)).await;
    assert_eq!(
        summary(&undo),
        "unchanged 1, update 1 | unchanged 1, updated 1 | users_updated 1",
        "who is back already is left"
    );
    assert_eq!(lms(&muster).await, before);
}

#[tokio::test]
async fn no_role_comes_back_without_its_enrolment() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    by_hand(
        &muster,
        "INSERT INTO lms.enrolments (site_id, user_id, course_id)
         SELECT u.site_id, u.id, c.id FROM lms.users u, lms.courses c WHERE u.username = 'anna' AND c.shortname = 'c1'",
    )
    .await;
    let import = muster
        .applied(
            "enrol-in-courses",
            "username,course1,role1\nanna,c1,teacher\n",
        )
        .await;
    assert_eq!(
        summary(&import),
        "update 1 | updated 1 | course_roles_added 1"
    );
    let undo = muster.undone(id(&import)).await;
    by_hand(&muster, "DELETE FROM lms.enrolments").await;
    let before = lms(&muster).await;
    let again = muster.undone(id(&undo)).await;
    assert_eq!(summary(&again), "skip 1 | held 1 | ");
    assert_eq!(lms(&muster).await, before);
}
