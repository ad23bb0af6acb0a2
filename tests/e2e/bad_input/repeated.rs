//! What a client wrote once is told again with every line, in every answer: each answer has a size
//! that does not come from the client.

use crate::journeys::id;
use muster_tests::harness::{Muster, Order, Site};
use serde_json::{Value, json};

/// No page of a list is larger.
const PAGE: usize = 4_000_000;

/// Everything of a list, of which each page must be small; and how many pages there were.
async fn list(site: &Site, rest: &str, name: &str) -> (Vec<Value>, usize) {
    let (mut all, mut pages) = (Vec::new(), 0);
    let mut page = site.get(rest).await.expect(200);
    loop {
        pages += 1;
        assert!(
            page.body.len() < PAGE,
            "{rest}: page {pages} has {} bytes",
            page.body.len()
        );
        all.extend(page.json()[name].as_array().expect("a list").clone());
        match page.next_page() {
            Some(next) => {
                page = site
                    .client()
                    .get(&next)
                    .await
                    .expect("the api is up")
                    .expect(200);
            }
            None => return (all, pages),
        }
    }
}

/// The lines of rows.
fn numbers(rows: &[Value]) -> Vec<u64> {
    rows.iter()
        .map(|row| row["line"].as_u64().expect("a line"))
        .collect()
}

/// So many groups of issues have that code, and so many lines together.
fn of_code(issues: &[Value], code: &str) -> (usize, u64) {
    let of_code: Vec<_> = issues
        .iter()
        .filter(|issue| issue["code"] == code)
        .collect();
    (
        of_code.len(),
        of_code
            .iter()
            .map(|issue| issue["count"].as_u64().expect("a count"))
            .sum(),
    )
}

#[tokio::test]
async fn usernames_of_a_megabyte() {
    const LINES: usize = 40;
    let muster = Muster::start().await;
    let line = |number: usize| {
        format!(
            "u{number:02}{},F,L,u{number}@example.com\n",
            "\u{e9}".repeat(500_000)
        )
    };
    let file = (0..LINES).fold(
        "username,firstname,lastname,email\n".to_owned(),
        |text, number| text + &line(number),
    );
    let size = file.len();
    let import = muster.ready("create-users", file).await;
    assert_eq!(import["actions"]["reject"], LINES);
    let path = format!("/imports/{}", id(&import));

    let (rows, _) = list(&muster, &format!("{path}/rows?limit=200"), "rows").await;
    assert_eq!(numbers(&rows), (2..2 + LINES as u64).collect::<Vec<_>>());
    let (rows, _) = list(
        &muster,
        &format!("{path}/rows?limit=200&code=too-long"),
        "rows",
    )
    .await;
    assert_eq!(rows.len(), LINES);
    let (issues, _) = list(&muster, &format!("{path}/issues?limit=200"), "issues").await;
    assert_eq!(of_code(&issues, "too-long").1, LINES as u64);
    let longest = issues
        .iter()
        .filter_map(|issue| issue["message"].as_str())
        .map(|message| message.chars().count())
        .max();
    assert!(
        longest.is_some_and(|longest| longest < 1_000),
        "a message repeats no more of a cell than its value: {longest:?}"
    );

    // A report repeats the cells, once.
    let report = muster.get(&format!("{path}/report.csv")).await.expect(200);
    assert!(
        report.body.len() < size / 10 * 11,
        "{} bytes of a file of {size}",
        report.body.len()
    );
    assert_eq!(report.text().lines().count(), 1 + LINES);
}

/// The file of so many lines whose second column has this heading, which a mapping makes a
/// segment's, is refused with the mapping; or what is told of it does not repeat the heading whole.
async fn with_a_heading(characters: usize) {
    const LINES: usize = 60;
    let muster = Muster::start().await;
    let heading: String = (0..characters)
        .map(|i| char::from(b'a' + (i * i % 26) as u8))
        .collect();
    let file = (0..LINES).fold(format!("username,{heading}\n"), |text, number| {
        text + &format!("u{number},s{number}\n")
    });
    let order = Order::new("add-to-segments", file.clone()).with("kind", "users");
    let import = muster.order(order).await;
    let rejected = muster.wait_for(&import, "rejected").await;
    assert!(
        rejected.to_string().len() < 20_000,
        "{} bytes",
        rejected.to_string().len()
    );
    let answer = muster
        .post(
            &format!("/imports/{import}/preview"),
            Some(&json!({"mapping": {heading: "cohort1"}})),
        )
        .await;
    if answer.status == 400 {
        let problem = answer.json();
        assert!(
            problem["errors"][0]["detail"]
                .as_str()
                .is_some_and(|detail| detail.contains("255") || detail.contains("65536")),
            "{:.2000}",
            answer.text()
        );
        assert!(answer.body.len() < 20_000, "{} bytes", answer.body.len());
        return;
    }
    let _ = answer.expect(202);
    let import = muster.wait_rest(&import).await;
    let path = format!("/imports/{}", id(&import));
    if import["status"] == "ready" {
        let (rows, _) = list(&muster, &format!("{path}/rows?limit=200"), "rows").await;
        assert_eq!(
            (numbers(&rows).len(), &import["actions"]["reject"]),
            (LINES, &json!(LINES))
        );
        let (issues, _) = list(&muster, &format!("{path}/issues?limit=200"), "issues").await;
        assert_eq!(of_code(&issues, "segment-not-found"), (LINES, LINES as u64));
    } else {
        assert_eq!(import["status"], "rejected");
        assert!(import["rejected"].to_string().len() < 20_000);
    }
}

#[tokio::test]
async fn a_heading_of_400_000_characters() {
    with_a_heading(400_000).await;
}

#[tokio::test]
async fn a_heading_of_a_thousand_characters() {
    with_a_heading(1_000).await;
}

#[tokio::test]
async fn lists_of_imports_with_wide_headers() {
    const IMPORTS: usize = 40;
    let muster = Muster::start().await;
    let wide: Vec<_> = (0..499).map(|number| format!("role{number}")).collect();
    let file = format!(
        "username,{}\nanna{}\n",
        wide.join(","),
        ",".repeat(wide.len())
    );
    for _ in 0..IMPORTS {
        let id = muster
            .order(Order::new("custom", file.clone()).with("kind", "users"))
            .await;
        muster.wait_for(&id, "rejected").await;
    }
    let answer = muster.get("/imports?limit=200").await.expect(200);
    assert_eq!(
        answer.json()["imports"].as_array().map(Vec::len),
        Some(IMPORTS)
    );
    // A hundred reasons each, and no more: 200 of them stay below 5 MB.
    assert!(
        answer.body.len() < IMPORTS * 25_000,
        "{} bytes for {IMPORTS} imports",
        answer.body.len()
    );
}
