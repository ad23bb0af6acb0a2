//! What a system that we need answers, as a problem: is it away for the moment, full, or is it a
//! defect of ours?

use super::Problem;
use muster_shared::{files::FilesError, store::StoreError};

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        if is_away(&error) {
            Self::Unavailable("The database", error.to_string())
        } else {
            Self::Internal(error.to_string())
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Database(error) => error.into(),
            StoreError::Inconsistent { .. } => Self::Internal(error.to_string()),
        }
    }
}

impl From<FilesError> for Problem {
    fn from(error: FilesError) -> Self {
        match error {
            FilesError::Full(_) => Self::StorageFull(error.to_string()),
            FilesError::Store(_) | FilesError::Folder(_) => {
                Self::Unavailable("The file store", error.to_string())
            }
            FilesError::Gone | FilesError::Address(_) => Self::Internal(error.to_string()),
        }
    }
}

/// May the same statement well succeed in a few seconds? Connections, shortage, shutdown, and
/// whoever waited too long for another.
fn is_away(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(refused) => refused.code().is_some_and(|code| {
            ["08", "53", "57"]
                .iter()
                .any(|class| code.starts_with(class))
                || ["40001", "40P01", "55P03", "25P03"].contains(&code.as_ref())
        }),
        _ => false,
    }
}

/// What a named constraint means to the client; other errors stay what they are.
pub(crate) trait OnConstraint<T> {
    /// The problem that a violation of the constraint of this name stands for.
    fn on_constraint(self, name: &str, problem: impl FnOnce() -> Problem) -> Result<T, Problem>;
}

impl<T> OnConstraint<T> for Result<T, sqlx::Error> {
    fn on_constraint(self, name: &str, problem: impl FnOnce() -> Problem) -> Result<T, Problem> {
        self.map_err(|error| match &error {
            sqlx::Error::Database(refused) if refused.constraint() == Some(name) => problem(),
            _ => error.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_wrong_inside_is_told_apart() {
        assert!(matches!(
            sqlx::Error::PoolTimedOut.into(),
            Problem::Unavailable("The database", _)
        ));
        assert!(matches!(
            sqlx::Error::RowNotFound.into(),
            Problem::Internal(_)
        ));
        assert!(matches!(FilesError::Gone.into(), Problem::Internal(_)));
    }
}
