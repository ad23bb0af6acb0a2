//! Connections of clients: how many there may be, and how long and how large the head of a request. `axum::serve` bounds none of it, so
//! that whoever sends half a head, without a token, keeps a connection for good.
//!
//! It must never end because a connection could not be had, and never spin until one can.

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
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
const HEAD_PATIENCE: Duration = Duration::from_secs(10);

/// The most bytes of a head. It has at most 100 headers, which is hyper's own bound; to set that costs an allocation for each request.
const HEAD_BYTES: usize = 32 << 10;

/// Connections at once; those beyond wait in the system's queue.
const MOST: u64 = 2_000;

/// Descriptors that are left for Postgres, Redis, uploads on their way to the disk, and the log.
const KEPT: u64 = 128;

/// How long to wait when the system gives no connection: it is short of descriptors or memory, and will be for a moment.
const PAUSE: Duration = Duration::from_secs(1);

/// How many connections the process may have at once. Its limit on descriptors is raised as far as that takes and the system allows.
pub(crate) fn most() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = MOST + KEPT;
    // No limit at all is more than is wanted.
    let (allowed, possible) = (current.unwrap_or(wanted), maximum.unwrap_or(wanted).min(wanted));
    let is_raised = possible > allowed && setrlimit(Resource::Nofile, Rlimit { current: Some(possible), maximum }).is_ok();
    within(if is_raised { possible } else { allowed })
}

/// So many of these descriptors are for connections: of a few only one half.
fn within(descriptors: u64) -> usize {
    (descriptors - KEPT.min(descriptors / 2)).min(MOST) as usize
}

/// Answers what comes over the listener, over `most` connections at once, until told to stop; then finishes the requests that are under
/// way.
pub(crate) async fn serve(listener: TcpListener, router: Router, most: usize, stop: CancellationToken) {
    let (places, open) = (Arc::new(Semaphore::new(most)), TaskTracker::new());
    while let Some(Ok(place)) = stop.run_until_cancelled(places.clone().acquire_owned()).await {
        let Some(connection) = stop.run_until_cancelled(accept(&listener)).await else { break };
        let answering = answer(connection, router.clone(), stop.clone());
        open.spawn(async move {
            answering.await;
            drop(place);
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
    matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset)
}

/// Answers the requests of one client, one after another. With `stop` the one that is under way is the last.
async fn answer(connection: TcpStream, router: Router, stop: CancellationToken) {
    // Not by the builder that finds out which version is spoken: while it waits for the first bytes no clock runs.
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_PATIENCE).max_header_size(HEAD_BYTES);
    let mut answering = pin!(http.serve_connection(TokioIo::new(connection), TowerToHyperService::new(router)));
    let ended = tokio::select! {
        ended = answering.as_mut() => ended,
        () = stop.cancelled() => {
            answering.as_mut().graceful_shutdown();
            answering.await
        }
    };
    if let Err(error) = ended {
        // A client's doing: it left, or took too long.
        tracing::debug!(%error, "a connection ended");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_left_for_other_things() {
        for (descriptors, connections) in [(64, 32), (200, 100), (256, 128), (1_024, 896), (2_128, 2_000), (1 << 20, 2_000)] {
            assert_eq!(within(descriptors), connections, "{descriptors}");
        }
    }
}
