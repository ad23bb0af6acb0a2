//! A file in a local folder that is not whole yet.

use std::{fs::File, path::PathBuf};
use tokio::task::JoinHandle;

/// Bytes after which the disk begins to write, if it is not at it still.
const WRITE_OUT_BYTES: usize = 32 << 20;

/// A file in a local folder that is not whole yet. It goes to the disk while it grows: a gigabyte
/// that is only synced at its end keeps the client waiting, and everybody else whose commit is to
/// reach the same disk.
#[derive(Debug)]
pub(super) struct PartialFile {
    path: PathBuf,
    /// Bytes since the disk last began to write.
    ahead: usize,
    writing: Option<JoinHandle<()>>,
}

impl PartialFile {
    /// The one that lies there.
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            ahead: 0,
            writing: None,
        }
    }

    /// So many bytes were added.
    pub(super) fn grown(&mut self, bytes: usize) {
        self.ahead += bytes;
        if self.ahead < WRITE_OUT_BYTES
            || self
                .writing
                .as_ref()
                .is_some_and(|writing| !writing.is_finished())
        {
            return;
        }
        self.ahead = 0;
        let path = self.path.clone();
        // Whether it can be written is told when all of it is synced, by the handle that the store
        // has.
        self.writing = Some(tokio::task::spawn_blocking(move || {
            drop(File::open(path).and_then(|file| file.sync_data()));
        }));
    }

    /// Removes what is left of it.
    pub(super) async fn remove(self) {
        // It may be gone, as it should.
        let _ = tokio::fs::remove_file(self.path).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_disk_writes_one_stretch_at_a_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a#1");
        let text = vec![b'x'; WRITE_OUT_BYTES];
        std::fs::write(&path, &text).expect("a disk");
        let mut half = PartialFile::new(path.clone());
        half.grown(WRITE_OUT_BYTES - 1);
        assert!(half.writing.is_none(), "not yet");
        half.grown(1);
        // One that never ends stands in for it, so that it does not matter how fast the disk is.
        let first = half
            .writing
            .replace(tokio::spawn(std::future::pending()))
            .expect("now");
        half.grown(2 * WRITE_OUT_BYTES);
        assert_eq!(
            half.ahead,
            2 * WRITE_OUT_BYTES,
            "while one is under way there is no second"
        );
        first.await.expect("no panic");
        assert!(
            std::fs::read(&path).expect("a file") == text,
            "it was only read"
        );
        half.remove().await;
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn one_that_is_gone_is_no_trouble() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut half = PartialFile::new(folder.path().join("a#1"));
        half.grown(WRITE_OUT_BYTES);
        half.writing.take().expect("begun").await.expect("no panic");
        assert_eq!(
            std::fs::read_dir(folder.path()).expect("a folder").count(),
            0,
            "it is not made by that"
        );
        half.remove().await;
    }
}
