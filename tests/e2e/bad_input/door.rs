//! Who may not come in, and orders that cannot be understood.

use muster_shared::model::access::Role;
use muster_tests::harness::{Muster, Order};
use serde_json::json;

const PEOPLE: &str = "username,firstname,lastname,email\nanna,Anna,Ash,anna@example.com\n";

#[tokio::test]
async fn no_token() {
    let muster = Muster::with().workers(0).start().await;
    let nobody = muster.with_token(None);
    for answer in [
        nobody.get("/imports").await,
        nobody.send(Order::new("create-users", PEOPLE)).await,
    ] {
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(answer.expect(401).json()["code"], "unauthenticated");
    }
}

#[tokio::test]
async fn wrong_token() {
    let muster = Muster::with().workers(0).start().await;
    let known = muster.token(Role::Admin);
    let mut last = known.clone();
    last.replace_range(
        known.len() - 1..,
        if known.ends_with('0') { "1" } else { "0" },
    );
    for token in [
        "nonsense",
        &last,
        &known[..known.len() - 1],
        &format!("{known}0"),
        "",
    ] {
        let stranger = muster.with_token(Some(token));
        assert_eq!(
            stranger
                .get("/imports")
                .await
                .expect(401)
                .header("www-authenticate"),
            Some("Bearer"),
            "{token}"
        );
        assert_eq!(
            stranger
                .send(Order::new("create-users", PEOPLE))
                .await
                .status,
            401,
            "{token}"
        );
    }
    let _ = muster
        .with_token(Some(&known))
        .get("/imports")
        .await
        .expect(200);
}

#[tokio::test]
async fn another_sites_import() {
    let muster = Muster::start().await;
    let other = muster.site("other").await;
    let id = muster.ready("create-users", PEOPLE).await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    for rest in ["", "/rows", "/issues", "/report.csv"] {
        let rest = format!("/imports/{id}{rest}");
        assert_eq!(
            other.get(&rest).await.expect(404).json()["code"],
            "not-found",
            "{rest}"
        );
    }
    for rest in ["/apply", "/cancel", "/preview"] {
        let rest = format!("/imports/{id}{rest}");
        assert_eq!(
            other.post(&rest, Some(&json!({}))).await.status,
            404,
            "{rest}"
        );
    }
    let intruder = muster.with_token(Some(&other.token(Role::Admin)));
    assert_eq!(
        intruder.get(&format!("/imports/{id}")).await.status,
        404,
        "not even with the right address"
    );
    assert_eq!(
        muster.import(&id).await["status"],
        "ready",
        "and nothing happened to it"
    );
}

#[tokio::test]
async fn orders_that_cannot_be_understood_name_every_wrong_parameter() {
    let muster = Muster::with().workers(0).start().await;
    let told = async |order: Order| {
        let problem = muster.send(order).await.expect(400).json();
        assert_eq!(problem["code"], "invalid-request");
        let fault = |fault: &serde_json::Value| {
            let text = |member: &str| fault[member].as_str().unwrap_or_default().to_owned();
            format!(
                "{}{} {} {}",
                text("parameter"),
                text("pointer"),
                text("code"),
                text("suggestion")
            )
            .trim()
            .to_owned()
        };
        let mut faults: Vec<_> = problem["errors"]
            .as_array()
            .expect("errors")
            .iter()
            .map(fault)
            .collect();
        faults.sort();
        faults
    };
    assert_eq!(
        told(Order::new("create-user", PEOPLE)).await,
        ["recipe unknown-value create-users"]
    );
    let wrong = json!({"mode": "update-onyl", "existing_detials": "keep", "delimiter": ","});
    let expected = [
        "settings/existing_detials unknown-setting existing_details",
        "settings/mode unknown-value update-only",
    ];
    assert_eq!(
        told(
            Order::new("custom", PEOPLE)
                .with("kind", "users")
                .settings(&wrong)
        )
        .await,
        expected
    );
    let fixed = json!({"mode": "update-only"});
    assert_eq!(
        told(Order::new("create-users", PEOPLE).settings(&fixed)).await,
        ["settings/mode fixed-setting"]
    );
    assert_eq!(
        told(Order::new("create-users", PEOPLE).with("fielname", "a.csv")).await,
        ["fielname unknown-parameter filename"]
    );
    for (order, parameter) in [
        (
            Order::new("create-users", PEOPLE).with("settings", "{\"mode\":"),
            "settings",
        ),
        (
            Order::new("create-users", PEOPLE).with("settings", "[1]"),
            "settings",
        ),
        (
            Order::new("create-users", PEOPLE).with("mapping", "7"),
            "mapping",
        ),
        (Order::new("custom", PEOPLE), "kind"),
        (Order::new("custom", PEOPLE).with("kind", "user"), "kind"),
    ] {
        let faults = told(order).await;
        assert!(
            faults.len() == 1 && faults[0].starts_with(parameter),
            "{parameter}: {faults:?}"
        );
    }
    assert_eq!(
        muster.list("/imports", "imports").await.len(),
        0,
        "nothing came of any of them"
    );
}

#[tokio::test]
async fn a_key_that_would_make_it_once_only() {
    let muster = Muster::with().workers(0).start().await;
    // A client that sends nothing before it is told to go on, and never is.
    let upload = muster
        .client()
        .request(
            reqwest::Method::POST,
            &muster.path("/imports?recipe=create-users"),
        )
        .header("content-type", "text/csv")
        .header("content-length", PEOPLE.len())
        .header("expect", "100-continue")
        .header("idempotency-key", "\"abc\"")
        .body(reqwest::Body::wrap_stream(futures::stream::pending::<
            std::io::Result<bytes::Bytes>,
        >()));
    let problem = muster
        .client()
        .send(upload)
        .await
        .expect("the api is up")
        .expect(501)
        .json();
    assert_eq!(problem["code"], "idempotency-not-supported");
    assert!(
        problem["detail"].as_str().is_some_and(
            |detail| detail.contains("list of imports") && detail.contains("same_file_as")
        ),
        "{problem}"
    );
    let list = muster
        .client()
        .request(reqwest::Method::GET, &muster.path("/imports"))
        .header("idempotency-key", "\"abc\"");
    let list = muster
        .client()
        .send(list)
        .await
        .expect("the api is up")
        .expect(200)
        .json();
    assert_eq!(
        list["imports"],
        json!([]),
        "nothing came of it, and to look is no harm"
    );
    let _ = muster
        .send(Order::new("create-users", PEOPLE))
        .await
        .expect(202);
}

#[tokio::test]
async fn no_recipe_at_all() {
    let muster = Muster::with().workers(0).start().await;
    let request = muster
        .client()
        .request(reqwest::Method::POST, &muster.path("/imports"))
        .header("content-type", "text/csv")
        .body(PEOPLE);
    let problem = muster
        .client()
        .send(request)
        .await
        .expect("the api is up")
        .expect(400)
        .json();
    assert_eq!(problem["errors"][0]["parameter"], "recipe");
}
