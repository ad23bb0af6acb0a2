//! Keys in the file store that this database has given. One is written before its file and goes after it, so that whatever lies in the
//! store without one is of another database: no process may delete it.

use super::StoreError;
use crate::model::ids::{ImportId, SiteId};
use sqlx::PgConnection;

/// Writes down that a file will be stored under this key, for that import. Once more, it does nothing.
pub async fn begin(conn: &mut PgConnection, key: &str, site: SiteId, import: ImportId) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO muster.uploads (key, site_id, import_id) VALUES ($1, $2, $3) ON CONFLICT ON CONSTRAINT uploads_pk DO NOTHING",
        key,
        site.0,
        import.0,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Forgets a key, of which nothing is in the store any more.
pub async fn forget(conn: &mut PgConnection, key: &str) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM muster.uploads WHERE key = $1", key).execute(conn).await?;
    Ok(())
}
