//! What differs from kind to kind, and nothing else: a folder each, and the one match from kind to importer.

pub(crate) mod cells;
mod courses;
mod details;
pub(crate) mod importer;
mod reversal;
mod segments;
mod users;

use crate::{
    error::StageError,
    validate::header::{Expect, Header, understand},
};
use importer::Importer;
use muster_shared::{
    model::{kind::Kind, site::Limits},
    store::imports::Import,
};
use sqlx::{PgConnection, PgPool};
use std::collections::{BTreeSet, HashMap};

/// The importer of an import's kind.
pub(crate) fn importer(import: &Import, header: Header, control: &PgPool) -> Box<dyn Importer> {
    match import.kind {
        Kind::Users => Box::new(users::Users::new(import, header)),
        Kind::Segments => Box::new(segments::Segments::new(import, header)),
        Kind::Courses => Box::new(courses::Courses::new(import, header, control.clone())),
    }
}

/// How many claims, other than the key, the kind's lines make.
pub(crate) fn claims(kind: Kind) -> usize {
    match kind {
        Kind::Users => users::CLAIMS,
        Kind::Segments | Kind::Courses => 0,
    }
}

/// The header that validate has accepted, understood once more. An undo reads no cells.
pub(crate) fn header(import: &Import) -> Result<Header, StageError> {
    if import.undoes.is_some() {
        return Ok(Header { headings: Vec::new(), meanings: Vec::new(), is_report: false });
    }
    let limits = Limits { columns: u64::MAX, numbered_columns: u64::MAX, ..Limits::default() };
    let expect = Expect::of(import, &limits);
    let (header, _) = understand(&import.file.columns, 1, expect)
        .map_err(|_| StageError::Fail { code: "defect", detail: "An accepted header is refused now.".to_owned() })?;
    Ok(header)
}

/// The distinct keys of some rows.
fn keys(rows: &[importer::StagedRow]) -> Vec<String> {
    let distinct: BTreeSet<&String> = rows.iter().filter_map(|row| row.key.as_ref()).collect();
    distinct.into_iter().cloned().collect()
}

/// How many of the keys are not there: so many ids are needed at most.
fn missing<T>(keys: &[String], existing: &HashMap<String, T>) -> usize {
    keys.iter().filter(|key| !existing.contains_key(*key)).count()
}

/// Takes so many ids from the sequence of a table, for records that plans would create.
async fn reserve_ids(conn: &mut PgConnection, table: &str, count: usize) -> Result<Vec<i64>, StageError> {
    // The sequence is searched for once: for each id it would take five times as long as the id itself.
    let ids = sqlx::query_scalar!(
        r#"SELECT nextval((SELECT pg_get_serial_sequence($1, 'id')::regclass)) AS "id!" FROM generate_series(1, $2::integer)"#,
        table,
        count as i32
    )
    .fetch_all(conn)
    .await?;
    Ok(ids)
}
