//! All that is wrong with the shape of a line is told at once.

use crate::journeys::id;
use muster_tests::harness::Muster;
use serde_json::{Value, json};

/// The issues of a line, by code.
fn issues(row: &Value) -> Vec<(String, Value)> {
    let issues = row["issues"].as_array().expect("issues").iter();
    let mut told: Vec<_> = issues
        .map(|issue| {
            (
                issue["code"].as_str().expect("a code").to_owned(),
                issue["column"].clone(),
            )
        })
        .collect();
    told.sort_by(|one, other| one.0.cmp(&other.0));
    told
}

#[tokio::test]
async fn bad_bytes_behind_the_last_heading() {
    let muster = Muster::start().await;
    let mut file = "username,firstname,lastname,email\nzoe,Zoë,Müller,zoe@example.com\n"
        .as_bytes()
        .to_vec();
    file.extend_from_slice(b"bo,Bo,Birch,bo@example.com,B\xE4d\n");
    file.extend_from_slice(b"cy,C\xE4,Cedar,cy@example.com,more\n");
    file.extend_from_slice(b"di,D\xE4\n");
    let import = muster.ready("create-users", file).await;
    let rows = muster.rows(id(&import), "?action=reject").await;
    let both = |column: Value| {
        vec![
            ("bad-bytes".to_owned(), column),
            ("width".to_owned(), json!(null)),
        ]
    };
    assert_eq!(
        rows.iter().map(issues).collect::<Vec<_>>(),
        [
            both(json!(null)),
            both(json!("firstname")),
            both(json!("firstname"))
        ]
    );
    assert_eq!(
        (&import["issues"]["error"], &import["actions"]["create"]),
        (&json!(6), &json!(1))
    );
}
