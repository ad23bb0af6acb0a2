//! Slots: all lines of one subject share one, so that a single lane plans them together and in
//! order; and neighbours by key share one, so that what is looked up and created together lies
//! together in the indexes.

use xxhash_rust::xxh3::xxh3_64;

/// How many there are at most.
pub const SLOTS: usize = 4_096;

/// How the keys of an import are divided into slots. Not `Debug`: it holds keys.
pub struct Slots {
    /// Ascending; `None`: by a hash.
    bounds: Option<Vec<String>>,
}

impl Slots {
    /// By a hash of the key, as imports were divided whose bounds are not stored.
    #[must_use]
    pub const fn hashed() -> Self {
        Self { bounds: None }
    }

    /// By these bounds, in ascending order.
    #[must_use]
    pub const fn between(bounds: Vec<String>) -> Self {
        Self {
            bounds: Some(bounds),
        }
    }

    /// The slot of a key: how many bounds are not greater.
    #[must_use]
    pub fn of_key(&self, key: &str) -> i16 {
        match &self.bounds {
            Some(bounds) => bounds.partition_point(|bound| bound.as_str() <= key) as i16,
            None => hash(key.as_bytes()),
        }
    }

    /// The slot of a line without a usable key.
    #[must_use]
    pub fn of_line(&self, line: i32) -> i16 {
        match &self.bounds {
            Some(_) => self.of_key(&stand_in(line)),
            None => hash(&line.to_le_bytes()),
        }
    }
}

/// What stands in for the key of a line without one.
#[must_use]
pub fn stand_in(line: i32) -> String {
    format!("#{line}")
}

/// What is stored rests on it, so it must never change from version to version.
fn hash(bytes: &[u8]) -> i16 {
    (xxh3_64(bytes) % SLOTS as u64) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashed_slots_stay_what_they_are() {
        let slots = Slots::hashed();
        // XXH3's own test vector for no bytes is 2D06800538D394C2; its last twelve bits are 4C2.
        assert_eq!(slots.of_key(""), 0x4C2);
        assert_eq!((slots.of_key("anna"), slots.of_line(7)), (1_081, 332));
    }

    #[test]
    fn a_bound_begins_its_slot() {
        let slots = Slots::between(vec!["b".to_owned(), "m".to_owned()]);
        let found = ["", "a", "azzz", "b", "bb", "lz", "m", "z", "é"].map(|key| slots.of_key(key));
        assert_eq!(found, [0, 0, 0, 1, 1, 1, 2, 2, 2]);
        assert_eq!(slots.of_line(7), slots.of_key("#7"));
    }
}
