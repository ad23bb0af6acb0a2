//! A byte order mark within a file, as `cat a.csv b.csv` leaves one: whatever is read of it does
//! not depend on where it is, nor on the pieces in which the file is read.

use super::id;
use crate::counts::{counts, lines};
use muster_tests::harness::Muster;

/// The file is read in pieces of so many bytes from a folder.
const PIECE: usize = 256 << 10;

/// Where a mark begins: in the middle of a piece, just before its end in several ways, and behind
/// it.
const PLACES: [usize; 7] = [
    PIECE - 200,
    PIECE - 12,
    PIECE - 3,
    PIECE - 2,
    PIECE - 1,
    PIECE,
    PIECE + 1,
];

/// A file of segments in which `last` begins at that byte, and the physical line on which it does.
fn file(at: usize, last: &str) -> (String, usize) {
    let mut text = "\u{feff}idnumber,name\n".to_owned();
    let mut lines = 1;
    while text.len() < at - 60 {
        text.extend(["s", &format!("{lines:07}"), ",Segment\n"]);
        lines += 1;
    }
    text.extend(["t,", &"x".repeat(at - text.len() - "t,\n".len()), "\n"]);
    assert_eq!(text.len(), at);
    (text + last, lines + 2)
}

/// Imports the file, all of whose lines must be good; the key and line of the one that it ends
/// with.
async fn last_of(muster: &Muster, file: String) -> (String, usize) {
    let import = muster.ready("create-segments", file).await;
    let rows = import["file"]["rows"].as_u64().expect("rows");
    assert_eq!(
        (counts(&import["actions"]), counts(&import["issues"])),
        (format!("create {rows}"), String::new())
    );
    let statement = "SELECT key, line FROM muster.import_rows WHERE import_no = (SELECT no FROM muster.imports WHERE id = $1::uuid)
                      ORDER BY line DESC LIMIT 1";
    let (key, line): (String, i32) = sqlx::query_as(statement)
        .bind(id(&import))
        .fetch_one(muster.sql())
        .await
        .expect("a line");
    let shown = muster
        .rows(id(&import), &format!("?key={}", key.replace(' ', "%20")))
        .await;
    assert_eq!(lines(&shown, "action"), [format!("{line} create")]);
    (key, line as usize)
}

#[tokio::test]
async fn before_a_record() {
    let muster = Muster::start().await;
    for at in PLACES {
        let (file, line) = file(at, "\u{feff}zebra,The last segment\n");
        assert_eq!(
            last_of(&muster, file).await,
            ("zebra".to_owned(), line),
            "at byte {at}"
        );
    }
}

#[tokio::test]
async fn before_a_quoted_cell() {
    let muster = Muster::start().await;
    for at in PLACES {
        let (file, line) = file(
            at,
            "\u{feff}\"zebra, grey\",\"The \"\"last\"\"\nsegment\"\n",
        );
        assert_eq!(
            last_of(&muster, file).await,
            ("zebra, grey".to_owned(), line),
            "at byte {at}"
        );
    }
}

#[tokio::test]
async fn alone_on_a_line() {
    let muster = Muster::start().await;
    for at in PLACES {
        let (file, line) = file(at, "\u{feff}\nlast,The last segment\n");
        assert_eq!(
            last_of(&muster, file).await,
            ("last".to_owned(), line + 1),
            "at byte {at}"
        );
    }
}

#[tokio::test]
async fn alone_at_the_end() {
    let muster = Muster::start().await;
    for end in ["", "\n", "\r\n"] {
        let import = muster
            .ready(
                "create-segments",
                format!("idnumber,name\na,A\n\u{feff}{end}"),
            )
            .await;
        let told = (
            counts(&import["actions"]),
            counts(&import["issues"]),
            import["file"]["rows"].as_u64(),
        );
        assert_eq!(
            told,
            ("create 1".to_owned(), String::new(), Some(1)),
            "{end:?}"
        );
    }
}

#[tokio::test]
async fn between_two_files_of_which_each_has_one() {
    let muster = Muster::start().await;
    let import = muster
        .applied(
            "create-segments",
            "\u{feff}idnumber,name\na,A\n\u{feff}b,B\n\u{feff}\"c\",\u{feff}C\n",
        )
        .await;
    assert_eq!(counts(&import["outcomes"]), "created 3");
    assert_eq!(
        muster.lms().await,
        "segment a: A |  | t v1 by import 1\nsegment b: B |  | t v1 by import 1\nsegment c: C |  | t v1 by import 1\n"
    );
}
