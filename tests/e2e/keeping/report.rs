//! A report that is being downloaded when its lines go is broken off: half a report must not look
//! like a whole one.

use super::{delete, id};
use muster_shared::model::access::Role;
use muster_tests::harness::Muster;
use std::{fmt::Write, net::SocketAddr};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

/// Together much more than what lies between a server and a client that does not read.
const LINES: usize = 200;
/// Each so many times 32 bytes.
const PIECES: usize = 1_800;
/// By which HTTP/1.1 says that a body of unknown length is complete.
const COMPLETE: &[u8] = b"0\r\n\r\n";

/// A file that cannot be compressed, so that few of its lines are a page.
fn file() -> String {
    let mut file = "idnumber,name,description\n".to_owned();
    for line in 0..LINES {
        let _ = write!(file, "s{line},Name,");
        file.extend((0..PIECES).map(|_| uuid::Uuid::new_v4().simple().to_string()));
        file.push('\n');
    }
    file
}

/// Asks for a report, and reads no more than the beginning of it.
async fn begin(muster: &Muster, import: &str) -> TcpStream {
    let address: SocketAddr = muster
        .client()
        .base()
        .trim_start_matches("http://")
        .parse()
        .expect("an address");
    let socket = TcpSocket::new_v4().expect("a socket");
    socket
        .set_recv_buffer_size(16 << 10)
        .expect("a small buffer");
    let mut stream = socket.connect(address).await.expect("the api is up");
    let request = format!(
        "GET {} HTTP/1.1\r\nhost: muster\r\nauthorization: Bearer {}\r\nconnection: close\r\n\r\n",
        muster.path(&format!("/imports/{import}/report.csv")),
        muster.token(Role::Viewer)
    );
    stream
        .write_all(request.as_bytes())
        .await
        .expect("a request");
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.expect("an answer");
    assert_eq!(&head, b"HTTP/1.1 200");
    stream
}

/// All that is left of the answer, however it ends.
async fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    rest
}

#[tokio::test]
async fn a_report_whose_lines_go_meanwhile_is_broken_off() {
    let muster = Muster::start().await;
    let import = id(&muster.ready("create-segments", file()).await);
    let whole = rest(begin(&muster, &import).await).await;
    assert!(whole.ends_with(COMPLETE) && whole.len() > LINES * PIECES * 32);

    let download = begin(&muster, &import).await;
    let _ = delete(&muster, &import).await.expect(204);
    let part = rest(download).await;
    assert!(
        !part.ends_with(COMPLETE),
        "{} of {} bytes",
        part.len(),
        whole.len()
    );
    assert!(part.len() < whole.len());
}
