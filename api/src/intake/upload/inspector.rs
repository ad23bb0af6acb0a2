//! Counts, expands and sniffs the bytes of one upload as they come by. Whether it is refused must
//! not depend on the pieces in which it comes.

use super::{Content, UploadError};
use crate::intake::sniff::Sniffer;
use muster_shared::{
    files::Expander,
    model::{settings::Settings, site::Limits},
};

/// The first two bytes of every gzip member.
const GZIP_MAGIC: [u8; 2] = [0x1F, 0x8B];

/// Expanded bytes after which others may use the processor: about a millisecond of work.
const EXPANDED_AT_ONCE: u64 = 512 << 10;

/// The ratio of a shorter text means nothing.
const RATIO_FROM_BYTES: u64 = 10_000_000;

/// What the bytes are, as far as can be told from those that came.
enum Compression {
    /// The first byte or none is there.
    Unknown(Vec<u8>),
    /// Text, to be looked at as it is.
    Plain,
    /// Text, to be expanded first.
    Gzip(Box<Expander>),
}

/// Counts, expands and sniffs.
pub(crate) struct Inspector<'a> {
    compression: Compression,
    bytes: u64,
    text: Text<'a>,
}

impl<'a> Inspector<'a> {
    /// Begins an upload that will have at most `declared` bytes, if that is known.
    pub(crate) fn new(limits: &'a Limits, settings: &Settings, declared: Option<u64>) -> Self {
        let text = Text {
            limits,
            declared,
            bytes: 0,
            sniffer: Sniffer::new(settings.encoding.as_deref()),
        };
        Self {
            compression: Compression::Unknown(Vec::new()),
            bytes: 0,
            text,
        }
    }

    /// Takes the next uploaded bytes. Lets others run in between where much comes out of them.
    pub(crate) async fn look(&mut self, slice: &[u8]) -> Result<(), UploadError> {
        self.bytes += slice.len() as u64;
        within("file_bytes", self.text.limits.file_bytes, self.bytes)?;
        if let Compression::Unknown(first) = &mut self.compression {
            first.extend_from_slice(slice);
            let Some(magic) = first.get(..2) else {
                return Ok(());
            };
            let form = if magic == GZIP_MAGIC {
                Compression::Gzip(Box::default())
            } else {
                Compression::Plain
            };
            let first = std::mem::take(first);
            self.compression = form;
            return self.look_inside(&first).await;
        }
        self.look_inside(slice).await
    }

    async fn look_inside(&mut self, mut slice: &[u8]) -> Result<(), UploadError> {
        let Compression::Gzip(expander) = &mut self.compression else {
            return self.text.add(slice);
        };
        let mut rest = EXPANDED_AT_ONCE;
        while !slice.is_empty() {
            let text = expander.step(&mut slice)?;
            self.text.add(text)?;
            // A step costs something even if nothing comes out of it.
            let cost = text.len() as u64 + 4096;
            rest = rest.saturating_sub(cost);
            if rest == 0 {
                tokio::task::yield_now().await;
                rest = EXPANDED_AT_ONCE;
            }
        }
        Ok(())
    }

    /// What was found in all of it.
    pub(crate) fn finish(mut self) -> Result<Content, UploadError> {
        let is_gzip = matches!(self.compression, Compression::Gzip(_));
        match self.compression {
            Compression::Gzip(expander) => self.text.add(&expander.finish()?)?,
            Compression::Unknown(first) => self.text.add(&first)?,
            Compression::Plain => {}
        }
        self.text.within_ratio(self.bytes)?;
        Ok(Content {
            bytes: self.bytes,
            expanded_bytes: self.text.bytes,
            compression: is_gzip.then(|| "gzip".to_owned()),
            reading: self.text.sniffer.finish()?,
        })
    }
}

/// The expanded bytes.
struct Text<'a> {
    limits: &'a Limits,
    declared: Option<u64>,
    bytes: u64,
    sniffer: Sniffer,
}

impl Text<'_> {
    /// More of them.
    fn add(&mut self, slice: &[u8]) -> Result<(), UploadError> {
        self.bytes += slice.len() as u64;
        within("expanded_bytes", self.limits.expanded_bytes, self.bytes)?;
        // The ratio is that of the whole: before its end it is certain only against all that may
        // come.
        if let Some(declared) = self.declared {
            self.within_ratio(declared)?;
        }
        Ok(self.sniffer.feed(slice)?)
    }

    /// Are they not too many for so many uploaded bytes?
    fn within_ratio(&self, uploaded: u64) -> Result<(), UploadError> {
        let max = self.limits.expansion_ratio;
        let is_beyond = self.bytes > RATIO_FROM_BYTES.max(uploaded.saturating_mul(max));
        if is_beyond {
            Err(UploadError::TooLarge {
                limit: "expansion_ratio",
                max,
            })
        } else {
            Ok(())
        }
    }
}

fn within(limit: &'static str, max: u64, is: u64) -> Result<(), UploadError> {
    if is > max {
        Err(UploadError::TooLarge { limit, max })
    } else {
        Ok(())
    }
}
