//! Connections for reads that may be dear: lists, reports, histories. They have a pool of their
//! own, so that whoever reads much keeps nobody from anything else, and a site may hold only some
//! of it, so that the others read too.

use muster_shared::{model::ids::SiteId, store::StoreError};
use sqlx::{PgConnection, PgPool, Postgres, pool::PoolConnection};
use std::{
    collections::HashMap,
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

/// The most connections that the reads of one site hold at a time.
const MAX_OF_SITE: usize = 5;

/// How long a read may wait for its turn, in its site and among all.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// The connections, and which sites have some of them.
#[derive(Debug)]
pub(crate) struct Readers {
    pool: PgPool,
    sites: Mutex<HashMap<SiteId, Weak<Semaphore>>>,
}

/// A connection that is given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Reader {
    connection: PoolConnection<Postgres>,
    _turn: OwnedSemaphorePermit,
}

impl Readers {
    /// With all connections of that pool.
    pub(crate) fn new(pool: PgPool) -> Self {
        Self {
            pool,
            sites: Mutex::default(),
        }
    }

    /// A connection for a read of that site.
    pub(crate) async fn of_site(&self, site: SiteId) -> Result<Reader, StoreError> {
        let turn = self.turns(site).acquire_owned();
        let reader = async {
            let turn = turn.await.map_err(|_| sqlx::Error::PoolClosed)?;
            Ok(Reader {
                connection: self.pool.acquire().await?,
                _turn: turn,
            })
        };
        timeout(ACQUIRE_TIMEOUT, reader)
            .await
            .unwrap_or(Err(sqlx::Error::PoolTimedOut.into()))
    }

    /// The turns of a site; they are there as long as somebody has or waits for one.
    fn turns(&self, site: SiteId) -> Arc<Semaphore> {
        let mut sites = self.sites.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turns) = sites.get(&site).and_then(Weak::upgrade) {
            return turns;
        }
        sites.retain(|_, turns| turns.strong_count() > 0);
        let turns = Arc::new(Semaphore::new(MAX_OF_SITE));
        sites.insert(site, Arc::downgrade(&turns));
        turns
    }
}

impl Deref for Reader {
    type Target = PgConnection;
    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Reader {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_site_has_so_many_turns_and_is_forgotten_with_the_last() {
        let readers =
            Readers::new(PgPool::connect_lazy("postgres://nobody@127.0.0.1:1/none").unwrap());
        let turns = readers.turns(SiteId(1));
        let taken: Vec<_> =
            std::iter::from_fn(|| readers.turns(SiteId(1)).try_acquire_owned().ok()).collect();
        assert_eq!(
            (taken.len(), readers.turns(SiteId(2)).available_permits()),
            (MAX_OF_SITE, MAX_OF_SITE)
        );
        drop(turns);
        assert_eq!(
            readers.turns(SiteId(1)).available_permits(),
            0,
            "they are held"
        );
        drop(taken);
        assert_eq!(readers.turns(SiteId(1)).available_permits(), MAX_OF_SITE);
        drop(readers.turns(SiteId(3)));
        assert_eq!(
            readers.sites.lock().unwrap().len(),
            1,
            "who reads nothing is not remembered"
        );
    }
}
