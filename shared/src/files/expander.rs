//! Expands a gzip stream piece by piece, in bounded steps. It must never produce more than a few
//! blocks at a time, nor begin more members than its bytes pay for, whatever comes; and never come
//! to something else because the same bytes come in other pieces.

use flate2::write::GzDecoder;
use std::{io::Write, mem::take};

/// Members that any stream may have. Each costs some 40 KB of state that are made for it, however
/// little comes out of it.
const FREE_MEMBERS: u64 = 1_000;

/// Bytes of the stream that pay for one more. Programs that compress in blocks make one for each 64
/// KiB of text or more.
const BYTES_OF_A_MEMBER: u64 = 1 << 10;

/// Several gzip members, one after another.
pub struct Expander {
    decoder: GzDecoder<Vec<u8>>,
    /// Members that were begun.
    members: u64,
    /// Bytes of the stream that were taken.
    taken: u64,
}

/// Why a stream is not expanded.
#[derive(Debug, thiserror::Error)]
pub enum BadGzip {
    /// It is no gzip, or damaged, cut off, or followed by something else.
    #[error("the gzip data is damaged, cut off, or followed by something else")]
    Damaged,
    /// It is made of ever more members with next to nothing in them.
    #[error(
        "it is made of more gzip members than {FREE_MEMBERS} and one for each KiB; compress it as one"
    )]
    TooManyMembers,
}

impl Default for Expander {
    /// Expects the first member.
    fn default() -> Self {
        Self {
            decoder: GzDecoder::new(Vec::new()),
            members: 1,
            taken: 0,
        }
    }
}

impl Expander {
    /// Takes some bytes from the beginning of `input` and gives what came out of them: at most
    /// about 64 KiB, perhaps nothing. Call it until `input` is empty.
    pub fn step(&mut self, input: &mut &[u8]) -> Result<&[u8], BadGzip> {
        self.decoder.get_mut().clear();
        // The decoder hands its block of 32 KiB on and fills it once more; it never goes on as long
        // as there is input.
        let mut taken = self.decoder.write(input).map_err(|_| BadGzip::Damaged)?;
        if taken == 0 && !input.is_empty() {
            // It takes nothing once its member is at its end.
            self.begin_member()?;
            taken = self.decoder.write(input).map_err(|_| BadGzip::Damaged)?;
        }
        if taken == 0 && !input.is_empty() {
            return Err(BadGzip::Damaged);
        }
        self.taken += taken as u64;
        *input = input.get(taken..).ok_or(BadGzip::Damaged)?;
        Ok(self.decoder.get_ref())
    }

    /// Makes sure that the member is complete, and expects the next one at the place where the
    /// stream is.
    fn begin_member(&mut self) -> Result<(), BadGzip> {
        self.decoder.try_finish().map_err(|_| BadGzip::Damaged)?;
        self.members += 1;
        if self.members > FREE_MEMBERS + self.taken / BYTES_OF_A_MEMBER {
            return Err(BadGzip::TooManyMembers);
        }
        self.decoder = GzDecoder::new(take(self.decoder.get_mut()));
        Ok(())
    }

    /// There is no more input: gives the rest, if the last member is complete and its checksum
    /// right.
    pub fn finish(mut self) -> Result<Vec<u8>, BadGzip> {
        self.decoder.get_mut().clear();
        self.decoder.finish().map_err(|_| BadGzip::Damaged)
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
        let mut named = GzBuilder::new()
            .filename("a.csv")
            .comment("c")
            .extra(vec![1; 300])
            .write(Vec::new(), Compression::best());
        named.write_all(b"named").expect("memory");
        let named = named.finish().expect("memory");
        let table = [
            (gzip(b""), Vec::new()),
            (gzip(&lines), lines.clone()),
            (gzip(&vec![0; 5_000_000]), vec![0; 5_000_000]),
            (
                [gzip(b"a"), gzip(b""), named, gzip(&lines)].concat(),
                [b"anamed".as_slice(), &lines].concat(),
            ),
        ];
        for (bytes, text) in table {
            for size in [1, 7, 4096, usize::MAX] {
                assert!(
                    expand(bytes.chunks(size)).expect("whole") == text,
                    "{} bytes in pieces of {size}",
                    bytes.len()
                );
            }
        }
    }

    #[test]
    fn members_are_paid_for_by_bytes_whatever_the_pieces() {
        let stored = |text: &[u8]| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
            encoder.write_all(text).expect("memory");
            encoder.finish().expect("memory")
        };
        let (empty, block) = (gzip(b""), stored(&[b'a'; 1_024]));
        assert_eq!(empty.len(), 20);
        // The last that may be begins with 19 KiB before it.
        for (member, count, is_taken) in [
            (&empty, 1_019, true),
            (&empty, 1_020, false),
            (&empty, 50_000, false),
            (&block, 3_000, true),
        ] {
            let stream = member.repeat(count);
            for size in [1, 7, 4096, usize::MAX] {
                let expanded = expand(stream.chunks(size));
                let is_refused = matches!(expanded, Err(BadGzip::TooManyMembers));
                assert_eq!(
                    (expanded.is_ok(), is_refused),
                    (is_taken, !is_taken),
                    "{count} in pieces of {size}"
                );
            }
        }
        let paid = [block.repeat(2_000), empty.repeat(1_000)].concat();
        assert_eq!(
            expand([&paid[..]]).expect("whole").len(),
            2_000 << 10,
            "those that come late have been paid for"
        );
    }

    #[test]
    fn what_is_not_whole_is_bad() {
        let whole = gzip(&b"anna,anna@example.com\n".repeat(100));
        for end in 0..whole.len() {
            assert!(expand([&whole[..end]]).is_err(), "cut off at {end}");
            assert!(
                expand([whole.as_slice(), &whole[..end]]).is_err() || end == 0,
                "second member cut off at {end}"
            );
        }
        let mut flipped = whole.clone();
        *flipped.last_mut().expect("a byte") ^= 1;
        let mut checksum = whole.clone();
        checksum[whole.len() - 8] ^= 1;
        for bad in [
            [whole.as_slice(), b"\0\0"].concat(),
            [whole.as_slice(), b"more"].concat(),
            flipped,
            checksum,
        ] {
            for size in [1, 7, usize::MAX] {
                assert!(expand(bad.chunks(size)).is_err());
            }
        }
    }
}
