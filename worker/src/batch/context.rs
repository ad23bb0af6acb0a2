//! What a stage is handed.

use crate::{batch::claim::BatchPool, process::config::Config};
use muster_shared::{
    files::Files,
    model::ids::ImportId,
    queue::{Bell, Queue, Wake},
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
    pub(crate) bell: Bell,
    /// Asked to end: finish the batch, take no other.
    pub(crate) stop: CancellationToken,
}

impl Context {
    /// Wakes up to `lanes` further lanes of a queue, since an import needs them. A bell that does
    /// not ring is no harm: the rescuer looks after it.
    pub(crate) async fn ring(&self, import: ImportId, queue: Queue, lanes: i64) {
        for _ in 0..lanes {
            if let Err(error) = self.bell.ring(&Wake::new(import), queue).await {
                tracing::warn!(import.id = %import, %error, "the bell did not ring");
                return;
            }
        }
    }

    /// Tells whoever watches that an import changed. Nobody waits for it: a Redis that hangs would
    /// hold each batch up for seconds.
    pub(crate) fn tell(&self, import: ImportId) {
        let bell = self.bell.clone();
        tokio::spawn(async move {
            if let Err(error) = bell.tell(import).await {
                tracing::debug!(import.id = %import, %error, "nobody was told");
            }
        });
    }
}
