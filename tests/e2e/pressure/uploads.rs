//! One api takes so many uploads at once, fewer of one site than of all, and refuses the next
//! before it is read.

use super::{assert_put_off, half::Half};
use crate::bad_input::uploads::stored;
use muster_shared::model::access::Role;
use muster_tests::harness::{Muster, Order, eventually};
use serde_json::json;

/// Places for uploads of an api that one site can have; the others are for sites that have none.
const PLACES: usize = 24;

/// Waits until so many files are stored; one that is on its way is seen in the store.
async fn until_stored(muster: &Muster, count: usize) {
    eventually("the files are stored", async || {
        (stored(muster).len() == count).then_some(())
    })
    .await;
}

#[tokio::test]
async fn more_uploads_than_an_api_takes_at_once() {
    let muster = Muster::with()
        .workers(0)
        .site(json!({"limits": {"open_imports": 1000}}))
        .start()
        .await;
    let token = muster.token(Role::Uploader);
    let other = muster.site("other").await;
    let send = async || {
        muster
            .send(Order::new(
                "create-segments",
                "idnumber,name\nsales,Sales\n",
            ))
            .await
    };
    let mut halves: Vec<_> = (1..PLACES)
        .map(|_| Half::of_segments(&muster, &token))
        .collect();
    until_stored(&muster, PLACES - 1).await;
    let _ = send().await.expect(202);
    halves.push(Half::of_segments(&muster, &token));
    until_stored(&muster, PLACES + 1).await;

    assert_put_off(&send().await, 503, "too-many-uploads");
    assert_eq!(
        muster.get("/imports").await.status,
        200,
        "whoever uploads nothing notices nothing"
    );
    let _ = other
        .send(Order::new(
            "create-segments",
            "idnumber,name\nsales,Sales\n",
        ))
        .await
        .expect(202);
    let answer = halves.remove(0).finish().await;
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    let _ = send().await.expect(202);
    // Clients that go away free their places too.
    drop(halves);
    until_stored(&muster, 4).await;
    let mut halves = Vec::new();
    let fill = async || {
        halves.push(Half::of_segments(&muster, &token));
        (stored(&muster).len() == PLACES + 4).then_some(())
    };
    eventually("all places are taken again", fill).await;
}
