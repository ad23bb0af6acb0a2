//! What is left of an upload whose process was killed: a file, or in a local folder one that is not
//! whole yet, which no list shows. A bucket has a rule of its own for uploads that were never
//! completed.

use super::{Files, FilesError};
use chrono::{DateTime, Utc};
use object_store::ObjectStoreExt;
use std::io::ErrorKind;

impl Files {
    /// Deletes a file, whole or not, unless somebody wrote to it after that: then `false`. One that
    /// is not there is no error.
    pub async fn delete_stale(&self, key: &str, since: DateTime<Utc>) -> Result<bool, FilesError> {
        let written = [
            self.written_at(key).await?,
            self.half_written_at(key).await?,
        ];
        if written.into_iter().flatten().any(|at| at >= since) {
            return Ok(false);
        }
        self.delete(key).await?;
        Ok(true)
    }

    async fn written_at(&self, key: &str) -> Result<Option<DateTime<Utc>>, FilesError> {
        match self
            .store
            .head(&self.path(key))
            .await
            .map_err(FilesError::from)
        {
            Ok(file) => Ok(Some(file.last_modified)),
            Err(FilesError::Gone) => Ok(None),
            Err(other) => Err(other),
        }
    }

    async fn half_written_at(&self, key: &str) -> Result<Option<DateTime<Utc>>, FilesError> {
        let Some(half) = self.half(key) else {
            return Ok(None);
        };
        match tokio::fs::metadata(half)
            .await
            .and_then(|half| half.modified())
        {
            Ok(at) => Ok(Some(at.into())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(FilesError::Folder(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use std::{fs::File, path::Path, time::SystemTime};

    fn put(file: &Path, hours: i64) {
        let at = Utc::now() - TimeDelta::hours(hours);
        File::create(file)
            .and_then(|file| file.set_modified(SystemTime::from(at)))
            .expect("a disk");
    }

    #[tokio::test]
    async fn what_is_old_goes_whole_or_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let files =
            Files::open(&format!("file://{}", folder.path().display())).expect("an address");
        std::fs::create_dir(folder.path().join("1")).expect("a disk");
        let (whole, half, other) = (
            folder.path().join("1/a"),
            folder.path().join("1/a#1"),
            folder.path().join("1/ab"),
        );
        let since = Utc::now() - TimeDelta::hours(24);
        for (hours_of_whole, hours_of_half, goes) in [
            (Some(25), None, true),
            (None, Some(25), true),
            (Some(25), Some(23), false),
            (Some(23), None, false),
            (None, None, true),
        ] {
            put(&other, 25);
            for (file, hours) in [(&whole, hours_of_whole), (&half, hours_of_half)] {
                if let Some(hours) = hours {
                    put(file, hours);
                }
            }
            let case = format!("{hours_of_whole:?}, {hours_of_half:?}");
            assert_eq!(
                files.delete_stale("1/a", since).await.expect("a disk"),
                goes,
                "{case}"
            );
            assert_eq!(whole.exists() || half.exists(), !goes, "{case}");
            assert!(other.exists(), "{case}");
            files.delete("1/a").await.expect("a disk");
            assert!(!whole.exists() && !half.exists(), "{case}");
        }
    }
}
