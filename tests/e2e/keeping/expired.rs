//! Imports past their date: those that wait are cancelled, those at their end are swept away.

use super::{
    SEGMENTS, assert_only_a_header, expire, has_file, id, is, lasting, left, until_emptied,
    with_a_quick_pruner,
};
use muster_tests::harness::{Muster, eventually};
use serde_json::{Value, json};

/// A person in a segment and a course of a new category; the second line is wrong.
const PEOPLE: &str = "username,firstname,lastname,email,cohort1,course1\nanna,Anna,Ash,anna@example.com,sales,c1\nbo,Bo,,,nowhere,c1\n";

async fn cancelled_by_the_worker(muster: &Muster, import: &str) {
    eventually("it is cancelled", async || {
        is(muster, import, "status = 'cancelled'")
            .await
            .then_some(())
    })
    .await;
    assert!(muster.story(import).await.contains(" → cancelled\n"));
    let by: Option<String> = sqlx::query_scalar(
        "SELECT account_id::text FROM muster.import_history
          WHERE import_no = (SELECT no FROM muster.imports WHERE id = $1::uuid) AND status = 'cancelled'",
    )
    .bind(import)
    .fetch_one(muster.sql())
    .await
    .expect("history");
    assert_eq!(by, None, "nobody asked for it");
}

#[tokio::test]
async fn only_the_header_is_left_and_the_lms_stays() {
    let muster = with_a_quick_pruner().start().await;
    let other = muster.site("other").await;
    muster
        .applied("create-segments", "idnumber,name\nsales,Sales\n")
        .await;
    let courses = muster
        .applied(
            "create-courses",
            "shortname,fullname,category_path\nc1,Course,Science / Physics\n",
        )
        .await;
    let people = muster.applied("create-users", PEOPLE).await;
    let kept = muster.applied("create-segments", SEGMENTS).await;
    let foreign = other.applied("create-segments", SEGMENTS).await;
    let lms = (muster.lms().await, other.lms().await);
    let untouched = (
        left(&muster, &id(&kept)).await,
        left(&muster, &id(&foreign)).await,
    );
    assert_eq!(
        left(&muster, &id(&people)).await,
        "rows 2, plans 2, issues 3, issue_groups 3"
    );

    for import in [&courses, &people] {
        expire(&muster, &id(import)).await;
        until_emptied(&muster, &id(import)).await;
        assert_only_a_header(&muster, &id(import)).await;
        assert_eq!(
            lasting(muster.import(&id(import)).await),
            lasting(import.clone())
        );
    }
    assert_eq!(
        muster.import(&id(&courses)).await["effects"]["categories_created"],
        2
    );
    assert_eq!(
        (muster.lms().await, other.lms().await),
        lms,
        "and what was made keeps its source"
    );
    assert_eq!(
        (
            left(&muster, &id(&kept)).await,
            left(&muster, &id(&foreign)).await
        ),
        untouched
    );
    assert!(has_file(&muster, &id(&kept)) && has_file(&muster, &id(&foreign)));
    assert_eq!(muster.rows(&id(&kept), "").await.len(), 2);
}

#[tokio::test]
async fn what_waits_for_somebody_is_cancelled_and_then_swept_away() {
    let muster = with_a_quick_pruner().start().await;
    let ready = id(&muster.ready("create-segments", SEGMENTS).await);
    // Without a header, what is told of the file repeats the cells of somebody.
    let rejected = muster
        .upload(
            "create-users",
            "anna,Anna,Ash,anna@example.com\nbob,Bob,Birch,bob@example.com\n",
        )
        .await;
    let before = muster.wait_for(&rejected, "rejected").await;
    assert!(
        before["rejected"].to_string().contains("anna@example.com"),
        "{before}"
    );
    expire(&muster, &ready).await;
    cancelled_by_the_worker(&muster, &ready).await;
    expire(&muster, &rejected).await;
    for import in [&ready, &rejected] {
        until_emptied(&muster, import).await;
    }
    assert_only_a_header(&muster, &ready).await;
    let after = muster.import(&rejected).await;
    let codes = |import: &Value| {
        import["rejected"]
            .as_array()
            .expect("reasons")
            .iter()
            .map(|r| r["code"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (&after["status"], codes(&after)),
        (&json!("rejected"), codes(&before))
    );
    assert!(!after.to_string().contains("anna"), "{after}");
    assert_only_a_header(&muster, &rejected).await;
}

#[tokio::test]
async fn what_failed_is_cancelled() {
    let muster = with_a_quick_pruner().workers(0).start().await;
    let import = muster.upload("create-segments", SEGMENTS).await;
    let folder = std::fs::read_dir(muster.files())
        .expect("files")
        .next()
        .expect("a site")
        .expect("an entry");
    std::fs::remove_file(folder.path().join(&import)).expect("the file was stored");
    muster.start_worker().await;
    muster.wait_for(&import, "failed").await;
    expire(&muster, &import).await;
    cancelled_by_the_worker(&muster, &import).await;
    until_emptied(&muster, &import).await;
}

#[tokio::test]
async fn what_was_applied_in_part_is_kept_for_as_long_as_it_can_be_undone() {
    let muster = with_a_quick_pruner().start().await;
    let import = id(&muster.ready("create-segments", SEGMENTS).await);
    muster.worker(0).sigterm();
    muster.worker(0).exit().await;
    muster.apply(&import).await;
    let _ = muster
        .post(&format!("/imports/{import}/pause"), None)
        .await
        .expect(202);
    muster.start_worker().await;
    muster.wait_for(&import, "paused").await;
    expire(&muster, &import).await;
    cancelled_by_the_worker(&muster, &import).await;
    assert!(
        is(
            &muster,
            &import,
            "expires_at BETWEEN now() + interval '29 days' AND now() + interval '31 days'"
        )
        .await
    );
    let shown = muster.import(&import).await;
    assert_eq!(
        (&shown["undo_until"], &shown["can"]),
        (&shown["expires_at"], &json!(["undo", "continue"]))
    );
    // Another look must not take it: one that does takes this one too.
    let second = muster
        .ready("create-segments", "idnumber,name\nit,IT\n")
        .await;
    expire(&muster, &id(&second)).await;
    until_emptied(&muster, &id(&second)).await;
    assert!(is(&muster, &import, "pruned_at IS NULL").await);
    assert_eq!(muster.rows(&import, "").await.len(), 2);
}

#[tokio::test]
async fn what_is_at_work_does_not_expire() {
    let muster = with_a_quick_pruner().start().await;
    let ready = id(&muster.ready("create-segments", SEGMENTS).await);
    muster.worker(0).sigterm();
    muster.worker(0).exit().await;
    muster.apply(&ready).await;
    expire(&muster, &ready).await;
    muster.start_worker().await;
    muster.wait_for(&ready, "applied").await;
    assert!(
        is(
            &muster,
            &ready,
            "expires_at > now() + interval '29 days' AND pruned_at IS NULL"
        )
        .await
    );
}
