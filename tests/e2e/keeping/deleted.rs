//! `DELETE`: an administrator does not want to wait for a date.

use super::{
    SEGMENTS, assert_only_a_header, delete, expire, id, is, lasting, until_emptied,
    with_a_quick_pruner,
};
use muster_shared::model::access::Role;
use muster_tests::harness::{Muster, Order};
use serde_json::json;

#[tokio::test]
async fn an_import_at_its_end() {
    let muster = Muster::start().await;
    let import = muster.applied("create-segments", SEGMENTS).await;
    let lms = muster.lms().await;
    for (site, status) in [
        (muster.seen_by(Role::Viewer), 403),
        (muster.seen_by(Role::Uploader), 403),
        (muster.site("other").await, 404),
    ] {
        assert_eq!(delete(&site, &id(&import)).await.status, status);
    }
    assert_eq!(muster.rows(&id(&import), "").await.len(), 2);

    assert_eq!(delete(&muster, &id(&import)).await.expect(204).text(), "");
    assert_only_a_header(&muster, &id(&import)).await;
    until_emptied(&muster, &id(&import)).await;
    assert_eq!(
        lasting(muster.import(&id(&import)).await),
        lasting(import.clone())
    );
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
        (
            &json!("wrong-status"),
            &json!("validating"),
            &json!(["cancel"])
        )
    );
    assert!(is(&muster, &import, "pruned_at IS NULL").await);
    muster.start_worker().await;
    muster.wait_for(&import, "ready").await;
}

/// A file without a header, whose first line a mapping takes for one.
fn without_a_header() -> Order {
    let mapping = json!({"canary99": "username", "Canaria": "firstname", "Birdsong": "lastname", "canary@example.com": "email"});
    let file = "canary99,Canaria,Birdsong,canary@example.com\nbo,Bo,Birch,bo@example.com\n";
    Order::new("create-users", file).with("mapping", &mapping.to_string())
}

/// The same where each column is passed over for another reason, and told of in another place.
fn passed_over() -> Order {
    let mapping = json!({"canary99": "username", "Canaria": "firstname", "Birdsong": "ignore", "canary@example.com": "theme"});
    let file = "canary99,Canaria,Birdsong,canary@example.com\nbo,Bo,Birch,bo@example.com\n";
    let settings = json!({"mode": "create-and-update", "existing_details": "keep"});
    Order::new("custom", file)
        .with("kind", "users")
        .settings(&settings)
        .with("mapping", &mapping.to_string())
}

/// What of the cells is still told of the import, or stored of it and its batches.
async fn remembered(muster: &Muster, import: &str) -> Vec<String> {
    let statement = "SELECT i::text FROM muster.imports i WHERE id = $1::uuid
                      UNION ALL
                     SELECT b::text FROM muster.import_batches b WHERE import_no = (SELECT no FROM muster.imports WHERE id = $1::uuid)";
    let stored: Vec<String> = sqlx::query_scalar(statement)
        .bind(import)
        .fetch_all(muster.sql())
        .await
        .expect("rows");
    let listed = muster
        .list("/imports", "imports")
        .await
        .into_iter()
        .filter(|listed| listed["id"] == import)
        .map(|listed| listed.to_string());
    let told = listed
        .chain([muster.import(import).await.to_string()])
        .chain(stored)
        .collect::<String>()
        .to_lowercase();
    ["canary99", "canaria", "birdsong", "canary@example.com"]
        .into_iter()
        .filter(|cell| told.contains(cell))
        .map(str::to_owned)
        .collect()
}

async fn assert_nothing_remembered(muster: &Muster, import: &str) {
    let shown = muster.import(import).await;
    assert_eq!(
        (&shown["file"]["columns"], &shown["mapping"]),
        (&json!([]), &json!({}))
    );
    assert_eq!(remembered(muster, import).await, [""; 0]);
}

#[tokio::test]
async fn headings_go_with_the_cells() {
    let muster = Muster::start().await;
    muster
        .applied(
            "create-users",
            "username,firstname,lastname,email\nbo,Bo,Birch,bo@example.com\n",
        )
        .await;
    for order in [without_a_header(), passed_over()] {
        let ready = id(&muster.ready_order(order.clone()).await);
        assert_eq!(remembered(&muster, &ready).await.len(), 4);
        let applied = id(&muster.applied_order(order).await);
        for import in [ready, applied] {
            let _ = delete(&muster, &import).await.expect(204);
            assert_nothing_remembered(&muster, &import).await;
            until_emptied(&muster, &import).await;
            assert_nothing_remembered(&muster, &import).await;
        }
    }
}

#[tokio::test]
async fn headings_of_what_expired_and_of_its_undo_go_too() {
    let muster = with_a_quick_pruner().start().await;
    muster
        .applied(
            "create-users",
            "username,firstname,lastname,email\nbo,Bo,Birch,bo@example.com\n",
        )
        .await;
    let import = id(&muster.applied_order(passed_over()).await);
    let undo = id(&muster.undone(&import).await);
    // What shows the lines of another is swept away with it.
    expire(&muster, &undo).await;
    expire(&muster, &import).await;
    for import in [import, undo] {
        until_emptied(&muster, &import).await;
        assert_nothing_remembered(&muster, &import).await;
    }
}
