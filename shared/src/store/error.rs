//! What can go wrong with the store.

/// What can go wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused, or is away.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// Something stored is not what this version writes or knows.
    #[error("the database is inconsistent at {place}: {reason}")]
    Inconsistent {
        /// Table and column.
        place: &'static str,
        /// What was found. Never a cell.
        reason: String,
    },
}

impl StoreError {
    /// Something stored that this version does not know.
    pub fn inconsistent(place: &'static str, reason: impl std::fmt::Display) -> Self {
        Self::Inconsistent {
            place,
            reason: reason.to_string(),
        }
    }
}
