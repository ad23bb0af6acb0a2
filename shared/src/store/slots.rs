//! How the lines of an import are divided into slots.

use super::StoreError;
use crate::model::{ids::ImportNo, slot::Slots};
use sqlx::PgConnection;

/// The slots of an import whose lines are being staged, or are.
pub async fn of_import(conn: &mut PgConnection, import: ImportNo) -> Result<Slots, StoreError> {
    let bounds = sqlx::query_scalar!(
        "SELECT bounds FROM muster.import_slots WHERE import_no = $1",
        import.0
    );
    Ok(bounds
        .fetch_optional(conn)
        .await?
        .map_or_else(Slots::hashed, Slots::between))
}
