//! Redis away or frozen: uploads and requests are taken all the same, `/readyz` mentions it, and
//! all goes on when it is back.

use muster_tests::harness::{Muster, Process, eventually};
use serde_json::json;

const SEGMENTS: &str = "idnumber,name\nsales,Sales\nhr,People\n";

/// All that is asked while Redis is `changed`; the imports that were made.
async fn without_redis(muster: &Muster, changed: fn(&mut Process)) -> [String; 2] {
    let ready = muster.ready("create-segments", SEGMENTS).await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    muster.with_redis(changed);
    let uploaded = muster
        .upload("create-segments", "idnumber,name\nlegal,Legal\n")
        .await;
    muster.apply(&ready).await;
    let told = muster
        .client()
        .get("/readyz")
        .await
        .expect("the api is up")
        .expect(200)
        .json();
    assert_eq!(
        (&told["database"], &told["redis"]),
        (&json!("ok"), &json!("away")),
        "{told}"
    );
    assert_eq!(
        muster
            .client()
            .get("/livez")
            .await
            .expect("the api is up")
            .status,
        200
    );
    assert_eq!(muster.list("/imports", "imports").await.len(), 2);
    [ready, uploaded]
}

async fn go_on(muster: &Muster, [ready, uploaded]: [String; 2]) {
    muster.wait_for(&ready, "applied").await;
    muster.wait_for(&uploaded, "ready").await;
    let has_redis =
        async || (muster.client().get("/readyz").await.ok()?.json()["redis"] == "ok").then_some(());
    eventually("the api has Redis again", has_redis).await;
}

#[tokio::test]
async fn redis_that_is_frozen_for_a_while() {
    let muster = Muster::start().await;
    let imports = without_redis(&muster, Process::sigstop).await;
    muster.with_redis(Process::sigcont);
    go_on(&muster, imports).await;
}

#[tokio::test]
async fn redis_that_ends_and_comes_back_with_nothing() {
    let muster = Muster::start().await;
    let imports = without_redis(&muster, Process::kill9).await;
    muster.start_redis().await;
    go_on(&muster, imports).await;
}
