//! Paths of categories: how deep they may be, and what their names are.

use crate::{
    counts::{counts, lines},
    journeys::id,
};
use muster_tests::harness::Muster;

/// The most levels of a path.
const LEVELS: usize = 10;

/// A file of courses, one for each path.
fn courses<S: AsRef<str>>(paths: &[S]) -> String {
    let line = |(number, path): (usize, &S)| format!("c{number:03},Course,\"{}\"\n", path.as_ref());
    paths.iter().enumerate().map(line).fold(
        "shortname,fullname,category_path\n".to_owned(),
        |text, line| text + &line,
    )
}

/// A path of so many levels.
fn path(levels: usize) -> String {
    (1..=levels)
        .map(|level| format!("L{level}"))
        .collect::<Vec<_>>()
        .join(" / ")
}

/// Every category as its path from the root, in order.
async fn categories(muster: &Muster) -> Vec<String> {
    let statement = "WITH RECURSIVE tree AS (
                       SELECT id, name AS path FROM lms.categories WHERE parent_id IS NULL
                        UNION ALL
                       SELECT c.id, t.path || ' > ' || c.name FROM lms.categories c JOIN tree t ON t.id = c.parent_id)
                     SELECT path FROM tree ORDER BY path COLLATE \"C\"";
    sqlx::query_scalar(statement)
        .fetch_all(muster.sql())
        .await
        .expect("categories")
}

#[tokio::test]
async fn ten_levels_and_no_more() {
    let muster = Muster::start().await;
    let import = muster
        .ready(
            "create-courses",
            courses(&[
                path(1),
                path(LEVELS),
                path(LEVELS + 1),
                path(12),
                "a / ".repeat(489) + "a",
            ]),
        )
        .await;
    let rows = muster.rows(id(&import), "").await;
    assert_eq!(
        lines(&rows, "action"),
        [
            "2 create",
            "3 create",
            "4 reject bad-value",
            "5 reject bad-value",
            "6 reject bad-value"
        ]
    );
    let issue = &rows[2]["issues"][0];
    assert_eq!(issue["column"], "category_path");
    assert!(
        issue["message"]
            .as_str()
            .is_some_and(|message| message.contains("10")),
        "it says how many: {issue}"
    );
    assert_eq!(import["effects"]["categories_created"], LEVELS);
    muster.apply(id(&import)).await;
    muster.wait_for(id(&import), "applied").await;
    let expected: Vec<_> = (1..=LEVELS)
        .map(|levels| path(levels).replace(" / ", " > "))
        .collect();
    assert_eq!(categories(&muster).await, expected);
}

#[tokio::test]
async fn three_hundred_paths_as_deep_as_they_may_be() {
    const PATHS: usize = 300;
    let muster = Muster::start().await;
    // The first level is shared by thirty of them each, all below it is each one's own.
    let path = |number: usize| {
        format!(
            "F{} / {number:03}{}",
            number % 10,
            " / a".repeat(LEVELS - 2)
        )
    };
    let paths: Vec<_> = (0..PATHS).map(path).collect();
    let import = muster.applied("create-courses", courses(&paths)).await;
    let made = 10 + PATHS * (LEVELS - 1);
    assert_eq!(counts(&import["outcomes"]), format!("created {PATHS}"));
    assert_eq!(
        counts(&import["effects"]),
        format!("categories_created {made}, courses_created {PATHS}")
    );
    let mut expected: Vec<String> = (0..10).map(|number| format!("F{number}")).collect();
    for path in &paths {
        let names: Vec<_> = path.split(" / ").collect();
        expected.extend((2..=LEVELS).map(|levels| names[..levels].join(" > ")));
    }
    expected.sort();
    assert_eq!(categories(&muster).await, expected);
}

#[tokio::test]
async fn names_that_are_nothing() {
    let muster = Muster::start().await;
    let paths = [
        "x / ",
        " / x",
        "x /\u{a0} / y",
        "/",
        " / ",
        "a /  / b",
        "x /",
        "/ x",
        "a / \u{200b} / b",
        "a / \u{a0} / b",
        "\u{feff} / b",
        "a / \u{ad}",
    ];
    let import = muster.ready("create-courses", courses(&paths)).await;
    let expected: Vec<_> = (2..2 + paths.len())
        .map(|line| format!("{line} reject bad-value"))
        .collect();
    assert_eq!(
        lines(&muster.rows(id(&import), "").await, "action"),
        expected
    );
    assert_eq!(counts(&import["effects"]), "");
}

#[tokio::test]
async fn a_slash_within_a_name() {
    let muster = Muster::start().await;
    let import = muster
        .applied(
            "create-courses",
            courses(&["A/B / C", "A/B/C", "A/ B", "A /B"]),
        )
        .await;
    assert_eq!(counts(&import["outcomes"]), "created 4");
    assert_eq!(
        categories(&muster).await,
        ["A /B", "A/ B", "A/B", "A/B > C", "A/B/C"]
    );
}

#[tokio::test]
async fn what_cannot_be_seen_at_the_edges_of_a_name_is_no_part_of_it() {
    let muster = Muster::start().await;
    let paths = [
        "Science / Physics",
        "\u{200b}Science / Physics",
        "Science\u{feff} / \u{ad}Physics\u{2060}",
        "\u{a0}Science\u{a0} / \u{200e}\u{a0}Physics\u{202f}\u{200d}",
    ];
    let import = muster.applied("create-courses", courses(&paths)).await;
    assert_eq!(counts(&import["outcomes"]), "created 4");
    assert_eq!(import["effects"]["categories_created"], 2);
    assert_eq!(categories(&muster).await, ["Science", "Science > Physics"]);
}
