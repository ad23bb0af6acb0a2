//! Texts that are told again: unknown names, names that are nearly known, bytes that are no text,
//! headings and paths.

use super::{Ground, Hostile, lines};
use muster_tests::harness::Order;
use serde_json::{Value, json};

/// A header of so many numbered segments.
fn header(columns: usize) -> String {
    (0..columns).fold("username".to_owned(), |text, number| {
        text + &format!(",cohort{number}")
    })
}

/// A name of 92 characters, most of which need more than one byte.
fn stem() -> String {
    "abcdefghijklmnopqrstuvwxyzåäöøæ"
        .chars()
        .cycle()
        .take(92)
        .collect()
}

#[tokio::test]
async fn texts_told_again_and_again() {
    let mut ground = Ground::start().await;

    let wide = |columns: usize, count: usize| {
        lines(&header(columns), count, |number| {
            format!("u{number}{}", ",nowhere".repeat(columns))
        })
    };
    let hostile = Hostile::new(
        "499 unknown segments on 100 lines",
        "add-to-segments",
        wide(499, 100),
    )
    .after(&super::people(100));
    ground
        .ready(
            hostile.limit("numbered_columns", 499),
            "reject 100",
            "limit 100, segment-not-found 19900",
        )
        .await;
    let hostile = Hostile::new(
        "100 unknown segments on 1 000 lines",
        "add-to-segments",
        wide(100, 1_000),
    )
    .after(&super::people(1_000));
    ground
        .ready(hostile, "reject 1000", "segment-not-found 100000")
        .await;

    let mut file = header(20).into_bytes();
    for number in 0..5_000 {
        file.extend_from_slice(format!("\nu{number}").as_bytes());
        file.extend_from_slice(&b",\xE4".repeat(20));
    }
    let order = Order::new("add-to-segments", file).settings(&json!({"encoding": "UTF-8"}));
    ground
        .ready(
            Hostile::of("20 cells of bad bytes on 5 000 lines", order),
            "reject 5000",
            "bad-bytes 100000",
        )
        .await;

    let stem = stem();
    let file = lines("username,cohort1", 40, |number| {
        format!("u0,{number:08}{stem}")
    });
    let hostile = Hostile::new(
        "40 names that are nearly those of 20 000 segments",
        "add-to-segments",
        file,
    )
    .after(&super::people(1));
    let known = format!("'{stem}' || lpad(n::text, 8, '0')");
    ground
        .ready(
            hostile.after(&super::segments(20_000, &known)),
            "reject 40",
            "segment-not-found 40",
        )
        .await;

    ground.assert_small().await;
}

/// A file with a heading of so many characters, which a mapping makes a segment's.
fn with_a_heading(what: &'static str, characters: usize) -> Hostile {
    let heading = "é".repeat(characters);
    let file = lines(&format!("username,{heading}"), 1_000, |number| {
        format!("u{number},nowhere")
    });
    let order = Order::new("add-to-segments", file)
        .with("mapping", &json!({heading: "cohort1"}).to_string());
    Hostile::of(what, order).after(&super::people(1_000))
}

#[tokio::test]
async fn headings_and_paths() {
    const COURSES: usize = 2_000;
    let mut ground = Ground::start().await;

    ground
        .ready(
            with_a_heading("a heading of 255 characters", 255),
            "reject 1000",
            "segment-not-found 1000",
        )
        .await;
    // Refused with its mapping, rejected, or read and told in part.
    let (site, answer) = ground
        .send(with_a_heading("a heading of 256 characters", 256))
        .await;
    if answer.status == 400 {
        assert_eq!(
            answer.json()["errors"][0]["parameter"],
            "mapping",
            "{}",
            answer.text()
        );
    } else {
        let import = site
            .wait_rest(answer.expect(202).json()["id"].as_str().expect("an id"))
            .await;
        let is_read = import["status"] == "ready" && import["actions"]["reject"] == 1_000;
        assert!(
            is_read || import["status"] == "rejected" && import["rejected"] != Value::Null,
            "{import:#}"
        );
    }

    let path = |number: usize| {
        (1..=10)
            .map(|level| format!("{} of {level}", number % (level * 200)))
            .collect::<Vec<_>>()
            .join(" / ")
    };
    let file = lines("shortname,fullname,category_path", COURSES, |number| {
        format!("c{number},C,{}", path(number))
    });
    let paths: std::collections::BTreeSet<Vec<String>> = (0..COURSES)
        .flat_map(|number| {
            let names: Vec<_> = path(number).split(" / ").map(str::to_owned).collect();
            (1..=names.len()).map(move |levels| names[..levels].to_vec())
        })
        .collect();
    let ready = ground
        .ready(
            Hostile::new(
                "paths of ten levels for 2 000 courses",
                "create-courses",
                file,
            ),
            "create 2000",
            "",
        )
        .await;
    let made = format!("categories_created {}, courses_created 2000", paths.len());
    ground.applied(ready, "created 2000", &made).await;

    let file = lines("shortname,fullname,category_path", 300, |number| {
        format!("c{number},C,{number}{}", " / a".repeat(489))
    });
    ground
        .ready(
            Hostile::new(
                "paths of 490 levels for 300 courses",
                "create-courses",
                file,
            ),
            "reject 300",
            "bad-value 300",
        )
        .await;

    ground.assert_small().await;
}
