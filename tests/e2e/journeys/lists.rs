//! What can be looked at: people, segments, courses and imports, page by page.

use super::{id, with_a_small_lms};
use muster_tests::harness::Muster;
use serde_json::{Value, json};

fn texts(list: &[Value], member: &str) -> Vec<String> {
    list.iter()
        .map(|one| one[member].as_str().expect("a text").to_owned())
        .collect()
}

#[tokio::test]
async fn people_are_found_by_the_beginning_of_their_name_or_address() {
    let muster = Muster::start().await;
    let rows: Vec<_> = (0..120)
        .map(|n| format!("ann{n:03},Ann,Number {n},n{n}@ann.example\n"))
        .collect();
    let file = format!(
        "username,firstname,lastname,email\n{}bo,Bo,Birch,annex@example.com\ncy,Cy,Cedar,cy@example.com\n",
        rows.concat()
    );
    muster.applied("create-users", file).await;
    let all = texts(&muster.list("/users?limit=50", "users").await, "username");
    assert_eq!(
        (
            all.len(),
            all.first().map(String::as_str),
            all.last().map(String::as_str)
        ),
        (122, Some("ann000"), Some("cy"))
    );
    let found = texts(
        &muster.list("/users?q=ANN&limit=7", "users").await,
        "username",
    );
    assert_eq!(
        (found.len(), found.last().map(String::as_str)),
        (121, Some("bo")),
        "filters survive paging; bo by the address"
    );
    assert_eq!(
        texts(&muster.list("/users?q=ann11", "users").await, "username").len(),
        10
    );
    assert_eq!(
        muster.list("/users?q=%25", "users").await.len(),
        0,
        "a percent sign is a percent sign"
    );
    for query in ["?limit=0", "?limit=201", "?cursor=x", "?quer=x"] {
        assert_eq!(
            muster.get(&format!("/users{query}")).await.status,
            400,
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_person_with_everything_they_belong_to() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    muster
        .applied(
            "add-to-segments",
            "username,cohort1,cohort2\nanna,sales,hr\nbo,sales,\n",
        )
        .await;
    muster
        .applied(
            "enrol-in-courses",
            "username,course1,role1\nanna,c1,teacher\nanna,c1,student\nbo,c2,\n",
        )
        .await;
    let anna = muster.get("/users/anna").await.expect(200).json();
    assert_eq!(
        (&anna["email"], &anna["auth"], &anna["deleted"]),
        (&json!("anna@example.com"), &json!("manual"), &json!(false))
    );
    let sorted = |list: &Value| {
        let mut words: Vec<_> = list
            .as_array()
            .expect("a list")
            .iter()
            .map(|word| word.as_str().expect("a text").to_owned())
            .collect();
        words.sort();
        words
    };
    assert_eq!(sorted(&anna["segments"]), ["hr", "sales"]);
    assert_eq!(anna["enrolments"][0]["course"], "c1");
    assert_eq!(
        sorted(&anna["enrolments"][0]["roles"]),
        ["student", "teacher"]
    );
    let members = |list: Vec<Value>, key: &'static str| -> Vec<String> {
        list.iter()
            .map(|one| format!("{} {}", one[key], one["members"]))
            .collect()
    };
    assert_eq!(
        members(muster.list("/segments", "segments").await, "idnumber"),
        ["\"hr\" 1", "\"sales\" 2"]
    );
    assert_eq!(
        members(muster.list("/courses", "courses").await, "shortname"),
        ["\"c1\" 1", "\"c2\" 1"]
    );
    assert_eq!(
        texts(
            &muster.list("/users?segment=sales", "users").await,
            "username"
        ),
        ["anna", "bo"]
    );
    assert_eq!(
        texts(&muster.list("/users?course=c2", "users").await, "username"),
        ["bo"]
    );
    assert_eq!(
        texts(
            &muster
                .list("/users?segment=sales&course=c1&q=an", "users")
                .await,
            "username"
        ),
        ["anna"]
    );
}

#[tokio::test]
async fn imports_newest_first() {
    let muster = Muster::start().await;
    let mut ids = Vec::new();
    for n in 0..5 {
        let import = muster
            .ready("create-segments", format!("idnumber,name\ns{n},S\n"))
            .await;
        ids.insert(0, id(&import).to_owned());
    }
    muster.cancel(&ids[0]).await;
    muster
        .applied("create-courses", "shortname,fullname\nc,C\n")
        .await;
    let all = texts(&muster.list("/imports?limit=2", "imports").await, "id");
    assert_eq!(all[1..], ids);
    assert_eq!(
        texts(
            &muster
                .list("/imports?status=ready&limit=3", "imports")
                .await,
            "id"
        ),
        ids[1..]
    );
    assert_eq!(
        muster
            .list("/imports?recipe=create-courses", "imports")
            .await
            .len(),
        1
    );
    assert_eq!(
        muster.get("/imports?status=redy").await.expect(400).json()["errors"][0]["suggestion"],
        "ready"
    );
}

#[tokio::test]
async fn a_page_of_very_long_lines_ends_early_however_well_they_compress() {
    let muster = Muster::start().await;
    let long = "x".repeat(200_000);
    let file = (1..=20).fold("idnumber,name\n".to_owned(), |text, n| {
        text + &format!("s{n},{long}\n")
    });
    let import = muster.ready("create-segments", file).await;
    let import = id(&import);
    let page = muster
        .get(&format!("/imports/{import}/rows?limit=200"))
        .await
        .expect(200)
        .json();
    assert_eq!(
        page["rows"].as_array().map(Vec::len),
        Some(6),
        "as many as fill a megabyte"
    );
    assert_eq!(muster.rows(import, "?limit=200").await.len(), 20);
}
