//! Files that are rejected as a whole: nothing is staged, nothing can be applied, and all reasons are told at once.

use crate::counts::reasons;
use muster_tests::harness::{Muster, Order};
use serde_json::json;

async fn rejected(muster: &Muster, recipe: &str, file: impl Into<Vec<u8>>) -> Vec<String> {
    let id = muster.upload(recipe, file).await;
    let import = muster.wait_for(&id, "rejected").await;
    let _ = muster.post(&format!("/imports/{id}/apply"), None).await.expect(409);
    let staged: i64 =
        sqlx::query_scalar("SELECT count(*) FROM muster.import_rows r JOIN muster.imports i ON i.no = r.import_no WHERE i.id::text = $1")
            .bind(&id)
            .fetch_one(muster.sql())
            .await
            .expect("a count");
    assert_eq!(staged, 0, "rejected means that nothing is staged");
    assert!(
        import["rejected"].as_array().is_some_and(|all| all.iter().all(|one| one["message"].as_str().is_some_and(|text| !text.is_empty())))
    );
    reasons(&import)
}

#[tokio::test]
async fn unknown_header_with_a_suggestion() {
    let muster = Muster::start().await;
    let file = "username,firstname,lastname,emial,cohrt1\nanna,Anna,Ash,anna@example.com,sales\n";
    let expected = ["1 unknown-column emial → email", "1 unknown-column cohrt1 → cohort1", "1 missing-column email"];
    assert_eq!(rejected(&muster, "create-users", file).await, expected);
}

#[tokio::test]
async fn repeated_header() {
    let muster = Muster::start().await;
    let file = "username,Cohort1,segment1,USERNAME\nanna,sales,hr,anna\n";
    let expected = ["1 repeated-column segment1", "1 repeated-column USERNAME"];
    assert_eq!(rejected(&muster, "add-to-segments", file).await, expected);
}

#[tokio::test]
async fn every_fault_of_a_header_at_once() {
    let muster = Muster::start().await;
    let file = "username,,role1,course2,username,sufix,password\nanna,,teacher,c1,anna,x,y\n";
    let expected = [
        "1 unknown-column",
        "1 repeated-column username",
        "1 unknown-column sufix",
        "1 column-not-allowed password",
        "1 missing-column role1",
    ];
    let mut found = rejected(&muster, "enrol-in-courses", file).await;
    let mut expected = expected.map(str::to_owned).to_vec();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn columns_whose_wish_would_silently_not_happen() {
    let muster = Muster::start().await;
    for heading in ["password", "deleted", "suspended", "auth", "oldusername", "sysrole1"] {
        let file = format!("username,cohort1,{heading}\nanna,sales,1\n");
        assert_eq!(rejected(&muster, "add-to-segments", file).await, [format!("1 column-not-allowed {heading}")]);
    }
}

#[tokio::test]
async fn empty_file() {
    let muster = Muster::start().await;
    for file in ["", "\n\r\n\n", "\u{feff}"] {
        assert_eq!(rejected(&muster, "create-users", file).await, ["null empty-file"], "{file:?}");
    }
}

#[tokio::test]
async fn header_only() {
    let muster = Muster::start().await;
    for file in ["username,firstname,lastname,email", "\nusername,firstname,lastname,email\r\n\r\n"] {
        let reasons = rejected(&muster, "create-users", file).await;
        assert!(reasons.len() == 1 && reasons[0].ends_with("header-only"), "{file:?}: {reasons:?}");
    }
}

#[tokio::test]
async fn a_rejected_file_is_read_again_with_a_mapping() {
    let muster = Muster::start().await;
    let id = muster.upload("create-segments", "Navn,idnumber,Notes\nSales,sales,x\n").await;
    assert_eq!(muster.wait_for(&id, "rejected").await["can"], json!(["preview", "cancel"]));
    muster.preview(&id, &json!({"mapping": {"navn": "name", "Notes": "ignore"}})).await;
    let import = muster.wait_for(&id, "ready").await;
    assert_eq!((&import["rejected"], &import["actions"]["create"]), (&json!(null), &json!(1)));
    assert_eq!(import["mapping"], json!({"navn": "name", "Notes": "ignore"}));
}

#[tokio::test]
async fn a_rejected_file_is_read_again_with_another_delimiter() {
    let muster = Muster::start().await;
    let order = Order::new("create-segments", "name;idnumber\nSales;sales\n").settings(&json!({"delimiter": "|"}));
    let id = muster.order(order).await;
    muster.wait_for(&id, "rejected").await;
    muster.preview(&id, &json!({"settings": {"delimiter": null}})).await;
    let import = muster.wait_for(&id, "ready").await;
    assert_eq!((&import["file"]["delimiter"]["value"], &import["actions"]["create"]), (&json!(";"), &json!(1)));
}
