//! One file on its way into the store. It must never leave anything behind when it is broken off.

use super::FilesError;
use bytes::{Bytes, BytesMut};
use object_store::{MultipartUpload, PutPayload};

/// Bytes of one part. S3 takes no part but the last below 5 MiB.
const PART_BYTES: usize = 5 << 20;

/// One file on its way into the store: [`write`](Self::write), then [`finish`](Self::finish) or [`abort`](Self::abort).
#[derive(Debug)]
pub struct Upload {
    parts: Box<dyn MultipartUpload>,
    part: BytesMut,
}

impl Upload {
    pub(super) fn new(parts: Box<dyn MultipartUpload>) -> Self {
        Self { parts, part: BytesMut::new() }
    }

    /// Adds bytes at the end. At most one part is held in memory.
    pub async fn write(&mut self, bytes: &Bytes) -> Result<(), FilesError> {
        self.part.extend_from_slice(bytes);
        if self.part.len() >= PART_BYTES {
            self.send_part().await?;
        }
        Ok(())
    }

    /// Makes the file visible; when this returns it is stored for good.
    pub async fn finish(mut self) -> Result<(), FilesError> {
        let finished = self.complete().await;
        if finished.is_err() {
            // What cannot be finished must not stay in parts either; the first error says more than one of the clean-up.
            let _ = self.parts.abort().await;
        }
        finished
    }

    /// Takes back what was sent.
    pub async fn abort(mut self) -> Result<(), FilesError> {
        Ok(self.parts.abort().await?)
    }

    async fn complete(&mut self) -> Result<(), FilesError> {
        if !self.part.is_empty() {
            self.send_part().await?;
        }
        self.parts.complete().await?;
        Ok(())
    }

    async fn send_part(&mut self) -> Result<(), FilesError> {
        let part = self.part.split().freeze();
        Ok(self.parts.put_part(PutPayload::from(part)).await?)
    }
}
