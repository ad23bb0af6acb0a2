//! Files of strange shapes: nothing but delimiters, quotes or line ends, a million cells to a
//! record, or one cell to a megabyte.

use super::{Ground, Hostile, lines};
use crate::journeys::id;
use flate2::{Compression, write::GzEncoder};
use muster_tests::harness::{Order, gzip};
use std::io::Write;

const HEADER: &str = "username,firstname,lastname,email";
const MEGABYTE: usize = 1 << 20;

/// So many bytes of line ends, with gzip.
fn line_ends(bytes: usize) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    let piece = vec![b'\n'; MEGABYTE];
    for _ in 0..bytes / MEGABYTE {
        gzip.write_all(&piece)
            .expect("memory takes what is written");
    }
    gzip.finish().expect("memory takes what is written")
}

#[tokio::test]
async fn cells_without_end() {
    let mut ground = Ground::start().await;

    let commas = format!("{}x", ",".repeat(1_000_000));
    let file = format!(
        "{HEADER}\nanna,Anna,Ash,anna@example.com\n{}",
        format!("{commas}\n").repeat(40)
    );
    ground
        .ready(
            Hostile::new("40 records of a million commas", "create-users", file),
            "create 1, reject 40",
            "width 40",
        )
        .await;

    let long = "x".repeat(MEGABYTE - 100);
    let file = lines(HEADER, 100, |number| {
        format!("u{number},{long},Ash,u{number}@example.com")
    });
    ground
        .ready(
            Hostile::new("100 lines with a cell of 1 MiB", "create-users", file),
            "reject 100",
            "too-long 100",
        )
        .await;

    let quotes = "\"".repeat(MEGABYTE - 100);
    let pairs = "\"\",".repeat((MEGABYTE - 100) / 3);
    let returns = "\r".repeat(MEGABYTE - 100);
    let file = format!(
        "{HEADER}\nanna,{quotes},Ash,anna@example.com\nbo,Bo,Birch,bo@example.com,{pairs}x\ncy,\"{returns}\",Cedar,cy@example.com\n{returns}\
         di,Di,Dale,di@example.com\n"
    );
    let hostile = Hostile::new(
        "1 MiB of quotes, of pairs of quotes and of line ends",
        "create-users",
        file,
    );
    let (site, import) = ground
        .ready(
            hostile,
            "create 1, reject 3",
            "missing-value 1, too-long 1, width 1",
        )
        .await;
    let line = 5 + 2 * returns.len();
    let numbers: Vec<_> = site
        .rows(id(&import), "")
        .await
        .iter()
        .map(|row| row["line"].as_u64())
        .collect();
    assert_eq!(numbers, [2, 3, 4, line].map(|line| Some(line as u64)));

    ground.assert_small().await;
}

#[tokio::test]
async fn files_of_nothing() {
    let mut ground = Ground::start().await;

    assert_eq!(
        ground
            .rejected(Hostile::new("one line", "create-users", HEADER))
            .await,
        ["header-only"]
    );
    let many = Hostile::new(
        "one line of a megabyte",
        "create-users",
        "username,".repeat(100_000),
    );
    assert_eq!(ground.rejected(many).await, ["limit"]);
    let delimiters = format!("{}\n", ",".repeat(999)).repeat(20_000);
    let codes = ground
        .rejected(Hostile::new(
            "20 MB of delimiters",
            "create-users",
            delimiters,
        ))
        .await;
    // Whether a header of nothing is none, or one that lacks all its columns.
    assert!(
        codes == ["empty-file"] || codes == ["missing-column"; 4],
        "{codes:?}"
    );

    let ends = |what| {
        Hostile::of(
            what,
            Order::new("create-users", line_ends(200 * MEGABYTE)).content_type("application/gzip"),
        )
    };
    ground
        .refused(ends("200 MB of line ends in a megabyte"), 413)
        .await;
    assert_eq!(
        ground
            .rejected(ends("200 MB of line ends").limit("expansion_ratio", 10_000))
            .await,
        ["empty-file"]
    );

    // Members that hold nothing cost time all the same: they are refused, or read through.
    let mut members = gzip(b"").repeat(100_000);
    members.extend(gzip(b"idnumber,name\ns,S\n"));
    let (site, answer) = ground
        .send(Hostile::of(
            "100 000 empty members",
            Order::new("create-segments", members).content_type("application/gzip"),
        ))
        .await;
    match answer.status {
        202 => {
            let import = site.wait_rest(id(&answer.json())).await;
            assert!(
                import["status"] == "ready" && import["actions"]["create"] == 1
                    || import["rejected"][0]["code"] == "limit",
                "{import:#}"
            );
        }
        status => assert!([400, 413, 415].contains(&status), "{}", answer.text()),
    }

    ground.assert_small().await;
}
