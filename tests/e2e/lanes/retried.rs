//! Stages that give up: the import says why, and goes on where it was when that is mended and
//! somebody asks.

use super::files::{id, joins, with_people};
use muster_tests::harness::Muster;
use serde_json::json;

/// The database refuses what apply writes for a reason that no line is guilty of.
const TRIGGER: &str = "
    CREATE FUNCTION lms.out_of_order() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF NEW.user_id % 7 = 0 THEN RAISE EXCEPTION 'out of order' USING ERRCODE = 'P0001'; END IF;
      RETURN NEW;
    END $$;
    CREATE TRIGGER out_of_order BEFORE INSERT ON lms.segment_members FOR EACH ROW EXECUTE FUNCTION lms.out_of_order()";

async fn retry(muster: &Muster, import: &str) -> serde_json::Value {
    muster
        .post(&format!("/imports/{import}/retry"), None)
        .await
        .expect(202)
        .json()
}

#[tokio::test]
async fn an_apply_that_failed_goes_on_where_it_was() {
    let muster = Muster::start().await;
    with_people(&muster, 12_000).await;
    let undisturbed = id(&muster
        .applied("add-to-segments", joins(12_000, "sales"))
        .await);
    let undisturbed = muster.import(&undisturbed).await["outcomes"].clone();
    sqlx::raw_sql(TRIGGER)
        .execute(muster.sql())
        .await
        .expect("a trigger");
    let import = id(&muster.ready("add-to-segments", joins(12_000, "hr")).await);
    muster.apply(&import).await;
    let failed = muster.wait_for(&import, "failed").await;
    assert_eq!(
        (&failed["failed"]["stage"], &failed["failed"]["code"]),
        (&json!("apply"), &json!("defect"))
    );
    assert_eq!(failed["can"], json!(["retry", "cancel"]));

    let again = retry(&muster, &import).await;
    assert_eq!(
        (&again["status"], &again["failed"]),
        (&json!("applying"), &json!(null))
    );
    let failed = muster.wait_for(&import, "failed").await;
    assert!(
        failed["failed"]["detail"].is_string(),
        "it says so again: {failed:#}"
    );

    sqlx::raw_sql("DROP TRIGGER out_of_order ON lms.segment_members")
        .execute(muster.sql())
        .await
        .expect("no trigger");
    retry(&muster, &import).await;
    let applied = muster.wait_for(&import, "applied").await;
    assert_eq!(
        (&applied["outcomes"], &applied["effects"]["segments_joined"]),
        (&undisturbed, &json!(12_000))
    );
}

#[tokio::test]
async fn a_file_that_was_away_is_read_when_it_is_back() {
    let muster = Muster::with().workers(0).start().await;
    let import = muster
        .upload("create-segments", "idnumber,name\na,A\n")
        .await;
    let (files, away) = (muster.files(), muster.files().with_extension("away"));
    std::fs::rename(&files, &away).expect("the store is moved away");
    muster.start_worker().await;
    let failed = muster.wait_for(&import, "failed").await;
    assert_eq!(
        (&failed["failed"]["stage"], &failed["failed"]["code"]),
        (&json!("validate"), &json!("file-gone"))
    );
    let _ = std::fs::remove_dir_all(&files);
    std::fs::rename(&away, &files).expect("the store is back");
    assert_eq!(retry(&muster, &import).await["status"], "validating");
    muster.wait_for(&import, "ready").await;
    muster.apply(&import).await;
    muster.wait_for(&import, "applied").await;
    assert_eq!(muster.lms().await, "segment a: A |  | t v1 by import 1\n");
}

#[tokio::test]
async fn a_failed_import_that_is_cancelled_can_be_undone() {
    let muster = Muster::start().await;
    with_people(&muster, 12_000).await;
    let before = muster.lms().await;
    sqlx::raw_sql(TRIGGER)
        .execute(muster.sql())
        .await
        .expect("a trigger");
    sqlx::raw_sql(
        "CREATE OR REPLACE FUNCTION lms.out_of_order() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          IF NEW.user_id = (SELECT max(id) FROM lms.users) THEN RAISE EXCEPTION 'out of order' USING ERRCODE = 'P0001'; END IF;
          RETURN NEW;
        END $$",
    )
    .execute(muster.sql())
    .await
    .expect("another function");
    let import = id(&muster.ready("add-to-segments", joins(12_000, "hr")).await);
    muster.apply(&import).await;
    let failed = muster.wait_for(&import, "failed").await;
    assert_ne!(
        failed["outcomes"]["updated"], 0,
        "the other batches are done"
    );
    muster.cancel(&import).await;
    assert_eq!(
        muster.import(&import).await["can"],
        json!(["undo", "continue"])
    );
    let undo = muster.undone(&import).await;
    assert_eq!(undo["outcomes"]["updated"], failed["outcomes"]["updated"]);
    assert_eq!(muster.lms().await, before);
}
