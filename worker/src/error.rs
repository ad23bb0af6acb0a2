//! Why a stage cannot go on with a batch. An error here is a decision, never bad data: that is an
//! issue.

use muster_shared::{files::FilesError, store::StoreError};

/// What is to be done about it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StageError {
    /// The batch belongs to another lane by now, or the import wants no more work: touch nothing.
    #[error("the claim is no longer held")]
    Lost,
    /// The system is in the way; the same batch may well succeed later.
    #[error("{0}")]
    Retry(String),
    /// It took longer than a lane, or a statement, may: the batch is made smaller before it is
    /// tried again.
    #[error("it took too long")]
    Late,
    /// The database refuses the data; the batch is taken apart until the line stands alone.
    #[error("the database refuses the data ({})", kind_of(.0))]
    Data(sqlx::Error),
    /// Muster itself is wrong, or does not know what the database says.
    #[error("defect: {what}")]
    Defect {
        /// Never a cell.
        what: String,
        /// Behind it.
        source: Option<sqlx::Error>,
    },
    /// It will not succeed, however often it is tried.
    #[error("{code}: {detail}")]
    Fail {
        /// For clients.
        code: &'static str,
        /// For people.
        detail: String,
    },
}

impl StageError {
    /// What cannot be, and is.
    pub(crate) fn defect(what: &str) -> Self {
        Self::Defect {
            what: what.to_owned(),
            source: None,
        }
    }
}

/// A statement that ran past its time-out.
const TOO_LONG: &str = "57014";
/// A row that fits no partition, or that breaks a check.
const CHECK: &str = "23514";

/// Code and constraint of a refusal. The database's own message may repeat cells.
pub(crate) fn kind_of(error: &sqlx::Error) -> String {
    let database = error.as_database_error();
    let code = database
        .and_then(sqlx::error::DatabaseError::code)
        .unwrap_or_default();
    let constraint = database
        .and_then(sqlx::error::DatabaseError::constraint)
        .unwrap_or("none");
    format!("code {code}, constraint {constraint}")
}

/// Why, for the log. What the database itself says may repeat cells.
pub(crate) fn cause_of(error: &sqlx::Error) -> String {
    if error.as_database_error().is_some() {
        kind_of(error)
    } else {
        error.to_string()
    }
}

impl From<sqlx::Error> for StageError {
    fn from(error: sqlx::Error) -> Self {
        let Some(code) = error
            .as_database_error()
            .and_then(|database| database.code().map(std::borrow::Cow::into_owned))
        else {
            return match error {
                sqlx::Error::ColumnDecode { .. }
                | sqlx::Error::Decode(_)
                | sqlx::Error::Encode(_) => Self::Defect {
                    what: "the database answers otherwise than it was asked".to_owned(),
                    source: Some(error),
                },
                _ => Self::Retry(error.to_string()),
            };
        };
        match &code[..2] {
            "57" if code == TOO_LONG => Self::Late,
            // No constraint of a table: there is no partition for so new an import yet, which the
            // rescuer makes.
            "23" if code == CHECK
                && error
                    .as_database_error()
                    .is_some_and(|refused| refused.constraint().is_none()) =>
            {
                Self::Retry("there is no partition for this import yet".to_owned())
            }
            "22" | "23" => Self::Data(error),
            // Transaction rollback, lock not available, operator intervention, connection,
            // resources, system.
            "40" | "55" | "57" | "08" | "53" | "58" | "25" => Self::Retry(error.to_string()),
            _ => Self::Defect {
                what: format!(
                    "the database cannot do what it was asked ({})",
                    kind_of(&error)
                ),
                source: Some(error),
            },
        }
    }
}

impl From<StoreError> for StageError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Database(error) => error.into(),
            inconsistent @ StoreError::Inconsistent { .. } => {
                Self::defect(&inconsistent.to_string())
            }
        }
    }
}

impl From<FilesError> for StageError {
    fn from(error: FilesError) -> Self {
        match error {
            FilesError::Gone => Self::Fail {
                code: "file-gone",
                detail: "The uploaded file is no longer in the file store.".to_owned(),
            },
            other => Self::Retry(other.to_string()),
        }
    }
}
