//! What can go wrong between a process and Redis; never a reason to fail an import, because the
//! rescuer sends another.

use std::time::Duration;

/// A wake that could not be enqueued, or a notice that could not be published.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// Redis cannot be reached, refuses the URL, or answers with an error.
    #[error("Redis failed: {0}")]
    Redis(#[from] redis::RedisError),
    /// The queue's storage refused a task.
    #[error("the queue took no wake: {0}")]
    Push(#[from] apalis_redis::Error),
    /// A payload could not be written as JSON.
    #[error("a wake could not be written as JSON: {0}")]
    Payload(#[from] serde_json::Error),
    /// Redis gave no answer in time; what was asked may still happen.
    #[error("Redis gave no answer within {0:?}")]
    Late(Duration),
}
