//! One site's readers hold all that they may, and wait: nobody else notices, and they are answered
//! or told when to come again.

use super::assert_put_off;
use muster_tests::{
    client::Answer,
    harness::{Muster, Order, Site, eventually},
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio::task::JoinSet;

/// Connections that the reads of one site may hold at a time.
const OF_ONE_SITE: i64 = 5;

const PEOPLE: &str =
    "username,firstname,lastname,email\nanna,Anna,Ash,anna@example.com\nbo,Bo,Birch,nonsense\n";
const SEGMENTS: &str = "idnumber,name\nsales,Sales\n";

/// How many of the api's statements wait for a lock.
async fn waiting(muster: &Muster) -> i64 {
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'muster-api' AND datname = current_database() AND wait_event_type = 'Lock'";
    sqlx::query_scalar(waiting)
        .fetch_one(muster.sql())
        .await
        .expect("the database is up")
}

/// Reads again and again until it is enough; all that was answered.
async fn read(site: Site, rest: String, is_enough: Arc<AtomicBool>) -> Vec<Answer> {
    let mut answers = Vec::new();
    while !is_enough.load(Ordering::Relaxed) {
        answers.push(site.get(&rest).await);
    }
    answers
}

#[tokio::test]
async fn one_sites_reads_keep_nobody_else_from_anything() {
    let muster = Muster::start().await;
    let other = muster.site("other").await;
    other.applied("create-segments", SEGMENTS).await;
    let import = muster.ready("create-users", PEOPLE).await["id"]
        .as_str()
        .expect("an id")
        .to_owned();

    let mut lock = muster.sql().begin().await.expect("the database is up");
    sqlx::query("LOCK TABLE muster.import_issues IN ACCESS EXCLUSIVE MODE")
        .execute(&mut *lock)
        .await
        .expect("a lock");
    let (mut reading, is_enough) = (JoinSet::new(), Arc::new(AtomicBool::new(false)));
    for query in ["", "?severity=error", "?code=bad-email&action=create"]
        .iter()
        .cycle()
        .take(60)
    {
        reading.spawn(read(
            muster.clone(),
            format!("/imports/{import}/rows{query}"),
            is_enough.clone(),
        ));
    }
    eventually("the site has all that it may have", async || {
        (waiting(&muster).await == OF_ONE_SITE).then_some(())
    })
    .await;

    for _ in 0..10 {
        let _ = muster
            .client()
            .get("/readyz")
            .await
            .expect("the api is up")
            .expect(200);
        for site in [&other, &*muster] {
            let _ = site.get("").await.expect(200);
            let upload = site
                .send(Order::new("create-segments", SEGMENTS))
                .await
                .expect(202)
                .json();
            let _ = site
                .get(&format!(
                    "/imports/{}",
                    upload["id"].as_str().expect("an id")
                ))
                .await
                .expect(200);
        }
        let _ = other.get("/segments").await.expect(200);
        assert!(waiting(&muster).await <= OF_ONE_SITE);
    }

    lock.rollback().await.expect("the database is up");
    is_enough.store(true, Ordering::Relaxed);
    for answer in reading
        .join_all()
        .await
        .into_iter()
        .flatten()
        .filter(|answer| answer.status != 200)
    {
        assert_put_off(&answer, 503, "unavailable");
    }
    assert_eq!(muster.rows(&import, "").await.len(), 2);
}
