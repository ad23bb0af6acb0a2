//! What an upload leaves in a local folder when its process is killed in the middle: no list shows it, since it is no file yet. A bucket
//! has a rule of its own for uploads that were never completed.

use super::{Files, FilesError};
use std::{
    fs, io,
    path::Path,
    time::{Duration, SystemTime},
};

impl Files {
    /// Deletes from a folder what uploads that were broken off left there, when nobody has written to it for so long.
    pub async fn delete_forgotten(&self, folder: &str, age: Duration) -> Result<(), FilesError> {
        let Some(root) = &self.folder else { return Ok(()) };
        let folder = root.join(folder);
        let deleting = tokio::task::spawn_blocking(move || delete_below(&folder, age)).await;
        deleting.map_err(io::Error::from).and_then(|deleted| deleted).map_err(FilesError::Folder)
    }
}

fn delete_below(folder: &Path, age: Duration) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if !is_unfinished(&entry.file_name().to_string_lossy()) {
            continue;
        }
        match delete_if_old(&entry.path(), age) {
            // It was completed at this moment.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            deleted => deleted?,
        }
    }
    Ok(())
}

fn delete_if_old(file: &Path, age: Duration) -> io::Result<()> {
    let written = fs::metadata(file)?.modified()?;
    if SystemTime::now().duration_since(written).is_ok_and(|since| since > age) { fs::remove_file(file) } else { Ok(()) }
}

/// The local store writes to the name with `#` and a number, and renames it when it is complete.
fn is_unfinished(name: &str) -> bool {
    name.split_once('#').is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_never_completed_is_unfinished() {
        for (name, expected) in [("0199#1", true), ("0199#12", true), ("0199", false), ("0199#", false), ("0199#a1", false)] {
            assert_eq!(is_unfinished(name), expected, "{name}");
        }
    }
}
