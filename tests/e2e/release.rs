//! A database that an older release left is brought up to this version: every import shows what it
//! showed, goes on, and is taken back.

use crate::{
    counts::reasons,
    journeys::{id, summary},
    undo::lms,
};
use muster_tests::harness::{Muster, Site};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/release_52a2049")
}

/// What the older release said.
fn expected() -> Value {
    let text = std::fs::read_to_string(fixture().join("expected.json")).expect("a fixture");
    serde_json::from_str(&text).expect("JSON")
}

/// It may stand for months before a test looks at it.
async fn put_expiry_off(muster: &Muster) {
    sqlx::query("UPDATE muster.imports SET expires_at = now() + interval '30 days'")
        .execute(muster.sql())
        .await
        .expect("a statement");
}

async fn restored() -> (Muster, Value) {
    let muster = Muster::with().workers(0).restored(&fixture()).start().await;
    put_expiry_off(&muster).await;
    muster.start_worker().await;
    (muster, expected())
}

/// The rows of an import. An undo no longer tells memberships that it neither takes nor gives.
fn rows(rows: &Value, is_undo: bool) -> Vec<Value> {
    let mut rows = rows.as_array().expect("rows").clone();
    for row in rows.iter_mut().filter(|_| is_undo) {
        row["memberships"]
            .as_array_mut()
            .expect("memberships")
            .retain(|membership| membership["does"] != "already");
    }
    rows
}

#[tokio::test]
async fn imports_show_what_they_showed() {
    let (muster, expected) = restored().await;
    for (name, was) in expected["imports"].as_object().expect("imports") {
        let import = muster.import(id(was)).await;
        for member in ["status", "actions", "outcomes"] {
            assert_eq!(import[member], was[member], "{member} of {name}");
        }
        if import["status"] == "rejected" {
            continue;
        }
        let is_undo = name.starts_with("undo");
        let shown = Value::from(muster.rows(id(was), "").await);
        assert_eq!(
            rows(&shown, is_undo),
            rows(&was["rows"], is_undo),
            "rows of {name}"
        );
        assert_eq!(
            muster.report(id(was)).await,
            was["report"].as_str().expect("a report"),
            "report of {name}"
        );
    }
    for (person, was) in expected["history"].as_object().expect("people") {
        let answer = muster.get(&format!("/users/{person}/history")).await;
        let entries = answer.json()["history"].clone();
        let undos = expected["imports"]
            .as_object()
            .expect("imports")
            .iter()
            .filter(|(name, _)| name.starts_with("undo"));
        let undos: Vec<&str> = undos.map(|(_, undo)| id(undo)).collect();
        let told = |entries: &Value| -> Vec<Value> {
            let is_undo = |entry: &Value| {
                entry["import"]
                    .as_str()
                    .is_some_and(|import| undos.contains(&import))
            };
            let entries = entries.as_array().into_iter().flatten();
            entries
                .flat_map(|entry| rows(&json!([entry]), is_undo(entry)))
                .collect()
        };
        assert_eq!(told(&entries), told(was), "history of {person}");
    }
    assert_eq!(
        muster.lms().await,
        expected["lms"].as_str().expect("the LMS")
    );
}

async fn ask(site: &Site, import: &str, what: &str, body: Option<Value>) -> Value {
    let _ = site
        .post(&format!("/imports/{import}/{what}"), body.as_ref())
        .await
        .expect(202);
    site.wait_rest(import).await
}

#[tokio::test]
async fn imports_go_on_and_are_taken_back() {
    let (muster, expected) = restored().await;
    let import = |name: &str| id(&expected["imports"][name]).to_owned();
    // Each goes on from where it rests.
    let mapping = json!({"mapping": {"who": "username", "what": "firstname"}});
    let rejected = ask(&muster, &import("rejected"), "preview", Some(mapping)).await;
    assert_eq!(
        reasons(&rejected),
        ["1 missing-column lastname", "1 missing-column email"],
        "it was read again, under other headings"
    );
    for name in ["undo_ready", "undo_of_undo_ready", "ready", "ready_courses"] {
        muster.apply(&import(name)).await;
    }
    for (name, request) in [
        ("paused", "resume"),
        ("undo_paused", "resume"),
        ("failed", "retry"),
    ] {
        ask(&muster, &import(name), request, None).await;
    }
    let mut ended = Vec::new();
    for name in [
        "undo_ready",
        "undo_of_undo_ready",
        "ready",
        "ready_courses",
        "paused",
        "undo_paused",
        "failed",
    ] {
        let import = muster.wait_for(&import(name), "applied").await;
        ended.push(format!("{name}: {}", summary(&import)));
    }
    assert_eq!(
        ended,
        [
            "undo_ready: delete 1, update 2 | deleted 1, updated 2 | course_roles_removed 4, enrolments_removed 3, segments_left 3, users_deleted 1, users_updated 2",
            "undo_of_undo_ready: create 6 | created 6 | course_roles_added 12, enrolments_created 6, segments_joined 6, users_created 6",
            "ready: create 6 | created 6 | course_roles_added 12, enrolments_created 6, segments_joined 6, users_created 6",
            "ready_courses: create 1, update 1 | created 1, updated 1 | categories_created 3, courses_created 1, courses_updated 1",
            "paused: create 6 | created 6 | course_roles_added 12, enrolments_created 6, segments_joined 6, users_created 6",
            "undo_paused: delete 6 | deleted 6 | course_roles_removed 12, enrolments_removed 6, segments_left 6, users_deleted 6",
            "failed: create 6 | created 6 | course_roles_added 12, enrolments_created 6, segments_joined 6, users_created 6",
        ]
    );
    // Each is taken back, and nothing of any is left.
    for name in [
        "failed",
        "cancelled",
        "paused",
        "ready_courses",
        "ready",
        "undo_of_undo_ready",
        "undo_of_undo_applied",
    ] {
        let undo = muster.undone(&import(name)).await;
        assert_eq!(
            undo["outcomes"]["held"],
            0,
            "{name}: {}",
            muster.story(id(&undo)).await
        );
    }
    let before = expected["lms_before"].as_str().expect("the LMS");
    assert_eq!(lms(&muster).await, crate::undo::without_versions(before));
}
