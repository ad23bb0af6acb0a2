//! A database that is an earlier state of another one, with the same file store: its pruner deletes
//! nothing that it does not know.

use super::{
    SEGMENTS,
    files::{OLD, age_to, know, put},
    has_file, id,
};
use muster_tests::harness::{Copied, Crew, Muster, eventually};
use std::path::{Path, PathBuf};

/// The folder of the first site's files.
fn folder(muster: &Muster) -> PathBuf {
    std::fs::read_dir(muster.files())
        .expect("files")
        .next()
        .expect("a site")
        .expect("an entry")
        .path()
}

/// A worker on the copy, with the file store of the other.
async fn worker_on(copied: &Copied, muster: &Muster) -> Crew {
    let files = format!("file://{}", muster.files().display());
    Crew::start(
        &copied.url(),
        0,
        1,
        &[("MUSTER_FILES_URL", &files), ("MUSTER_PRUNE_SECONDS", "1")],
    )
    .await
}

/// All that is stored, and was begun as far as the copy knows, is so old that it may go.
async fn let_time_pass(copied: &Copied, folder: &Path) {
    for file in std::fs::read_dir(folder).expect("files") {
        age_to(&file.expect("an entry").path(), OLD);
    }
    sqlx::query("UPDATE muster.uploads SET begun_at = now() - interval '25 hours'")
        .execute(copied.sql())
        .await
        .expect("keys");
}

/// Waits until a worker has gone round all files: it deletes what it knows and tells of what it
/// does not.
async fn until_gone_round(crew: &Crew, known: &Path) {
    eventually("what it knows is gone", async || {
        (!known.exists()).then_some(())
    })
    .await;
    let told = "old files that this database does not know are left alone files=1";
    eventually("what it does not know is counted", async || {
        crew.workers[0]
            .process()
            .lock()
            .await
            .log()
            .contains(told)
            .then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_restored_database_leaves_newer_uploads_alone() {
    let muster = Muster::start().await;
    let before = id(&muster.ready("create-segments", SEGMENTS).await);
    let restored = muster.copied().await;
    let after = id(&muster.ready("create-segments", SEGMENTS).await);
    muster.api().kill9();
    muster.worker(0).kill9();
    let known = folder(&muster).join(uuid::Uuid::now_v7().to_string());
    put(&known, OLD);
    know(restored.sql(), &known, OLD).await;
    let_time_pass(&restored, &folder(&muster)).await;

    let crew = worker_on(&restored, &muster).await;
    until_gone_round(&crew, &known).await;
    assert!(has_file(&muster, &before) && has_file(&muster, &after));
    sqlx::query("UPDATE muster.imports SET expires_at = now() - interval '1 day'")
        .execute(restored.sql())
        .await
        .expect("an import");
    eventually("what it knows expires", async || {
        (!has_file(&muster, &before)).then_some(())
    })
    .await;
    let keys = "SELECT count(*) FROM muster.uploads";
    eventually("with its key", async || {
        let keys: i64 = sqlx::query_scalar(keys)
            .fetch_one(restored.sql())
            .await
            .expect("a count");
        (keys == 0).then_some(())
    })
    .await;
    assert!(has_file(&muster, &after));
}

#[tokio::test]
async fn a_copy_beside_the_original_leaves_its_uploads_alone() {
    let muster = Muster::start().await;
    muster.applied("create-segments", SEGMENTS).await;
    let copied = muster.copied().await;
    let after = muster
        .upload("create-segments", "idnumber,name\nit,IT\n")
        .await;
    muster.wait_for(&after, "ready").await;
    let known = folder(&muster).join(uuid::Uuid::now_v7().to_string());
    put(&known, OLD);
    know(copied.sql(), &known, OLD).await;
    let_time_pass(&copied, &folder(&muster)).await;

    let crew = worker_on(&copied, &muster).await;
    until_gone_round(&crew, &known).await;
    assert!(has_file(&muster, &after));
    // It is read once more, from its file.
    muster
        .preview(&after, &serde_json::json!({"settings": {"delimiter": ","}}))
        .await;
    muster.wait_for(&after, "ready").await;
    muster.apply(&after).await;
    muster.wait_for(&after, "applied").await;
}
