//! Connections of clients: how many there may be, how long and how large the head of a request, and
//! how long an answer may go unread. `axum::serve` bounds none of it, so that whoever sends half a
//! head, or reads no answer, keeps a connection for good without a token.
//!
//! It must never end because a connection could not be had, and never spin until one can.

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
#[cfg(target_os = "linux")]
use rustix::net::sockopt::set_tcp_user_timeout;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::{
    io::{self, ErrorKind},
    pin::pin,
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::sleep,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How long a head may take, and how long a connection may be idle before the next one.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a client may take nothing of an answer. Long enough for a report to be halted for a
/// moment, or for a change of networks; who stays away longer takes the report up again with a new
/// request.
pub(crate) const UNREAD_TIMEOUT: Duration = Duration::from_mins(2);

/// The most bytes of a head. It has at most 100 headers, which is hyper's own bound; to set that
/// costs an allocation for each request.
const HEAD_BYTES: usize = 32 << 10;

/// Connections at once; those beyond wait in the system's queue.
const MAX_CONNECTIONS: u64 = 2_000;

/// Descriptors that are left for Postgres, Redis, uploads on their way to the disk, and the log.
const RESERVED_DESCRIPTORS: u64 = 128;

/// How long to wait when the system gives no connection: it is short of descriptors or memory, and
/// will be for a moment.
const PAUSE: Duration = Duration::from_secs(1);

/// How many connections the process may have at once. Its limit on descriptors is raised as far as
/// that takes and the system allows.
pub(crate) fn max_connections() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = MAX_CONNECTIONS + RESERVED_DESCRIPTORS;
    // No limit at all is more than is wanted.
    let (allowed, possible) = (
        current.unwrap_or(wanted),
        maximum.unwrap_or(wanted).min(wanted),
    );
    let is_raised = possible > allowed
        && setrlimit(
            Resource::Nofile,
            Rlimit {
                current: Some(possible),
                maximum,
            },
        )
        .is_ok();
    within(if is_raised { possible } else { allowed })
}

/// So many of these descriptors are for connections: of a few only one half.
fn within(descriptors: u64) -> usize {
    (descriptors - RESERVED_DESCRIPTORS.min(descriptors / 2)).min(MAX_CONNECTIONS) as usize
}

/// Answers what comes over the listener, over `max` connections at once, until told to stop; then
/// finishes the requests that are under way. A client that takes nothing of its answers for as long
/// as `patience` loses its connection.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    max: usize,
    patience: Duration,
    stop: CancellationToken,
) {
    let (permits, open) = (Arc::new(Semaphore::new(max)), TaskTracker::new());
    while let Some(Ok(permit)) = stop
        .run_until_cancelled(permits.clone().acquire_owned())
        .await
    {
        let Some(connection) = stop.run_until_cancelled(accept(&listener)).await else {
            break;
        };
        bound_unread(&connection, patience);
        let answering = answer(connection, router.clone(), stop.clone());
        open.spawn(async move {
            answering.await;
            drop(permit);
        });
    }
    drop(listener);
    open.close();
    open.wait().await;
}

/// The next connection, whatever goes wrong before it.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((connection, _)) => return connection,
            // That client has gone again; the next one waits.
            Err(error) if is_of_one_client(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be taken");
                sleep(PAUSE).await;
            }
        }
    }
}

fn is_of_one_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset
    )
}

/// Has the system end a connection once it can get rid of nothing for so long: the client
/// acknowledges nothing, or keeps its window shut.
#[cfg(target_os = "linux")]
fn bound_unread(connection: &TcpStream, patience: Duration) {
    if let Err(error) = set_tcp_user_timeout(connection, patience.as_millis() as u32) {
        tracing::warn!(%error, "a client that reads nothing may keep its connection");
    }
}

/// Other systems, on which Muster is developed but not run, have no such bound.
#[cfg(not(target_os = "linux"))]
fn bound_unread(_: &TcpStream, _: Duration) {}

/// Answers the requests of one client, one after another. With `stop` the one that is under way is
/// the last.
async fn answer(connection: TcpStream, router: Router, stop: CancellationToken) {
    // Not by the builder that finds out which version is spoken: while it waits for the first bytes
    // no clock runs.
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_header_size(HEAD_BYTES);
    let mut answering =
        pin!(http.serve_connection(TokioIo::new(connection), TowerToHyperService::new(router)));
    let ended = tokio::select! {
        ended = answering.as_mut() => ended,
        () = stop.cancelled() => {
            answering.as_mut().graceful_shutdown();
            answering.await
        }
    };
    if let Err(error) = ended {
        // A client's doing: it left, or took too long, be it to ask or to read.
        tracing::debug!(%error, "a connection ended");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_left_for_other_things() {
        for (descriptors, connections) in [
            (64, 32),
            (200, 100),
            (256, 128),
            (1_024, 896),
            (2_128, 2_000),
            (1 << 20, 2_000),
        ] {
            assert_eq!(within(descriptors), connections, "{descriptors}");
        }
    }

    /// What other systems do without.
    #[cfg(target_os = "linux")]
    mod unread {
        use super::*;
        use axum::routing::get;
        use std::net::SocketAddr;
        use tokio::{
            io::{AsyncReadExt, AsyncWriteExt},
            time::timeout,
        };

        /// Only a test that fails waits so long.
        const CEILING: Duration = Duration::from_mins(1);

        /// More bytes than the system's buffers of both sides hold, in so many answers.
        const ANSWERS: usize = 64;
        const ANSWER: &[u8] = &[b'.'; 1 << 20];

        const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: muster\r\n\r\n";

        /// Serves large answers over one connection at once, to clients that may leave them unread
        /// for so long.
        async fn serving(patience: Duration, stop: &CancellationToken) -> SocketAddr {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
            let address = listener.local_addr().expect("an address");
            let router = Router::new().route("/", get(async || ANSWER));
            tokio::spawn(serve(listener, router, 1, patience, stop.clone()));
            address
        }

        /// A connection over which so many requests have been sent.
        async fn asked(address: SocketAddr, requests: usize) -> TcpStream {
            let mut connection = TcpStream::connect(address).await.expect("it listens");
            connection
                .write_all(&REQUEST.repeat(requests))
                .await
                .expect("a connection");
            connection
        }

        /// How an answer begins; waits until it does.
        async fn beginning(connection: &mut TcpStream) -> [u8; 15] {
            let mut beginning = [0; 15];
            let reading = timeout(CEILING, connection.read_exact(&mut beginning));
            reading
                .await
                .expect("an answer before the test gives up")
                .expect("an answer");
            beginning
        }

        #[tokio::test]
        async fn who_never_reads_makes_room_for_the_next() {
            let stop = CancellationToken::new();
            let address = serving(Duration::from_secs(1), &stop).await;
            let mut unread = asked(address, ANSWERS).await;
            let mut next = asked(address, 1).await;
            assert_eq!(&beginning(&mut next).await, b"HTTP/1.1 200 OK");
            // It was the one that did not read, and not at the end of its answers.
            let mut taken = Vec::new();
            let read = timeout(CEILING, unread.read_to_end(&mut taken))
                .await
                .expect("an end");
            assert!(
                read.is_err() && taken.len() < ANSWERS * ANSWER.len(),
                "{read:?}, {}",
                taken.len()
            );
            stop.cancel();
        }
    }
}
