//! Requests that come at the wrong time. Without a worker an import stays where it is, so the time
//! is sure to be wrong.

use crate::counts::counts;
use muster_tests::harness::Muster;
use serde_json::json;

const PEOPLE: &str = "username,firstname,lastname,email\nanna,Anna,Ash,anna@example.com\n";

#[tokio::test]
async fn apply_before_ready() {
    let muster = Muster::with().workers(0).start().await;
    let id = muster.upload("create-users", PEOPLE).await;
    let problem = muster
        .post(&format!("/imports/{id}/apply"), None)
        .await
        .expect(409)
        .json();
    assert_eq!(
        (&problem["code"], &problem["import_status"], &problem["can"]),
        (
            &json!("wrong-status"),
            &json!("validating"),
            &json!(["cancel"])
        )
    );
    let _ = muster
        .post(&format!("/imports/{id}/preview"), Some(&json!({})))
        .await
        .expect(409);

    muster.start_worker().await;
    muster.wait_for(&id, "ready").await;
    muster.apply(&id).await;
    muster.wait_for(&id, "applied").await;
    let again = muster.post(&format!("/imports/{id}/apply"), None).await;
    assert!(
        again.status == 202 || again.status == 409,
        "{}",
        again.text()
    );
    assert_eq!(
        muster.wait_rest(&id).await["status"],
        "applied",
        "it is applied once"
    );
}

#[tokio::test]
async fn cancel_while_validating() {
    let muster = Muster::with().workers(0).start().await;
    let id = muster.upload("create-users", PEOPLE).await;
    let asked = muster
        .post(&format!("/imports/{id}/cancel"), None)
        .await
        .expect(202)
        .json();
    assert_eq!(
        (&asked["status"], &asked["at_rest"]),
        (&json!("cancelling"), &json!(false)),
        "the api only asks"
    );
    let _ = muster
        .post(&format!("/imports/{id}/cancel"), None)
        .await
        .expect(202);

    muster.start_worker().await;
    let import = muster.wait_for(&id, "cancelled").await;
    assert_eq!(import["can"], json!([]));
    let _ = muster
        .post(&format!("/imports/{id}/apply"), None)
        .await
        .expect(409);
    assert_eq!(muster.lms().await, "");
    assert!(
        muster
            .story(&id)
            .await
            .contains("validating → cancelling → cancelled\n")
    );
}

#[tokio::test]
async fn cancel_at_rest() {
    let muster = Muster::start().await;
    let ready = muster.ready("create-users", PEOPLE).await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let rejected = muster.upload("create-users", "nonsense\nx\n").await;
    muster.wait_for(&rejected, "rejected").await;
    for id in [&ready, &rejected] {
        let cancelled = muster
            .post(&format!("/imports/{id}/cancel"), None)
            .await
            .expect(202)
            .json();
        assert_eq!(
            cancelled["status"], "cancelled",
            "nothing runs, so it is done at once"
        );
    }
    muster.applied("create-users", PEOPLE).await;
    assert_eq!(
        muster.lms().await,
        "user anna: Anna | Ash | anna@example.com |  |  |  |  |  v1 by import 3\n"
    );
}

#[tokio::test]
async fn an_answer_that_is_overtaken_is_told() {
    let muster = Muster::start().await;
    let import = muster.ready("create-users", PEOPLE).await;
    let id = import["id"].as_str().expect("an id");
    let path = muster.path(&format!("/imports/{id}"));
    let answer = muster
        .client()
        .get(&path)
        .await
        .expect("the api is up")
        .expect(200);
    let tag = answer.header("etag").expect("an ETag").to_owned();
    muster.preview(id, &json!({})).await;
    muster.wait_for(id, "ready").await;
    let apply = |tag: &str| {
        muster
            .client()
            .request(reqwest::Method::POST, &format!("{path}/apply"))
            .header("if-match", tag)
    };
    let _ = muster
        .client()
        .send(apply(&tag))
        .await
        .expect("the api is up")
        .expect(412);
    let now = muster
        .client()
        .get(&path)
        .await
        .expect("the api is up")
        .header("etag")
        .expect("an ETag")
        .to_owned();
    let _ = muster
        .client()
        .send(apply(&now))
        .await
        .expect("the api is up")
        .expect(202);
    let import = muster.wait_for(id, "applied").await;
    assert_eq!(counts(&import["outcomes"]), "created 1");
}
