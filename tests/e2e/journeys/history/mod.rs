//! Who changed this person: by every name that they have or had.

mod names;

use super::{custom, id, with_a_small_lms};
use crate::counts::lines;
use muster_shared::model::access::Role;
use muster_tests::harness::{Muster, Site, eventually};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

const ADA: &str = "username,firstname,lastname,email\nada,Ada,Ash,ada@example.com\n";

async fn history(site: &Site, username: &str) -> Vec<Value> {
    site.list(&format!("/users/{username}/history"), "history")
        .await
}

/// An entry in a line: `2 updated city Oslo → Bergen; segment sales join`.
fn told(entry: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("nothing").to_owned();
    let each = |name: &str| {
        entry[name]
            .as_array()
            .unwrap_or_else(|| panic!("{name} of an entry: {entry}"))
            .iter()
    };
    let changes = each("changes").map(|change| {
        format!(
            "{} {} → {}",
            text(&change["field"]),
            text(&change["before"]),
            text(&change["after"])
        )
    });
    let memberships = each("memberships").map(|of| {
        let role = of["role"]
            .as_str()
            .map(|role| format!(" {role}"))
            .unwrap_or_default();
        format!(
            "{} {}{role} {}",
            text(&of["what"]),
            text(&of["key"]),
            text(&of["does"])
        )
    });
    let line = entry["line"]
        .as_i64()
        .map_or_else(|| "by hand".to_owned(), |line| line.to_string());
    let what = changes.chain(memberships).collect::<Vec<_>>().join("; ");
    format!("{line} {} {what}", text(&entry["outcome"]))
        .trim_end()
        .to_owned()
}

async fn tale(site: &Site, username: &str) -> Vec<String> {
    history(site, username).await.iter().map(told).collect()
}

/// What anybody but Muster does to the LMS.
async fn by_hand(muster: &Muster, statement: &str) {
    let done = sqlx::query(AssertSqlSafe(statement.to_owned()))
        .execute(muster.sql())
        .await;
    assert!(
        done.unwrap_or_else(|error| panic!("{statement}: {error}"))
            .rows_affected()
            > 0,
        "{statement}"
    );
}

async fn number(muster: &Muster, statement: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(statement.to_owned()))
        .fetch_one(muster.sql())
        .await
        .unwrap_or_else(|error| panic!("{statement}: {error}"))
}

async fn override_city(muster: &Muster, username: &str, city: &str) -> Value {
    let settings = json!({"mode": "update-only", "existing_details": "override"});
    muster
        .applied_order(custom(
            &format!("username,city\n{username},{city}\n"),
            &settings,
        ))
        .await
}

#[tokio::test]
async fn all_that_imports_did_is_told_newest_first() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let file = "username,firstname,lastname,email,city,cohort1,course1,role1\nbert,B,B,b@example.com,,,,\nada,Ada,Ash,Ada@example.com,Oslo,sales,c1,\n";
    let created = muster.applied("create-users", file).await;
    let changed = override_city(&muster, "ada", "Bergen").await;
    override_city(&muster, "ada", "Bergen").await;
    let enrolled = muster
        .applied(
            "enrol-in-courses",
            "username,course1,role1\nanna,c1,\nada,c1,teacher\nADA,c2,\n",
        )
        .await;
    let entries = history(&muster, "ada").await;
    let expected = [
        "4 updated enrolment c2 join; course_role c2 student add",
        "3 updated enrolment c1 already; course_role c1 teacher add",
        "2 updated city Oslo → Bergen",
        "3 created username nothing → ada; firstname nothing → Ada; lastname nothing → Ash; email nothing → Ada@example.com; \
         city nothing → Oslo; segment sales join; enrolment c1 join; course_role c1 student add",
    ];
    assert_eq!(entries.iter().map(told).collect::<Vec<_>>(), expected);
    let imports: Vec<_> = entries
        .iter()
        .map(|entry| entry["import"].clone())
        .collect();
    assert_eq!(
        imports,
        [&enrolled, &enrolled, &changed, &created].map(|import| import["id"].clone())
    );
    let person = muster.get("/users/ada").await.expect(200).json()["id"].clone();
    for entry in &entries {
        assert_eq!(
            (&entry["user_id"], &entry["by"]),
            (&person, &json!("admin@acme.example")),
            "{entry}"
        );
    }
    let is_when = "SELECT b.done_at = $2::timestamptz FROM muster.import_batches b JOIN muster.imports i ON i.no = b.import_no
                    WHERE i.id = $1::uuid AND b.stage = 'apply'";
    let at = entries[2]["at"].as_str();
    assert!(
        sqlx::query_scalar::<_, bool>(is_when)
            .bind(id(&changed))
            .bind(at)
            .fetch_one(muster.sql())
            .await
            .expect("a batch"),
        "it was done when its batch was: {}",
        entries[2]["at"]
    );
    let row = muster.rows(id(&changed), "").await.remove(0);
    assert_eq!(
        (&entries[2]["changes"], &entries[2]["memberships"]),
        (&row["changes"], &row["memberships"]),
        "they look like those of rows"
    );
}

#[tokio::test]
async fn what_was_done_last_is_newest_whenever_it_was_uploaded() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let first = muster
        .ready("add-to-segments", "username,cohort1\nanna,sales\n")
        .await;
    muster
        .applied("add-to-segments", "username,cohort1\nanna,hr\n")
        .await;
    assert_eq!(
        tale(&muster, "anna").await[0],
        "2 updated segment hr join",
        "what is only planned is not told"
    );
    muster.apply(id(&first)).await;
    muster.wait_for(id(&first), "applied").await;
    assert_eq!(
        tale(&muster, "anna").await[..2],
        ["2 updated segment sales join", "2 updated segment hr join"]
    );
}

#[tokio::test]
async fn somebody_made_by_hand() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    by_hand(
        &muster,
        "INSERT INTO lms.users (site_id, username, firstname, lastname) SELECT id, 'hand', 'H', 'H' FROM muster.sites WHERE slug = 'acme'",
    )
    .await;
    let entries = history(&muster, "hand").await;
    let at = entries[0]["at"].clone();
    let person = muster.get("/users/hand").await.expect(200).json()["id"].clone();
    let by_hand = json!({"user_id": person, "import": null, "line": null, "outcome": "created", "changes": [], "memberships": [], "by": null, "at": at});
    assert_eq!(entries, [by_hand]);
    muster
        .applied("add-to-segments", "username,cohort1\nhand,sales\n")
        .await;
    assert_eq!(
        tale(&muster, "hand").await,
        ["2 updated segment sales join", "by hand created"]
    );
}

#[tokio::test]
async fn what_was_held_or_failed_is_not_told() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let settings = json!({"mode": "update-only", "existing_details": "override"});
    let import = muster
        .ready_order(custom(
            "username,city\nanna,Oslo\nbo,Oslo\ncy,Oslo\n",
            &settings,
        ))
        .await;
    by_hand(
        &muster,
        "UPDATE lms.users SET city = 'Bergen' WHERE username = 'anna'",
    )
    .await;
    by_hand(
        &muster,
        "UPDATE lms.users SET department = 'refused' WHERE username = 'bo'",
    )
    .await;
    let refuse = "ALTER TABLE lms.users ADD CONSTRAINT refused CHECK (NOT (department = 'refused' AND city = 'Oslo'))";
    sqlx::query(refuse)
        .execute(muster.sql())
        .await
        .expect("a constraint");
    muster.apply(id(&import)).await;
    let import = muster.wait_for(id(&import), "applied").await;
    let outcomes = lines(&muster.rows(id(&import), "").await, "outcome");
    assert_eq!(
        outcomes,
        ["2 held target-changed", "3 failed not-applied", "4 updated"]
    );
    for (username, expected) in [("anna", 1), ("bo", 1), ("cy", 2)] {
        assert_eq!(tale(&muster, username).await.len(), expected, "{username}");
    }
}

#[tokio::test]
async fn of_an_import_that_was_cancelled_what_it_did_is_told() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let import = muster
        .ready(
            "add-to-segments",
            "username,cohort1\nanna,sales\nbo,sales\n",
        )
        .await;
    let two = "SELECT username FROM lms.users WHERE username IN ('anna', 'bo') ORDER BY id";
    let two: Vec<String> = sqlx::query_scalar(two)
        .fetch_all(muster.sql())
        .await
        .expect("two people");
    // Its one batch is cut between the two; the second half is locked by somebody, so that no lane
    // takes it.
    by_hand(
        &muster,
        "WITH whole AS (SELECT b.* FROM muster.import_batches b WHERE import_no = 4 AND stage = 'apply'),
              middle AS (SELECT max(id) AS id FROM lms.users WHERE username IN ('anna', 'bo')),
              cut AS (UPDATE muster.import_batches b SET high = middle.id FROM middle WHERE import_no = 4 AND stage = 'apply')
         INSERT INTO muster.import_batches (import_no, stage, number, low, high, lines)
         SELECT import_no, stage, 2, middle.id, high, 1 FROM whole, middle",
    )
    .await;
    let mut lock = muster.sql().begin().await.expect("a connection");
    sqlx::query("SELECT FROM muster.import_batches WHERE import_no = 4 AND stage = 'apply' AND number = 2 FOR UPDATE")
        .execute(&mut *lock)
        .await
        .expect("a lock");
    muster.apply(id(&import)).await;
    let one_is_done =
        async || (muster.import(id(&import)).await["outcomes"]["updated"] == 1).then_some(());
    eventually("one batch is done", one_is_done).await;
    let expected = "updated segment sales join";
    assert!(
        tale(&muster, &two[0]).await[0].ends_with(expected),
        "it is told while the import is still at work"
    );
    muster.cancel(id(&import)).await;
    muster.wait_for(id(&import), "cancelled").await;
    lock.rollback().await.expect("a connection");
    let (first, second) = (tale(&muster, &two[0]).await, tale(&muster, &two[1]).await);
    assert!(
        first.len() == 2 && first[0].ends_with(expected),
        "{first:?}"
    );
    assert_eq!(second.len(), 1, "{second:?}");
}

#[tokio::test]
async fn what_an_undo_takes_back_and_gives_back_is_told_too() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let file = "username,firstname,lastname,email,cohort1,course1\nada,Ada,Ash,ada@example.com,sales,c1\nada,,,,hr,\n";
    let created = muster.applied("create-or-update-users", file).await;
    let id_of_ada = history(&muster, "ada").await[0]["user_id"].clone();
    let undo = muster.undone(id(&created)).await;
    let did = [
        "3 updated segment hr join",
        "2 created username nothing → ada; firstname nothing → Ada; lastname nothing → Ash; email nothing → ada@example.com; \
         segment sales join; enrolment c1 join; course_role c1 student add",
    ];
    let took_back = [
        "2 deleted username ada → nothing; firstname Ada → nothing; lastname Ash → nothing; email ada@example.com → nothing; \
         segment sales leave; enrolment c1 remove; course_role c1 student remove",
        "3 updated segment hr leave",
    ];
    let _ = muster.get("/users/ada").await.expect(404);
    let entries = history(&muster, "ada").await;
    assert_eq!(
        entries.iter().map(told).collect::<Vec<_>>(),
        [took_back, did].concat()
    );
    assert!(
        entries.iter().all(|entry| entry["user_id"] == id_of_ada),
        "{entries:#?}"
    );
    assert_eq!(
        (&entries[0]["import"], &entries[2]["import"]),
        (&undo["id"], &created["id"])
    );
    assert_eq!(
        muster.list("/users/ada/history?limit=1", "history").await,
        entries,
        "in pages of one"
    );
    muster.undone(id(&undo)).await;
    assert_eq!(tale(&muster, "ada").await, [did, took_back, did].concat());
}

#[tokio::test]
async fn an_import_that_is_pruned_is_told_no_more() {
    let muster = Muster::start().await;
    muster.applied("create-users", ADA).await;
    let import = override_city(&muster, "ada", "Oslo").await;
    assert_eq!(tale(&muster, "ada").await.len(), 2);
    by_hand(
        &muster,
        &format!(
            "UPDATE muster.imports SET pruned_at = now() WHERE id = '{}'",
            id(&import)
        ),
    )
    .await;
    assert_eq!(tale(&muster, "ada").await.len(), 1);
}

#[tokio::test]
async fn each_site_tells_of_its_own_people_to_its_own_accounts() {
    let muster = Muster::start().await;
    let other = muster.site("other").await;
    muster.applied("create-users", ADA).await;
    other
        .applied("create-users", ADA.replace(",Ash", ",Oak"))
        .await;
    other
        .applied("create-users", ADA.replace("ada", "only-other"))
        .await;
    let of = |site: &Site, surname: &str| {
        let surname = format!("lastname nothing → {surname}");
        let site = site.clone();
        async move {
            let found = tale(&site, "ada").await;
            assert!(found.len() == 1 && found[0].contains(&surname), "{found:?}");
        }
    };
    of(&muster, "Ash").await;
    of(&other, "Oak").await;
    let _ = muster.get("/users/only-other/history").await.expect(404);
    by_hand(&muster, "DELETE FROM lms.users").await;
    of(&muster, "Ash").await;
    of(&muster.seen_by(Role::Viewer), "Ash").await;
    let _ = muster.get("/users/only-other/history").await.expect(404);
    let intruder = muster
        .client()
        .get("/api/v1/sites/other/users/ada/history")
        .await
        .expect("the api is up");
    assert_eq!(
        intruder.status, 404,
        "for somebody without a role in it, the site does not exist"
    );
}
