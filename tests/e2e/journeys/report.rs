//! The report of an import, and its lines page by page.

use super::{custom, id, with_a_small_lms};
use crate::counts::lines;
use muster_tests::harness::Muster;
use serde_json::json;

#[tokio::test]
async fn a_report_is_the_file_with_what_came_of_each_line() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let file = "username;city;cohort1\nanna;-5;sales\nnobody;\"a;b\";\nbo;=1+1;nowhere\n";
    let settings = json!({"mode": "update-only", "existing_details": "override"});
    let import = muster.ready_order(custom(file, &settings)).await;
    let before = muster.report(id(&import)).await;
    assert!(
        before.starts_with("username;city;cohort1;_line;_action;_outcome;_issues"),
        "{before}"
    );
    muster.apply(id(&import)).await;
    muster.wait_for(id(&import), "applied").await;
    let after = muster.report(id(&import)).await;
    let mut rows = after.lines();
    assert_eq!(
        rows.next(),
        Some("username;city;cohort1;_line;_action;_outcome;_issues")
    );
    assert!(
        rows.next()
            .is_some_and(|row| row.starts_with("anna;'-5;sales;2;update;updated;")),
        "{after}"
    );
    assert!(
        rows.next()
            .is_some_and(|row| row.starts_with("nobody;\"a;b\";;3;skip;skipped;")
                && row.contains("user-not-found")),
        "{after}"
    );
    assert!(
        rows.next()
            .is_some_and(|row| row.starts_with("bo;'=1+1;nowhere;4;reject;rejected;")
                && row.contains("segment-not-found")),
        "{after}"
    );
    assert_eq!(rows.next(), None);

    let path = format!("/imports/{}/report.csv?outcome=rejected", id(&import));
    let only = muster.get(&path).await.expect(200).text();
    assert_eq!(only.lines().count(), 2, "{only}");

    let corrected = after.replace("nowhere", "hr");
    let again = muster.ready_order(custom(&corrected, &settings)).await;
    let expected = ["2 unchanged", "3 skip user-not-found", "4 update"];
    assert_eq!(
        lines(&muster.rows(id(&again), "").await, "action"),
        expected,
        "a report can be corrected and uploaded again"
    );
}

#[tokio::test]
async fn lines_are_found_by_what_they_do_and_pages_lose_none() {
    let muster = Muster::start().await;
    let rows: Vec<_> = (0..250)
        .map(|n| {
            if n % 10 == 0 {
                format!("s{n},\n")
            } else {
                format!("s{n},Segment {n}\n")
            }
        })
        .collect();
    let import = muster
        .ready(
            "create-segments",
            format!("idnumber,name\n{}", rows.concat()),
        )
        .await;
    let all = muster.rows(id(&import), "?limit=7").await;
    let numbers: Vec<_> = all
        .iter()
        .map(|row| row["line"].as_i64().expect("a line"))
        .collect();
    assert_eq!(numbers, (2..252).collect::<Vec<_>>());
    assert_eq!(
        muster
            .rows(id(&import), "?action=reject&limit=4")
            .await
            .len(),
        25
    );
    assert_eq!(
        muster
            .rows(id(&import), "?action=create,reject")
            .await
            .len(),
        250
    );
    assert_eq!(
        muster
            .rows(id(&import), "?code=missing-value&severity=error")
            .await
            .len(),
        25
    );
    assert_eq!(
        muster.rows(id(&import), "?outcome=none").await.len(),
        250,
        "nothing is tried yet"
    );
    let one = muster.rows(id(&import), "?key=s7").await;
    assert_eq!(
        (one.len(), &one[0]["line"], &one[0]["cells"]["name"]),
        (1, &json!(9), &json!("Segment 7"))
    );
    for query in [
        "?acton=reject",
        "?action=rejekt",
        "?limit=0",
        "?limit=201",
        "?cursor=nonsense",
    ] {
        assert_eq!(
            muster
                .get(&format!("/imports/{}/rows{query}", id(&import)))
                .await
                .status,
            400,
            "{query}"
        );
    }
}
