//! A worker that is asked to stop while it holds a batch, and dies before it has stopped.

use super::journey::muster;
use crate::lanes::{
    hold::Hold,
    sessions::{JOINING, STAGING, until_waiting},
};
use muster_tests::harness::Muster;
use std::os::unix::process::ExitStatusExt;

const FILE: &str = "username,firstname,lastname,email,cohort1\nanna,Anna,Ash,anna@example.com,sales\nbo,Bo,Birch,bo@example.com,sales\n";

/// Nobody works any more.
async fn stop_working(muster: &Muster) {
    muster.newest_worker().sigterm();
    muster.newest_worker().exit().await;
}

/// Goes on with a doomed worker, which is asked to stop while it waits for what is held.
async fn dies_stopping(muster: &Muster, hold: Hold, waiting: &str, point: &str) {
    let doomed = muster.start_doomed_worker(point);
    until_waiting(muster, waiting, 1).await;
    doomed.sigterm();
    hold.release().await;
    assert_eq!(doomed.exit().await.signal(), Some(9), "it comes to {point}");
    muster.start_worker().await;
}

#[tokio::test]
async fn in_every_stage() {
    let muster = muster().await;
    muster
        .applied("create-segments", "idnumber,name\nsales,Sales\n")
        .await;
    let import = muster.applied("create-users", FILE).await;
    let undisturbed = muster.story(import["id"].as_str().expect("an id")).await;
    let undo = muster.undone(import["id"].as_str().expect("an id")).await;
    assert_eq!(undo["effects"]["users_deleted"], 2);

    stop_working(&muster).await;
    let id = muster.upload("create-users", FILE).await;
    dies_stopping(
        &muster,
        Hold::staged_line(&muster, &id, 2).await,
        STAGING,
        "validate.stopping",
    )
    .await;
    muster.wait_for(&id, "ready").await;

    stop_working(&muster).await;
    muster.preview(&id, &serde_json::json!({})).await;
    dies_stopping(
        &muster,
        Hold::writers(&muster, "muster.import_issues").await,
        "DELETE FROM muster.import_issues%",
        "preview.stopping",
    )
    .await;
    muster.wait_for(&id, "ready").await;

    stop_working(&muster).await;
    muster.apply(&id).await;
    dies_stopping(
        &muster,
        Hold::writers(&muster, "lms.segment_members").await,
        JOINING,
        "apply.stopping",
    )
    .await;
    muster.wait_for(&id, "applied").await;
    let story = muster.story(&id).await;
    let lms = |story: &str| {
        story
            .lines()
            .filter(|line| line.contains("by import"))
            .map(|line| line.replace("import 4", "import 2"))
            .collect::<Vec<_>>()
    };
    assert_eq!(lms(&story), lms(&undisturbed), "{story}");
    assert!(
        story.contains(
            "validating → previewing → ready → previewing → ready → applying → applied\n"
        ),
        "{story}"
    );
}
