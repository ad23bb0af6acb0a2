//! What a stage is handed.

use crate::{batch::claim::BatchPool, process::config::Config};
use muster_shared::{
    files::Files,
    model::ids::ImportId,
    queue::{Queue, QueueClient, Wake},
};
use sqlx::PgPool;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What a stage is handed; cheap to clone.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) config: Arc<Config>,
    /// Whose imports are served. The two share neither lanes nor connections.
    pub(crate) queue: Queue,
    /// Short transactions: claims, settling, things made ahead.
    pub(crate) control: PgPool,
    /// The transactions of batches, which only a claim begins.
    pub(crate) batch_pool: BatchPool,
    pub(crate) files: Files,
    pub(crate) queue_client: QueueClient,
    /// Asked to end: finish the batch, take no other.
    pub(crate) stop: CancellationToken,
}

impl Context {
    /// Wakes up to `lanes` further lanes of a queue, since an import needs them. A wake that cannot
    /// be enqueued is no harm: the rescuer looks after the import.
    pub(crate) async fn wake_lanes(&self, import: ImportId, queue: Queue, lanes: i64) {
        for _ in 0..lanes {
            if let Err(error) = self.queue_client.enqueue(&Wake::new(import), queue).await {
                tracing::warn!(import.id = %import, %error, "a wake was not enqueued");
                return;
            }
        }
    }

    /// Tells whoever watches that an import changed. Nobody waits for it: a Redis that hangs would
    /// hold each batch up for seconds.
    pub(crate) fn publish(&self, import: ImportId) {
        let queue_client = self.queue_client.clone();
        tokio::spawn(async move {
            if let Err(error) = queue_client.publish(import).await {
                tracing::debug!(import.id = %import, %error, "nobody was told");
            }
        });
    }
}
