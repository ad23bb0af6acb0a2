//! A full file store stops uploads with a clear reason, keeps nothing of them, and takes them again
//! when there is room.
//!
//! The disk is a small tmpfs where mounting is permitted; else, and in a test of its own
//! everywhere, the api gets a file-size limit.

use super::{assert_put_off, limit};
use crate::bad_input::uploads::stored;
use muster_tests::harness::{Muster, Order, eventually};
use std::{path::PathBuf, process::Command};

/// What fits below the limit, and on the disk beside nothing else.
const ROOM: &str = "262144";

/// How the file store of a Muster is kept small.
enum Bounds {
    /// A disk of its own, which is full of something else.
    Disk(PathBuf),
    /// A limit on what the api writes into one file.
    FileSize(u32),
}

impl Bounds {
    /// A small, full disk, if this machine lets us mount one.
    fn disk(muster: &Muster) -> Self {
        let folder = muster.files();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={ROOM}"), "tmpfs"])
            .arg(&folder)
            .output();
        if !mounted.is_ok_and(|output| output.status.success()) {
            eprintln!("mounting is not permitted here: a file-size limit instead");
            return Self::file_size(muster);
        }
        eprintln!("on a tmpfs of {ROOM} bytes");
        let filler = std::fs::write(folder.join("filler"), vec![b'x'; 1 << 20]);
        assert!(filler.is_err(), "the disk is small");
        Self::Disk(folder)
    }

    fn file_size(muster: &Muster) -> Self {
        eprintln!("under a file-size limit of {ROOM} bytes");
        let api = muster.api().pid();
        limit(api, &format!("fsize={ROOM}"));
        Self::FileSize(api)
    }

    /// Makes room.
    fn lift(&self) {
        match self {
            Self::Disk(folder) => {
                std::fs::remove_file(folder.join("filler")).expect("the test's own file");
            }
            Self::FileSize(api) => limit(*api, "fsize=unlimited"),
        }
    }
}

impl Drop for Bounds {
    fn drop(&mut self) {
        if let Self::Disk(folder) = self {
            // Lazily: the api may have a file open.
            let _ = Command::new("umount").arg("-l").arg(folder).status();
        }
    }
}

fn segments(count: usize) -> String {
    (1..=count).fold("idnumber,name\n".to_owned(), |text, number| {
        text + &format!("s{number},Segment {number} of many\n")
    })
}

async fn stops_and_goes_on(bounds: fn(&Muster) -> Bounds) {
    let muster = Muster::start().await;
    let bounds = bounds(&muster);
    // One fails when it is finished, the other in its middle: it has more than one part, and its
    // client still sends.
    for lines in [12_000, 300_000] {
        let answer = muster
            .send(Order::new("create-segments", segments(lines)))
            .await;
        assert_put_off(&answer, 507, "storage-full");
        let detail = answer.json()["detail"]
            .as_str()
            .expect("a detail")
            .to_owned();
        assert!(
            detail.contains("Delete imports") && detail.contains("operator"),
            "{detail}"
        );
    }
    assert!(
        muster.api().log().contains("the file store is full"),
        "the operator is told"
    );
    assert_eq!(muster.list("/imports", "imports").await.len(), 0);
    let left = async || {
        stored(&muster)
            .iter()
            .all(|file| file.ends_with("/filler"))
            .then_some(())
    };
    eventually("nothing is left of what was refused", left).await;

    bounds.lift();
    muster.applied("create-segments", segments(4_000)).await;
}

#[tokio::test]
async fn on_a_small_disk() {
    stops_and_goes_on(Bounds::disk).await;
}

#[tokio::test]
async fn under_a_file_size_limit() {
    stops_and_goes_on(Bounds::file_size).await;
}
