//! Where uploads lie: a local folder, or a bucket that speaks S3.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use object_store::{
    GetResultPayload, ObjectStore, ObjectStoreExt, local::LocalFileSystem, path::Path,
};
use std::{
    error::Error,
    io::{self, ErrorKind},
    path::PathBuf,
    sync::Arc,
};
use tokio_util::io::ReaderStream;
use url::Url;

mod expander;
mod partial_file;
mod stale_uploads;
mod upload;

pub use expander::{BadGzip, Expander};
use partial_file::PartialFile;
pub use upload::Upload;

/// Bytes of a file that are read at once from a folder.
const PIECE_BYTES: usize = 256 << 10;

/// The file store.
#[derive(Debug, Clone)]
pub struct Files {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    /// Where the store is, if it is a local folder.
    folder: Option<PathBuf>,
}

/// The file store cannot do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// The address is no `file:///…` or `s3://bucket/prefix`.
    #[error("MUSTER_FILES_URL cannot be used: {0}")]
    Address(String),
    /// There is no such file.
    #[error("the file is not there")]
    Gone,
    /// There is no room in the store, or for a file of that size.
    #[error("the file store is full: {0}")]
    Full(object_store::Error),
    /// The store refused or is away.
    #[error("the file store failed: {0}")]
    Store(object_store::Error),
    /// The folder of the store, or a file in it, cannot be read.
    #[error("the folder of the file store cannot be read: {0}")]
    Folder(std::io::Error),
}

impl From<object_store::Error> for FilesError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::Gone,
            full if is_full(&full) => Self::Full(full),
            other => Self::Store(other),
        }
    }
}

/// The `AWS_` variables of the process. The store would take others too, such as a `TOKEN` that is
/// meant for another program.
fn credentials() -> impl Iterator<Item = (String, String)> {
    let texts = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    texts.filter(|(name, _)| name.starts_with("AWS_"))
}

/// Does an error of the system behind this one say that there is no room: on the disk, in a quota,
/// under a limit of the process?
fn is_full(error: &object_store::Error) -> bool {
    std::iter::successors(Some(error as &dyn Error), |&error| error.source())
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .any(|error| {
            matches!(
                error.kind(),
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge
            )
        })
}

impl Files {
    /// Opens the store at `file:///folder` (made if missing) or `s3://bucket/prefix` (credentials
    /// from the usual `AWS_` variables).
    pub fn open(address: &str) -> Result<Self, FilesError> {
        let url = Url::parse(address).map_err(|error| FilesError::Address(error.to_string()))?;
        if url.scheme() == "file" {
            let folder = url
                .to_file_path()
                .map_err(|()| FilesError::Address("it is no absolute path".to_owned()))?;
            std::fs::create_dir_all(&folder)
                .map_err(|error| FilesError::Address(format!("{}: {error}", folder.display())))?;
            // An accepted upload must survive a power cut: sync before the 202.
            let store = LocalFileSystem::new_with_prefix(&folder)?.with_fsync(true);
            return Ok(Self {
                store: Arc::new(store),
                prefix: Path::default(),
                folder: Some(folder),
            });
        }
        let (store, prefix) = object_store::parse_url_opts(&url, credentials())
            .map_err(|error| FilesError::Address(error.to_string()))?;
        Ok(Self {
            store: Arc::from(store),
            prefix,
            folder: None,
        })
    }

    /// Begins to store a file under `key`. Nothing is to be seen of it before [`Upload::finish`].
    pub async fn upload(&self, key: &str) -> Result<Upload, FilesError> {
        let parts = self.store.put_multipart(&self.path(key)).await?;
        let half = self.half(key).map(PartialFile::new);
        Ok(Upload::new(parts, half))
    }

    /// The bytes of a file, from its beginning, in pieces.
    pub async fn read(
        &self,
        key: &str,
    ) -> Result<BoxStream<'static, Result<Bytes, FilesError>>, FilesError> {
        Ok(match self.store.get(&self.path(key)).await?.payload {
            // By itself it would come in pieces of 8 KiB, each of which is a trip to another
            // thread.
            GetResultPayload::File(file, _) => {
                let pieces =
                    ReaderStream::with_capacity(tokio::fs::File::from_std(file), PIECE_BYTES);
                pieces.map_err(FilesError::Folder).boxed()
            }
            GetResultPayload::Stream(pieces) => pieces.map_err(FilesError::from).boxed(),
        })
    }

    /// Deletes a file, and what a local folder has of it that is not whole; one that is not there
    /// is no error.
    pub async fn delete(&self, key: &str) -> Result<(), FilesError> {
        match self
            .store
            .delete(&self.path(key))
            .await
            .map_err(FilesError::from)
        {
            Err(FilesError::Gone) | Ok(()) => {}
            Err(other) => return Err(other),
        }
        let Some(half) = self.half(key) else {
            return Ok(());
        };
        match tokio::fs::remove_file(half).await {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(FilesError::Folder(error)),
            _ => Ok(()),
        }
    }

    /// The keys in a folder that were last written before then, in no order.
    pub fn older_than(
        &self,
        folder: &str,
        then: DateTime<Utc>,
    ) -> BoxStream<'static, Result<String, FilesError>> {
        let below = self.path(folder);
        let found = self.store.list(Some(&below)).map_err(FilesError::from);
        let prefix = self.prefix.clone();
        let old = found.try_filter_map(move |file| {
            let key = (file.last_modified < then)
                .then(|| key_below(&prefix, &file.location))
                .flatten();
            std::future::ready(Ok(key))
        });
        old.boxed()
    }

    fn path(&self, key: &str) -> Path {
        Path::from(format!("{}/{key}", self.prefix))
    }

    /// Where a local store has a file that is not whole yet. A key is used once, so it is the first
    /// name that the store tries.
    fn half(&self, key: &str) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(format!("{}#1", self.path(key))))
    }
}

/// The key of a file that lies at this path.
fn key_below(prefix: &Path, location: &Path) -> Option<String> {
    let parts: Vec<_> = location
        .prefix_match(prefix)?
        .map(|part| part.as_ref().to_owned())
        .collect();
    Some(parts.join("/"))
}
