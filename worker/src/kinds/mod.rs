//! What differs from kind to kind, and nothing else: a folder each, and the one match from kind to
//! importer.

pub(crate) mod cells;
mod courses;
pub(crate) mod importer;
mod records;
mod reversal;
mod segments;
#[cfg(test)]
mod told;
pub(crate) mod turn;
mod users;

use crate::{error::StageError, header::Header};
use courses::Courses;
use importer::Importer;
use muster_shared::{model::kind::Kind, store::imports::Import};
use records::Records;
use segments::Segments;
use sqlx::{PgConnection, PgPool};

/// The importer of an import's kind.
pub(crate) fn importer(import: &Import, header: Header, control: &PgPool) -> Box<dyn Importer> {
    match import.kind {
        Kind::Users => Box::new(users::Users::new(import, header)),
        Kind::Segments => Box::new(Records::new(
            import,
            header,
            Segments {
                site: import.site_id,
            },
        )),
        Kind::Courses => Box::new(Records::new(
            import,
            header,
            Courses::new(import, control.clone()),
        )),
    }
}

/// How many values of a line of that kind, besides its key, no two subjects may share.
pub(crate) fn unique_values(kind: Kind) -> usize {
    match kind {
        Kind::Users => users::UNIQUE_VALUES,
        Kind::Segments | Kind::Courses => 0,
    }
}

/// Takes so many ids from the sequence of a table, for records that plans would create.
async fn reserve_ids(
    conn: &mut PgConnection,
    table: &str,
    count: usize,
) -> Result<Vec<i64>, StageError> {
    // The sequence is searched for once: for each id it would take five times as long as the id
    // itself.
    let ids = sqlx::query_scalar!(
        r#"SELECT nextval((SELECT pg_get_serial_sequence($1, 'id')::regclass)) AS "id!" FROM generate_series(1, $2::integer)"#,
        table,
        count as i32
    )
    .fetch_all(conn)
    .await?;
    Ok(ids)
}
