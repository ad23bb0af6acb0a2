//! What is expanded is what others expand, in whatever pieces it comes; and what others compress is
//! expanded.

#![no_main]

use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};
use libfuzzer_sys::fuzz_target;
use muster_shared::files::Expander;
use std::io::{Read, Write};

/// The most bytes that are expanded: an input may be a bomb.
const MOST: usize = 1 << 20;

fuzz_target!(|input: &[u8]| {
    let whole = expanded(input, input.len());
    for piece in [1, 3, 1_024] {
        assert_eq!(expanded(input, piece), whole, "in pieces of {piece}");
    }
    if let Some(whole) = whole
        && whole.len() < MOST
        && !input.is_empty()
    {
        let mut theirs = Vec::new();
        MultiGzDecoder::new(input).read_to_end(&mut theirs).expect("a good stream");
        assert!(theirs == whole, "others expand it to something else");
    }
    assert_eq!(expanded(&compressed(input), 97).as_deref(), Some(input));
});

/// What the stream holds, or as much of it as is looked at; `None`: it is refused.
fn expanded(stream: &[u8], piece: usize) -> Option<Vec<u8>> {
    let (mut expander, mut all) = (Expander::default(), Vec::new());
    for mut piece in stream.chunks(piece.max(1)) {
        while !piece.is_empty() {
            all.extend_from_slice(expander.step(&mut piece).ok()?);
            if all.len() >= MOST {
                all.truncate(MOST);
                return Some(all);
            }
        }
    }
    all.extend(expander.finish().ok()?);
    all.truncate(MOST);
    Some(all)
}

fn compressed(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).expect("in memory");
    encoder.finish().expect("in memory")
}
