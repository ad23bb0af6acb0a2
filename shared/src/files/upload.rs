//! One file on its way into the store. It must never leave anything behind when it is broken off.

use super::{FilesError, half::Half};
use bytes::{Bytes, BytesMut};
use object_store::{MultipartUpload, PutPayload};

/// Bytes of one part of a bucket. S3 takes no part but the last below 5 MiB.
const BUCKET_PART_BYTES: usize = 5 << 20;

/// Bytes of one part of a local folder: no more than wait on their way here, so that the next ones are taken while the kernel copies
/// these, and few enough to be copied from the processor's cache.
const FOLDER_PART_BYTES: usize = 512 << 10;

/// One file on its way into the store: [`write`](Self::write), then [`finish`](Self::finish) or [`abort`](Self::abort).
#[derive(Debug)]
pub struct Upload {
    parts: Box<dyn MultipartUpload>,
    part: BytesMut,
    /// What a local store has of it.
    half: Option<Half>,
}

impl Upload {
    pub(super) fn new(parts: Box<dyn MultipartUpload>, half: Option<Half>) -> Self {
        Self { parts, part: BytesMut::new(), half }
    }

    /// Adds bytes at the end. At most one part is held in memory.
    pub async fn write(&mut self, bytes: &Bytes) -> Result<(), FilesError> {
        self.part.extend_from_slice(bytes);
        let part_bytes = if self.half.is_some() { FOLDER_PART_BYTES } else { BUCKET_PART_BYTES };
        if self.part.len() >= part_bytes {
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
            // The local store forgets its half when it begins to finish: a disk that is full only when it is synced would keep it.
            if let Some(half) = self.half {
                half.remove().await;
            }
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
        let bytes = part.len();
        self.parts.put_part(PutPayload::from(part)).await?;
        if let Some(half) = &mut self.half {
            half.grown(bytes);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::files::Files;
    use bytes::Bytes;

    #[tokio::test]
    async fn what_cannot_be_finished_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = Files::open(&format!("file://{}", folder.path().display())).expect("an address");
        // A file cannot take the place of a folder that is not empty.
        let in_the_way = folder.path().join("1/a");
        std::fs::create_dir_all(in_the_way.join("b")).expect("a folder");
        let mut upload = files.upload("1/a").await.expect("a disk");
        upload.write(&Bytes::from_static(b"text")).await.expect("a disk");
        assert!(folder.path().join("1/a#1").exists(), "the local store calls its halves otherwise now");
        assert!(upload.finish().await.is_err());
        let left: Vec<_> =
            std::fs::read_dir(folder.path().join("1")).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
        assert_eq!(left, [in_the_way]);
    }
}
