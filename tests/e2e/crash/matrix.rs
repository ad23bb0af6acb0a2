//! Every point of every stage.

use super::journey::{File, Step, muster, story};

const OF_VALIDATE: &[&str] = &[
    "validate.claimed",
    "validate.confirmed",
    "validate.copying",
    "validate.staged",
    "validate.chunk-committed",
    "validate.finished",
    "validate.committed",
    "validate.settling",
    "validate.settled",
];
const OF_PREVIEW: &[&str] = &[
    "preview.claimed",
    "preview.confirmed",
    "preview.copying",
    "preview.finished",
    "preview.committed",
    "preview.settling",
    "preview.settled",
];
const OF_APPLY: &[&str] = &[
    "apply.claimed",
    "apply.confirmed",
    "apply.executed",
    "apply.finished",
    "apply.committed",
    "apply.settling",
    "apply.settled",
];
/// Where there is a batch before all others, or after them.
const OF_THE_SECOND_BATCH: &[&str] = &[
    "apply.claimed:2",
    "apply.confirmed:2",
    "apply.executed:2",
    "apply.finished:2",
    "apply.committed:2",
];

async fn assert_undisturbed(file: File, step: Step, points: &[&str]) {
    let muster = muster().await;
    let undisturbed = story(&muster, 0, file, None).await;
    assert!(
        undisturbed[0].contains("applied") && undisturbed[1].contains("applied"),
        "{undisturbed:?}"
    );
    for (nth, point) in (1..).zip(points) {
        let disturbed = story(&muster, nth, file, Some((step, point))).await;
        assert_eq!(disturbed, undisturbed, "{point}");
    }
}

#[tokio::test]
async fn validate() {
    assert_undisturbed(File::People, Step::Upload, OF_VALIDATE).await;
}

#[tokio::test]
async fn preview() {
    assert_undisturbed(File::People, Step::Upload, OF_PREVIEW).await;
}

#[tokio::test]
async fn apply() {
    assert_undisturbed(File::People, Step::Apply, OF_APPLY).await;
}

#[tokio::test]
async fn apply_with_groundwork() {
    assert_undisturbed(
        File::Courses,
        Step::Apply,
        &[OF_APPLY, OF_THE_SECOND_BATCH].concat(),
    )
    .await;
}

#[tokio::test]
async fn preview_of_an_undo() {
    assert_undisturbed(File::People, Step::Undo, OF_PREVIEW).await;
}

#[tokio::test]
async fn apply_of_an_undo() {
    assert_undisturbed(File::People, Step::ApplyUndo, OF_APPLY).await;
}

#[tokio::test]
async fn apply_of_an_undo_with_groundwork() {
    assert_undisturbed(
        File::Courses,
        Step::ApplyUndo,
        &[OF_APPLY, OF_THE_SECOND_BATCH].concat(),
    )
    .await;
}
