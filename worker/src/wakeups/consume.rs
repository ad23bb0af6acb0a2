//! One incarnation of a queue's apalis worker, from its registration in Redis to its end.

use super::{handlers::Handlers, poll::SteadyPoll};
use crate::process::pulse::Pulse;
use apalis::prelude::{
    BackendExt, Codec, Event, EventListenerExt, WorkerBuilder, WorkerBuilderExt, WorkerContext,
    WorkerError,
};
use apalis_redis::RedisStorage;
use muster_shared::queue::{Connection, Queue, Wake};
use std::{convert::Infallible, time::Duration};
use tokio_util::sync::CancellationToken;

/// How long the last acknowledgements get on their way before the worker stops.
const ACK_FLUSH_DELAY: Duration = Duration::from_millis(100);

/// A payload as it lies in Redis.
type Payload = Vec<u8>;

/// Reads every payload: one that apalis cannot decode would end the worker, and the next, and the
/// next.
#[derive(Debug, Clone)]
struct AsIs;

impl Codec<Payload> for AsIs {
    type Error = Infallible;
    type Compact = Payload;

    fn encode(&self, payload: &Payload) -> Result<Payload, Infallible> {
        Ok(payload.clone())
    }

    fn decode(&self, payload: &Payload) -> Result<Payload, Infallible> {
        Ok(payload.clone())
    }
}

/// Takes wakes until `stop`, or until Redis fails for longer than its connection is patient.
///
/// `name` must never have been used before. Every wake is acknowledged when its handler is through,
/// however that went: what is to be done again, Postgres knows.
pub(super) async fn consume<H, F>(
    name: String,
    connection: Connection,
    queue: Queue,
    handlers: Handlers<H>,
    pulse: Pulse,
    stop: CancellationToken,
) -> Result<(), WorkerError>
where
    H: Fn(Wake) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let storage = RedisStorage::<Payload, _>::new(connection)
        .with_config(queue.config())
        .with_codec(AsIs)
        .poll_with_strategy(SteadyPoll::new());
    let draining = handlers.clone();
    WorkerBuilder::new(name.as_str())
        .backend(storage)
        .concurrency(handlers.concurrency)
        .on_event(move |_, event| {
            if matches!(event, Event::HeartBeat) {
                pulse.beat();
            }
        })
        .build(move |payload: Payload| {
            let handlers = handlers.clone();
            async move { handlers.handle(&payload).await }
        })
        .run_with_ctx(move |worker| drain(worker, stop.clone(), draining.clone()))
        .await
}

/// Waits for `stop`, then lets the worker take no more, and ends it when all it took is done.
///
/// A worker that is stopped at once sends neither heartbeats nor acknowledgements while its
/// handlers finish, and hangs for good if 5 or more of them were running: their acknowledgements
/// wait for room that is made only after the last of them. One that pauses first goes on with both.
async fn drain<H, F>(
    worker: WorkerContext,
    stop: CancellationToken,
    handlers: Handlers<H>,
) -> Result<(), WorkerError>
where
    H: Fn(Wake) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    stop.cancelled().await;
    worker.pause()?;
    handlers.finish().await;
    tokio::time::sleep(ACK_FLUSH_DELAY).await;
    worker.stop()
}
