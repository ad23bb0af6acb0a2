//! Imports that work on the same people at the same time, and one that is cancelled in the middle.

use crate::counts::counts;
use muster_tests::{
    harness::{Muster, Order},
    make::{self, Person},
};
use serde_json::{Value, json};

fn id(import: &Value) -> &str {
    import["id"].as_str().expect("an id")
}

async fn count(muster: &Muster, statement: &'static str) -> i64 {
    sqlx::query_scalar(statement)
        .fetch_one(muster.sql())
        .await
        .expect("a count")
}

fn file(header: &str, people: &[Person], line: impl Fn(&Person) -> String) -> String {
    let lines: Vec<_> = people.iter().map(|person| line(person) + "\n").collect();
    format!("{header}\n{}", lines.concat())
}

#[tokio::test]
async fn one_that_changes_people_and_one_that_adds_them_to_segments() {
    let muster = Muster::with().workers(2).start().await;
    let people = make::people(9, 6_000);
    muster
        .applied("create-users", make::people_file(&people).bytes)
        .await;
    muster
        .applied("create-segments", "idnumber,name\nsales,Sales\nhr,People\n")
        .await;
    let cities = file("username,city", &people, |person| {
        format!("{},Elsewhere", person.username)
    });
    let joins = file("username,cohort1,cohort2", &people, |person| {
        format!("{},sales,hr", person.username)
    });
    let first = muster.ready("create-or-update-users", cities).await;
    let second = muster.ready("add-to-segments", joins.clone()).await;
    let third = muster.ready("add-to-segments", joins).await;
    for import in [&first, &second, &third] {
        muster.apply(id(import)).await;
    }
    let first = muster.wait_for(id(&first), "applied").await;
    assert_eq!(counts(&first["outcomes"]), "updated 6000");
    let (second, third) = (
        muster.wait_for(id(&second), "applied").await,
        muster.wait_for(id(&third), "applied").await,
    );
    let joined = |import: &Value| {
        import["effects"]["segments_joined"]
            .as_i64()
            .expect("a count")
    };
    assert_eq!(
        joined(&second) + joined(&third),
        12_000,
        "each membership is counted by the one that made it"
    );
    for import in [&second, &third] {
        // Who was changed by the first and joined by the other meanwhile is not as this one's plan
        // found them.
        let outcome = |name: &str| import["outcomes"][name].as_i64().expect("a count");
        assert_eq!(
            (outcome("updated") + outcome("held"), outcome("failed")),
            (6_000, 0),
            "{}",
            counts(&import["outcomes"])
        );
    }
    assert_eq!(
        count(&muster, "SELECT count(*) FROM lms.segment_members").await,
        12_000
    );
    assert_eq!(
        count(
            &muster,
            "SELECT count(*) FROM lms.users WHERE city = 'Elsewhere' AND version = 2"
        )
        .await,
        6_000
    );
}

#[tokio::test]
async fn two_that_create_the_same_people_in_opposite_order() {
    let muster = Muster::with().workers(2).start().await;
    let mut people = make::people(9, 6_000);
    let first = muster
        .ready("create-users", make::people_file(&people).bytes)
        .await;
    people.reverse();
    let second = muster
        .ready("create-users", make::people_file(&people).bytes)
        .await;
    muster.apply(id(&first)).await;
    muster.apply(id(&second)).await;
    let mut created = 0;
    for import in [&first, &second] {
        let import = muster.wait_for(id(import), "applied").await;
        let outcome = |name: &str| import["outcomes"][name].as_i64().expect("a count");
        assert_eq!(
            outcome("created") + outcome("held"),
            6_000,
            "{}",
            counts(&import["outcomes"])
        );
        assert_eq!(
            import["effects"]["users_created"],
            import["outcomes"]["created"]
        );
        created += outcome("created");
    }
    assert_eq!(created, 6_000);
    assert_eq!(
        count(&muster, "SELECT count(*) FROM lms.users").await,
        6_000
    );
}

#[tokio::test]
async fn cancelled_while_it_is_applied() {
    let muster = Muster::start().await;
    let people = make::people(9, 25_000);
    let import = muster
        .ready("create-users", make::people_file(&people).bytes)
        .await;
    let id = id(&import);
    muster.apply(id).await;
    let answer = muster.post(&format!("/imports/{id}/cancel"), None).await;
    assert!(
        answer.status == 202 || answer.json()["import_status"] == "applied",
        "{}",
        answer.text()
    );
    let import = muster.wait_rest(id).await;
    let status = import["status"].as_str().expect("a status");
    assert!(["cancelled", "applied"].contains(&status), "{import:#}");
    let created = count(&muster, "SELECT count(*) FROM lms.users").await;
    assert_eq!(
        import["outcomes"]["created"].as_i64().unwrap_or(0),
        created,
        "what is counted is what is there"
    );
    assert_eq!(
        import["effects"]["users_created"].as_i64().unwrap_or(0),
        created
    );
    let untried =
        count(&muster, "SELECT coalesce(sum(lines), 0)::bigint FROM muster.import_batches WHERE stage = 'apply' AND state <> 'done'").await;
    assert_eq!(
        created + untried,
        25_000,
        "batches are done whole or not at all"
    );
    assert_eq!(
        count(
            &muster,
            "SELECT count(*) FROM muster.import_batches WHERE state = 'claimed'"
        )
        .await,
        0
    );
    if status == "cancelled" {
        let tried = muster
            .get(&format!("/imports/{id}/rows?outcome=none&limit=1"))
            .await
            .expect(200)
            .json();
        assert_eq!(
            tried["rows"].as_array().map(Vec::len),
            Some(usize::from(untried > 0))
        );
    }
    // Somebody carries on with the same file: who is there is skipped.
    let again = muster
        .applied("create-users", make::people_file(&people).bytes)
        .await;
    assert_eq!(
        (&again["outcomes"]["created"], &again["outcomes"]["skipped"]),
        (&json!(untried), &json!(created))
    );
}

#[tokio::test]
async fn many_small_ones_at_once() {
    let muster = Muster::with().workers(2).start().await;
    let mut ids = Vec::new();
    for n in 0..20 {
        let order = Order::new(
            "create-segments",
            format!("idnumber,name\nown-{n},Own {n}\nshared,Shared\n"),
        );
        ids.push(muster.order(order).await);
    }
    for id in &ids {
        muster.wait_for(id, "ready").await;
    }
    for id in &ids {
        muster.apply(id).await;
    }
    muster.quiet().await;
    let mut outcomes = Vec::new();
    for id in &ids {
        outcomes.push(counts(&muster.wait_for(id, "applied").await["outcomes"]));
    }
    outcomes.sort();
    assert_eq!(
        outcomes
            .iter()
            .filter(|outcome| *outcome == "created 2")
            .count(),
        1,
        "one of them made the shared one: {outcomes:?}"
    );
    assert_eq!(
        outcomes
            .iter()
            .filter(|outcome| *outcome == "created 1, held 1")
            .count(),
        19,
        "{outcomes:?}"
    );
    assert_eq!(
        count(&muster, "SELECT count(*) FROM lms.segments").await,
        21
    );
}
