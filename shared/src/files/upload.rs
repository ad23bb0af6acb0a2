//! One file on its way into the store. It must never leave anything behind when it is broken off.

use super::{FilesError, partial_file::PartialFile};
use bytes::{Bytes, BytesMut};
use object_store::{MultipartUpload, PutPayload};

/// Bytes of one part of a bucket. S3 takes no part but the last below 5 MiB.
const BUCKET_PART_BYTES: usize = 5 << 20;

/// Bytes of one part of a local folder, at least: fewer than can wait for it meanwhile, so that
/// taking and writing go on side by side. What comes in larger pieces needs no copy.
const FOLDER_PART_BYTES: usize = 256 << 10;

/// One file on its way into the store: [`write`](Self::write), then [`finish`](Self::finish) or
/// [`abort`](Self::abort).
#[derive(Debug)]
pub struct Upload {
    parts: Box<dyn MultipartUpload>,
    part: BytesMut,
    /// What a local store has of it.
    half: Option<PartialFile>,
}

impl Upload {
    pub(super) fn new(parts: Box<dyn MultipartUpload>, half: Option<PartialFile>) -> Self {
        Self {
            parts,
            part: BytesMut::new(),
            half,
        }
    }

    /// Adds bytes at the end. At most one part is held in memory.
    pub async fn write(&mut self, bytes: &Bytes) -> Result<(), FilesError> {
        let part_bytes = if self.half.is_some() {
            FOLDER_PART_BYTES
        } else {
            BUCKET_PART_BYTES
        };
        if self.part.is_empty() && bytes.len() >= part_bytes {
            return self.send_part(bytes.clone()).await;
        }
        self.part.extend_from_slice(bytes);
        if self.part.len() >= part_bytes {
            self.send_rest().await
        } else {
            Ok(())
        }
    }

    /// Makes the file visible; when this returns it is stored for good.
    pub async fn finish(mut self) -> Result<(), FilesError> {
        let finished = self.complete().await;
        if finished.is_err() {
            // What cannot be finished must not stay in parts either; the first error says more than
            // one of the clean-up.
            let _ = self.parts.abort().await;
            // The local store forgets its half when it begins to finish: a disk that is full only
            // when it is synced would keep it.
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
            self.send_rest().await?;
        }
        self.parts.complete().await?;
        Ok(())
    }

    async fn send_rest(&mut self) -> Result<(), FilesError> {
        let part = self.part.split().freeze();
        self.send_part(part).await
    }

    async fn send_part(&mut self, part: Bytes) -> Result<(), FilesError> {
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
    use super::FOLDER_PART_BYTES;
    use crate::files::Files;
    use bytes::Bytes;

    #[tokio::test]
    async fn pieces_of_all_sizes_stay_in_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let files =
            Files::open(&format!("file://{}", folder.path().display())).expect("an address");
        let mut upload = files.upload("1/a").await.expect("a disk");
        let mut all = Vec::new();
        // Some go on alone, some wait for others, and some large ones come when small ones wait.
        for (byte, length) in (b'a'..).zip([
            FOLDER_PART_BYTES,
            1,
            FOLDER_PART_BYTES,
            FOLDER_PART_BYTES - 1,
            0,
            1,
            FOLDER_PART_BYTES + 1,
            2,
        ]) {
            let piece = vec![byte; length];
            all.extend_from_slice(&piece);
            upload.write(&piece.into()).await.expect("a disk");
        }
        upload.finish().await.expect("a disk");
        assert!(std::fs::read(folder.path().join("1/a")).expect("a file") == all);
    }

    #[tokio::test]
    async fn what_cannot_be_finished_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let files =
            Files::open(&format!("file://{}", folder.path().display())).expect("an address");
        // A file cannot take the place of a folder that is not empty.
        let in_the_way = folder.path().join("1/a");
        std::fs::create_dir_all(in_the_way.join("b")).expect("a folder");
        let mut upload = files.upload("1/a").await.expect("a disk");
        upload
            .write(&Bytes::from_static(b"text"))
            .await
            .expect("a disk");
        assert!(
            folder.path().join("1/a#1").exists(),
            "the local store calls its halves otherwise now"
        );
        assert!(upload.finish().await.is_err());
        let left: Vec<_> = std::fs::read_dir(folder.path().join("1"))
            .expect("a folder")
            .map(|entry| entry.expect("an entry").path())
            .collect();
        assert_eq!(left, [in_the_way]);
    }
}
