//! Clients that never send a whole head, and more of them than an api may have descriptors: they
//! are closed, and everybody else is answered.

use muster_tests::{
    client::Client,
    harness::{Muster, eventually},
};
use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
};

/// A connection to the api, over which this was sent.
fn sent(muster: &Muster, bytes: &[u8]) -> TcpStream {
    let mut connection = TcpStream::connect(muster.client().base().trim_start_matches("http://"))
        .expect("the api is up");
    connection.write_all(bytes).expect("a connection");
    connection
}

const HALF: &[u8] = b"GET /livez HTTP/1.1\r\nHost: muster\r\nX-A: ";
const WHOLE: &[u8] = b"GET /livez HTTP/1.1\r\nHost: muster\r\n\r\n";

/// Has the api closed it? What it answers before is read and forgotten.
fn is_closed(connection: &mut TcpStream) -> bool {
    connection.set_nonblocking(true).expect("a connection");
    loop {
        match connection.read(&mut [0; 1024]) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() != ErrorKind::WouldBlock,
        }
    }
}

/// Somebody new is answered.
async fn is_answered(muster: &Muster) {
    assert_eq!(
        Client::new(muster.client().base(), None)
            .get("/livez")
            .await
            .expect("the api is up")
            .status,
        200
    );
}

#[tokio::test]
async fn who_never_sends_a_whole_head_is_closed() {
    let muster = Muster::with().workers(0).start().await;
    let halves = (0..20).map(|_| sent(&muster, HALF));
    let silent = (0..5).map(|_| sent(&muster, b""));
    let mut open: Vec<_> = halves.chain(silent).chain([sent(&muster, WHOLE)]).collect();
    // One that sends a little now and then is no better.
    let mut slow = sent(&muster, HALF);
    let closed = async || {
        is_answered(&muster).await;
        open.retain_mut(|connection| !is_closed(connection));
        (open.is_empty() && (slow.write_all(b"x").is_err() || is_closed(&mut slow))).then_some(())
    };
    eventually("they are closed", closed).await;
    is_answered(&muster).await;
}

#[tokio::test]
async fn more_of_them_than_there_are_descriptors_keep_nobody_out() {
    let muster = Muster::with().workers(0).descriptors(200).start().await;
    let _halves: Vec<_> = (0..220).map(|_| sent(&muster, HALF)).collect();
    is_answered(&muster).await;
    assert!(
        !muster.api().log().contains("no connection can be taken"),
        "they wait until there is room"
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn an_api_without_descriptors_waits_for_some() {
    let muster = Muster::with().workers(0).start().await;
    let api = muster.api().pid();
    super::limit(api, "nofile=10");
    let _halves: Vec<_> = (0..5).map(|_| sent(&muster, HALF)).collect();
    let told = || {
        muster
            .api()
            .log()
            .matches("no connection can be taken")
            .count()
    };
    eventually("the operator is told", async || (told() > 1).then_some(())).await;
    super::limit(api, "nofile=2000");
    is_answered(&muster).await;
    assert!(
        told() < 1_000,
        "it says so once a second, and does not spin"
    );
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused() {
    let muster = Muster::with().workers(0).start().await;
    let headers = |count: usize, bytes: usize| {
        (0..count).fold(String::new(), |text, n| {
            text + &format!("X-{n}: {}\r\n", "x".repeat(bytes))
        })
    };
    for (headers, status) in [
        (headers(98, 300), 200),
        (headers(99, 1), 431),
        (headers(1, 33_000), 431),
        (headers(98, 400), 431),
    ] {
        let head =
            format!("GET /livez HTTP/1.1\r\nHost: muster\r\nConnection: close\r\n{headers}\r\n");
        let mut connection = sent(&muster, head.as_bytes());
        let mut answer = [0; 12];
        connection.read_exact(&mut answer).expect("an answer");
        assert_eq!(
            std::str::from_utf8(&answer),
            Ok(format!("HTTP/1.1 {status}").as_str()),
            "{} bytes",
            head.len()
        );
    }
}
