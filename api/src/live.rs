//! Waiting for an import to come to rest, over the process's one subscription to notices. A notice
//! may be lost, so a waiter looks at Postgres every second in any case; it must never hold a
//! connection while it waits.

use crate::{problem::Problem, time_limit::in_time};
use muster_shared::{
    model::ids::{ImportId, SiteId},
    queue::Notices,
    store::imports::{self, Import},
};
use sqlx::{PgPool, Postgres, pool::PoolConnection};
use std::time::Duration;
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

/// How long a lost notice may go unnoticed.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The process's subscription.
#[derive(Debug)]
pub(crate) struct Live {
    notices: Notices,
    stop: CancellationToken,
}

/// An import, with the connection that read it: whoever asks more about it need not wait for
/// another.
pub(crate) struct Seen {
    pub(crate) import: Import,
    pub(crate) connection: PoolConnection<Postgres>,
}

impl Live {
    pub(crate) fn new(notices: Notices, stop: CancellationToken) -> Self {
        Self { notices, stop }
    }

    /// The import as soon as it is at rest, or as it is when the time is over or the process is to
    /// end. `None`: it is not there.
    pub(crate) async fn at_rest(
        &self,
        pool: &PgPool,
        site: SiteId,
        id: ImportId,
        patience: Duration,
    ) -> Result<Option<Seen>, Problem> {
        let end = Instant::now() + patience;
        // Subscribed before the first look, so that nothing happens in between.
        let mut notices = self.notices.subscribe();
        loop {
            let seen = in_time(look(pool, site, id)).await?;
            let is_over = self.stop.is_cancelled() || Instant::now() >= end;
            if is_over
                || seen
                    .as_ref()
                    .is_none_or(|seen| seen.import.status.is_at_rest())
            {
                return Ok(seen);
            }
            drop(seen);
            tokio::select! {
                _ = timeout(POLL_INTERVAL, told(&mut notices, id)) => {}
                () = sleep_until(end) => {}
                () = self.stop.cancelled() => {}
            }
        }
    }
}

async fn look(pool: &PgPool, site: SiteId, id: ImportId) -> Result<Option<Seen>, Problem> {
    let mut connection = pool.acquire().await?;
    let import = imports::in_site(&mut connection, site, id).await?;
    Ok(import.map(|import| Seen { import, connection }))
}

/// Returns when that import changed, or may have.
async fn told(notices: &mut Receiver<ImportId>, id: ImportId) {
    loop {
        match notices.recv().await {
            Ok(changed) if changed != id => {}
            Ok(_) | Err(RecvError::Lagged(_)) => return,
            // Never while the process lives; without notices the look every second is left.
            Err(RecvError::Closed) => return std::future::pending().await,
        }
    }
}
