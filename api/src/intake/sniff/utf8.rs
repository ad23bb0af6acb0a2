//! How much of a stream is UTF-8: valid sequences of several bytes, and bytes that are none.

use simdutf8::compat;

/// The counts so far. Sequences that are split between two pieces count once.
#[derive(Debug, Default)]
pub(super) struct Utf8 {
    valid: u64,
    invalid: u64,
    /// A sequence that has begun, at most three bytes.
    begun: Vec<u8>,
}

impl Utf8 {
    /// Valid sequences of several bytes.
    pub(super) fn valid(&self) -> u64 {
        self.valid
    }

    /// Places where bytes are no UTF-8.
    pub(super) fn invalid(&self) -> u64 {
        self.invalid
    }

    /// Takes the next bytes.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        while let ([_, ..], Some((&next, rest))) = (self.begun.as_slice(), bytes.split_first()) {
            let mut sequence = std::mem::take(&mut self.begun);
            sequence.push(next);
            bytes = rest;
            self.count(&sequence);
        }
        self.count(bytes);
    }

    /// There is no more; a sequence that has begun is none.
    pub(super) fn finish(&mut self) {
        if !self.begun.is_empty() {
            self.invalid += 1;
            self.begun.clear();
        }
    }

    fn count(&mut self, bytes: &[u8]) {
        // Most files are ASCII, and of the others most are UTF-8 to their end: what goes over them
        // by vectors.
        if bytes.is_ascii() {
            return;
        }
        let valid = compat::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), str::len);
        let (valid, rest) = bytes.split_at(valid);
        self.valid += begins(valid);
        self.count_mixed(rest);
    }

    /// From where bytes are no UTF-8: beginning anew with vectors after each of them would take
    /// longer than going on without.
    fn count_mixed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_ascii() {
            let Err(error) = std::str::from_utf8(bytes) else {
                self.valid += begins(bytes);
                return;
            };
            let (valid, rest) = bytes.split_at(error.valid_up_to());
            self.valid += begins(valid);
            let Some(length) = error.error_len() else {
                self.begun.extend_from_slice(rest);
                return;
            };
            let rest = &rest[length..];
            let strays = rest
                .array_windows()
                .take_while(|pair| is_stray(**pair))
                .count();
            self.invalid += 1 + strays as u64;
            bytes = &rest[strays..];
        }
    }
}

/// Can the first of two bytes neither begin a sequence nor stand alone? Legacy texts have many such
/// in a row, and beginning anew after each would take long.
fn is_stray([byte, next]: [u8; 2]) -> bool {
    byte >= 0x80 && (!matches!(byte, 0xC2..=0xF4) || !matches!(next, 0x80..=0xBF))
}

/// The sequences of several bytes in valid UTF-8: each has one such first byte. Counted in pieces
/// small enough for a byte, which the compiler makes vectors of.
fn begins(valid: &[u8]) -> u64 {
    valid
        .chunks(255)
        .map(|piece| u64::from(piece.iter().map(|&byte| u8::from(byte >= 0xC0)).sum::<u8>()))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (u64, u64) {
        let mut utf8 = Utf8::default();
        pieces.into_iter().for_each(|piece| utf8.feed(piece));
        utf8.finish();
        (utf8.valid(), utf8.invalid())
    }

    #[test]
    fn sequences_are_counted() {
        let table: &[(&[u8], (u64, u64))] = &[
            (b"", (0, 0)),
            (b"plain", (0, 0)),
            ("é".as_bytes(), (1, 0)),
            ("aé€🙂z".as_bytes(), (3, 0)),
            (b"Zo\xEB,M\xFCller", (0, 2)),
            (b"\xC3\xA9\xE9", (1, 1)),
            (b"\xC3", (0, 1)),
            (b"\xE2\x82", (0, 1)),
            (b"\xE2\x82a", (0, 1)),
            (b"\xE2\xC3\xA9", (1, 1)),
            (b"\xF0\x9F\x99\xE2\x82\xAC", (1, 1)),
            (b"\xC0\xAF\xED\xA0\x80\xF5", (0, 6)),
        ];
        for (bytes, expected) in table {
            assert_eq!(counts([*bytes]), *expected, "{}", bytes.escape_ascii());
        }
        assert_eq!(counts(["é".repeat(1000).as_bytes()]), (1000, 0));
    }

    /// A long, ugly, repeatable text.
    fn ugly(seed: u64) -> Vec<u8> {
        let pieces: [&[u8]; 9] = [
            b"a",
            "é".as_bytes(),
            "€".as_bytes(),
            "🙂".as_bytes(),
            b"\xFF",
            b"\xE2\x82",
            b"\xF0\x9F",
            b"\xC3",
            b"\x80",
        ];
        let mut state = seed;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize
        };
        (0..200)
            .flat_map(|_| pieces[next() % pieces.len()])
            .copied()
            .collect()
    }

    #[test]
    fn pieces_make_no_difference() {
        let text = "aé€🙂z";
        for seed in 0..50 {
            // What is sound at first is gone over in blocks: the first bad byte is to fall anywhere
            // in one.
            let bytes = [text.repeat(seed as usize).as_bytes(), &ugly(seed)].concat();
            let whole = counts([bytes.as_slice()]);
            let chunks = || bytes.utf8_chunks();
            let valid: usize = chunks()
                .map(|chunk| {
                    chunk
                        .valid()
                        .chars()
                        .filter(|char| !char.is_ascii())
                        .count()
                })
                .sum();
            let invalid = chunks().filter(|chunk| !chunk.invalid().is_empty()).count();
            assert_eq!(whole, (valid as u64, invalid as u64), "seed {seed}");
            for size in [1, 2, 3, 5, 7, 64] {
                assert_eq!(
                    counts(bytes.chunks(size)),
                    whole,
                    "seed {seed}, pieces of {size}"
                );
            }
            for at in 0..bytes.len() {
                let (left, right) = bytes.split_at(at);
                assert_eq!(counts([left, right]), whole, "seed {seed}, split at {at}");
            }
        }
    }
}
