//! A preview that is made again, with other settings.

use super::{custom, id, summary, with_a_small_lms};
use crate::counts::counts;
use muster_tests::harness::{Muster, Order};
use serde_json::json;

#[tokio::test]
async fn with_another_mode() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let import = muster
        .ready_order(custom(
            "username,city,cohort1\nanna,Oslo,sales\nnobody,Oslo,sales\n",
            &json!({}),
        ))
        .await;
    assert_eq!(counts(&import["actions"]), "reject 1, skip 1");
    let id = id(&import);
    muster
        .preview(id, &json!({"settings": {"mode": "update-only"}}))
        .await;
    let import = muster.wait_for(id, "ready").await;
    assert_eq!(
        (counts(&import["actions"]), &import["settings"]["mode"]),
        ("skip 1, update 1".to_owned(), &json!("update-only"))
    );
    muster
        .preview(id, &json!({"settings": {"existing_details": "override"}}))
        .await;
    muster.wait_for(id, "ready").await;
    muster.apply(id).await;
    let import = muster.wait_for(id, "applied").await;
    assert_eq!(
        summary(&import),
        "skip 1, update 1 | skipped 1, updated 1 | segments_joined 1, users_updated 1"
    );
    let lms = muster.lms().await;
    assert!(
        lms.contains(
            "user anna: Anna | Ash | anna@example.com |  |  |  | Oslo |  v2 by import 3\n"
        ),
        "{lms}"
    );
    let story = muster.story(id).await;
    assert!(story.contains("validating → previewing → ready → previewing → ready → previewing → ready → applying → applied\n"), "{story}");
    assert_eq!(
        muster.rows(id, "").await.len(),
        2,
        "plans of earlier previews are gone"
    );
}

#[tokio::test]
async fn with_another_encoding_the_file_is_read_again() {
    let muster = Muster::start().await;
    let import = muster
        .ready("create-segments", b"idnumber,name\nx,\xC4bc\n".to_vec())
        .await;
    let id = id(&import);
    muster
        .preview(id, &json!({"settings": {"encoding": "iso-8859-5"}}))
        .await;
    let import = muster.wait_for(id, "ready").await;
    assert_eq!(
        import["file"]["encoding"],
        json!({"value": "ISO-8859-5", "sureness": 1.0, "given": true})
    );
    muster.apply(id).await;
    muster.wait_for(id, "applied").await;
    assert_eq!(muster.lms().await, "segment x: Фbc |  | t v1 by import 1\n");
}

#[tokio::test]
async fn with_settings_that_make_no_sense_nothing_changes() {
    let muster = Muster::start().await;
    let import = muster
        .ready("create-segments", "idnumber,name\nx,X\n")
        .await;
    let path = format!("/imports/{}/preview", id(&import));
    for (body, pointer) in [
        (
            json!({"settings": {"mode": "update-only"}}),
            "/settings/mode",
        ),
        (
            json!({"settings": {"moed": "create-only"}}),
            "/settings/moed",
        ),
        (json!({"setings": {}}), "/setings"),
    ] {
        let problem = muster.post(&path, Some(&body)).await.expect(400).json();
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{problem}");
    }
    assert_eq!(muster.import(id(&import)).await["status"], "ready");
}

#[tokio::test]
async fn a_preview_that_nobody_applies_takes_nothing_from_another_import() {
    let muster = Muster::start().await;
    let file = "idnumber,name\nx,X\n";
    let (first, second) = (
        muster.ready("create-segments", file).await,
        muster.ready("create-segments", file).await,
    );
    muster.apply(id(&second)).await;
    muster.wait_for(id(&second), "applied").await;
    muster.apply(id(&first)).await;
    let import = muster.wait_for(id(&first), "applied").await;
    assert_eq!(
        summary(&import),
        "create 1 | held 1 | ",
        "somebody else was quicker"
    );
    assert_eq!(muster.lms().await, "segment x: X |  | t v1 by import 2\n");
    let again = muster
        .applied_order(Order::new("create-segments", file))
        .await;
    assert_eq!(summary(&again), "skip 1 | skipped 1 | ");
}
