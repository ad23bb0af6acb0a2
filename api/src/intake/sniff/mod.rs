//! What an upload is, in which encoding, and what stands between its cells: found from its bytes as
//! they stream by.
//!
//! It must never hold more of a file than its head, nor go over ASCII byte by byte.

mod content;
mod delimiter;
mod legacy;
mod utf8;

pub(crate) use content::Refusal;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use legacy::Legacy;
use muster_shared::model::reading::{Found, Reading};
use utf8::Utf8;

/// Bytes of the beginning in which delimiters and signs of a binary file are looked for.
const HEAD_BYTES: usize = 64 << 10;

/// Bytes of the beginning by which a file that is no text gives itself away.
const START_BYTES: usize = 1 << 10;

/// Watches the expanded bytes of one upload. In whatever pieces they come, what is found is the
/// same.
pub(crate) struct Sniffer {
    given: Option<&'static Encoding>,
    head: Vec<u8>,
    utf8: Utf8,
    legacy: Legacy,
}

impl Sniffer {
    /// Begins. The encoding that the settings give is the one in which the head is looked at; what
    /// is *found* does not depend on it, so that it can be taken back later.
    pub(crate) fn new(given_encoding: Option<&str>) -> Self {
        let given = given_encoding.and_then(|label| Encoding::for_label(label.as_bytes()));
        Self {
            given,
            head: Vec::new(),
            utf8: Utf8::default(),
            legacy: Legacy::new(),
        }
    }

    /// Takes the next bytes. Refuses as soon as it is plain that they are no text.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.fill_head(bytes)?;
        if is_utf16(self.mark()) {
            return Ok(());
        }
        self.utf8.feed(bytes);
        self.legacy.feed(bytes);
        Ok(())
    }

    /// What was found in all of it.
    pub(crate) fn finish(mut self) -> Result<Reading, Refusal> {
        if self.head.len() < START_BYTES {
            self.check_start()?;
        }
        if self.head.len() < HEAD_BYTES {
            self.check_head()?;
        }
        self.utf8.finish();
        let whole = self.head.len() < HEAD_BYTES;
        let mark = self.mark();
        let (encoding, sureness) = match mark.or_else(|| content::unmarked_utf16(&self.head)) {
            Some(encoding) if mark.is_some() => (encoding, 1.0),
            Some(encoding) => (encoding, 0.9),
            None => counted(&self.utf8, self.legacy),
        };
        let (text, _) = self
            .given
            .unwrap_or(encoding)
            .decode_with_bom_removal(&self.head);
        let delimiter = delimiter::find(&text, whole);
        Ok(Reading {
            encoding: Found::guessed(encoding.name().to_owned(), sureness),
            delimiter,
        })
    }

    fn fill_head(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        let before = self.head.len();
        let added = bytes.len().min(HEAD_BYTES - before);
        if added == 0 {
            return Ok(());
        }
        self.head.extend_from_slice(&bytes[..added]);
        if before < START_BYTES && self.head.len() >= START_BYTES {
            self.check_start()?;
        }
        if self.head.len() == HEAD_BYTES {
            self.check_head()
        } else {
            Ok(())
        }
    }

    fn check_start(&self) -> Result<(), Refusal> {
        let start = &self.head[..self.head.len().min(START_BYTES)];
        content::check_start(
            start,
            self.given
                .or(self.mark())
                .filter(|encoding| is_utf16(Some(encoding))),
        )
    }

    fn check_head(&self) -> Result<(), Refusal> {
        if is_utf16(self.given) || is_utf16(self.mark()) {
            Ok(())
        } else {
            content::check_head(&self.head)
        }
    }

    /// The encoding that a byte order mark says.
    fn mark(&self) -> Option<&'static Encoding> {
        Encoding::for_bom(&self.head).map(|(encoding, _)| encoding)
    }
}

/// Any valid sequence of several bytes, or no invalid byte: UTF-8.
///
/// The one exception are texts of other alphabets. There neighbours look like UTF-8 by chance (the
/// first two letters of Пётр in windows-1251 do, and every tenth character of Chinese or Korean);
/// among many times more invalid bytes that says nothing. In Latin texts it does not come about by
/// chance, and one valid sequence decides.
fn counted(utf8: &Utf8, legacy: Legacy) -> (&'static Encoding, f64) {
    let (valid, invalid) = (utf8.valid(), utf8.invalid());
    if invalid == 0 {
        return (UTF_8, 1.0);
    }
    let (encoding, sureness) = legacy.guess();
    let is_chance = invalid > 4 * valid + 4 && !legacy::is_latin(encoding);
    if valid == 0 || is_chance {
        (encoding, sureness)
    } else {
        (UTF_8, rounded(valid as f64 / (valid + invalid) as f64))
    }
}

/// Two digits are all that a guess can honestly have; 1 is for what is certain.
fn rounded(sureness: f64) -> f64 {
    ((sureness * 100.0).round() / 100.0).clamp(0.01, 0.99)
}

fn is_utf16(encoding: Option<&'static Encoding>) -> bool {
    encoding.is_some_and(|encoding| encoding == UTF_16LE || encoding == UTF_16BE)
}

#[cfg(test)]
mod tests;
