//! Uploads that are no file of text, too much of it, or too little.

use bytes::Bytes;
use muster_tests::{
    client::{Answer, Upload},
    harness::{Muster, Order, eventually, gzip},
};
use serde_json::json;
use std::{
    convert::Infallible,
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    path::Path,
};

const PEOPLE: &str = "username,firstname,lastname,email\nanna,Anna,Ash,anna@example.com\n";

/// The files that Muster stores, half-stored ones included.
pub(crate) fn stored(muster: &Muster) -> Vec<String> {
    let mut folders = vec![muster.files()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                files.push(entry.path().display().to_string());
            }
        }
    }
    files
}

async fn assert_nothing_is_kept(muster: &Muster) {
    assert_eq!(muster.list("/imports", "imports").await.len(), 0);
    eventually("what was half-stored is gone", async || {
        stored(muster).is_empty().then_some(())
    })
    .await;
    eventually("its key is taken back", async || {
        (keys(muster).await == 0).then_some(())
    })
    .await;
}

/// How many keys of the file store are known.
pub(crate) async fn keys(muster: &Muster) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM muster.uploads")
        .fetch_one(muster.sql())
        .await
        .expect("a count")
}

/// Begins to send a file that has twice as many bytes, or just these if it is `whole`.
pub(crate) fn begin(muster: &Muster, bytes: &[u8], whole: bool) -> TcpStream {
    let address = muster
        .client()
        .base()
        .trim_start_matches("http://")
        .to_owned();
    let token = muster.token(muster_shared::model::access::Role::Uploader);
    let mut connection = TcpStream::connect(address).expect("the api is up");
    let head = format!(
        "POST {}?recipe=create-users HTTP/1.1\r\nHost: muster\r\nAuthorization: Bearer {token}\r\nContent-Type: text/csv\r\nContent-Length: {}\r\n\r\n",
        muster.path("/imports"),
        if whole { bytes.len() } else { bytes.len() * 2 }
    );
    connection.write_all(head.as_bytes()).expect("a connection");
    connection.write_all(bytes).expect("a connection");
    connection
}

#[tokio::test]
async fn workbook_archive_document_and_page() {
    let muster = Muster::with().workers(0).start().await;
    let mut workbook = b"PK\x03\x04\x14\0\x06\0\x08\0".to_vec();
    workbook.resize(30, 0);
    workbook.extend_from_slice(b"[Content_Types].xml and the rest");
    let files: [(&[u8], &str); 5] = [
        (&workbook, "save it as CSV"),
        (
            b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x09\0\0\0staff.csv",
            "Unpack it",
        ),
        (b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n1 0 obj", "CSV"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "CSV"),
        (b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR", "CSV"),
    ];
    for (bytes, hint) in files {
        for content_type in ["text/csv", "application/octet-stream"] {
            let problem = muster
                .send(Order::new("create-users", bytes).content_type(content_type))
                .await
                .expect(415)
                .json();
            assert!(
                problem["detail"]
                    .as_str()
                    .is_some_and(|detail| detail.contains(hint)),
                "{hint}: {problem}"
            );
        }
    }
    assert_eq!(
        muster
            .send(Order::new("create-users", gzip(&workbook)))
            .await
            .status,
        415,
        "inside gzip too"
    );
    let problem = muster
        .send(Order::new("create-users", PEOPLE).content_type("application/json"))
        .await
        .expect(415)
        .json();
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("--data-binary")),
        "{problem}"
    );
    assert_nothing_is_kept(&muster).await;
}

#[tokio::test]
async fn gzip_bomb() {
    let muster = Muster::with().workers(0).start().await;
    let bomb = gzip(&PEOPLE.as_bytes().repeat(300_000));
    assert!(bomb.len() < 100_000, "a small upload");
    let problem = muster
        .send(Order::new("create-users", bomb).content_type("application/gzip"))
        .await
        .expect(413)
        .json();
    assert_eq!(problem["code"], "too-large");
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("expansion_ratio")),
        "{problem}"
    );
    assert_nothing_is_kept(&muster).await;
}

/// The answer to an upload in pieces of that size, which does not say how long it is.
async fn send_in_pieces(muster: &Muster, bytes: &[u8], size: usize) -> Answer {
    let pieces: Vec<_> = bytes
        .chunks(size)
        .map(|piece| Ok::<_, Infallible>(Bytes::copy_from_slice(piece)))
        .collect();
    let body = reqwest::Body::wrap_stream(futures::stream::iter(pieces));
    let query = vec![
        ("recipe", "custom".to_owned()),
        ("kind", "users".to_owned()),
    ];
    let upload = Upload {
        query,
        content_type: "application/gzip",
        body,
        length: None,
    };
    muster
        .client()
        .upload(muster.slug(), upload)
        .await
        .expect("the api is up")
}

#[tokio::test]
async fn gzip_bomb_of_unknown_length() {
    let muster = Muster::with().workers(0).start().await;
    let bomb = gzip(&PEOPLE.as_bytes().repeat(300_000));
    for size in [1_000, bomb.len()] {
        let problem = send_in_pieces(&muster, &bomb, size)
            .await
            .expect(413)
            .json();
        assert!(
            problem["detail"]
                .as_str()
                .is_some_and(|detail| detail.contains("expansion_ratio")),
            "{problem}"
        );
    }
    assert_nothing_is_kept(&muster).await;
}

#[tokio::test]
async fn a_file_whose_beginning_alone_expands_too_far() {
    let muster = Muster::with().workers(0).start().await;
    let mut chance = 1_u64;
    let rest = std::iter::repeat_with(|| {
        chance = chance
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        format!("{chance:016x},{:x}\n", chance.rotate_left(32))
    });
    let text = [
        "username,city\n".to_owned(),
        "anna,Oslo\n".repeat(1_100_000),
        rest.take(30_000).collect(),
    ]
    .concat();
    let file = gzip(text.as_bytes());
    let order = || {
        Order::new("custom", &file[..])
            .with("kind", "users")
            .content_type("application/gzip")
    };
    let _ = muster.send(order()).await.expect(202);
    for size in [1_000, file.len()] {
        let _ = send_in_pieces(&muster, &file, size).await.expect(202);
    }
    let part = reqwest::multipart::Part::bytes(file.clone()).file_name("x.csv.gz");
    let form = reqwest::multipart::Form::new()
        .text("recipe", "custom")
        .text("kind", "users")
        .part("file", part);
    let request = muster
        .client()
        .request(reqwest::Method::POST, &muster.path("/imports"))
        .multipart(form);
    let _ = muster
        .client()
        .send(request)
        .await
        .expect("the api is up")
        .expect(202);
}

#[tokio::test]
async fn files_past_a_sites_limits() {
    let limits = json!({"limits": {"file_bytes": 1000, "expanded_bytes": 5000, "lines": 3}});
    let muster = Muster::with().site(limits).start().await;
    let lines = |count: usize| {
        format!(
            "idnumber,name\n{}",
            (0..count)
                .map(|n| format!("s{n},Segment {n}\n"))
                .collect::<Vec<_>>()
                .concat()
        )
    };
    let problem = muster
        .send(Order::new("create-segments", lines(100)))
        .await
        .expect(413)
        .json();
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("file_bytes") && detail.contains("1000")),
        "{problem}"
    );
    let problem = muster
        .send(Order::new(
            "create-segments",
            gzip("x,y\n".repeat(2000).as_bytes()),
        ))
        .await
        .expect(413)
        .json();
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("expanded_bytes")),
        "{problem}"
    );
    assert_nothing_is_kept(&muster).await;

    let id = muster.upload("create-segments", lines(4)).await;
    let import = muster.wait_for(&id, "rejected").await;
    assert_eq!(import["rejected"][0]["code"], "limit");
    muster.ready("create-segments", lines(3)).await;
}

#[tokio::test]
async fn an_upload_that_is_cut_off_half_way_leaves_nothing_behind() {
    let muster = Muster::with().workers(0).start().await;
    let mut connection = begin(&muster, PEOPLE.repeat(100_000).as_bytes(), false);
    connection.shutdown(Shutdown::Write).expect("a connection");
    let mut answer = String::new();
    // The api may answer before it closes, or just close.
    let _ = connection.read_to_string(&mut answer);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 400"),
        "{answer}"
    );
    assert_nothing_is_kept(&muster).await;
}

#[tokio::test]
async fn gzip_that_is_cut_off() {
    let muster = Muster::with().workers(0).start().await;
    let whole = gzip(PEOPLE.repeat(100).as_bytes());
    let problem = muster
        .send(Order::new("create-users", &whole[..whole.len() / 2]))
        .await
        .expect(400)
        .json();
    assert_eq!(problem["code"], "unreadable-body");
    assert_nothing_is_kept(&muster).await;
}

#[tokio::test]
async fn what_is_accepted_is_stored_whole() {
    let muster = Muster::with().workers(0).start().await;
    let answer = muster
        .send(Order::new("create-users", PEOPLE).with("filename", "staff.csv"))
        .await
        .expect(202);
    let import = answer.json();
    let id = import["id"].as_str().expect("an id");
    assert!(
        answer
            .header("location")
            .is_some_and(|location| location.ends_with(id))
    );
    let file = &import["file"];
    assert_eq!(
        (&file["name"], &file["bytes"]),
        (&json!("staff.csv"), &json!(PEOPLE.len()))
    );
    assert_eq!(
        file["sha256"],
        muster_tests::harness::sha256(PEOPLE.as_bytes())
    );
    let files = stored(&muster);
    assert_eq!(files.len(), 1);
    assert_eq!(
        std::fs::read(Path::new(&files[0])).expect("a file"),
        PEOPLE.as_bytes()
    );
}
