//! Every pair of status and request: what moves the import, what is so already, what is refused.
//! The statuses are written by hand, since only the door is asked.

use muster_tests::harness::Muster;
use serde_json::{Value, json};

/// Requests, and for each status what comes of it: the new status, `same`, `new` for another
/// import, or nothing where it is refused.
const REQUESTS: [&str; 7] = [
    "apply", "preview", "pause", "resume", "retry", "cancel", "undo",
];
const ANSWERS: [(&str, [&str; 7]); 11] = [
    ("validating", ["", "", "", "", "same", "cancelling", ""]),
    ("rejected", ["", "validating", "", "", "", "cancelled", ""]),
    ("previewing", ["", "", "", "", "same", "cancelling", ""]),
    (
        "ready",
        ["applying", "previewing", "", "", "", "cancelled", ""],
    ),
    (
        "applying",
        ["same", "", "pausing", "same", "same", "cancelling", ""],
    ),
    ("pausing", ["", "", "same", "", "", "cancelling", ""]),
    ("paused", ["", "", "same", "applying", "", "cancelled", ""]),
    ("applied", ["same", "", "", "", "", "", "new"]),
    ("cancelling", ["", "", "", "", "", "same", ""]),
    ("cancelled", ["", "", "", "", "", "same", "new"]),
    ("failed", ["", "", "", "", "applying", "cancelled", ""]),
];

/// An import in that status, which it has reached by no lawful way.
async fn import_in(muster: &Muster, status: &str) -> String {
    let id = muster
        .upload("create-segments", "idnumber,name\na,A\n")
        .await;
    sqlx::query(
        "UPDATE muster.imports
            SET status = $2, stage_failed = CASE WHEN $2 = 'failed' THEN 'apply' END, rejected = CASE WHEN $2 = 'rejected' THEN '[]'::jsonb END,
                applied_at = CASE WHEN $2 IN ('applying', 'pausing', 'paused', 'applied', 'cancelling', 'cancelled', 'failed') THEN now() END,
                ready_at = CASE WHEN $2 NOT IN ('validating', 'rejected', 'previewing') THEN now() END,
                rested_at = CASE WHEN $2 NOT IN ('validating', 'previewing', 'applying', 'pausing', 'cancelling') THEN now() END
          WHERE id = $1::uuid",
    )
    .bind(&id)
    .bind(status)
    .execute(muster.sql())
    .await
    .expect("a status");
    id
}

async fn ask(muster: &Muster, status: &str, request: &str, expected: &str) {
    let id = import_in(muster, status).await;
    let what = format!("{request} when {status}");
    let offered: Vec<Value> = muster.import(&id).await["can"]
        .as_array()
        .expect("what can be asked")
        .clone();
    let is_offered = offered.contains(&json!(request));
    let answer = muster.post(&format!("/imports/{id}/{request}"), None).await;
    let now = muster.import(&id).await["status"].clone();
    match expected {
        "" => {
            let problem = answer.expect(409).json();
            assert_eq!(
                (&problem["code"], &problem["import_status"]),
                (&json!("wrong-status"), &json!(status)),
                "{what}"
            );
            assert_eq!(problem["can"], json!(offered), "{what}");
            assert_eq!((now, is_offered), (json!(status), false), "{what}");
        }
        "same" => {
            assert_eq!(answer.expect(202).json()["status"], status, "{what}");
            assert_eq!((now, is_offered), (json!(status), false), "{what}");
        }
        "new" => {
            let made = answer.expect(202).json();
            assert_eq!(
                (&made["undoes"], &made["status"]),
                (&json!(id), &json!("previewing")),
                "{what}"
            );
            assert_eq!((now, is_offered), (json!(status), true), "{what}");
        }
        moved => {
            assert_eq!(answer.expect(202).json()["status"], moved, "{what}");
            assert_eq!((now, is_offered), (json!(moved), true), "{what}");
        }
    }
}

#[tokio::test]
async fn every_request_in_every_status() {
    let muster = Muster::with().workers(0).start().await;
    for (status, answers) in ANSWERS {
        for (request, expected) in REQUESTS.iter().zip(answers) {
            ask(&muster, status, request, expected).await;
        }
    }
}
