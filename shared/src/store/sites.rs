//! Sites as they are stored.

use super::StoreError;
use crate::model::{ids::SiteId, site::Site, site::SiteSettings};
use sqlx::PgConnection;

/// The site of that id.
pub async fn of_id(conn: &mut PgConnection, id: SiteId) -> Result<Site, StoreError> {
    let row = sqlx::query!(
        "SELECT slug, name, settings FROM muster.sites WHERE id = $1",
        id.0
    )
    .fetch_one(conn)
    .await?;
    Ok(Site {
        id,
        slug: row.slug,
        name: row.name,
        settings: settings(row.settings)?,
    })
}

/// Settings as stored, with the defaults for all that is not said.
pub fn settings(stored: serde_json::Value) -> Result<SiteSettings, StoreError> {
    let mut settings: SiteSettings = serde_json::from_value(stored)
        .map_err(|error| StoreError::inconsistent("sites.settings", error))?;
    settings.limits.take_down();
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn limits_that_were_stored_before_they_had_a_highest_value_come_down() {
        let limits = settings(json!({"limits": {"lines_of_one_subject": 100_000, "lines": 5}}))
            .unwrap()
            .limits;
        assert_eq!((limits.lines_of_one_subject, limits.lines), (10_000, 5));
        assert_eq!(limits.beyond(), []);
    }
}
