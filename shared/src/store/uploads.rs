//! Keys in the file store that this database has given. One is written before its file and goes
//! after it, so that whatever lies in the store without one is of another database: no process may
//! delete it.

use super::StoreError;
use crate::model::ids::{ImportId, SiteId};
use sqlx::PgConnection;

/// Writes down that a file will be stored under this key, for that import; or that it is, once
/// more: it is as new as if it began now.
pub async fn begin(
    conn: &mut PgConnection,
    key: &str,
    site: SiteId,
    import: ImportId,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO muster.uploads (key, site_id, import_id) VALUES ($1, $2, $3) 
             ON CONFLICT ON CONSTRAINT uploads_pk DO UPDATE SET begun_at = now()",
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
    sqlx::query!("DELETE FROM muster.uploads WHERE key = $1", key)
        .execute(conn)
        .await?;
    Ok(())
}

/// Forgets a key that was begun so many seconds ago and whose import is not there, or is swept
/// away; `false`: an import is just being written, which made the key as new as if it began now, or
/// is there.
pub async fn forget_without_import(
    conn: &mut PgConnection,
    key: &str,
    seconds: f64,
) -> Result<bool, StoreError> {
    let forgotten = sqlx::query!(
        "DELETE FROM muster.uploads u
          WHERE u.key = $1 AND u.begun_at < now() - make_interval(secs => $2)
            AND NOT EXISTS (SELECT FROM muster.imports i WHERE i.id = u.import_id AND i.emptied_at IS NULL)",
        key,
        seconds,
    );
    Ok(forgotten.execute(conn).await?.rows_affected() > 0)
}
