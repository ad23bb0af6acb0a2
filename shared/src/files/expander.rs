//! Expands a gzip stream piece by piece, in bounded steps. It must never produce more than a few blocks at a time, whatever comes.

use flate2::write::MultiGzDecoder;
use std::io::Write;

/// Several gzip members, one after another.
pub struct Expander {
    decoder: MultiGzDecoder<Vec<u8>>,
}

/// The stream is no gzip, or damaged, cut off, or followed by something else.
#[derive(Debug, thiserror::Error)]
#[error("the gzip data is damaged, cut off, or followed by something else")]
pub struct BadGzip;

impl Default for Expander {
    /// Expects the first member.
    fn default() -> Self {
        Self { decoder: MultiGzDecoder::new(Vec::new()) }
    }
}

impl Expander {
    /// Takes some bytes from the beginning of `input` and gives what came out of them: at most about 64 KiB, perhaps nothing. Call it until
    /// `input` is empty.
    pub fn step(&mut self, input: &mut &[u8]) -> Result<&[u8], BadGzip> {
        self.decoder.get_mut().clear();
        // The decoder hands its block of 32 KiB on and fills it once more; it never goes on as long as there is input.
        let taken = self.decoder.write(input).map_err(|_| BadGzip)?;
        if taken == 0 && !input.is_empty() {
            return Err(BadGzip);
        }
        *input = input.get(taken..).ok_or(BadGzip)?;
        Ok(self.decoder.get_ref())
    }

    /// There is no more input: gives the rest, if the last member is complete and its checksum right.
    pub fn finish(mut self) -> Result<Vec<u8>, BadGzip> {
        self.decoder.get_mut().clear();
        self.decoder.finish().map_err(|_| BadGzip)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, GzBuilder, write::GzEncoder};

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).expect("memory");
        encoder.finish().expect("memory")
    }

    fn expand<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>, BadGzip> {
        let (mut expander, mut out) = (Expander::default(), Vec::new());
        for mut piece in pieces {
            while !piece.is_empty() {
                let came = expander.step(&mut piece)?;
                assert!(came.len() <= 64 << 10, "{} bytes in one step", came.len());
                out.extend_from_slice(came);
            }
        }
        out.extend(expander.finish()?);
        Ok(out)
    }

    #[test]
    fn members_are_expanded_one_after_another() {
        let lines = b"anna,anna@example.com\n".repeat(10_000);
        let mut named = GzBuilder::new().filename("a.csv").comment("c").extra(vec![1; 300]).write(Vec::new(), Compression::best());
        named.write_all(b"named").expect("memory");
        let named = named.finish().expect("memory");
        let table = [
            (gzip(b""), Vec::new()),
            (gzip(&lines), lines.clone()),
            (gzip(&vec![0; 5_000_000]), vec![0; 5_000_000]),
            ([gzip(b"a"), gzip(b""), named, gzip(&lines)].concat(), [b"anamed".as_slice(), &lines].concat()),
        ];
        for (bytes, text) in table {
            for size in [1, 7, 4096, usize::MAX] {
                assert!(expand(bytes.chunks(size)).expect("whole") == text, "{} bytes in pieces of {size}", bytes.len());
            }
        }
    }

    #[test]
    fn what_is_not_whole_is_bad() {
        let whole = gzip(&b"anna,anna@example.com\n".repeat(100));
        for end in 0..whole.len() {
            assert!(expand([&whole[..end]]).is_err(), "cut off at {end}");
            assert!(expand([whole.as_slice(), &whole[..end]]).is_err() || end == 0, "second member cut off at {end}");
        }
        let mut flipped = whole.clone();
        *flipped.last_mut().expect("a byte") ^= 1;
        let mut checksum = whole.clone();
        checksum[whole.len() - 8] ^= 1;
        for bad in [[whole.as_slice(), b"\0\0"].concat(), [whole.as_slice(), b"more"].concat(), flipped, checksum] {
            for size in [1, 7, usize::MAX] {
                assert!(expand(bad.chunks(size)).is_err());
            }
        }
    }
}
