//! What every handler may use.

use crate::{
    config::Config,
    live::Live,
    readers::{Reader, Readers},
    upload_permits::UploadPermits,
};
use anyhow::Context;
use muster_shared::{
    files::Files,
    model::ids::{ImportId, SiteId},
    queue::{Enqueued, Notices, Queue, QueueClient, Wake},
    store::{StoreError, pool},
};
use sqlx::PgPool;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// Connections to Postgres for what is asked at once: who somebody is, requests for change,
/// uploads, where an import stands. An upload holds none while it arrives.
const CONNECTIONS: u32 = 11;

/// Connections for reads that may be dear. With the one for health they are 20 of a process.
const READERS: u32 = 8;

/// Over the server's settings: no request waits for ever, and statements with optional filters are
/// planned for what is given.
const SESSION: &[(&str, &str)] = &[
    ("statement_timeout", "15s"),
    ("lock_timeout", "5s"),
    ("idle_in_transaction_session_timeout", "20s"),
    ("plan_cache_mode", "force_custom_plan"),
    ("jit", "off"),
];

/// What every handler may use; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct App {
    /// What Postgres remembers.
    pub(crate) pool: PgPool,
    /// One connection, so that whether Postgres answers can be told however much is asked.
    pub(crate) health: PgPool,
    readers: Arc<Readers>,
    /// Where uploads lie.
    pub(crate) files: Files,
    /// Who waits for an import to come to rest.
    pub(crate) live: Arc<Live>,
    /// A permit for each upload that arrives.
    pub(crate) upload_permits: Arc<UploadPermits>,
    /// Cancelled when the process is to end.
    pub(crate) stop: CancellationToken,
    queue_client: QueueClient,
}

impl App {
    /// Connects to nothing yet: a process starts while Postgres and Redis are away. Needs a tokio
    /// runtime.
    pub(crate) fn new(config: &Config, stop: CancellationToken) -> anyhow::Result<Self> {
        let notices =
            Notices::connect(&config.redis_url).context("MUSTER_REDIS_URL cannot be used")?;
        let pool = |size| {
            pool::connect(&config.database_url, "muster-api", size, SESSION)
                .context("MUSTER_DATABASE_URL cannot be used")
        };
        Ok(Self {
            pool: pool(CONNECTIONS)?,
            health: pool(1)?,
            readers: Arc::new(Readers::new(pool(READERS)?)),
            files: Files::open(&config.files_url)?,
            live: Arc::new(Live::new(notices, stop.clone())),
            upload_permits: Arc::default(),
            queue_client: QueueClient::connect(&config.redis_url)
                .context("MUSTER_REDIS_URL cannot be used")?,
            stop,
        })
    }

    /// A connection to Postgres.
    pub(crate) async fn connection(
        &self,
    ) -> Result<sqlx::pool::PoolConnection<sqlx::Postgres>, StoreError> {
        Ok(self.pool.acquire().await?)
    }

    /// A connection for a read of a site that may be dear.
    pub(crate) async fn reader(&self, site: SiteId) -> Result<Reader, StoreError> {
        self.readers.of_site(site).await
    }

    /// Whether Redis answers.
    pub(crate) async fn has_redis(&self) -> bool {
        self.queue_client.check().await.is_ok()
    }

    /// Tells workers and watchers that an import is to be looked at, after the commit and without
    /// making anybody wait. What fails is made up for by the worker's rescuer.
    pub(crate) fn enqueue(&self, import: ImportId, is_small: bool) {
        let queue_client = self.queue_client.clone();
        let queue = if is_small {
            Queue::Express
        } else {
            Queue::Bulk
        };
        let enqueueing = async move {
            let wake = Wake::new(import);
            let (enqueued, published) = tokio::join!(
                queue_client.enqueue(&wake, queue),
                queue_client.publish(import)
            );
            match enqueued {
                Ok(Enqueued::Waiting) => {}
                Ok(Enqueued::Full) => {
                    tracing::info!(import.id = %import, "the queue is full; the rescuer will wake a lane");
                }
                Err(error) => {
                    tracing::warn!(import.id = %import, %error, "a wake was not enqueued; the rescuer will wake a lane");
                }
            }
            if let Err(error) = published {
                tracing::warn!(import.id = %import, %error, "a notice was not published");
            }
        };
        tokio::spawn(enqueueing.in_current_span());
    }
}
