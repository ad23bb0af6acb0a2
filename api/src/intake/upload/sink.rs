//! The way of an upload's bytes into the file store, hashed as they are stored.

use super::UploadError;
use bytes::Bytes;
use muster_shared::files::{Files, FilesError, Upload};
use sha2::{Digest, Sha256};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};
use tracing::Instrument;

/// Slices on their way to the store: enough that neither side stands still when the other is held
/// up for a moment.
const SLICES_WAITING: usize = 8;

/// The way to the task that hashes and writes the file. That is a task of its own because it has to
/// take back what was written when nobody waits for it any more: as soon as the sink is dropped.
pub(super) struct Sink {
    steps: mpsc::Sender<Step>,
    task: Option<JoinHandle<Result<(), FilesError>>>,
}

/// What the task is to do next.
enum Step {
    /// Add this at the end.
    Write(Bytes),
    /// Make it visible, then tell its SHA-256.
    Finish(oneshot::Sender<Vec<u8>>),
    /// It was heard that it is visible.
    Keep,
}

impl Sink {
    /// Begins a file under `key`.
    pub(super) fn open(files: Files, key: String) -> Self {
        let (steps, taken) = mpsc::channel(SLICES_WAITING);
        Self {
            steps,
            task: Some(tokio::spawn(
                write_file(files, key, taken).in_current_span(),
            )),
        }
    }

    /// Adds bytes at the end; waits while too many are on their way.
    pub(super) async fn write(&mut self, slice: Bytes) -> Result<(), UploadError> {
        if self.steps.send(Step::Write(slice)).await.is_ok() {
            Ok(())
        } else {
            Err(self.failure().await)
        }
    }

    /// Makes the file visible; when this returns it is stored for good. Tells its SHA-256.
    pub(super) async fn finish(mut self) -> Result<Vec<u8>, UploadError> {
        let (done, finished) = oneshot::channel();
        let is_asked = self.steps.send(Step::Finish(done)).await.is_ok();
        let sha256 = if is_asked { finished.await.ok() } else { None };
        let Some(sha256) = sha256 else {
            return Err(self.failure().await);
        };
        // The channel is empty by now, and between the answer and this there is nowhere to be
        // dropped.
        self.steps
            .try_send(Step::Keep)
            .map_err(|error| UploadError::BrokenOff(error.to_string().into()))?;
        Ok(sha256)
    }

    /// Takes back what was written, and waits until that is done.
    pub(super) async fn abandon(mut self) {
        drop(self.steps);
        if let Some(task) = self.task.take() {
            // There is an error to be told already, and this one would be of what nobody wants any
            // more.
            let _ = task.await;
        }
    }

    /// Why the task has ended before its time.
    async fn failure(&mut self) -> UploadError {
        match self.task.take() {
            Some(task) => match task.await {
                Ok(Err(error)) => UploadError::Files(error),
                Ok(Ok(())) => UploadError::BrokenOff("the file was not written to its end".into()),
                Err(error) => UploadError::BrokenOff(error.into()),
            },
            None => UploadError::BrokenOff("the file was not written to its end".into()),
        }
    }
}

/// Does the steps; when they stop before [`Step::Keep`] nothing is to be left.
async fn write_file(
    files: Files,
    key: String,
    mut steps: mpsc::Receiver<Step>,
) -> Result<(), FilesError> {
    let mut upload = files.upload(&key).await?;
    // Here, so that it takes another processor's time than reading and looking at what comes next.
    let mut hash = Sha256::new();
    while let Some(step) = steps.recv().await {
        match step {
            Step::Write(slice) => {
                // Writing goes on with another thread while this one hashes.
                let (written, ()) =
                    tokio::join!(upload.write(&slice), async { hash.update(&slice) });
                if let Err(error) = written {
                    abort(upload).await;
                    return Err(error);
                }
            }
            Step::Finish(done) => {
                upload.finish().await?;
                // Whether the other side has heard it is what counts, not whether it could be said.
                let _ = done.send(hash.finalize().to_vec());
                if steps.recv().await.is_none() {
                    report(files.delete(&key).await);
                }
                return Ok(());
            }
            Step::Keep => break,
        }
    }
    abort(upload).await;
    Ok(())
}

async fn abort(upload: Upload) {
    report(upload.abort().await);
}

/// Nobody waits for these any more.
fn report(taken_back: Result<(), FilesError>) {
    if let Err(error) = taken_back {
        tracing::warn!(%error, "an upload that broke off could not be taken back from the file store");
    }
}
