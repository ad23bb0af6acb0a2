//! How long what was uploaded is kept, and that nothing but the header is left afterwards. Tests do
//! not wait for days: they move the date in the database, and the pruner looks every second.

mod deleted;
mod expired;
mod files;
mod killed;
mod partitions;
mod policy;
mod related;
mod report;
mod restored;
mod unfinished;

use muster_tests::{
    client::Answer,
    harness::{Builder, Muster, Site, eventually},
};
use serde_json::Value;

const SEGMENTS: &str = "idnumber,name\nsales,Sales\nhr,\n";

fn with_a_quick_pruner() -> Builder {
    Muster::with().setting("MUSTER_PRUNE_SECONDS", "1")
}

fn id(import: &Value) -> String {
    import["id"]
        .as_str()
        .expect("an import has an id")
        .to_owned()
}

/// Its time is over since a day.
async fn expire(muster: &Muster, import: &str) {
    change(muster, import, "expires_at = now() - interval '1 day'").await;
}

/// Changes an import as no request can.
async fn change(muster: &Muster, import: &str, to: &str) {
    let statement = format!("UPDATE muster.imports SET {to} WHERE id = $1::uuid");
    let changed = sqlx::query(sqlx::AssertSqlSafe(statement))
        .bind(import)
        .execute(muster.sql())
        .await
        .expect("the database is up");
    assert_eq!(changed.rows_affected(), 1);
}

/// Does this hold of the import's row?
async fn is(muster: &Muster, import: &str, condition: &str) -> bool {
    let statement =
        format!("SELECT coalesce({condition}, false) FROM muster.imports WHERE id = $1::uuid");
    sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
        .bind(import)
        .fetch_one(muster.sql())
        .await
        .expect("the import")
}

/// Waits until nothing but the header is left of an import, and looks.
pub(crate) async fn until_emptied(muster: &Muster, import: &str) {
    eventually("the import is swept away", async || {
        is(muster, import, "emptied_at IS NOT NULL")
            .await
            .then_some(())
    })
    .await;
    assert_eq!(left(muster, import).await, "");
    assert!(!has_file(muster, import));
    assert!(
        is(
            muster,
            import,
            "NOT EXISTS (SELECT FROM muster.uploads u WHERE u.import_id = imports.id)"
        )
        .await
    );
}

/// What is stored of an import besides its header, its batches and its history: tables and their
/// counts.
async fn left(muster: &Muster, import: &str) -> String {
    let mut left = Vec::new();
    for table in [
        "rows",
        "plans",
        "issues",
        "issue_groups",
        "clashes",
        "outcomes",
        "removed",
    ] {
        let statement = format!(
            "SELECT count(*) FROM muster.import_{table} WHERE import_no = (SELECT no FROM muster.imports WHERE id = $1::uuid)"
        );
        let count: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
            .bind(import)
            .fetch_one(muster.sql())
            .await
            .expect("a count");
        if count > 0 {
            left.push(format!("{table} {count}"));
        }
    }
    left.join(", ")
}

/// Is the import's file in the store?
fn has_file(muster: &Muster, import: &str) -> bool {
    let sites = std::fs::read_dir(muster.files()).expect("the folder of the files");
    sites
        .map(|site| site.expect("an entry").path().join(import))
        .any(|file| file.exists())
}

pub(crate) async fn delete(site: &Site, import: &str) -> Answer {
    let request = site.client().request(
        reqwest::Method::DELETE,
        &site.path(&format!("/imports/{import}")),
    );
    site.client().send(request).await.expect("the api is up")
}

/// A header without what changes when its lines go.
fn lasting(mut import: Value) -> Value {
    for member in ["can", "undo_until", "expires_at"] {
        import[member] = Value::Null;
    }
    // So do the headings: in a file without a header they are cells.
    for member in ["sample", "columns"] {
        import["file"][member] = Value::Null;
    }
    import["mapping"] = Value::Null;
    import
}

/// Whatever would need the lines answers that they are gone; what does not goes on.
async fn assert_only_a_header(site: &Site, import: &str) {
    for rest in ["rows", "rows?action=create", "issues", "report.csv"] {
        assert_gone(&site.get(&format!("/imports/{import}/{rest}")).await);
    }
    for request in ["apply", "preview", "retry", "resume", "undo", "continue"] {
        assert_gone(
            &site
                .post(&format!("/imports/{import}/{request}"), None)
                .await,
        );
    }
    let shown = site.import(import).await;
    assert_eq!(
        (
            &shown["can"],
            &shown["undo_until"],
            &shown["file"]["sample"]
        ),
        (&serde_json::json!([]), &Value::Null, &serde_json::json!([]))
    );
    let listed = site.list("/imports", "imports").await;
    assert!(listed.contains(&shown), "{listed:#?}");
}

#[track_caller]
fn assert_gone(answer: &Answer) {
    let problem = answer.json();
    assert_eq!(
        (answer.status, &problem["code"]),
        (410, &serde_json::json!("expired")),
        "{}",
        answer.text()
    );
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("upload the file again")),
        "{problem}"
    );
}
