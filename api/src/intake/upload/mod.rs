//! One body on its way into the file store: counted, hashed, expanded and sniffed as it streams.
//!
//! It must never hold a file in memory, and never leave anything in the store that nobody knows of:
//! not after an error, and not when the client goes away and the whole future is dropped.

pub(crate) mod inspector;
mod sink;

use super::sniff::Refusal;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use inspector::Inspector;
use muster_shared::{
    files::{BadGzip, Files, FilesError},
    model::{reading::Reading, settings::Settings, site::Limits},
};
use sink::Sink;
use std::error::Error;

/// What is looked at in one go, at most: what comes from a socket at once is less.
const SLICE_BYTES: usize = 512 << 10;

/// A file that is in the store.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredFile {
    /// Of the bytes as uploaded.
    pub(crate) sha256: Vec<u8>,
    /// What it is.
    pub(crate) content: Content,
}

/// What the bytes of an upload are.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Content {
    /// Bytes as uploaded.
    pub(crate) bytes: u64,
    /// Bytes after decompression.
    pub(crate) expanded_bytes: u64,
    /// `gzip`, or nothing.
    pub(crate) compression: Option<String>,
    /// As found; what the settings give is put over it later.
    pub(crate) reading: Reading,
}

/// Why a file is not in the store.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UploadError {
    /// A limit of the site is passed.
    #[error("the file is larger than the limit `{limit}` of {max} allows")]
    TooLarge {
        /// The name of the limit.
        limit: &'static str,
        /// The limit.
        max: u64,
    },
    /// It is no text.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It begins like gzip and does not go on like it, or in far too many parts.
    #[error(transparent)]
    BadGzip(#[from] BadGzip),
    /// The body ended too early, or could not be read.
    #[error("the upload broke off: {0}")]
    BrokenOff(#[source] Box<dyn Error + Send + Sync>),
    /// The store failed.
    #[error(transparent)]
    Files(#[from] FilesError),
}

/// Stores a body of at most `declared` bytes, if that is known, under `key` as it comes. When this
/// returns an error nothing is left of it; when it is dropped, soon.
pub(crate) async fn store<S, E>(
    files: &Files,
    key: &str,
    body: S,
    declared: Option<u64>,
    limits: &Limits,
    settings: &Settings,
) -> Result<StoredFile, UploadError>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let mut sink = Sink::open(files.clone(), key.to_owned());
    let taken = take(&mut sink, body, Inspector::new(limits, settings, declared)).await;
    match taken {
        Ok(content) => Ok(StoredFile {
            sha256: sink.finish().await?,
            content,
        }),
        Err(error) => {
            sink.abandon().await;
            Err(error)
        }
    }
}

async fn take<S, E>(
    sink: &mut Sink,
    mut body: S,
    mut inspector: Inspector<'_>,
) -> Result<Content, UploadError>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    while let Some(piece) = body.next().await {
        let mut piece = piece.map_err(|error| UploadError::BrokenOff(error.into()))?;
        while !piece.is_empty() {
            let slice = piece.split_to(piece.len().min(SLICE_BYTES));
            inspector.look(&slice).await?;
            sink.write(slice).await?;
        }
    }
    inspector.finish()
}

#[cfg(test)]
mod tests;
