//! Slots: all lines of one subject share one, so that a single lane plans them together and in order.

use xxhash_rust::xxh3::xxh3_64;

/// How many there are.
pub const SLOTS: u16 = 4_096;

/// The slot of a key. It is stored, so it must never change from version to version.
#[must_use]
pub fn of_key(key: &str) -> i16 {
    of_bytes(key.as_bytes())
}

/// The slot of a line without a usable key.
#[must_use]
pub fn of_line(line: i32) -> i16 {
    of_bytes(&line.to_le_bytes())
}

fn of_bytes(bytes: &[u8]) -> i16 {
    (xxh3_64(bytes) % u64::from(SLOTS)) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_stay_what_they_are() {
        // XXH3's own test vector for no bytes is 2D06800538D394C2; its last twelve bits are 4C2.
        assert_eq!(of_key(""), 0x4C2);
        assert_eq!((of_key("anna"), of_line(7)), (1_081, 332));
    }
}
