//! For how long a site keeps what is uploaded, and the dates that follow from it.

use super::{SEGMENTS, id, is};
use muster_tests::harness::Muster;
use serde_json::{Value, json};

/// Does it expire so many days after that moment? To a minute: clocks of two machines may write the
/// two.
async fn expires(muster: &Muster, import: &Value, days: u32, after: &str) -> bool {
    let condition = format!("abs(extract(epoch FROM expires_at - {after}) - {days} * 86400) < 60");
    is(muster, &id(import), &condition).await
}

async fn keep(muster: &Muster, keeping: Value) -> muster_tests::client::Answer {
    let request = muster
        .client()
        .request(reqwest::Method::PATCH, &muster.path(""))
        .json(&json!({"settings": {"keeping": keeping}}));
    muster.client().send(request).await.expect("the api is up")
}

#[tokio::test]
async fn dates_follow_from_the_policy_of_their_moment() {
    let muster = Muster::start().await;
    let unfinished = muster.ready("create-segments", SEGMENTS).await;
    assert!(expires(&muster, &unfinished, 14, "created_at").await);
    assert_eq!(unfinished["undo_until"], Value::Null);
    let applied = muster.applied("create-segments", SEGMENTS).await;
    assert!(expires(&muster, &applied, 30, "settled_at").await);
    assert_eq!(applied["undo_until"], applied["expires_at"]);

    let changed = keep(&muster, json!({"unfinished_days": 2, "undo_days": 400}))
        .await
        .expect(200)
        .json();
    assert_eq!(
        changed["settings"]["keeping"],
        json!({"unfinished_days": 2, "undo_days": 400})
    );
    assert_eq!(
        muster.import(&id(&applied)).await,
        applied,
        "a date that was shown stays"
    );
    let second = muster
        .ready("create-segments", "idnumber,name\nit,IT\n")
        .await;
    assert!(expires(&muster, &second, 2, "created_at").await);
    muster.apply(&id(&second)).await;
    let second = muster.wait_for(&id(&second), "applied").await;
    assert!(expires(&muster, &second, 400, "settled_at").await);

    muster.cancel(&id(&unfinished)).await;
    let cancelled = muster.wait_for(&id(&unfinished), "cancelled").await;
    assert_eq!(
        cancelled["expires_at"], unfinished["expires_at"],
        "nothing was applied, so there is nothing to undo"
    );
}

#[tokio::test]
async fn a_policy_that_makes_no_sense_is_refused_with_its_place() {
    let muster = Muster::with().workers(0).start().await;
    for (keeping, pointer) in [
        (json!({"undo_days": 0}), "/settings/keeping/undo_days"),
        (
            json!({"unfinished_days": 3_651}),
            "/settings/keeping/unfinished_days",
        ),
        (json!({"undo_days": 1.5}), "/settings/keeping/undo_days"),
        (json!({"undo_dyas": 3}), "/settings/keeping/undo_dyas"),
    ] {
        let problem = keep(&muster, keeping.clone()).await.expect(400).json();
        assert_eq!(
            problem["errors"][0]["pointer"], pointer,
            "{keeping}: {problem}"
        );
    }
    let site = muster.get("").await.expect(200).json();
    assert_eq!(
        site["settings"]["keeping"],
        json!({"unfinished_days": 14, "undo_days": 30})
    );
    let _ = keep(&muster, json!({"undo_days": 1, "unfinished_days": 3_650}))
        .await
        .expect(200);
}
