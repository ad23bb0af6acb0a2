//! The liveness probe: is this process still consuming its queue? It must not look at Postgres or
//! Redis: their absence is no reason to restart a worker.

use super::pulse::Pulse;
use anyhow::Context;
use axum::{Router, http::StatusCode, routing::get};
use std::{net::SocketAddr, time::Duration};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Older than this, the consumer is taken for dead. Heartbeats come every 10 s; a connection tries
/// for 60 s to come back.
const MAX_AGE: Duration = Duration::from_mins(2);

/// Takes the address; a worker that cannot be looked after does not begin.
pub(crate) async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .with_context(|| format!("MUSTER_HEALTH_BIND cannot be used: {address}"))
}

/// Answers `GET /livez` until the process is asked to stop.
pub(crate) async fn serve(
    listener: TcpListener,
    pulses: Vec<Pulse>,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let livez = move || {
        let is_alive = pulses.iter().all(|pulse| pulse.age() < MAX_AGE);
        async move {
            if is_alive {
                (StatusCode::OK, "ok\n")
            } else {
                (StatusCode::SERVICE_UNAVAILABLE, "no heartbeat\n")
            }
        }
    };
    axum::serve(listener, Router::new().route("/livez", get(livez)))
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}
