//! A file in a local folder that is not whole yet.

use std::{fs::File, path::PathBuf};
use tokio::task::JoinHandle;

/// Bytes after which the disk begins to write, if it is not at it still.
const WRITE_OUT_BYTES: usize = 32 << 20;

/// A file in a local folder that is not whole yet. It goes to the disk while it grows: a gigabyte that is only synced at its end keeps
/// the client waiting, and everybody else whose commit is to reach the same disk.
#[derive(Debug)]
pub(super) struct Half {
    path: PathBuf,
    /// Bytes since the disk last began to write.
    ahead: usize,
    writing: Option<JoinHandle<()>>,
}

impl Half {
    /// The one that lies there.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, ahead: 0, writing: None }
    }

    /// So many bytes were added.
    pub(super) fn grown(&mut self, bytes: usize) {
        self.ahead += bytes;
        if self.ahead < WRITE_OUT_BYTES || self.writing.as_ref().is_some_and(|writing| !writing.is_finished()) {
            return;
        }
        self.ahead = 0;
        let path = self.path.clone();
        // Whether it can be written is told when all of it is synced, by the handle that the store has.
        self.writing = Some(tokio::task::spawn_blocking(move || drop(File::open(path).and_then(|file| file.sync_data()))));
    }

    /// Removes what is left of it.
    pub(super) async fn remove(self) {
        // It may be gone, as it should.
        let _ = tokio::fs::remove_file(self.path).await;
    }
}
