//! Moving an import: along an arrow, by whom it names, once.

use super::{Ground, run};
use muster_shared::{
    model::status::{ARROWS, Mover, Status},
    store::imports,
};
use strum::VariantArray;

#[tokio::test]
async fn an_import_moves_once_and_keeps_its_history() {
    let ground = Ground::with_import(Status::Validating).await;
    let mut conn = ground.connection().await;
    let import = imports::of_id(&mut conn, ground.id)
        .await
        .expect("an answer")
        .expect("it is there");
    let moved = imports::move_to(&mut conn, &import, Status::Previewing, None).await;
    assert!(moved.expect("an answer"));
    let again = imports::move_to(&mut conn, &import, Status::Previewing, None).await;
    assert!(
        !again.expect("an answer"),
        "it is at another version by now"
    );
    let now = imports::of_id(&mut conn, ground.id)
        .await
        .expect("an answer")
        .expect("it is there");
    assert_eq!(
        (now.status, now.status_version),
        (Status::Previewing, import.status_version + 1)
    );
    let history: Vec<String> =
        sqlx::query_scalar("SELECT status FROM muster.import_history ORDER BY version")
            .fetch_all(&mut *conn)
            .await
            .expect("history");
    assert_eq!(history, ["previewing"]);
}

/// Every arrow that a worker may write can be written, and each leaves what the next one needs.
#[tokio::test]
async fn a_worker_writes_its_arrows() {
    for from in Status::VARIANTS {
        let to: Vec<Status> = ARROWS
            .iter()
            .filter(|arrow| arrow.from == *from && arrow.mover != Mover::Api)
            .map(|arrow| arrow.to)
            .collect();
        for to in to {
            let ground = Ground::with_import(*from).await;
            let mut conn = ground.connection().await;
            let import = imports::of_id(&mut conn, ground.id)
                .await
                .expect("an answer")
                .expect("it is there");
            // What the stage leaves behind when it rejects or gives up.
            let left = match to {
                Status::Rejected => "UPDATE muster.imports SET rejected = '[]' WHERE no = $1",
                Status::Failed => "UPDATE muster.imports SET failure = '{}' WHERE no = $1",
                _ => "SELECT FROM muster.imports WHERE no = $1",
            };
            run(&mut conn, left, ground.import).await;
            let moved = imports::move_to(&mut conn, &import, to, None).await;
            assert!(moved.expect("an answer"), "{from} → {to}");
        }
    }
}
