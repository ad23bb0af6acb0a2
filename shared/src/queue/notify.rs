//! Notices: "this import changed", told to whoever listens; never what changed, which Postgres
//! knows.

use super::{
    Backoff, QueueClient, QueueError,
    client::in_time,
    connection::{ANSWER, client},
};
use crate::model::ids::ImportId;
use futures::StreamExt;
use redis::{Client, Msg, RedisResult, Value};
use std::{convert::Infallible, io, sync::Arc, time::Duration};
use tokio::{
    sync::broadcast,
    time::{interval, sleep, timeout},
};
use tokio_util::task::AbortOnDropHandle;

const CHANNEL: &str = "muster:changed";

/// How often a silent subscription is asked whether it still lives; a peer that vanished says
/// nothing by itself.
const PING: Duration = Duration::from_secs(15);

/// How many notices a listener may be behind before it is told that it missed some.
const CAPACITY: usize = 1024;

impl QueueClient {
    /// Tells all listeners that an import changed, within 2 s.
    pub async fn publish(&self, import: ImportId) -> Result<(), QueueError> {
        let command = redis::cmd("PUBLISH")
            .arg(CHANNEL)
            .arg(import.to_string())
            .take();
        in_time(async { Ok(command.exec_async(&mut self.connection.clone()).await?) }).await
    }
}

/// A process's one subscription to the notices, handed on to any number of listeners; ends when its
/// last clone is dropped.
#[derive(Debug, Clone)]
pub struct Notices {
    sender: broadcast::Sender<ImportId>,
    _listening: Arc<AbortOnDropHandle<Infallible>>,
}

impl Notices {
    /// Listens to the Redis at `redis_url`, which need not be up yet. Needs a tokio runtime.
    pub fn connect(redis_url: &str) -> Result<Self, QueueError> {
        let client = client(redis_url)?;
        let sender = broadcast::Sender::new(CAPACITY);
        let listening = tokio::spawn(keep_listening(client, sender.clone()));
        Ok(Self {
            sender,
            _listening: Arc::new(AbortOnDropHandle::new(listening)),
        })
    }

    /// The imports that change from now on. Notices are lost while Redis is away and when a
    /// listener is too slow ([`Lagged`](broadcast::error::RecvError::Lagged)), so whoever needs the
    /// truth looks at Postgres now and then.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<ImportId> {
        self.sender.subscribe()
    }
}

async fn keep_listening(client: Client, sender: broadcast::Sender<ImportId>) -> Infallible {
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
    loop {
        let Err(error) = listen(&client, &sender, &mut backoff).await;
        let delay = backoff.delay();
        tracing::warn!(%error, ?delay, "the subscription to notices ended; subscribing again");
        sleep(delay).await;
    }
}

/// Subscribes and hands notices on until the connection fails.
async fn listen(
    client: &Client,
    sender: &broadcast::Sender<ImportId>,
    backoff: &mut Backoff,
) -> RedisResult<Infallible> {
    let (mut subscription, mut messages) = answered(client.get_async_pubsub()).await?.split();
    answered(subscription.subscribe(CHANNEL)).await?;
    backoff.reset();
    let mut ping = interval(PING);
    loop {
        tokio::select! {
            message = messages.next() => match message {
                Some(message) => hand_on(&message, sender),
                None => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            },
            _ = ping.tick() => {
                answered(subscription.ping::<Value>()).await?;
            }
        }
    }
}

fn hand_on(message: &Msg, sender: &broadcast::Sender<ImportId>) {
    let Some(import) = str::from_utf8(message.get_payload_bytes())
        .ok()
        .and_then(|text| text.parse().ok())
    else {
        return tracing::warn!("a notice that names no import was dropped");
    };
    // An error only means that nobody listens at the moment.
    let _ = sender.send(import);
}

/// An answer of Redis, or an error if it takes too long.
async fn answered<T>(answer: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    timeout(ANSWER, answer)
        .await
        .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
}
