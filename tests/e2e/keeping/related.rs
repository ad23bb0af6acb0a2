//! Imports that need each other's lines or plans: undos, and children that take lines over.

use super::{
    SEGMENTS, assert_only_a_header, change, delete, expire, id, is, lasting, left, until_emptied,
    with_a_quick_pruner,
};
use muster_tests::harness::Muster;
use serde_json::json;

/// An undo, ready to be applied.
async fn undo(muster: &Muster, of: &str) -> String {
    let undo = id(&muster
        .post(&format!("/imports/{of}/undo"), None)
        .await
        .expect(202)
        .json());
    muster.wait_for(&undo, "ready").await;
    undo
}

/// One that is applied.
async fn undone(muster: &Muster, import: &str) -> String {
    let undo = undo(muster, import).await;
    muster.apply(&undo).await;
    muster.wait_for(&undo, "applied").await;
    undo
}

/// Something that is expired and that nobody needs is swept away: so the pruner has looked.
async fn after_a_look(muster: &Muster) {
    for name in ["a", "b"] {
        let import = id(&muster
            .ready("create-segments", format!("idnumber,name\n{name},Name\n"))
            .await);
        expire(muster, &import).await;
        until_emptied(muster, &import).await;
    }
}

#[tokio::test]
async fn an_open_undo_keeps_what_it_undoes() {
    let muster = with_a_quick_pruner().start().await;
    let undone = id(&muster.applied("create-segments", SEGMENTS).await);
    let undo = undo(&muster, &undone).await;
    let problem = delete(&muster, &undone).await.expect(409).json();
    assert_eq!(
        (&problem["code"], &problem["import_status"]),
        (&json!("wrong-status"), &json!("applied"))
    );
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains(&undo)),
        "{problem}"
    );
    expire(&muster, &undone).await;
    after_a_look(&muster).await;
    assert!(is(&muster, &undone, "pruned_at IS NULL").await);

    // Both are at their end, and only one is expired.
    muster.cancel(&undo).await;
    after_a_look(&muster).await;
    assert!(
        is(&muster, &undone, "pruned_at IS NULL").await
            && is(&muster, &undo, "pruned_at IS NULL").await
    );
    expire(&muster, &undo).await;
    until_emptied(&muster, &undone).await;
    until_emptied(&muster, &undo).await;
}

#[tokio::test]
async fn an_undo_goes_with_what_it_undoes_and_not_the_other_way_round() {
    let muster = Muster::start().await;
    let import = id(&muster.applied("create-segments", SEGMENTS).await);
    let first = undone(&muster, &import).await;
    let second = undone(&muster, &first).await;
    let before = muster.import(&second).await;
    let lms = muster.lms().await;

    let _ = delete(&muster, &first).await.expect(204);
    until_emptied(&muster, &first).await;
    assert_eq!(
        left(&muster, &import).await,
        "rows 2, plans 2, issues 1, issue_groups 1"
    );
    assert_eq!(
        muster.rows(&second, "").await.len(),
        1,
        "its lines are those of the import"
    );
    let _ = delete(&muster, &import).await.expect(204);
    assert_only_a_header(&muster, &second).await;
    until_emptied(&muster, &import).await;
    until_emptied(&muster, &second).await;
    assert_eq!(lasting(muster.import(&second).await), lasting(before));
    assert_eq!(muster.lms().await, lms);
}

#[tokio::test]
async fn a_child_needs_the_lines_until_it_has_its_own() {
    let muster = Muster::start().await;
    let parent = id(&muster.applied("create-segments", SEGMENTS).await);
    muster.worker(0).sigterm();
    muster.worker(0).exit().await;
    let child = muster.carry_on(&parent, &["rejected"]).await;
    let problem = delete(&muster, &parent).await.expect(409).json();
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains(&child)),
        "{problem}"
    );
    muster.start_worker().await;
    muster.wait_for(&child, "ready").await;
    let rows = muster.rows(&child, "").await;
    let _ = delete(&muster, &parent).await.expect(204);
    until_emptied(&muster, &parent).await;
    assert_eq!((rows.len(), muster.rows(&child, "").await), (1, rows));
}

/// What relates the two is written into the database, since the pruner cannot be at work while no
/// lane is.
#[tokio::test]
async fn a_child_that_has_not_read_the_lines_keeps_them() {
    let muster = with_a_quick_pruner().start().await;
    let parent = id(&muster.applied("create-segments", SEGMENTS).await);
    let child = id(&muster
        .ready("create-segments", "idnumber,name\nit,IT\n")
        .await);
    let relation = format!("parent_id = '{parent}', lines = NULL");
    change(&muster, &child, &relation).await;
    let problem = delete(&muster, &parent).await.expect(409).json();
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains(&child)),
        "{problem}"
    );
    expire(&muster, &parent).await;
    after_a_look(&muster).await;
    assert!(is(&muster, &parent, "pruned_at IS NULL").await);
    change(&muster, &child, "lines = 1").await;
    until_emptied(&muster, &parent).await;
    assert_eq!(
        muster.rows(&child, "").await.len(),
        1,
        "the child has lines of its own"
    );
}
