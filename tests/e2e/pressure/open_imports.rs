//! A site has at most so many open imports, however many uploads arrive at once.

use super::assert_put_off;
use crate::bad_input::uploads::stored;
use muster_tests::{
    client::Answer,
    harness::{Muster, Order, eventually},
};
use serde_json::json;

/// A file unlike all others.
fn file(number: usize) -> String {
    format!("idnumber,name\ns{number},Segment\n")
}

async fn send(muster: &Muster, number: usize) -> Answer {
    muster
        .send(Order::new("create-segments", file(number)))
        .await
}

async fn with_at_most(workers: usize, open: u64) -> Muster {
    Muster::with()
        .workers(workers)
        .site(json!({"limits": {"open_imports": open}}))
        .start()
        .await
}

#[tokio::test]
async fn twenty_uploads_at_once_never_pass_the_limit() {
    let muster = with_at_most(0, 7).await;
    let answers = futures::future::join_all((0..20).map(|number| send(&muster, number))).await;
    let (accepted, refused): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status == 202);
    assert_eq!(accepted.len(), 7);
    for answer in &refused {
        assert_put_off(answer, 429, "too-many-imports");
        let detail = answer.json()["detail"]
            .as_str()
            .expect("a detail")
            .to_owned();
        assert!(
            detail.contains("7 are open")
                && detail.contains("open_imports")
                && detail.contains("Apply or cancel"),
            "{detail}"
        );
    }
    assert_eq!(muster.list("/imports", "imports").await.len(), 7);
    eventually("what was refused is stored nowhere", async || {
        (stored(&muster).len() == 7).then_some(())
    })
    .await;
}

#[tokio::test]
async fn who_is_refused_has_not_sent_the_file() {
    let muster = with_at_most(0, 0).await;
    // A client that sends nothing before it is told to go on, and never is.
    let upload = muster
        .client()
        .request(
            reqwest::Method::POST,
            &muster.path("/imports?recipe=create-segments"),
        )
        .header("content-type", "text/csv")
        .header("content-length", "1000000")
        .header("expect", "100-continue")
        .body(reqwest::Body::wrap_stream(futures::stream::pending::<
            std::io::Result<bytes::Bytes>,
        >()));
    assert_put_off(
        &muster.client().send(upload).await.expect("the api is up"),
        429,
        "too-many-imports",
    );
}

#[tokio::test]
async fn what_comes_to_its_end_makes_room() {
    let muster = with_at_most(1, 2).await;
    let [first, second] = [1, 2].map(|number| muster.upload("create-segments", file(number)));
    let (first, second) = (first.await, second.await);
    muster.wait_for(&first, "ready").await;
    muster.wait_for(&second, "ready").await;
    assert_put_off(&send(&muster, 3).await, 429, "too-many-imports");
    assert_eq!(
        muster
            .site("globex")
            .await
            .upload("create-segments", file(3))
            .await
            .len(),
        36,
        "another site has room of its own"
    );

    muster.apply(&first).await;
    muster.wait_for(&first, "applied").await;
    let rejected = muster
        .upload("create-segments", "idnumber,nmae\ns3,Segment\n")
        .await;
    muster.wait_for(&rejected, "rejected").await;
    let third = muster.upload("create-segments", file(4)).await;
    muster.wait_for(&third, "ready").await;
    assert_put_off(&send(&muster, 5).await, 429, "too-many-imports");

    let mapping = json!({"mapping": {"nmae": "name"}});
    let again = async || {
        muster
            .post(&format!("/imports/{rejected}/preview"), Some(&mapping))
            .await
    };
    assert_put_off(&again().await, 429, "too-many-imports");
    muster.cancel(&third).await;
    muster.wait_for(&third, "cancelled").await;
    let _ = again().await.expect(202);
    muster.wait_for(&rejected, "ready").await;
}

#[tokio::test]
async fn lines_that_go_on_need_room_too() {
    let muster = with_at_most(1, 1).await;
    let parent = muster
        .applied("create-segments", "idnumber,name\nsales,Sales\nhr,\n")
        .await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let open = muster.upload("create-segments", file(1)).await;
    muster.wait_for(&open, "ready").await;
    let path = format!("/imports/{parent}/continue");
    let rejected = json!({"outcomes": ["rejected"]});
    assert_put_off(
        &muster.post(&path, Some(&rejected)).await,
        429,
        "too-many-imports",
    );
    muster.cancel(&open).await;
    muster.wait_for(&open, "cancelled").await;
    let child = muster.post(&path, Some(&rejected)).await.expect(202).json();
    assert_eq!(child["same_file_as"], json!(null));
    muster
        .wait_for(child["id"].as_str().expect("an id"), "ready")
        .await;
    assert_put_off(&send(&muster, 2).await, 429, "too-many-imports");

    // An undo needs none.
    let _ = muster
        .post(&format!("/imports/{parent}/undo"), None)
        .await
        .expect(202);
}
