//! Places for uploads in one process. A site that takes all it can get leaves some to those that have none.

use muster_shared::model::ids::SiteId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Uploads that one process takes at once; each may hold some 10 MB.
const PLACES: usize = 32;

/// So many of them are for sites that have none yet: one slow network must not shut others out.
const KEPT: usize = 8;

/// How many places each site has taken.
#[derive(Debug, Default)]
pub(crate) struct Places(Mutex<HashMap<SiteId, usize>>);

/// A place that is taken until this is dropped.
#[must_use = "it is free when it is dropped"]
pub(super) struct Place {
    places: Arc<Places>,
    site: SiteId,
}

impl Places {
    /// A place for an upload of that site; `None`: there is none for it now.
    pub(super) fn take(self: &Arc<Self>, site: SiteId) -> Option<Place> {
        let mut taken = self.taken();
        let most = if taken.contains_key(&site) { PLACES - KEPT } else { PLACES };
        if taken.values().sum::<usize>() >= most {
            return None;
        }
        *taken.entry(site).or_default() += 1;
        Some(Place { places: self.clone(), site })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<SiteId, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
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
    fn some_places_are_left_to_sites_that_have_none() {
        let places = Arc::new(Places::default());
        let take = |site: i32, count: usize| (0..count).map_while(|_| places.take(SiteId(site))).collect::<Vec<_>>();
        let mut of_one = take(1, 100);
        assert_eq!(of_one.len(), PLACES - KEPT);
        let of_two = take(2, 100);
        assert_eq!(of_two.len(), 1, "it has one then");
        let of_others: Vec<_> = (3..100).flat_map(|site| take(site, 1)).collect();
        assert_eq!(of_others.len(), KEPT - 1);
        assert!(take(100, 1).is_empty(), "all are taken");
        drop(of_two);
        assert_eq!((take(1, 1).len(), take(2, 1).len()), (0, 1), "it is not for the one that has many");
        drop(of_others);
        of_one.truncate(10);
        assert_eq!(take(2, 100).len(), PLACES - KEPT - 10);
    }
}
