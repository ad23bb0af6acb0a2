//! What went and came back by undoing: it goes on from the version that it had, so nobody takes it
//! for what it was long ago.

use super::{by_hand, lms};
use crate::{
    counts::lines,
    journeys::{custom, id, summary, with_a_small_lms},
};
use muster_tests::harness::{Muster, Order};
use serde_json::json;

/// What was previewed before something went and came back rests on an earlier version of it: other
/// changes since are not overwritten.
#[tokio::test]
async fn what_went_and_came_back_meanwhile() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    for (kind, header, first, second, third, last) in [
        (
            "users",
            "username,firstname,lastname,email",
            "zed,One,Z,z@example.com",
            "zed,Two,Z,z@example.com",
            "zed,Mine,Z,z@example.com",
            "zed,Theirs,Z,z@example.com",
        ),
        (
            "segments",
            "idnumber,name",
            "zed,One",
            "zed,Two",
            "zed,Mine",
            "zed,Theirs",
        ),
        (
            "courses",
            "shortname,fullname",
            "zed,One",
            "zed,Two",
            "zed,Mine",
            "zed,Theirs",
        ),
    ] {
        let settings = if kind == "users" {
            json!({"mode": "create-and-update", "existing_details": "override"})
        } else {
            json!({"mode": "create-and-update"})
        };
        let order = |lines: &[&str]| {
            Order::new("custom", format!("{header}\n{}\n", lines.join("\n")))
                .with("kind", kind)
                .settings(&settings)
        };
        let made = muster.applied_order(order(&[first, second])).await;
        let waiting = muster.ready_order(order(&[third])).await;
        let undo = muster.undone(id(&made)).await;
        muster.undone(id(&undo)).await;
        muster.applied_order(order(&[last])).await;
        muster.apply(id(&waiting)).await;
        let waiting = muster.wait_for(id(&waiting), "applied").await;
        assert_eq!(
            lines(&muster.rows(id(&waiting), "").await, "outcome"),
            ["2 held target-changed"],
            "{kind}: what is theirs stays"
        );
        assert!(lms(&muster).await.contains("Theirs"), "{kind}");
    }
}

#[tokio::test]
async fn a_plan_for_what_went_and_came_back_as_it_was_is_executed() {
    let muster = Muster::start().await;
    let file = "username,firstname,lastname,email\nzed,One,Z,z@example.com\n";
    let made = muster.applied("create-users", file).await;
    let settings = json!({"mode": "update-only", "existing_details": "override"});
    let waiting = muster
        .ready_order(custom("username,firstname\nzed,Mine\n", &settings))
        .await;
    by_hand(&muster, "UPDATE lms.users SET city = 'Oslo'").await;
    by_hand(&muster, "UPDATE lms.users SET city = ''").await;
    let undo = muster.undo(id(&made)).await;
    by_hand(&muster, "UPDATE lms.users SET city = 'Oslo'").await;
    by_hand(&muster, "UPDATE lms.users SET city = ''").await;
    muster.apply(id(&undo)).await;
    let undo = muster.wait_for(id(&undo), "applied").await;
    assert_eq!(
        summary(&undo),
        "delete 1 | deleted 1 | users_deleted 1",
        "it is as the import left it"
    );
    muster.undone(id(&undo)).await;
    assert!(
        muster.lms().await.contains("v6"),
        "it went at the fifth: {}",
        muster.lms().await
    );
    muster.apply(id(&waiting)).await;
    let waiting = muster.wait_for(id(&waiting), "applied").await;
    assert_eq!(summary(&waiting), "update 1 | updated 1 | users_updated 1");
}
