//! `DELETE`: an administrator does not want to wait for a date.

use super::{SEGMENTS, assert_only_a_header, delete, id, is, lasting, until_emptied};
use muster_shared::model::access::Role;
use muster_tests::harness::Muster;
use serde_json::json;

#[tokio::test]
async fn an_import_at_its_end() {
    let muster = Muster::start().await;
    let import = muster.applied("create-segments", SEGMENTS).await;
    let lms = muster.lms().await;
    for (site, status) in [(muster.seen_by(Role::Viewer), 403), (muster.seen_by(Role::Uploader), 403), (muster.site("other").await, 404)] {
        assert_eq!(delete(&site, &id(&import)).await.status, status);
    }
    assert_eq!(muster.rows(&id(&import), "").await.len(), 2);

    assert_eq!(delete(&muster, &id(&import)).await.expect(204).text(), "");
    assert_only_a_header(&muster, &id(&import)).await;
    until_emptied(&muster, &id(&import)).await;
    assert_eq!(lasting(muster.import(&id(&import)).await), lasting(import.clone()));
    assert_eq!(muster.lms().await, lms, "what was applied stays");
    let _ = delete(&muster, &id(&import)).await.expect(204);
}

#[tokio::test]
async fn an_import_that_waits_is_cancelled_first() {
    let muster = Muster::start().await;
    let import = id(&muster.ready("create-segments", SEGMENTS).await);
    let _ = delete(&muster, &import).await.expect(204);
    assert_eq!(muster.import(&import).await["status"], "cancelled");
    until_emptied(&muster, &import).await;
    assert!(muster.story(&import).await.contains("ready → cancelled\n"));
}

#[tokio::test]
async fn an_import_at_work_is_not_deleted() {
    let muster = Muster::with().workers(0).start().await;
    let import = muster.upload("create-segments", SEGMENTS).await;
    let problem = delete(&muster, &import).await.expect(409).json();
    assert_eq!(
        (&problem["code"], &problem["import_status"], &problem["can"]),
        (&json!("wrong-status"), &json!("validating"), &json!(["cancel"]))
    );
    assert!(is(&muster, &import, "pruned_at IS NULL").await);
    muster.start_worker().await;
    muster.wait_for(&import, "ready").await;
}
