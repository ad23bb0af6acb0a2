//! A row of `muster.imports`, and the header that it becomes.

use super::{File, Import, from_json};
use crate::{
    model::ids::{AccountId, ImportId, ImportNo, SiteId},
    store::StoreError,
};
use chrono::{DateTime, Utc};
use std::str::FromStr;

/// Rows of `muster.imports`, `WHERE` and all that follows. The columns are named: a kept statement
/// that asked for all of them would fail in every running process once a newer version adds one.
macro_rules! select {
    ($rest:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            crate::store::imports::record::ImportRecord,
            "SELECT id, no, site_id, recipe, kind, settings, mapping, fields, status, status_version, stage_failed, failure,
                    rejected, is_small, file_name, file_key, file_bytes, file_expanded_bytes, file_sha256, file_compression,
                    file_reading, file_columns, file_sample, file_issues, lines, created_by, created_at, stage_started_at,
                    rested_at, ready_at, applied_by, applied_at, settled_at, expires_at, parent_id, carries, undoes_no, lines_of,
                    same_file_as, pruned_at
               FROM muster.imports " + $rest,
            $($argument),*
        )
    };
}
pub(super) use select;

/// A row of `muster.imports`.
pub(super) struct ImportRecord {
    pub(super) id: uuid::Uuid,
    pub(super) no: i64,
    pub(super) site_id: i32,
    pub(super) recipe: String,
    pub(super) kind: String,
    pub(super) settings: serde_json::Value,
    pub(super) mapping: serde_json::Value,
    pub(super) fields: Vec<String>,
    pub(super) status: String,
    pub(super) status_version: i32,
    pub(super) stage_failed: Option<String>,
    pub(super) failure: Option<serde_json::Value>,
    pub(super) rejected: Option<serde_json::Value>,
    pub(super) is_small: bool,
    pub(super) file_name: Option<String>,
    pub(super) file_key: Option<String>,
    pub(super) file_bytes: i64,
    pub(super) file_expanded_bytes: i64,
    pub(super) file_sha256: Vec<u8>,
    pub(super) file_compression: Option<String>,
    pub(super) file_reading: serde_json::Value,
    pub(super) file_columns: Vec<String>,
    pub(super) file_sample: serde_json::Value,
    pub(super) file_issues: serde_json::Value,
    pub(super) lines: Option<i32>,
    pub(super) created_by: uuid::Uuid,
    pub(super) created_at: DateTime<Utc>,
    pub(super) stage_started_at: DateTime<Utc>,
    pub(super) rested_at: Option<DateTime<Utc>>,
    pub(super) ready_at: Option<DateTime<Utc>>,
    pub(super) applied_by: Option<uuid::Uuid>,
    pub(super) applied_at: Option<DateTime<Utc>>,
    pub(super) settled_at: Option<DateTime<Utc>>,
    pub(super) expires_at: DateTime<Utc>,
    pub(super) parent_id: Option<uuid::Uuid>,
    pub(super) carries: Option<Vec<String>>,
    pub(super) undoes_no: Option<i64>,
    pub(super) lines_of: Option<i64>,
    pub(super) same_file_as: Option<uuid::Uuid>,
    pub(super) pruned_at: Option<DateTime<Utc>>,
}

impl TryFrom<ImportRecord> for Import {
    type Error = StoreError;

    fn try_from(row: ImportRecord) -> Result<Self, StoreError> {
        Ok(Self {
            id: ImportId(row.id),
            no: ImportNo(row.no),
            site_id: SiteId(row.site_id),
            recipe: word(&row.recipe, "imports.recipe")?,
            kind: word(&row.kind, "imports.kind")?,
            settings: from_json(row.settings, "imports.settings")?,
            mapping: from_json(row.mapping, "imports.mapping")?,
            fields: row.fields,
            status: word(&row.status, "imports.status")?,
            status_version: row.status_version,
            stage_failed: row
                .stage_failed
                .map(|stage| word(&stage, "imports.stage_failed"))
                .transpose()?,
            failure: row.failure,
            rejected: row
                .rejected
                .map(|rejected| from_json(rejected, "imports.rejected"))
                .transpose()?,
            is_small: row.is_small,
            file: File {
                name: row.file_name,
                key: row.file_key,
                bytes: row.file_bytes,
                expanded_bytes: row.file_expanded_bytes,
                sha256: row.file_sha256,
                compression: row.file_compression,
                found: from_json(row.file_reading, "imports.file_reading")?,
                columns: row.file_columns,
                sample: from_json(row.file_sample, "imports.file_sample")?,
                issues: from_json(row.file_issues, "imports.file_issues")?,
            },
            lines: row.lines,
            created_by: AccountId(row.created_by),
            created_at: row.created_at,
            stage_started_at: row.stage_started_at,
            rested_at: row.rested_at,
            ready_at: row.ready_at,
            applied_by: row.applied_by.map(AccountId),
            applied_at: row.applied_at,
            settled_at: row.settled_at,
            expires_at: row.expires_at,
            pruned_at: row.pruned_at,
            parent: row.parent_id.map(ImportId),
            carries: row
                .carries
                .map(|carries| {
                    carries
                        .iter()
                        .map(|became| word(became, "imports.carries"))
                        .collect()
                })
                .transpose()?,
            undoes: row.undoes_no.map(ImportNo),
            lines_of: ImportNo(row.lines_of.unwrap_or(row.no)),
            same_file_as: row.same_file_as.map(ImportId),
        })
    }
}

fn word<T: FromStr>(text: &str, place: &'static str) -> Result<T, StoreError> {
    text.parse()
        .map_err(|_| StoreError::inconsistent(place, format!("{text} is not known")))
}
