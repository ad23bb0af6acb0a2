//! Batches of apply, cut from plans; and how many lines nobody came to.

use super::{Ground, batches, run};
use muster_shared::{model::status::Status, store::batches as store};

/// Plans that create these subjects, a line each from line 2.
const PLANS: &str = "INSERT INTO muster.import_plans (import_no, line, subject, seq, action, target_id, mask)
                     SELECT $1, row_number() OVER () + 1, subject, 1, 'c', subject, 0
                       FROM (SELECT n AS subject FROM generate_series(1, 6000) n UNION ALL SELECT 100000) s";

async fn planned() -> Ground {
    let ground = Ground::with_import(Status::Previewing).await;
    let mut conn = ground.connection().await;
    let _ = sqlx::query("SELECT muster.make_partitions()")
        .execute(&mut *conn)
        .await
        .expect("partitions");
    run(&mut conn, PLANS, ground.import).await;
    drop(conn);
    ground
}

#[tokio::test]
async fn a_batch_is_whole_blocks_of_subjects() {
    let ground = planned().await;
    let mut conn = ground.connection().await;
    store::make_apply(&mut conn, ground.import)
        .await
        .expect("batches");
    let all = batches(&mut conn, ground.import, "apply").await;
    assert_eq!(
        all,
        [
            "1 main waiting 0..4096 4095",
            "2 main waiting 4096..100352 1906"
        ]
    );
    let never = store::never_tried(&mut conn, ground.import)
        .await
        .expect("a count");
    assert_eq!(never, 6001);
}

#[tokio::test]
async fn what_is_made_for_all_lines_comes_first_and_what_is_taken_away_last() {
    let ground = planned().await;
    let mut conn = ground.connection().await;
    let makes =
        "INSERT INTO muster.import_makes (import_no, what, scope, key, reserved_id, removes)
                 VALUES ($1, 'category', 0, 'A', 7, false), ($1, 'category', 0, 'B', 8, true)";
    run(&mut conn, makes, ground.import).await;
    store::make_apply(&mut conn, ground.import)
        .await
        .expect("batches");
    let steps: Vec<String> = batches(&mut conn, ground.import, "apply")
        .await
        .iter()
        .filter_map(|batch| batch.split(' ').nth(1).map(str::to_owned))
        .collect();
    assert_eq!(steps, ["before", "main", "main", "after"]);
}
