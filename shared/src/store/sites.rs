//! Sites as they are stored.

use super::StoreError;
use crate::model::{ids::SiteId, site::Site, site::SiteSettings};
use sqlx::PgConnection;

/// The site of that id.
pub async fn of_id(conn: &mut PgConnection, id: SiteId) -> Result<Site, StoreError> {
    let row = sqlx::query!("SELECT slug, name, settings FROM muster.sites WHERE id = $1", id.0).fetch_one(conn).await?;
    Ok(Site { id, slug: row.slug, name: row.name, settings: settings(row.settings)? })
}

/// Settings as stored, with the defaults for all that is not said.
pub fn settings(stored: serde_json::Value) -> Result<SiteSettings, StoreError> {
    serde_json::from_value(stored).map_err(|error| StoreError::inconsistent("sites.settings", error))
}
