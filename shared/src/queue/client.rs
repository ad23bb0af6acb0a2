//! Ringing: puts a wake into a queue; never waits long, and never lets a queue grow past its bound.

use super::{Connection, Queue, QueueError, Wake};
use apalis_core::task::builder::TaskBuilder;
use apalis_redis::queries::push_tasks;
use std::time::Duration;
use tokio::time::timeout;

/// How many wakes may wait in one queue. More wake nobody: a wake only wakes, and a lane that
/// is awake asks for itself whom to serve next. At 8 000 that are due, Redis refuses to hand any
/// out and the queue is locked up for good.
pub const BOUND: usize = 100;

/// How long one wake or notice may take; the rescuer makes up for it, so no request should wait
/// longer.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// Rings the queues and tells what changed; one per process, cheap to clone.
#[derive(Debug, Clone)]
pub struct QueueClient {
    pub(super) connection: Connection,
}

/// What became of a wake that could be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enqueued {
    /// The wake waits in its queue.
    Waiting,
    /// The queue holds [`BOUND`] wakes; the rescuer enqueues this one later.
    Full,
}

impl QueueClient {
    /// A client for the Redis at `redis_url`, which need not be up yet. Needs a tokio runtime.
    pub fn connect(redis_url: &str) -> Result<Self, QueueError> {
        Ok(Self {
            connection: Connection::open(redis_url)?,
        })
    }

    /// Puts a wake into the queue, within 2 s.
    ///
    /// Each wake is a task with a new id: one whose id is still known would silently be ignored.
    pub async fn enqueue(&self, wake: &Wake, queue: Queue) -> Result<Enqueued, QueueError> {
        let payload = serde_json::to_vec(wake)?;
        in_time(async {
            let config = queue.config();
            let mut connection = self.connection.clone();
            let (scheduled, active): (usize, usize) = redis::pipe()
                .zcard(config.scheduled_jobs_set())
                .llen(config.active_jobs_list())
                .query_async(&mut connection)
                .await?;
            if scheduled + active >= BOUND {
                return Ok(Enqueued::Full);
            }
            push_tasks(
                &mut connection,
                &config,
                &[TaskBuilder::new(payload).build()],
            )
            .await?;
            Ok(Enqueued::Waiting)
        })
        .await
    }

    /// Whether Redis answers, within 2 s.
    pub async fn check(&self) -> Result<(), QueueError> {
        in_time(async {
            Ok(redis::cmd("PING")
                .exec_async(&mut self.connection.clone())
                .await?)
        })
        .await
    }
}

/// Gives an answer, or up.
pub(super) async fn in_time<T>(
    answer: impl Future<Output = Result<T, QueueError>>,
) -> Result<T, QueueError> {
    timeout(ANSWER_TIMEOUT, answer)
        .await
        .unwrap_or(Err(QueueError::Late(ANSWER_TIMEOUT)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_bell_without_redis_gives_up_in_time() {
        let queue_client = QueueClient::connect("redis://127.0.0.1:1/").unwrap();
        assert!(matches!(
            queue_client.check().await,
            Err(QueueError::Late(ANSWER_TIMEOUT))
        ));
    }
}
