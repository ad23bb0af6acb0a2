//! The same file again is accepted with a warning; another recipe, other settings, another site
//! make it another matter.

use muster_tests::harness::{Muster, Order, Site};
use serde_json::{Value, json};

const FILE: &str = "idnumber,name\nsales,Sales\n";

fn custom() -> Order {
    Order::new("custom", FILE).with("kind", "segments")
}

/// The id of the import that this one is the same file as, which its only warning says too;
/// nothing: neither says anything.
async fn same_as(site: &Site, import: &Value) -> Option<String> {
    let id = import["id"].as_str().expect("an id");
    let issues = site.issues(id).await;
    let warnings: Vec<_> = issues
        .iter()
        .filter(|issue| issue["code"] == "same-file")
        .collect();
    let earlier = import["same_file_as"].as_str().map(str::to_owned);
    assert_eq!(warnings.len(), usize::from(earlier.is_some()), "{issues:?}");
    for warning in &warnings {
        assert_eq!(
            (
                &warning["severity"],
                &warning["count"],
                &warning["first_line"]
            ),
            (&json!("warning"), &json!(1), &Value::Null)
        );
    }
    let counted: i64 = issues
        .iter()
        .filter(|issue| issue["severity"] == "warning")
        .filter_map(|issue| issue["count"].as_i64())
        .sum();
    assert_eq!(import["issues"]["warning"], json!(counted), "{import}");
    earlier
}

async fn sent(site: &Site, order: Order) -> (String, Option<String>) {
    let import = site.ready_order(order).await;
    (
        import["id"].as_str().expect("an id").to_owned(),
        same_as(site, &import).await,
    )
}

#[tokio::test]
async fn only_what_is_the_same_in_everything_is_the_same_again() {
    let muster = Muster::start().await;
    let (first, same) = sent(&muster, Order::new("create-segments", FILE)).await;
    assert_eq!(same, None);
    let (second, same) = sent(
        &muster,
        Order::new("create-segments", FILE).with("filename", "another-name.csv"),
    )
    .await;
    assert_eq!(same, Some(first.clone()));
    let (third, same) = sent(&muster, Order::new("create-segments", FILE)).await;
    assert_eq!(same, Some(second.clone()), "the newest");

    let others = [
        Order::new("create-segments", [FILE, "hr,People\n"].concat()),
        custom(),
        custom().settings(&json!({"mode": "update-only"})),
        custom().with("mapping", &json!({"name": "description"}).to_string()),
    ];
    for order in others {
        assert_eq!(sent(&muster, order.clone()).await.1, None, "{order:?}");
    }
    assert!(
        sent(&muster, custom().settings(&json!({"mode": "update-only"})))
            .await
            .1
            .is_some()
    );
    let globex = muster.site("globex").await;
    assert_eq!(
        sent(&globex, Order::new("create-segments", FILE)).await.1,
        None
    );

    for id in [&third, &second] {
        muster.cancel(id).await;
        muster.wait_for(id, "cancelled").await;
    }
    muster.apply(&first).await;
    muster.wait_for(&first, "applied").await;
    let (fourth, same) = sent(&muster, Order::new("create-segments", FILE)).await;
    assert_eq!(same, Some(first), "those that were cancelled do not count");
    let issues = muster.issues(&fourth).await;
    let message = issues
        .iter()
        .find(|issue| issue["code"] == "same-file")
        .expect("a warning")["message"]
        .as_str()
        .expect("a message")
        .to_owned();
    assert!(
        message.contains("was applied when this one came"),
        "{message}"
    );
}

#[tokio::test]
async fn what_was_rejected_does_not_count() {
    let muster = Muster::start().await;
    let bad = "idnumber,nmae\nsales,Sales\n";
    for _ in 0..2 {
        let id = muster.upload("create-segments", bad).await;
        let import = muster.wait_for(&id, "rejected").await;
        assert_eq!(same_as(&muster, &import).await, None);
    }
}

#[tokio::test]
async fn the_warning_is_there_at_once_and_outlives_other_readings() {
    let muster = Muster::with().workers(0).start().await;
    let file = "username;cohort1;city\nanna;sales;Oslo\n";
    let order = || Order::new("add-to-segments", file);
    let first = muster.order(order()).await;
    let second = muster.send(order()).await.expect(202).json();
    assert_eq!(
        same_as(&muster, &second).await,
        Some(first),
        "before a worker has looked at it"
    );
    muster.start_worker().await;
    let id = second["id"].as_str().expect("an id");
    let codes = async || {
        let issues = muster.issues(id).await;
        let mut codes: Vec<_> = issues
            .iter()
            .filter(|issue| issue["severity"] == "warning")
            .map(|issue| issue["code"].to_string())
            .collect();
        codes.sort();
        codes.join(" ")
    };
    let import = muster.wait_for(id, "ready").await;
    assert_eq!(
        (codes().await.as_str(), &import["issues"]["warning"]),
        (r#""ignored-column" "same-file""#, &json!(2))
    );
    muster
        .preview(
            id,
            &json!({"settings": {"delimiter": ";", "encoding": "windows-1252"}}),
        )
        .await;
    muster.wait_for(id, "ready").await;
    assert_eq!(codes().await, r#""ignored-column" "same-file""#);
    muster
        .preview(id, &json!({"settings": {"delimiter": "tab"}}))
        .await;
    muster.wait_for(id, "rejected").await;
    assert_eq!(
        codes().await,
        r#""same-file""#,
        "what the header gave rise to is gone, or is an error"
    );
    muster
        .preview(
            id,
            &json!({"settings": {"delimiter": null}, "mapping": {"city": "ignore"}}),
        )
        .await;
    let import = muster.wait_for(id, "ready").await;
    assert_eq!(
        (codes().await.as_str(), import["same_file_as"].is_string()),
        (r#""same-file""#, true)
    );
}
