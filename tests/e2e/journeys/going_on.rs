//! What an import left goes on in another: the lines as they are, or corrected in its report.

use super::{custom, id, summary, with_a_small_lms};
use crate::counts::lines;
use muster_tests::harness::{Muster, Order, windows_1252};
use reqwest::{
    Method,
    multipart::{Form, Part},
};
use serde_json::{Value, json};

/// The lines and where they go on: `4 in 0199…: 2 update updated`.
fn continued(rows: &[Value], child: &str) -> Vec<String> {
    let there = |row: &Value| match &row["continued"] {
        Value::Null => format!("{} nowhere", row["line"]),
        on => {
            assert_eq!(on["import"], child);
            let word = |name: &str| on[name].as_str().unwrap_or("none").to_owned();
            format!(
                "{} → {} {} {}",
                row["line"],
                on["line"],
                word("action"),
                word("outcome")
            )
        }
    };
    rows.iter().map(there).collect()
}

async fn sql(muster: &Muster, statement: &'static str) {
    sqlx::query(statement)
        .execute(muster.sql())
        .await
        .unwrap_or_else(|error| panic!("{statement}: {error}"));
}

async fn apply(muster: &Muster, id: &str) -> Value {
    muster.wait_for(id, "ready").await;
    muster.apply(id).await;
    muster.wait_for(id, "applied").await
}

#[tokio::test]
async fn held_lines_are_planned_anew_and_applied() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let settings = json!({"mode": "update-only", "existing_details": "override"});
    let file = "username;city;cohort1\nanna;Oslo;sales\nbo;Oslo;sales\nanna;Oslo;hr\n";
    let order = custom(file, &settings)
        .with("mapping", r#"{"city":"city"}"#)
        .with("filename", "staff.csv");
    let parent = muster.ready_order(order).await;
    sql(
        &muster,
        "UPDATE lms.users SET city = 'Bergen' WHERE username = 'anna'",
    )
    .await;
    let applied = apply(&muster, id(&parent)).await;
    assert_eq!(
        summary(&applied),
        "update 3 | held 2, updated 1 | segments_joined 1, users_updated 1"
    );
    assert_eq!(applied["can"], json!(["undo", "continue"]));

    let path = format!("/imports/{}/continue", id(&parent));
    let answer = muster.post(&path, None).await.expect(202);
    let child = answer.json();
    assert_eq!(
        answer.header("location"),
        Some(muster.path(&format!("/imports/{}", id(&child))).as_str())
    );
    assert_eq!(
        (&child["parent"], &child["status"]),
        (&parent["id"], &json!("validating"))
    );
    let ready = muster.wait_for(id(&child), "ready").await;
    for fact in ["name", "bytes", "sha256", "delimiter", "columns", "sample"] {
        assert_eq!(ready["file"][fact], parent["file"][fact], "{fact}");
    }
    assert_eq!(ready["file"]["rows"], 2);
    for member in ["recipe", "kind", "settings", "mapping"] {
        assert_eq!(ready[member], parent[member], "{member}");
    }
    assert_eq!(
        muster.import(id(&parent)).await["children"],
        json!([id(&child)])
    );
    assert_eq!(
        lines(&muster.rows(id(&child), "").await, "action"),
        ["2 update", "4 update"],
        "they keep their numbers"
    );
    let rows = muster.rows(id(&parent), "").await;
    assert_eq!(
        continued(&rows, id(&child)),
        ["2 → 2 update none", "3 nowhere", "4 → 4 update none"]
    );

    let again = apply(&muster, id(&child)).await;
    assert_eq!(
        summary(&again),
        "update 2 | updated 2 | segments_joined 2, users_updated 1"
    );
    let rows = muster.rows(id(&parent), "?outcome=held").await;
    assert_eq!(
        continued(&rows, id(&child)),
        ["2 → 2 update updated", "4 → 4 update updated"]
    );
    let report = muster.report(id(&child)).await;
    assert!(report.starts_with("username;city;cohort1;_line;_action;_outcome;_issues\r\nanna;Oslo;sales;2;update;updated;"), "{report}");
    let lms = muster.lms().await;
    assert!(
        lms.contains("| Oslo |  v3")
            && lms.contains("anna in segment hr by import 5\nanna in segment sales by import 5\n"),
        "{lms}"
    );
    let _ = muster
        .post(&format!("/imports/{}/continue", id(&child)), None)
        .await
        .expect(409);
}

#[tokio::test]
async fn failed_lines_are_tried_again() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    sql(&muster, "ALTER TABLE lms.users ADD CONSTRAINT users_not_oslo CHECK (city <> 'Oslo' OR username <> 'bo')").await;
    let settings = json!({"mode": "update-only", "existing_details": "override"});
    let parent = muster
        .applied_order(custom(
            "username,city\nanna,Oslo\nbo,Oslo\ncy,Oslo\n",
            &settings,
        ))
        .await;
    assert_eq!(
        lines(&muster.rows(id(&parent), "").await, "outcome"),
        ["2 updated", "3 failed not-applied", "4 updated"]
    );
    sql(
        &muster,
        "ALTER TABLE lms.users DROP CONSTRAINT users_not_oslo",
    )
    .await;
    let problem = muster
        .post(
            &format!("/imports/{}/continue", id(&parent)),
            Some(&json!({"outcomes": ["held", "none"]})),
        )
        .await;
    assert_eq!(problem.expect(409).json()["code"], "nothing-to-continue");
    let child = muster.carry_on(id(&parent), &["failed"]).await;
    assert_eq!(
        summary(&apply(&muster, &child).await),
        "update 1 | updated 1 | users_updated 1"
    );
    assert_eq!(
        lines(&muster.rows(&child, "").await, "outcome"),
        ["3 updated"]
    );
}

#[tokio::test]
async fn rejected_and_skipped_lines_go_on_when_they_are_asked_for() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let settings = json!({"mode": "update-only"});
    let file =
        "username,cohort1,cohort2\nanna,legal,\nnobody,sales,\nbo,sales,\ncy,sales,hr,wide\n";
    let parent = muster.applied_order(custom(file, &settings)).await;
    assert_eq!(
        lines(&muster.rows(id(&parent), "").await, "outcome"),
        [
            "2 rejected segment-not-found",
            "3 skipped user-not-found",
            "4 updated",
            "5 rejected width"
        ]
    );
    let _ = muster
        .post(
            &format!("/imports/{}/continue", id(&parent)),
            Some(&json!({})),
        )
        .await
        .expect(409);
    assert_eq!(
        muster.import(id(&parent)).await["children"],
        json!([]),
        "what has nothing to go on with is not made"
    );

    muster
        .applied("create-segments", "idnumber,name\nlegal,Legal\n")
        .await;
    let child = muster.carry_on(id(&parent), &["rejected", "skipped"]).await;
    assert_eq!(
        summary(&apply(&muster, &child).await),
        "reject 1, skip 1, update 1 | rejected 1, skipped 1, updated 1 | segments_joined 1"
    );
    assert_eq!(
        lines(&muster.rows(&child, "").await, "outcome"),
        ["2 updated", "3 skipped user-not-found", "5 rejected width"],
        "what was wrong with the shape still is"
    );

    let grandchild = muster.carry_on(&child, &["skipped"]).await;
    muster.wait_for(&grandchild, "ready").await;
    assert_eq!(
        continued(&muster.rows(&child, "?outcome=skipped").await, &grandchild),
        ["3 → 3 skip none"]
    );
    let rows = muster.rows(id(&parent), "?outcome=skipped").await;
    assert_eq!(
        continued(&rows, &child),
        ["3 → 3 skip skipped"],
        "of each import its own children are told"
    );
}

#[tokio::test]
async fn what_was_carried_on_is_previewed_again_but_not_read_again() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let parent = muster
        .applied_order(custom(
            "username,city\nnobody,Oslo\nanna,Oslo\n",
            &json!({"mode": "update-only"}),
        ))
        .await;
    let child = muster.carry_on(id(&parent), &["skipped"]).await;
    muster.wait_for(&child, "ready").await;
    for reading in [
        json!({"settings": {"delimiter": ";"}}),
        json!({"mapping": {"city": "department"}}),
    ] {
        let problem = muster
            .post(&format!("/imports/{child}/preview"), Some(&reading))
            .await
            .expect(409)
            .json();
        assert_eq!(problem["code"], "file-gone", "{reading}");
    }
    muster
        .preview(&child, &json!({"settings": {"mode": "create-and-update"}}))
        .await;
    let ready = muster.wait_for(&child, "ready").await;
    assert_eq!(ready["settings"]["mode"], "create-and-update");
    assert_eq!(lines(&muster.rows(&child, "").await, "action").len(), 1);
    assert!(
        muster.rows(&child, "?action=reject").await.len() == 1,
        "it would be created now, and lacks a name"
    );
}

#[tokio::test]
async fn asked_for_again_it_is_the_same_until_it_is_applied() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let parent = muster
        .applied(
            "add-to-segments",
            "username,cohort1\nanna,sales\nnobody,sales\n",
        )
        .await;
    let child = muster.carry_on(id(&parent), &["rejected", "held"]).await;
    assert_eq!(
        muster.carry_on(id(&parent), &["held", "rejected"]).await,
        child,
        "a second click, or a lost answer"
    );
    assert_ne!(
        muster.carry_on(id(&parent), &["rejected"]).await,
        child,
        "that is something else"
    );
    apply(&muster, &child).await;
    assert_ne!(
        muster.carry_on(id(&parent), &["rejected", "held"]).await,
        child
    );
}

#[tokio::test]
async fn the_newest_that_was_not_given_up_is_told() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let parent = muster
        .applied("add-to-segments", "username,cohort1\nanna,nowhere\n")
        .await;
    let told = async |child: &str| continued(&muster.rows(id(&parent), "").await, child);
    let first = muster.carry_on(id(&parent), &["rejected"]).await;
    apply(&muster, &first).await;
    let second = muster.carry_on(id(&parent), &["rejected"]).await;
    muster.wait_for(&second, "ready").await;
    assert_eq!(told(&second).await, ["2 → 2 reject none"]);
    muster.cancel(&second).await;
    assert_eq!(
        told(&first).await,
        ["2 → 2 reject rejected"],
        "the other one was cancelled before it was applied"
    );
    assert_eq!(
        muster.import(id(&parent)).await["children"],
        json!([first, second])
    );
}

#[tokio::test]
async fn a_report_is_corrected_and_goes_on_twice() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let file = windows_1252(
        "Login;Ort;Abteilung\nanna;Tromsø;nowhere\nbo;Ålesund;sales\ncy;-Røros;nirgends\n",
    );
    let settings = json!({"mode": "update-only", "existing_details": "override", "delimiter": ";", "encoding": "windows-1252"});
    let mapping = r#"{"login":"username","ort":"city","abteilung":"cohort1"}"#;
    let order = Order::new("custom", file)
        .with("kind", "users")
        .settings(&settings)
        .with("mapping", mapping);
    let parent = muster.applied_order(order).await;
    let report = async |id: &str| {
        muster
            .get(&format!("/imports/{id}/report.csv?outcome=rejected"))
            .await
            .expect(200)
            .text()
    };

    let corrected = report(id(&parent)).await.replace("nowhere", "hr");
    let answer = muster
        .send_corrected(id(&parent), Order::corrected(corrected))
        .await
        .expect(202);
    let child = answer.json();
    assert_eq!(
        answer.header("location"),
        Some(muster.path(&format!("/imports/{}", id(&child))).as_str())
    );
    let child = apply(&muster, id(&child)).await;
    assert_eq!(
        (&child["parent"], &child["recipe"], &child["mapping"]),
        (&parent["id"], &parent["recipe"], &parent["mapping"])
    );
    let expected = json!({"mode": "update-only", "existing_details": "override"});
    assert_eq!(
        child["settings"], expected,
        "how a file is read is found out anew: a report is UTF-8"
    );
    assert_eq!(
        (
            &child["file"]["encoding"]["value"],
            &child["file"]["delimiter"]["value"]
        ),
        (&json!("UTF-8"), &json!(";"))
    );
    assert_eq!(
        lines(&muster.rows(id(&child), "").await, "outcome"),
        ["2 updated", "3 rejected segment-not-found"]
    );
    let rows = muster.rows(id(&parent), "").await;
    assert_eq!(
        continued(&rows, id(&child)),
        ["2 → 2 update updated", "3 nowhere", "4 → 3 reject rejected"]
    );

    let second = report(id(&child)).await;
    assert_eq!(
        second.lines().next(),
        Some("\u{feff}Login;Ort;Abteilung;_line;_action;_outcome;_issues"),
        "nothing is added twice"
    );
    let grandchild = muster
        .send_corrected(
            id(&child),
            Order::corrected(second.replace("nirgends", "sales")),
        )
        .await
        .expect(202)
        .json();
    apply(&muster, id(&grandchild)).await;
    assert_eq!(
        continued(&muster.rows(id(&child), "").await, id(&grandchild)),
        ["2 nowhere", "3 → 2 update updated"]
    );
    let lms = muster.lms().await;
    for city in ["| Tromsø |", "| Ålesund |", "| -Røros |"] {
        assert!(lms.contains(city), "{city}: {lms}");
    }
    assert!(lms.contains("anna in segment hr by import 5\nbo in segment sales by import 4\ncy in segment sales by import 6\n"), "{lms}");
}

#[tokio::test]
async fn a_corrected_file_may_say_more_and_be_part_of_a_form() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let parent = muster
        .applied_order(custom(
            "username,city\nanna,Oslo\n",
            &json!({"mode": "update-only"}),
        ))
        .await;
    let file = "username,ort,_line\nanna,Oslo,2\nbo,Oslo,two\ncy,Oslo,1\n";
    let form = Form::new()
        .text("recipe", "custom")
        .text("settings", r#"{"existing_details":"override"}"#)
        .text("mapping", r#"{"ort":"city"}"#)
        .part("file", Part::bytes(file.as_bytes()).file_name("better.csv"));
    let path = muster.path(&format!("/imports/{}/continue", id(&parent)));
    let request = muster.client().request(Method::POST, &path).multipart(form);
    let child = muster
        .client()
        .send(request)
        .await
        .expect("the api is up")
        .expect(202)
        .json();
    assert_eq!(
        (&child["settings"], &child["file"]["name"]),
        (
            &json!({"mode": "update-only", "existing_details": "override"}),
            &json!("better.csv")
        )
    );
    assert_eq!(
        summary(&apply(&muster, id(&child)).await),
        "update 3 | updated 3 | users_updated 3"
    );
    let parent_lines: Vec<Option<i32>> = sqlx::query_scalar(
        "SELECT parent_line FROM muster.import_rows WHERE import_no = (SELECT max(no) FROM muster.imports) ORDER BY line",
    )
    .fetch_all(muster.sql())
    .await
    .expect("rows");
    assert_eq!(
        parent_lines,
        [Some(2), None, None],
        "only a whole number behind the header is a line"
    );
}
