//! Keeps one queue's worker alive: whatever ends it, another one is started, until the process
//! stops.

use super::{consume::consume, handlers::Handlers, prune::keep_pruning};
use crate::process::pulse::Pulse;
use muster_shared::queue::{Backoff, Connection, Queue, QueueError, Wake};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use uuid::Uuid;

/// A worker that lived this long did not fail at its start.
const STEADY: Duration = Duration::from_mins(1);

/// How long an unreachable Redis may hold up the process after its last handler finished.
const GRACE: Duration = Duration::from_secs(5);

/// What to consume, and how.
pub(crate) struct Consume {
    /// Where Redis is (`redis://` or `rediss://`).
    pub(crate) redis_url: String,
    /// The queue.
    pub(crate) queue: Queue,
    /// How many wakes are handled at once; at least 1.
    pub(crate) concurrency: usize,
}

/// Hands every wake of a queue to `handler` until `stop`; then takes no more, lets the running
/// handlers finish and returns.
///
/// A handler that waits for long must not block its thread. Redis may come and go meanwhile:
/// handlers never notice, except that the same wake may come again. Fails only on a URL that is
/// none.
pub(crate) async fn supervise<H, F>(
    settings: Consume,
    handler: H,
    stop: CancellationToken,
    pulse: Pulse,
) -> Result<(), QueueError>
where
    H: Fn(Wake) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let Consume {
        redis_url,
        queue,
        concurrency,
    } = settings;
    let connection = Connection::open(&redis_url)?;
    let handlers = Handlers::new(handler, concurrency);
    let _pruner = AbortOnDropHandle::new(tokio::spawn(keep_pruning(connection.clone(), queue)));
    let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(15));
    while !stop.is_cancelled() {
        pulse.beat();
        let (name, born) = (unique_name(), Instant::now());
        tracing::info!(queue = queue.name(), worker = name, "taking wakes");
        let worker = consume(
            name,
            connection.clone(),
            queue,
            handlers.clone(),
            pulse.clone(),
            stop.clone(),
        );
        // A task of its own, so that a panic inside apalis is one more way to end.
        let worker = AbortOnDropHandle::new(tokio::spawn(worker));
        let end = tokio::select! {
            end = worker => end,
            () = out_of_patience(&stop, &handlers) => break,
        };
        if stop.is_cancelled() {
            break;
        }
        if born.elapsed() > STEADY {
            backoff.reset();
        }
        let delay = backoff.delay();
        tracing::warn!(
            queue = queue.name(),
            ?end,
            ?delay,
            "the worker ended; another one follows"
        );
        tokio::select! {
            () = sleep(delay) => {}
            () = stop.cancelled() => {}
        }
    }
    handlers.finish().await;
    Ok(())
}

/// The moment after which a stopping worker is not waited for: it only has acknowledgements to
/// bring away, and a wake without one merely comes again.
async fn out_of_patience<H, F>(stop: &CancellationToken, handlers: &Handlers<H>)
where
    H: Fn(Wake) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    stop.cancelled().await;
    handlers.finish().await;
    sleep(GRACE).await;
}

/// A name that no worker ever had: Redis refuses one that it still knows, and gives out again what
/// a worker of that name had.
fn unique_name() -> String {
    let host =
        std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_else(|_| "host".to_owned());
    format!("{}-{}-{}", host.trim(), std::process::id(), Uuid::now_v7())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_names_are_the_same() {
        assert_ne!(unique_name(), unique_name());
        assert!(unique_name().contains(&format!("-{}-", std::process::id())));
    }
}
