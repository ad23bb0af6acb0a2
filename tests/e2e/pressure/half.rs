//! Uploads of which one half has been sent: the other one waits for the test.

use muster_tests::harness::Site;
use std::{
    io::{Read, Write},
    net::TcpStream,
};

/// An upload of which one half has been sent.
pub(super) struct Half {
    connection: TcpStream,
    rest: String,
}

impl Half {
    /// Sends the head and the first half of a file of segments.
    pub(super) fn of_segments(site: &Site, token: &str) -> Self {
        let file = (1..=20_000).fold("idnumber,name\n".to_owned(), |text, n| {
            text + &format!("s{n},Segment {n}\n")
        });
        let mut connection = TcpStream::connect(site.client().base().trim_start_matches("http://"))
            .expect("the api is up");
        let head = format!(
            "POST {}?recipe=create-segments HTTP/1.1\r\nHost: muster\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: text/csv\r\nContent-Length: {}\r\n\r\n",
            site.path("/imports"),
            file.len()
        );
        let (sent, rest) = file.split_at(file.len() / 2);
        connection
            .write_all([&head, sent].concat().as_bytes())
            .expect("a connection");
        Self {
            connection,
            rest: rest.to_owned(),
        }
    }

    /// Sends the other half; the whole answer.
    pub(super) async fn finish(mut self) -> String {
        let finishing = tokio::task::spawn_blocking(move || {
            self.connection
                .write_all(self.rest.as_bytes())
                .expect("a connection");
            let mut answer = String::new();
            self.connection
                .read_to_string(&mut answer)
                .expect("an answer");
            answer
        });
        finishing.await.expect("a thread")
    }
}
