//! Records and lines that hold nothing, in such numbers that reading through them takes longer than
//! a claim is good for: whoever reads them says that it is alive, and hears what is asked of it.

use super::files::id;
use crate::counts::{counts, lines};
use flate2::{Compression, write::GzEncoder};
#[cfg(target_os = "linux")]
use muster_tests::harness::eventually;
use muster_tests::{
    harness::{Builder, Muster, Order},
    make::Chance,
};
use serde_json::json;
use std::io::Write;

/// Bytes of blanks, more than a lane reads during the claim: of records, and of line ends, which
/// take less.
const RECORDS: usize = 80_000_000;
const LINE_ENDS: usize = 250_000_000;

/// Blanks compress a thousand times.
fn with_any_ratio() -> Builder {
    Muster::with().site(json!({"limits": {"expansion_ratio": 10_000}}))
}

/// So many times this.
struct Blanks {
    piece: String,
    pieces: usize,
}

impl Blanks {
    /// Records of nothing but delimiters and blanks, of two sorts in no order: a file of them is
    /// not small.
    fn records() -> Self {
        let mut chance = Chance::new(1);
        let mut record = |_| {
            (0..100)
                .map(|_| *chance.of(&[" ", "\t"]))
                .collect::<Vec<_>>()
                .join(",")
                + "\n"
        };
        let piece: String = (0..5_000).map(&mut record).collect();
        Self {
            pieces: RECORDS / piece.len(),
            piece,
        }
    }

    /// Line ends.
    fn line_ends() -> Self {
        Self {
            piece: "\n".repeat(1 << 20),
            pieces: LINE_ENDS >> 20,
        }
    }

    /// How many lines they are.
    fn lines(&self) -> usize {
        self.piece.matches('\n').count() * self.pieces
    }

    /// A file with a segment, then these, then another segment; with gzip.
    fn file(&self) -> Order {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        let mut write = |bytes: &[u8]| gzip.write_all(bytes).expect("memory takes what is written");
        write(b"idnumber,name\nfirst,First\n");
        (0..self.pieces).for_each(|_| write(self.piece.as_bytes()));
        write(b"last,Last\n");
        let bytes = gzip.finish().expect("memory takes what is written");
        Order::new("create-segments", bytes).content_type("application/gzip")
    }
}

/// Reads it in claims that are good for two seconds, among lanes that would take it over; the fifth
/// that is lost would be the last.
async fn is_read_through(blanks: &Blanks) {
    let muster = with_any_ratio()
        .setting("MUSTER_LEASE_SECONDS", "2")
        .workers(2)
        .start()
        .await;
    let import = muster.ready_order(blanks.file()).await;
    assert_eq!(
        (counts(&import["actions"]), &import["file"]["rows"]),
        ("create 2".to_owned(), &json!(2))
    );
    let last = 3 + blanks.lines();
    assert_eq!(
        lines(&muster.rows(&id(&import), "").await, "action"),
        ["2 create".to_owned(), format!("{last} create")]
    );
}

#[tokio::test]
async fn blank_records_do_not_cost_the_claim() {
    is_read_through(&Blanks::records()).await;
}

#[tokio::test]
async fn line_ends_do_not_cost_the_claim() {
    is_read_through(&Blanks::line_ends()).await;
}

/// How far a process has read the file of an import; `None`: it has not opened it.
#[cfg(target_os = "linux")]
fn position(pid: u32, import: &str) -> Option<u64> {
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten();
    let mut of_import =
        open.filter(|fd| std::fs::read_link(fd.path()).is_ok_and(|file| file.ends_with(import)));
    let told = std::fs::read_to_string(format!(
        "/proc/{pid}/fdinfo/{}",
        of_import.next()?.file_name().display()
    ))
    .ok()?;
    told.lines()
        .find_map(|line| line.strip_prefix("pos:"))?
        .trim()
        .parse()
        .ok()
}

/// How many bytes a process has read from files.
#[cfg(target_os = "linux")]
fn read_by(pid: u32) -> u64 {
    let told = std::fs::read_to_string(format!("/proc/{pid}/io")).expect("a process of the test");
    told.lines()
        .find_map(|line| line.strip_prefix("rchar:"))
        .and_then(|bytes| bytes.trim().parse().ok())
        .expect("a number")
}

/// Is it known how the lines are divided into slots? To know that, the worker reads the whole file
/// once before it stages any line.
#[cfg(target_os = "linux")]
async fn is_divided(muster: &Muster) -> bool {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM muster.import_slots)")
        .fetch_one(muster.sql())
        .await
        .expect("a condition")
}

/// A cancel comes in the middle of the worker's first or second reading of the file, which it then
/// does not read to its end. Only Linux tells how far that is.
#[cfg(target_os = "linux")]
async fn is_cancelled_while_it_is_read(blanks: &Blanks, reading: u64) {
    let muster = with_any_ratio().start().await;
    let pid = muster.worker(0).pid();
    let before = read_by(pid);
    let import = muster.order(blanks.file()).await;
    let bytes = muster.import(&import).await["file"]["bytes"]
        .as_u64()
        .expect("bytes");
    let is_begun = async || {
        let is_reading = reading == 1 || is_divided(&muster).await;
        position(pid, &import).filter(|position| is_reading && *position > 0)
    };
    let _ = eventually("it is being read", is_begun).await;
    // So that the cancel comes before the end, however slow this test is.
    muster.worker(0).sigstop();
    let stopped_at = position(pid, &import).expect("it is open");
    assert!(
        stopped_at < bytes / 2,
        "it is read through already: {stopped_at} of {bytes} bytes"
    );
    muster.cancel(&import).await;
    muster.worker(0).sigcont();
    muster.wait_for(&import, "cancelled").await;
    let read = read_by(pid) - before;
    assert!(
        read < reading * bytes,
        "the worker has read on to the end: {read} bytes, of {bytes}"
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_cancel_is_heard_among_line_ends() {
    is_cancelled_while_it_is_read(&Blanks::line_ends(), 1).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_cancel_is_heard_among_blank_records() {
    is_cancelled_while_it_is_read(&Blanks::records(), 2).await;
}
