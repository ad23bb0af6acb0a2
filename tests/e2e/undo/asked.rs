//! Who may ask for an undo, of what, and with what.

use crate::journeys::{id, with_a_small_lms};
use muster_shared::model::access::Role;
use muster_tests::harness::Muster;
use serde_json::json;

#[tokio::test]
async fn at_the_wrong_time() {
    let muster = Muster::start().await;
    let ready = muster
        .ready("create-segments", "idnumber,name\na,A\n")
        .await;
    let problem = muster
        .post(&format!("/imports/{}/undo", id(&ready)), None)
        .await
        .expect(409)
        .json();
    assert_eq!(
        (&problem["code"], &problem["import_status"]),
        (&json!("wrong-status"), &json!("ready"))
    );
    assert_eq!(problem["can"], json!(["apply", "preview", "cancel"]));
    let rejected = muster.upload("create-segments", "nonsense\n1\n").await;
    muster.wait_for(&rejected, "rejected").await;
    let _ = muster
        .post(&format!("/imports/{rejected}/undo"), None)
        .await
        .expect(409);
}

#[tokio::test]
async fn whoever_deletes_says_how_many() {
    let muster = Muster::start().await;
    let import = muster
        .applied("create-segments", "idnumber,name\na,A\nb,B\n")
        .await;
    let undo = muster.undo(id(&import)).await;
    let path = format!("/imports/{}/apply", id(&undo));
    for body in [
        json!({}),
        json!({"deletes": 1}),
        json!({"deletes": "2"}),
        json!({"deletes": 3}),
    ] {
        let refused = muster.post(&path, Some(&body)).await.expect(400).json();
        let error = &refused["errors"][0];
        assert_eq!(
            (&error["code"], &error["pointer"]),
            (&json!("unconfirmed-deletes"), &json!("/deletes")),
            "{body}"
        );
    }
    let _ = muster
        .post(&path, Some(&json!({"deletes": 2})))
        .await
        .expect(202);
    muster.wait_for(id(&undo), "applied").await;
    assert_eq!(muster.lms().await, "");
    let ready = muster
        .ready("create-segments", "idnumber,name\na,A\n")
        .await;
    let _ = muster
        .post(
            &format!("/imports/{}/apply", id(&ready)),
            Some(&json!({"deletes": 1})),
        )
        .await
        .expect(400);
}

#[tokio::test]
async fn while_the_one_before_is_being_cancelled() {
    let muster = Muster::start().await;
    let import = muster
        .applied("create-segments", "idnumber,name\na,A\n")
        .await;
    muster.newest_worker().sigterm();
    muster.newest_worker().exit().await;
    let path = format!("/imports/{}/undo", id(&import));
    let undo = muster.post(&path, None).await.expect(202).json();
    muster.cancel(id(&undo)).await;
    let refused = muster.post(&path, None).await.expect(409).json();
    assert_eq!(
        (&refused["code"], &refused["import_status"]),
        (&json!("wrong-status"), &json!("cancelling"))
    );
    muster.start_worker().await;
    muster.wait_for(id(&undo), "cancelled").await;
    muster.undone(id(&import)).await;
    assert_eq!(muster.lms().await, "");
}

#[tokio::test]
async fn by_whom_and_with_what() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let import = muster
        .applied("add-to-segments", "username,cohort1\nanna,sales\n")
        .await;
    assert_eq!(import["can"], json!(["undo", "continue"]));
    assert!(import["undo_until"].is_string());
    let path = format!("/imports/{}/undo", id(&import));
    let _ = muster
        .seen_by(Role::Uploader)
        .post(&path, None)
        .await
        .expect(403);
    let _ = muster
        .post(&path, Some(&json!({"all": true})))
        .await
        .expect(400);
    let other = muster.site("other").await;
    let _ = other.post(&path, None).await.expect(404);
    let undo = muster.undo(id(&import)).await;
    assert_eq!(
        undo["can"],
        json!(["apply", "cancel"]),
        "it has no settings"
    );
    let _ = muster
        .post(&format!("/imports/{}/preview", id(&undo)), Some(&json!({})))
        .await
        .expect(409);
    assert_eq!(
        muster.list("/imports?recipe=undo", "imports").await.len(),
        1
    );
    let refused = muster
        .send(muster_tests::harness::Order::new(
            "undo",
            "username\nanna\n",
        ))
        .await
        .expect(400)
        .json();
    assert_eq!(refused["errors"][0]["code"], "unknown-value");
}
