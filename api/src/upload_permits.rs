//! Permits for the uploads of one process. A site that takes all it can get leaves some to those
//! that have none.

use muster_shared::model::ids::SiteId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Uploads that one process takes at once; each may hold some 10 MB.
const PERMITS: usize = 32;

/// Permits for sites that have none yet: one slow network must not shut others out.
const RESERVED: usize = 8;

/// How many permits each site has taken.
#[derive(Debug, Default)]
pub(crate) struct UploadPermits(Mutex<HashMap<SiteId, usize>>);

/// An upload may arrive until this is dropped.
#[must_use = "the permit is given back when it is dropped"]
pub(crate) struct UploadPermit {
    permits: Arc<UploadPermits>,
    site: SiteId,
}

impl UploadPermits {
    /// A permit for an upload of that site; `None`: there is none for it now.
    pub(crate) fn take(self: &Arc<Self>, site: SiteId) -> Option<UploadPermit> {
        let mut taken = self.taken();
        let max = if taken.contains_key(&site) {
            PERMITS - RESERVED
        } else {
            PERMITS
        };
        if taken.values().sum::<usize>() >= max {
            return None;
        }
        *taken.entry(site).or_default() += 1;
        Some(UploadPermit {
            permits: self.clone(),
            site,
        })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<SiteId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for UploadPermit {
    fn drop(&mut self) {
        let mut taken = self.permits.taken();
        let left = taken.get(&self.site).map_or(0, |&count| count - 1);
        if left == 0 {
            taken.remove(&self.site);
        } else {
            taken.insert(self.site, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_permits_are_left_to_sites_that_have_none() {
        let permits = Arc::new(UploadPermits::default());
        let take = |site: i32, count: usize| {
            (0..count)
                .map_while(|_| permits.take(SiteId(site)))
                .collect::<Vec<_>>()
        };
        let mut of_one = take(1, 100);
        assert_eq!(of_one.len(), PERMITS - RESERVED);
        let of_two = take(2, 100);
        assert_eq!(of_two.len(), 1, "it has one then");
        let of_others: Vec<_> = (3..100).flat_map(|site| take(site, 1)).collect();
        assert_eq!(of_others.len(), RESERVED - 1);
        assert!(take(100, 1).is_empty(), "all are taken");
        drop(of_two);
        assert_eq!(
            (take(1, 1).len(), take(2, 1).len()),
            (0, 1),
            "it is not for the one that has many"
        );
        drop(of_others);
        of_one.truncate(10);
        assert_eq!(take(2, 100).len(), PERMITS - RESERVED - 10);
    }
}
