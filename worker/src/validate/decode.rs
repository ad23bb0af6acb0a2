//! The bytes of an upload as UTF-8 text, expanded if they are compressed. Bytes that are wrong in a
//! file of UTF-8 stay as they are, so that their line can be told; in other encodings they become
//! U+FFFD. (A mark of UTF-8 is left to the records' reader.)

use crate::error::StageError;
use bytes::{Buf, Bytes};
use encoding_rs::{CoderResult, Decoder, Encoding, UTF_8};
use futures::{StreamExt, stream::BoxStream};
use muster_shared::files::{BadGzip, Expander, FilesError};
use std::mem::take;

/// A piece that is expanded ends when it has so many bytes: about as many as are read at once.
const PIECE_BYTES: usize = 256 << 10;

/// The text of an upload, in pieces.
pub(crate) struct Text {
    source: BoxStream<'static, Result<Bytes, FilesError>>,
    /// What was read and is not expanded yet.
    pending: Bytes,
    expander: Option<Expander>,
    /// `None`: the file is in UTF-8 and passes as it is.
    decoder: Option<Decoder>,
    is_ended: bool,
    /// Bytes of the upload that were read.
    pub(crate) bytes_read: i64,
}

impl Text {
    /// The text of `source`, which is in the encoding of that name.
    pub(crate) fn new(
        source: BoxStream<'static, Result<Bytes, FilesError>>,
        is_gzip: bool,
        encoding: &str,
    ) -> Self {
        let encoding = Encoding::for_label(encoding.as_bytes()).unwrap_or(UTF_8);
        Self {
            source,
            pending: Bytes::new(),
            expander: is_gzip.then(Expander::default),
            decoder: (encoding != UTF_8).then(|| encoding.new_decoder_with_bom_removal()),
            is_ended: false,
            bytes_read: 0,
        }
    }

    /// The next piece, however far the file expands about as large as those that are read; `None`:
    /// the text is at its end. A piece may be empty.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>, StageError> {
        if self.is_ended {
            return Ok(None);
        }
        if self.pending.is_empty() {
            let piece = self.source.next().await.transpose()?;
            self.is_ended = piece.is_none();
            self.pending = piece.unwrap_or_default();
            self.bytes_read += self.pending.len() as i64;
        }
        // A file that expands far gives many pieces without waiting for anything.
        tokio::task::consume_budget().await;
        let expanded = self.expand().map_err(|error| StageError::Fail {
            code: "bad-gzip",
            detail: error.to_string(),
        })?;
        Ok(Some(self.decode(expanded)))
    }

    /// Takes what is pending, or a part of it.
    fn expand(&mut self) -> Result<Vec<u8>, BadGzip> {
        if self.is_ended {
            return self
                .expander
                .take()
                .map_or_else(|| Ok(Vec::new()), Expander::finish);
        }
        let Some(expander) = &mut self.expander else {
            return Ok(take(&mut self.pending).into());
        };
        let (mut input, mut piece) = (&self.pending[..], Vec::new());
        while !input.is_empty() && piece.len() < PIECE_BYTES {
            piece.extend_from_slice(expander.step(&mut input)?);
        }
        let taken = self.pending.len() - input.len();
        self.pending.advance(taken);
        Ok(piece)
    }

    fn decode(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        let Some(decoder) = &mut self.decoder else {
            return bytes;
        };
        let capacity = decoder
            .max_utf8_buffer_length(bytes.len())
            .unwrap_or(bytes.len() * 3 + 16);
        let mut text = String::with_capacity(capacity);
        let (result, _, _) = decoder.decode_to_string(&bytes, &mut text, self.is_ended);
        debug_assert_eq!(result, CoderResult::InputEmpty);
        text.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    async fn read(bytes: &[u8], piece: usize, is_gzip: bool, encoding: &str) -> Vec<u8> {
        let pieces: Vec<_> = bytes
            .chunks(piece)
            .map(|piece| Ok(Bytes::copy_from_slice(piece)))
            .collect();
        let mut text = Text::new(futures::stream::iter(pieces).boxed(), is_gzip, encoding);
        let mut all = Vec::new();
        while let Some(piece) = text.next().await.expect("a good file") {
            all.extend_from_slice(&piece);
        }
        assert_eq!(text.bytes_read, bytes.len() as i64);
        all
    }

    #[tokio::test]
    async fn every_encoding_becomes_utf8_in_pieces_of_any_size() {
        let utf16: Vec<u8> = "\u{feff}José;😀"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let cases: &[(&[u8], &str, &[u8])] = &[
            ("José".as_bytes(), "UTF-8", "José".as_bytes()),
            (b"a\xFFb", "UTF-8", b"a\xFFb"),
            (
                b"Jos\xE9;M\xFCller",
                "windows-1252",
                "José;Müller".as_bytes(),
            ),
            (&utf16, "UTF-16LE", "José;😀".as_bytes()),
            (
                b"\x83\x65\x83X\x83g\xFF",
                "Shift_JIS",
                "テスト\u{fffd}".as_bytes(),
            ),
        ];
        for (bytes, encoding, expected) in cases {
            for piece in [3, 4, 1000] {
                assert_eq!(
                    read(bytes, piece, false, encoding).await,
                    *expected,
                    "{encoding} in pieces of {piece}"
                );
            }
        }
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).expect("in memory");
        encoder.finish().expect("in memory")
    }

    #[tokio::test]
    async fn gzip_is_expanded_members_one_after_the_other() {
        let bytes = [gzip(b"a,b\n"), gzip(b"c,d\n")].concat();
        assert_eq!(read(&bytes, 5, true, "UTF-8").await, b"a,b\nc,d\n");
    }

    #[tokio::test]
    async fn what_expands_far_does_so_in_small_pieces() {
        let source = futures::stream::iter([Ok(Bytes::from(gzip(&vec![b' '; 50 << 20])))]).boxed();
        let (mut text, mut all) = (Text::new(source, true, "windows-1252"), 0);
        while let Some(piece) = text.next().await.expect("a good file") {
            assert!(piece.len() <= PIECE_BYTES + (64 << 10), "{}", piece.len());
            all += piece.len();
        }
        assert_eq!(all, 50 << 20);
    }
}
