//! Values at and past the ends of what a database holds, at every place where a client may put one.
//! Each is taken or refused; none is a defect.

use crate::{
    counts::lines,
    journeys::{id, summary, with_a_small_lms},
    undo::by_hand,
};
use muster_tests::{
    client::Answer,
    harness::{Muster, Order},
};
use reqwest::Method;
use serde_json::{Value, json};

const PEOPLE: &str =
    "username,firstname,lastname,email\nanna,Anna,Ash,anna@example.com\nbo,Bo,Birch,nonsense\n";

/// What may stand where a client says anything.
fn extremes() -> Vec<Value> {
    let numbers = [
        json!(-1),
        json!(0.5),
        json!(1e308),
        json!(i64::MIN),
        json!(i64::MAX),
        json!(u64::MAX),
    ];
    let small = [
        i64::from(i16::MAX) + 1,
        i64::from(i32::MAX),
        i64::from(i32::MAX) + 1,
        i64::from(i32::MIN) - 1,
    ]
    .map(Value::from);
    let texts = [
        "",
        "a\0b",
        "\u{10ffff}",
        "infinity",
        "00000000-0000-0000-0000-000000000000",
        "18446744073709551616",
    ]
    .map(Value::from);
    let dates = [
        "2026-01-01T00:00:00Z",
        "-4713-11-24T00:00:00Z",
        "-4713-11-23T00:00:00Z",
        "-262143-01-01T00:00:00Z",
        "+262142-12-31T23:59:59Z",
    ];
    let others = [
        json!(null),
        json!(true),
        json!([]),
        json!({}),
        json!("x".repeat(4_000)),
    ];
    numbers
        .into_iter()
        .chain(small)
        .chain(texts)
        .chain(dates.map(Value::from))
        .chain(others)
        .collect()
}

/// Cursors as lists give them, with a value in each of their places.
fn cursors(value: &Value) -> [Value; 9] {
    let at = json!("2026-01-01T00:00:00Z");
    [
        value.clone(),
        json!([value]),
        json!({"u": value}),
        json!({"e": [value, 1]}),
        json!({"e": ["a", value]}),
        json!([value, 1, 1, 1]),
        json!([at, value, 1, 1]),
        json!([at, 1, value, 1]),
        json!([at, 1, 1, value]),
    ]
}

fn encoded(cursor: &Value) -> String {
    cursor
        .to_string()
        .bytes()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// It was taken, or refused with a reason.
#[track_caller]
fn assert_no_defect(answer: &Answer, what: &str) {
    let is_told =
        answer.status < 300 || answer.header("content-type") == Some("application/problem+json");
    assert!(
        answer.status < 500 && is_told,
        "{what}: {} {}",
        answer.status,
        answer.text()
    );
}

async fn ask(
    muster: &Muster,
    method: Method,
    rest: &str,
    header: Option<(&str, &[u8])>,
    body: Option<&str>,
) -> Answer {
    let mut request = muster.client().request(method, &muster.path(rest));
    if let Some((name, value)) = header {
        request = request.header(
            name,
            reqwest::header::HeaderValue::from_bytes(value).expect("a header"),
        );
    }
    if let Some(body) = body {
        request = request
            .header("content-type", "application/json")
            .body(body.to_owned());
    }
    muster.client().send(request).await.expect("the api is up")
}

#[tokio::test]
async fn in_cursors_of_every_list() {
    let muster = Muster::start().await;
    let import = muster.applied("create-users", PEOPLE).await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let import = format!("/imports/{import}");
    let rows = ["", "?severity=error", "?action=create", "?key=anna"]
        .map(|filters| format!("{import}/rows{filters}"));
    let others = [
        "/imports",
        "/users",
        "/users?q=a",
        "/users/anna/history",
        "/segments",
        "/courses",
    ]
    .map(str::to_owned);
    let lists: Vec<_> = rows
        .into_iter()
        .chain(others)
        .chain([format!("{import}/issues")])
        .map(|rest| muster.path(&rest))
        .collect();
    for list in lists.into_iter().chain(["/api/v1/sites".to_owned()]) {
        let join = if list.contains('?') { '&' } else { '?' };
        for cursor in extremes().iter().flat_map(cursors) {
            let answer = muster
                .client()
                .get(&format!("{list}{join}cursor={}", encoded(&cursor)))
                .await
                .expect("the api is up");
            assert!(
                [200, 400].contains(&answer.status),
                "{list} after {cursor}: {} {}",
                answer.status,
                answer.text()
            );
        }
    }
    let history = async |at: &str| {
        muster
            .get(&format!(
                "/users/anna/history?cursor={}",
                encoded(&json!([at, 1, 1, 1]))
            ))
            .await
            .status
    };
    for (at, status) in [
        ("-4713-11-24T00:00:00Z", 200),
        ("-4713-11-23T00:00:00Z", 400),
        ("+262142-12-31T23:59:59Z", 200),
    ] {
        assert_eq!(history(at).await, status, "{at}");
    }
}

#[tokio::test]
async fn in_addresses_and_parameters() {
    let muster = Muster::with().workers(0).start().await;
    let import = muster.upload("create-users", PEOPLE).await;
    let long = "x".repeat(8_000);
    let texts = [
        "%00",
        "%ff",
        "a%00b",
        "%f4%8f%bf%bf",
        "%ed%a0%80",
        "-1",
        "18446744073709551616",
        "1e400",
        "..%2f..",
        &long,
    ];
    for text in texts {
        for rest in [
            "/imports/{}",
            "/imports/{}/rows",
            "/imports/{}/report.csv",
            "/users/{}",
            "/users/{}/history",
        ] {
            assert_eq!(
                muster.get(&rest.replace("{}", text)).await.status,
                404,
                "{rest} {text}"
            );
        }
        let site = muster
            .client()
            .get(&format!("/api/v1/sites/{text}/imports"))
            .await
            .expect("the api is up");
        assert_eq!(site.status, 404, "{text}");
        for rest in [
            "/imports?limit={}".to_owned(),
            "/imports?status={}".to_owned(),
            "/users?q={}".to_owned(),
            "/users?segment={}&course={}".to_owned(),
            format!("/imports/{import}?wait={{}}"),
            format!("/imports/{import}/rows?key={{}}"),
            format!("/imports/{import}/rows?code={{}}&severity={{}}&action={{}}&outcome={{}}"),
            format!("/imports/{import}/report.csv?action={{}}"),
        ] {
            let rest = rest.replace("{}", text);
            assert_no_defect(&muster.get(&rest).await, &rest);
        }
    }
}

#[tokio::test]
async fn in_bodies_and_headers() {
    let muster = Muster::with().workers(0).start().await;
    let import = muster.upload("create-users", PEOPLE).await;
    let deep = format!("{}1{}", "[".repeat(5_000), "]".repeat(5_000));
    let raw = ["1e400", "-0", "\"\\ud800\"", "18446744073709551616", &deep].map(str::to_owned);
    let patterns = [
        (Method::PATCH, "", r#"{"name": V}"#),
        (Method::PATCH, "", r#"{"settings": {"time_zone": V}}"#),
        (
            Method::PATCH,
            "",
            r#"{"settings": {"keeping": {"undo_days": V}}}"#,
        ),
        (
            Method::PATCH,
            "",
            r#"{"settings": {"keeping": {"unfinished_days": V}}}"#,
        ),
        (
            Method::PATCH,
            "",
            r#"{"settings": {"limits": {"lines": V}}}"#,
        ),
        (Method::PATCH, "", r#"{"settings": V}"#),
        (Method::POST, "/imports/ID/apply", r#"{"deletes": V}"#),
        (
            Method::POST,
            "/imports/ID/preview",
            r#"{"settings": {"delimiter": V}, "mapping": {"x": V}}"#,
        ),
        (Method::POST, "/imports/ID/continue", r#"{"outcomes": [V]}"#),
        (Method::POST, "/imports/ID/cancel", "V"),
    ];
    for value in extremes().iter().map(Value::to_string).chain(raw) {
        for (method, rest, body) in &patterns {
            let (rest, body) = (rest.replace("ID", &import), body.replace('V', &value));
            assert_no_defect(
                &ask(&muster, method.clone(), &rest, None, Some(&body)).await,
                &format!("{method} {rest} {value:.80}"),
            );
        }
    }
    for tag in [
        b"\"99999999999999999999\"".as_slice(),
        b"\"-2147483649\"",
        b"\"\xff\"",
        b"\"\"",
        b"W/\"1\"",
        b",",
        b"*",
    ] {
        let rest = format!("/imports/{import}/apply");
        assert_no_defect(
            &ask(&muster, Method::POST, &rest, Some(("if-match", tag)), None).await,
            &format!("If-Match {tag:?}"),
        );
    }
    for id in [b"\xff".as_slice(), b"a b"] {
        let _ = ask(&muster, Method::GET, "", Some(("x-request-id", id)), None)
            .await
            .expect(200);
    }
}

#[tokio::test]
async fn in_uploads() {
    let muster = Muster::with()
        .workers(0)
        .site(json!({"limits": {"open_imports": 1_000}}))
        .start()
        .await;
    let names = [
        "a\0b",
        "\u{7f}\u{85}",
        "\u{10ffff}",
        "..",
        "/",
        "\u{202e}vsc.exe",
        "\"; filename*=x",
        &"é".repeat(300),
    ]
    .map(str::to_owned);
    for value in extremes()
        .iter()
        .map(|value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        })
        .chain(names)
    {
        for parameter in ["filename", "recipe", "kind", "settings", "mapping"] {
            let answer = muster
                .send(
                    Order::new("custom", PEOPLE)
                        .with("kind", "users")
                        .with(parameter, &value),
                )
                .await;
            assert_no_defect(&answer, &format!("{parameter}={value:.80}"));
            let answer = muster
                .send(Order::new("create-users", PEOPLE).with(parameter, &value))
                .await;
            assert_no_defect(&answer, &format!("{parameter}={value:.80}"));
        }
        let settings = json!({"encoding": value, "delimiter": value, "mode": value, &value: value});
        assert_no_defect(
            &muster
                .send(Order::new("create-users", PEOPLE).settings(&settings))
                .await,
            &value,
        );
        let mapping = json!({&value: "ignore"}).to_string();
        assert_no_defect(
            &muster
                .send(Order::new("create-users", PEOPLE).with("mapping", &mapping))
                .await,
            &value,
        );
    }
    for import in muster.list("/imports", "imports").await {
        let id = import["id"].as_str().expect("an id");
        assert_no_defect(&muster.get(&format!("/imports/{id}/report.csv")).await, id);
    }
}

/// Dates of the LMS that no program can hold are read as the nearest that it can; whoever's
/// enrolment got one is left alone.
#[tokio::test]
async fn in_dates_of_the_lms() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let file = "username,course1\nanna,c1\nbo,c1\ncy,c1\n";
    let import = muster.applied("enrol-in-courses", file).await;
    by_hand(&muster, "UPDATE lms.enrolments SET ends_at = 'infinity' WHERE user_id = (SELECT id FROM lms.users WHERE username = 'anna')")
        .await;
    by_hand(
        &muster,
        "UPDATE lms.enrolments SET starts_at = '4000-01-01 00:00+00 BC' WHERE user_id = (SELECT id FROM lms.users WHERE username = 'bo')",
    )
    .await;
    by_hand(&muster, "UPDATE lms.courses SET startdate = '-infinity', enddate = '290000-01-01' WHERE shortname = 'c1'").await;
    let anna = muster.get("/users/anna").await.expect(200).json();
    assert_eq!(anna["enrolments"][0]["ends_at"], "9999-12-31T00:00:00Z");
    let bo = muster.get("/users/bo").await.expect(200).json();
    assert_eq!(bo["enrolments"][0]["starts_at"], "0001-01-01T00:00:00Z");
    let course = &muster.list("/courses", "courses").await[0];
    assert_eq!(
        (&course["startdate"], &course["enddate"]),
        (&json!("0001-01-01"), &json!("9999-12-31"))
    );
    let again = muster.applied("enrol-in-courses", file).await;
    assert_eq!(summary(&again), "unchanged 3 | unchanged 3 | ");
    let rename = Order::new("custom", "shortname,fullname\nc1,Renamed\n").with("kind", "courses");
    let renamed = muster
        .applied_order(rename.settings(&json!({"mode": "update-only"})))
        .await;
    assert_eq!(
        summary(&muster.undone(id(&renamed)).await),
        "update 1 | updated 1 | courses_updated 1"
    );
    let undo = muster.undone(id(&import)).await;
    assert_eq!(
        lines(&muster.rows(id(&undo), "").await, "outcome"),
        [
            "2 held target-changed",
            "3 held target-changed",
            "4 updated"
        ]
    );
}
