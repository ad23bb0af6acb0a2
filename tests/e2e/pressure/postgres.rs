//! Postgres away, or out of connections: what needs it says so soon, and all is well when it is
//! back.

use super::{assert_put_off, half::Half};
use crate::bad_input::uploads::stored;
use muster_shared::model::access::Role;
use muster_tests::{
    client::Answer,
    harness::{Muster, Order, eventually},
};
use reqwest::Method;
use serde_json::json;
use sqlx::{Connection, PgConnection, error::DatabaseError};
use std::time::Duration;

const SEGMENTS: &str = "idnumber,name\nsales,Sales\nhr,People\n";

/// A client is told within this, though statements may take 15 s: a connection is waited for 5 s.
/// The machine may be slow.
const BOUND: Duration = Duration::from_secs(15);

/// Asks every address of a site that looks at something or moves it.
async fn ask_everywhere(muster: &Muster, import: &str) -> Vec<(String, Answer)> {
    let looks = [
        "",
        "/imports",
        &format!("/imports/{import}"),
        &format!("/imports/{import}?wait=30"),
        &format!("/imports/{import}/rows"),
        &format!("/imports/{import}/issues"),
        &format!("/imports/{import}/report.csv"),
        "/users",
        "/users/anna",
        "/segments",
        "/courses",
    ]
    .map(|rest| (Method::GET, rest.to_owned()));
    let moves = ["preview", "apply", "pause", "resume", "retry", "cancel"]
        .map(|word| (Method::POST, format!("/imports/{import}/{word}")));
    let all = looks
        .into_iter()
        .chain(moves)
        .chain([(Method::POST, "/imports?recipe=create-segments".to_owned())]);
    let ask = async |(method, rest): (Method, String)| {
        let request = muster.client().request(method.clone(), &muster.path(&rest));
        let request = if method == Method::POST {
            request.header("content-type", "text/csv").body(SEGMENTS)
        } else {
            request
        };
        let answer = muster.client().send(request.timeout(BOUND)).await;
        (
            format!("{method} {rest}"),
            answer.unwrap_or_else(|error| panic!("{method} {rest}: {error}")),
        )
    };
    futures::future::join_all(all.map(ask)).await
}

async fn ready(muster: &Muster) -> Answer {
    muster.client().get("/readyz").await.expect("the api is up")
}

#[tokio::test]
async fn postgres_that_stops_for_a_while() {
    let muster = Muster::with().own_postgres().start().await;
    let import = muster.ready("create-segments", SEGMENTS).await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    muster.stop_postgres().await;
    for (what, answer) in ask_everywhere(&muster, &import).await {
        eprintln!("{what}");
        assert_put_off(&answer, 503, "unavailable");
    }
    let told = ready(&muster).await.expect(503).json();
    assert_eq!(
        (&told["database"], &told["redis"]),
        (&json!("away"), &json!("ok")),
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
    assert_eq!(
        stored(&muster).len(),
        1,
        "of what was refused nothing is kept"
    );

    muster.start_postgres().await;
    eventually("the api is ready", async || {
        (ready(&muster).await.status == 200).then_some(())
    })
    .await;
    muster.apply(&import).await;
    muster.wait_for(&import, "applied").await;
    assert_eq!(muster.list("/imports", "imports").await.len(), 1);
    muster
        .applied("create-segments", "idnumber,name\nlegal,Legal\n")
        .await;
}

#[tokio::test]
async fn an_upload_on_its_way_while_postgres_goes() {
    let muster = Muster::with().own_postgres().start().await;
    let half = Half::of_segments(&muster, &muster.token(Role::Uploader));
    // The store shows a half before it is whole.
    eventually("the upload arrives", async || {
        (!stored(&muster).is_empty()).then_some(())
    })
    .await;
    muster.stop_postgres().await;
    let answer = half.finish().await;
    assert!(
        answer.starts_with("HTTP/1.1 503") && answer.contains("application/problem+json"),
        "{answer}"
    );
    assert!(
        answer.to_lowercase().contains("retry-after: ")
            && answer.contains("The database does not answer"),
        "{answer}"
    );
    assert_eq!(stored(&muster), Vec::<String>::new());
    muster.start_postgres().await;
    assert_eq!(muster.list("/imports", "imports").await.len(), 0);
    muster.applied("create-segments", SEGMENTS).await;
}

#[tokio::test]
async fn postgres_that_has_no_connection_left() {
    let muster = Muster::with().workers(0).own_postgres().start().await;
    muster.upload("create-segments", SEGMENTS).await;
    let mut taken = vec![muster.sql().acquire().await.expect("a connection").detach()];
    let url = muster.database_url();
    // Whatever the api holds is ended, and all that is free then is taken.
    let full = async || {
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'muster-api'";
        let ended = sqlx::query(end)
            .fetch_all(&mut taken[0])
            .await
            .expect("a connection")
            .len();
        loop {
            match PgConnection::connect(&url).await {
                Ok(connection) => taken.push(connection),
                Err(error) => {
                    assert_eq!(
                        error
                            .as_database_error()
                            .and_then(DatabaseError::code)
                            .as_deref(),
                        Some("53300"),
                        "{error}"
                    );
                    break;
                }
            }
        }
        (ended == 0).then_some(())
    };
    eventually("no connection is left", full).await;
    let answer = muster.send(Order::new("create-segments", SEGMENTS)).await;
    assert_put_off(&answer, 503, "unavailable");
    assert_put_off(&muster.get("/imports").await, 503, "unavailable");
    assert_eq!(ready(&muster).await.expect(503).json()["database"], "away");
    drop(taken);
    eventually("the api is ready", async || {
        (ready(&muster).await.status == 200).then_some(())
    })
    .await;
    assert_eq!(muster.list("/imports", "imports").await.len(), 1);
}
