//! Uploads that are no file of text, too much of it, or too little.

use muster_tests::harness::{Muster, Order, eventually, gzip};
use serde_json::json;
use std::{
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
            if entry.path().is_dir() { folders.push(entry.path()) } else { files.push(entry.path().display().to_string()) }
        }
    }
    files
}

async fn assert_nothing_is_kept(muster: &Muster) {
    assert_eq!(muster.list("/imports", "imports").await.len(), 0);
    eventually("what was half-stored is gone", async || stored(muster).is_empty().then_some(())).await;
}

#[tokio::test]
async fn workbook_archive_document_and_page() {
    let muster = Muster::with().workers(0).start().await;
    let mut workbook = b"PK\x03\x04\x14\0\x06\0\x08\0".to_vec();
    workbook.resize(30, 0);
    workbook.extend_from_slice(b"[Content_Types].xml and the rest");
    let files: [(&[u8], &str); 5] = [
        (&workbook, "save it as CSV"),
        (b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x09\0\0\0staff.csv", "Unpack it"),
        (b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n1 0 obj", "CSV"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "CSV"),
        (b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR", "CSV"),
    ];
    for (bytes, hint) in files {
        for content_type in ["text/csv", "application/octet-stream"] {
            let problem = muster.send(Order::new("create-users", bytes).content_type(content_type)).await.expect(415).json();
            assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(hint)), "{hint}: {problem}");
        }
    }
    assert_eq!(muster.send(Order::new("create-users", gzip(&workbook))).await.status, 415, "inside gzip too");
    let problem = muster.send(Order::new("create-users", PEOPLE).content_type("application/json")).await.expect(415).json();
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("--data-binary")), "{problem}");
    assert_nothing_is_kept(&muster).await;
}

#[tokio::test]
async fn gzip_bomb() {
    let muster = Muster::with().workers(0).start().await;
    let bomb = gzip(&PEOPLE.as_bytes().repeat(300_000));
    assert!(bomb.len() < 100_000, "a small upload");
    let problem = muster.send(Order::new("create-users", bomb).content_type("application/gzip")).await.expect(413).json();
    assert_eq!(problem["code"], "too-large");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("expansion_ratio")), "{problem}");
    assert_nothing_is_kept(&muster).await;
}

#[tokio::test]
async fn files_past_a_sites_limits() {
    let limits = json!({"limits": {"file_bytes": 1000, "expanded_bytes": 5000, "lines": 3}});
    let muster = Muster::with().site(limits).start().await;
    let lines = |count: usize| format!("idnumber,name\n{}", (0..count).map(|n| format!("s{n},Segment {n}\n")).collect::<Vec<_>>().concat());
    let problem = muster.send(Order::new("create-segments", lines(100))).await.expect(413).json();
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("file_bytes") && detail.contains("1000")), "{problem}");
    let problem = muster.send(Order::new("create-segments", gzip("x,y\n".repeat(2000).as_bytes()))).await.expect(413).json();
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("expanded_bytes")), "{problem}");
    assert_nothing_is_kept(&muster).await;

    let id = muster.upload("create-segments", lines(4)).await;
    let import = muster.wait_for(&id, "rejected").await;
    assert_eq!(import["rejected"][0]["code"], "limit");
    muster.ready("create-segments", lines(3)).await;
}

#[tokio::test]
async fn an_upload_that_is_cut_off_half_way_leaves_nothing_behind() {
    let muster = Muster::with().workers(0).start().await;
    let address = muster.client().base().trim_start_matches("http://").to_owned();
    let token = muster.token(muster_shared::model::access::Role::Uploader);
    let half = PEOPLE.repeat(100_000);
    let mut connection = TcpStream::connect(address).expect("the api is up");
    let head = format!(
        "POST {}?recipe=create-users HTTP/1.1\r\nHost: muster\r\nAuthorization: Bearer {token}\r\nContent-Type: text/csv\r\nContent-Length: {}\r\n\r\n",
        muster.path("/imports"),
        half.len() * 2
    );
    connection.write_all(head.as_bytes()).expect("a connection");
    connection.write_all(half.as_bytes()).expect("a connection");
    connection.shutdown(Shutdown::Write).expect("a connection");
    let mut answer = String::new();
    // The api may answer before it closes, or just close.
    let _ = connection.read_to_string(&mut answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert_nothing_is_kept(&muster).await;
}

#[tokio::test]
async fn gzip_that_is_cut_off() {
    let muster = Muster::with().workers(0).start().await;
    let whole = gzip(PEOPLE.repeat(100).as_bytes());
    let problem = muster.send(Order::new("create-users", &whole[..whole.len() / 2])).await.expect(400).json();
    assert_eq!(problem["code"], "unreadable-body");
    assert_nothing_is_kept(&muster).await;
}

#[tokio::test]
async fn what_is_accepted_is_stored_whole() {
    let muster = Muster::with().workers(0).start().await;
    let answer = muster.send(Order::new("create-users", PEOPLE).with("filename", "staff.csv")).await.expect(202);
    let import = answer.json();
    let id = import["id"].as_str().expect("an id");
    assert!(answer.header("location").is_some_and(|location| location.ends_with(id)));
    let file = &import["file"];
    assert_eq!((&file["name"], &file["bytes"]), (&json!("staff.csv"), &json!(PEOPLE.len())));
    assert_eq!(file["sha256"], muster_tests::harness::sha256(PEOPLE.as_bytes()));
    let files = stored(&muster);
    assert_eq!(files.len(), 1);
    assert_eq!(std::fs::read(Path::new(&files[0])).expect("a file"), PEOPLE.as_bytes());
}
