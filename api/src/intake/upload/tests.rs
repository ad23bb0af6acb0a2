//! Uploads into a real folder: what is stored, and above all what is not left behind.

use super::*;
use flate2::{Compression, write::GzEncoder};
use futures::stream;
use muster_shared::model::{kind::Kind, reading::Delimiter, recipe::Recipe};
use sha2::{Digest, Sha256};
use std::{
    convert::Infallible,
    io::Write,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;

const KEY: &str = "site/import";

fn store_in(folder: &TempDir) -> Files {
    Files::open(&format!("file://{}", folder.path().display())).expect("a folder")
}

fn settings() -> Settings {
    Settings::defaults(Recipe::AddToSegments, Kind::Users)
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).expect("memory");
    encoder.finish().expect("memory")
}

fn pieces(
    bytes: &[u8],
    size: usize,
) -> impl Stream<Item = Result<Bytes, Infallible>> + Unpin + use<> {
    let pieces: Vec<_> = bytes
        .chunks(size)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    stream::iter(pieces)
}

/// Names of the files in a folder and below.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                names(&path)
            } else {
                vec![path.display().to_string()]
            }
        })
        .collect()
}

async fn stored(bytes: &[u8], size: usize) -> StoredFile {
    let folder = tempfile::tempdir().expect("a folder");
    let stored = store(
        &store_in(&folder),
        KEY,
        pieces(bytes, size),
        None,
        &Limits::default(),
        &settings(),
    )
    .await
    .expect("stored");
    assert!(
        std::fs::read(folder.path().join(KEY)).expect("a file") == bytes,
        "stored as it came"
    );
    assert_eq!(names(folder.path()).len(), 1);
    stored
}

/// The error of an upload that is refused, after which nothing is left.
async fn refused(
    body: impl Stream<Item = Result<Bytes, impl Into<Box<dyn Error + Send + Sync>>>> + Unpin,
    limits: &Limits,
) -> UploadError {
    refused_of(None, body, limits).await
}

/// The same, of an upload that says how long it is.
async fn refused_of(
    length: Option<u64>,
    body: impl Stream<Item = Result<Bytes, impl Into<Box<dyn Error + Send + Sync>>>> + Unpin,
    limits: &Limits,
) -> UploadError {
    let folder = tempfile::tempdir().expect("a folder");
    let error = store(&store_in(&folder), KEY, body, length, limits, &settings())
        .await
        .expect_err("refused");
    assert_eq!(names(folder.path()), Vec::<String>::new());
    error
}

#[tokio::test]
async fn a_file_is_stored_as_it_came_and_known() {
    let text = "username;fornavn\r\nøyvind;Müller\r\n".repeat(5000);
    let text = text.as_bytes();
    let (plain, two) = (
        stored(text, 1000).await,
        [gzip(&text[..100]), gzip(&text[100..])].concat(),
    );
    assert_eq!(
        (
            plain.content.bytes,
            plain.content.expanded_bytes,
            plain.content.compression.as_deref()
        ),
        (text.len() as u64, text.len() as u64, None)
    );
    assert_eq!(plain.sha256, Sha256::digest(text).to_vec());
    assert_eq!(
        (
            plain.content.reading.encoding.value.as_str(),
            plain.content.reading.delimiter.value
        ),
        ("UTF-8", Delimiter::Semicolon)
    );
    for (bytes, size) in [
        (text.to_vec(), usize::MAX),
        (gzip(text), 1),
        (gzip(text), 1000),
        (two, usize::MAX),
    ] {
        let found = stored(&bytes, size).await;
        let is_gzip = bytes.starts_with(&[0x1F, 0x8B]);
        assert_eq!(
            (found.content.bytes, found.content.expanded_bytes),
            (bytes.len() as u64, text.len() as u64)
        );
        assert_eq!(found.content.compression.is_some(), is_gzip);
        assert_eq!(
            (found.sha256, found.content.reading),
            (
                Sha256::digest(&bytes).to_vec(),
                plain.content.reading.clone()
            )
        );
    }
}

#[tokio::test]
async fn tiny_files_are_files() {
    for bytes in [b"".as_slice(), b"a", b"\x1F", b"ab"] {
        let found = stored(bytes, 1).await;
        assert_eq!(
            (
                found.content.bytes,
                found.content.expanded_bytes,
                found.content.compression
            ),
            (bytes.len() as u64, bytes.len() as u64, None)
        );
    }
    assert_eq!(stored(&gzip(b""), 3).await.content.expanded_bytes, 0);
}

#[tokio::test]
async fn a_file_of_several_parts_is_stored() {
    let text = b"anna,anna@example.com\n".repeat(600_000);
    assert_eq!(
        stored(&text, 300_000).await.content.bytes,
        text.len() as u64
    );
}

#[tokio::test]
async fn what_is_not_to_be_stored_leaves_nothing() {
    let limits = Limits::default();
    let short = Limits {
        file_bytes: 999,
        ..limits.clone()
    };
    let narrow = Limits {
        expanded_bytes: 999,
        ..limits.clone()
    };
    let text = b"a,b\n".repeat(250);
    let large = |error: UploadError| match error {
        UploadError::TooLarge { limit, max } => (limit, max),
        other => panic!("{other}"),
    };
    assert_eq!(
        large(refused(pieces(&text, 100), &short).await),
        ("file_bytes", 999)
    );
    assert_eq!(
        large(refused(pieces(&text, 100), &narrow).await),
        ("expanded_bytes", 999)
    );
    assert_eq!(
        large(refused(pieces(&gzip(&text), 10), &narrow).await),
        ("expanded_bytes", 999)
    );
    let workbook =
        b"PK\x03\x04\x14\0\x06\0\x08\0\0\0!\0\0\0\0\0\0\0\0\0\0\0\0\0\x13\0\0\0[Content_Types].xml"
            .as_slice();
    for bytes in [workbook.to_vec(), gzip(workbook)] {
        assert!(matches!(
            refused(pieces(&bytes, 7), &limits).await,
            UploadError::Refused(Refusal::Workbook)
        ));
    }
    assert!(matches!(
        refused(pieces(&gzip(&gzip(&text)), 7), &limits).await,
        UploadError::Refused(Refusal::Compressed)
    ));
    let whole = gzip(&text);
    for bad in [
        &whole[..whole.len() - 1],
        &whole[..5],
        b"\x1F\x8Bx",
        &[whole.as_slice(), b"\n"].concat(),
    ] {
        assert!(matches!(
            refused(pieces(bad, 9), &limits).await,
            UploadError::BadGzip(_)
        ));
    }
}

#[tokio::test]
async fn ever_more_members_of_nothing_are_refused_whatever_the_pieces() {
    let empty = gzip(b"").repeat(5_000);
    for size in [1, 7, usize::MAX] {
        let error = refused(pieces(&empty, size), &Limits::default()).await;
        assert!(
            matches!(error, UploadError::BadGzip(BadGzip::TooManyMembers)),
            "{error}"
        );
    }
    // As programs write that compress in blocks.
    let text = b"anna,anna@example.com\n".repeat(100_000);
    let blocks: Vec<u8> = text
        .chunks(1 << 16)
        .flat_map(gzip)
        .chain(gzip(b""))
        .collect();
    assert_eq!(
        stored(&blocks, 1_000).await.content.expanded_bytes,
        text.len() as u64
    );
}

#[tokio::test]
async fn a_body_that_breaks_off_leaves_nothing() {
    // Once before a part is written, once after.
    for lines in [10, 500_000] {
        let body = pieces(&b"anna,anna@example.com\n".repeat(lines), 60_000)
            .map(|piece| Ok(piece.expect("infallible")));
        let body = body.chain(stream::iter([Err(std::io::Error::other(
            "the client went away",
        ))]));
        assert!(matches!(
            refused(body, &Limits::default()).await,
            UploadError::BrokenOff(_)
        ));
    }
}

/// The body, and how much of it was read.
fn counted(
    bytes: &[u8],
) -> (
    impl Stream<Item = Result<Bytes, Infallible>> + Unpin + use<>,
    Arc<AtomicUsize>,
) {
    let read = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&read);
    let body = pieces(bytes, 8192).inspect(move |piece| {
        count.fetch_add(piece.as_ref().map_or(0, Bytes::len), Ordering::Relaxed);
    });
    (body, read)
}

#[tokio::test]
async fn a_bomb_is_refused_early() {
    // A hundred megabytes of one letter, eight times: about 800 kB, of which 156 MB may come.
    let bomb = gzip(&vec![b'a'; 100_000_000]).repeat(8);
    let (body, read) = counted(&bomb);
    let error = refused_of(Some(bomb.len() as u64), body, &Limits::default()).await;
    assert!(
        matches!(
            error,
            UploadError::TooLarge {
                limit: "expansion_ratio",
                max: 200
            }
        ),
        "{error}"
    );
    let read = read.load(Ordering::Relaxed);
    assert!(
        read <= bomb.len() / 4,
        "{read} of {} bytes were read",
        bomb.len()
    );
}

#[tokio::test]
async fn a_bomb_that_does_not_say_how_long_it_is_goes_off_at_its_end() {
    let bomb = gzip(&vec![b'a'; 30_000_000]);
    let (body, read) = counted(&bomb);
    let error = refused(body, &Limits::default()).await;
    assert!(
        matches!(
            error,
            UploadError::TooLarge {
                limit: "expansion_ratio",
                max: 200
            }
        ),
        "{error}"
    );
    assert_eq!(read.load(Ordering::Relaxed), bomb.len());
    // One that would be larger than any file may be does not come so far.
    let (body, read) = counted(&bomb);
    let narrow = Limits {
        expanded_bytes: 1_000_000,
        ..Limits::default()
    };
    assert!(matches!(
        refused(body, &narrow).await,
        UploadError::TooLarge {
            limit: "expanded_bytes",
            ..
        }
    ));
    assert!(read.load(Ordering::Relaxed) < bomb.len());
}

#[tokio::test]
async fn the_ratio_is_that_of_the_whole_whatever_the_pieces() {
    // The first 11 MB compress to next to nothing; what comes then does not.
    let mut number = 1_u64;
    let rest = std::iter::repeat_with(|| {
        number = number
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        format!("{number:x}\n")
    });
    let text = [
        b"anna,Oslo\n".repeat(1_100_000),
        rest.take(30_000).collect::<String>().into_bytes(),
    ]
    .concat();
    let bytes = gzip(&text);
    assert!(text.len() / bytes.len() < 200);
    for size in [1_000, usize::MAX] {
        assert_eq!(
            stored(&bytes, size).await.content.expanded_bytes,
            text.len() as u64
        );
    }
    let folder = tempfile::tempdir().expect("a folder");
    let length = Some(bytes.len() as u64);
    let taken = store(
        &store_in(&folder),
        KEY,
        pieces(&bytes, 1_000),
        length,
        &Limits::default(),
        &settings(),
    )
    .await;
    assert!(
        taken.is_ok(),
        "nor whether it says how long it is: {taken:?}"
    );
    let strict = Limits {
        expansion_ratio: 5,
        ..Limits::default()
    };
    for (size, length) in [
        (1_000, None),
        (usize::MAX, None),
        (1_000, length),
        (usize::MAX, length),
    ] {
        let error = refused_of(length, pieces(&bytes, size), &strict).await;
        assert!(
            matches!(
                error,
                UploadError::TooLarge {
                    limit: "expansion_ratio",
                    max: 5
                }
            ),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_dense_file_below_ten_megabytes_is_no_bomb() {
    assert_eq!(
        stored(&gzip(&vec![b'a'; 9_999_999]), 1000)
            .await
            .content
            .expanded_bytes,
        9_999_999
    );
}

/// Waits until a folder has no file left.
async fn emptied(folder: &Path) -> bool {
    for _ in 0..500 {
        if names(folder).is_empty() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    false
}

#[tokio::test]
async fn a_dropped_upload_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (files, limits, settings) = (store_in(&folder), Limits::default(), settings());
    let text = b"anna,anna@example.com\n".repeat(500_000);
    let body = pieces(&text, 60_000).chain(stream::pending());
    let upload = store(&files, KEY, body, None, &limits, &settings);
    tokio::time::timeout(Duration::from_millis(300), upload)
        .await
        .expect_err("it never ends");
    assert!(emptied(folder.path()).await, "{:?}", names(folder.path()));
}

#[tokio::test]
async fn an_upload_dropped_at_whatever_moment_leaves_nothing_or_is_told() {
    // Every step of the future is once the last one, the steps of finishing included.
    let text = b"anna,anna@example.com\n".repeat(3000);
    for steps in 0..60 {
        let folder = tempfile::tempdir().expect("a folder");
        let (files, limits, settings) = (store_in(&folder), Limits::default(), settings());
        let mut upload = Box::pin(store(
            &files,
            KEY,
            pieces(&text, 9000),
            None,
            &limits,
            &settings,
        ));
        let mut is_done = false;
        for _ in 0..steps {
            is_done = is_done || futures::poll!(upload.as_mut()).is_ready();
            if is_done {
                break;
            }
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        drop(upload);
        assert!(
            if is_done {
                folder.path().join(KEY).exists()
            } else {
                emptied(folder.path()).await
            },
            "after {steps} steps"
        );
    }
}

#[tokio::test]
async fn a_store_that_fails_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = store_in(&folder);
    std::fs::write(folder.path().join("site"), "in the way").expect("a file");
    let text = b"anna,anna@example.com\n".repeat(500_000);
    let error = store(
        &files,
        KEY,
        pieces(&text, 60_000),
        None,
        &Limits::default(),
        &settings(),
    )
    .await
    .expect_err("no folder");
    assert!(matches!(error, UploadError::Files(_)), "{error}");
}
