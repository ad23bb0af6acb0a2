//! Just below each limit, and just above it.

use super::{Ground, Hostile, lines, noise};
use muster_tests::{
    harness::{Order, gzip},
    make::Chance,
};

/// So many cells after a username and a segment, in the header and in one line.
fn columns(count: usize) -> String {
    let more = count - 2;
    format!(
        "username,cohort1{}\nnobody,nowhere{}\n",
        ",theme".repeat(more),
        ",".repeat(more)
    )
}

fn numbered(count: usize) -> String {
    let headings: Vec<_> = (0..count).map(|number| format!("cohort{number}")).collect();
    format!(
        "username,{}\nnobody{}\n",
        headings.join(","),
        ",nowhere".repeat(count)
    )
}

/// A person whose record has so many bytes.
fn record(bytes: usize) -> String {
    let (begin, end) = ("anna,", ",Ash,anna@example.com\n");
    format!(
        "username,firstname,lastname,email\n{begin}{}{end}",
        "x".repeat(bytes - begin.len() - end.len())
    )
}

/// A segment in a file of so many bytes.
fn file(bytes: usize) -> String {
    let begin = "idnumber,name,description\ns,S,";
    format!("{begin}{}\n", "x".repeat(bytes - begin.len() - 1))
}

/// A file of 12 MB, every part of which compresses as well as any other, and what it is with gzip.
fn compressible() -> (usize, Vec<u8>) {
    // Farther apart than gzip looks back, the same letters are no repetition.
    let cell = format!(
        "{}{}",
        "x".repeat(60_000),
        noise(&mut Chance::new(1), 4_000)
    )
    .repeat(16);
    let text = lines("idnumber,name,description", 12, |number| {
        format!("s{number},S,{cell}")
    });
    (text.len(), gzip(text.as_bytes()))
}

/// A file of 12 MB, whose beginning compresses a thousand times and whose whole does twenty times.
fn compressible_at_first() -> Vec<u8> {
    let (blank, noise) = ("x".repeat(1_000_000), noise(&mut Chance::new(1), 1_000_000));
    let text = lines("idnumber,name,description", 12, |number| {
        format!("s{number},S,{}", if number < 11 { &blank } else { &noise })
    });
    gzip(text.as_bytes())
}

fn compressed(what: &'static str, bytes: Vec<u8>) -> Hostile {
    Hostile::of(
        what,
        Order::new("create-segments", bytes).content_type("application/gzip"),
    )
}

#[tokio::test]
async fn just_below_each_limit_of_columns_and_lines_and_just_above_it() {
    const RECORD: usize = 1 << 20;
    let mut ground = Ground::start().await;

    let below = Hostile::new("500 columns", "add-to-segments", columns(500));
    ground
        .ready(below, "reject 1", "segment-not-found 1, user-not-found 1")
        .await;
    assert_eq!(
        ground
            .rejected(Hostile::new("501 columns", "add-to-segments", columns(501)))
            .await,
        ["limit"]
    );

    let below = Hostile::new("100 numbered columns", "add-to-segments", numbered(100));
    ground
        .ready(below, "reject 1", "segment-not-found 100, user-not-found 1")
        .await;
    assert_eq!(
        ground
            .rejected(Hostile::new(
                "101 numbered columns",
                "add-to-segments",
                numbered(101)
            ))
            .await,
        ["limit"]
    );

    ground
        .ready(
            Hostile::new("a record of 1 MiB", "create-users", record(RECORD + 1)),
            "reject 1",
            "too-long 1",
        )
        .await;
    assert_eq!(
        ground
            .rejected(Hostile::new(
                "a record of more",
                "create-users",
                record(RECORD + 2)
            ))
            .await,
        ["limit"]
    );

    let segments = |count: usize| lines("idnumber,name", count, |number| format!("s{number},S"));
    ground
        .ready(
            Hostile::new("1 000 lines", "create-segments", segments(1_000)).limit("lines", 1_000),
            "create 1000",
            "",
        )
        .await;
    assert_eq!(
        ground
            .rejected(
                Hostile::new("1 001 lines", "create-segments", segments(1_001))
                    .limit("lines", 1_000)
            )
            .await,
        ["limit"]
    );

    let of_one = |count: usize| lines("username,cohort1", count, |_| "nobody,nowhere".to_owned());
    let below = Hostile::new(
        "1 000 lines of one person",
        "add-to-segments",
        of_one(1_000),
    );
    ground
        .ready(
            below,
            "reject 1000",
            "segment-not-found 1000, user-not-found 1000",
        )
        .await;
    assert_eq!(
        ground
            .rejected(Hostile::new(
                "1 001 lines of one person",
                "add-to-segments",
                of_one(1_001)
            ))
            .await,
        ["limit"]
    );

    ground.assert_small().await;
}

#[tokio::test]
async fn just_below_each_limit_of_bytes_and_just_above_it() {
    const SMALL: usize = 60_000;
    let mut ground = Ground::start().await;

    let below = Hostile::new("as large as it may be", "create-segments", file(SMALL))
        .limit("file_bytes", SMALL as u64);
    ground.ready(below, "create 1", "").await;
    ground
        .refused(
            Hostile::new("one byte larger", "create-segments", file(SMALL + 1))
                .limit("file_bytes", SMALL as u64),
            413,
        )
        .await;

    let below = compressed("expands as far as it may", gzip(file(SMALL).as_bytes()))
        .limit("expanded_bytes", SMALL as u64);
    ground.ready(below, "create 1", "").await;
    let above = compressed("expands one byte further", gzip(file(SMALL + 1).as_bytes()))
        .limit("expanded_bytes", SMALL as u64);
    ground.refused(above, 413).await;

    let (expanded, bytes) = compressible();
    let ratio = (expanded / bytes.len()) as u64;
    assert!((10..100).contains(&ratio), "{ratio}");
    let below = compressed("compressed as well as it may be", bytes.clone())
        .limit("expansion_ratio", ratio + 2);
    ground.ready(below, "reject 12", "too-long 12").await;
    ground
        .refused(
            compressed("compressed better", bytes).limit("expansion_ratio", ratio - 2),
            413,
        )
        .await;
    let hostile = compressed(
        "compressed well at first, and as a whole as it may be",
        compressible_at_first(),
    );
    ground.ready(hostile, "reject 12", "too-long 12").await;

    ground.assert_small().await;
}
