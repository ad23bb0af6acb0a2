//! Is there room for one more open import in a site? Open is what is neither applied, cancelled nor
//! rejected; what undoes another import is neither refused nor counted.

use crate::{problem::Problem, state::App};
use muster_shared::{
    model::{ids::SiteId, site::Site},
    store::sites,
};
use sqlx::PgConnection;

/// Refuses what would be refused in the end, while nothing of it is read yet.
pub(super) async fn check_early(app: &App, site: &Site) -> Result<(), Problem> {
    let mut connection = app.connection().await?;
    check(&mut connection, site.id, site.settings.limits.open_imports).await
}

/// Waits until nobody opens an import in this site, and keeps others from it until the transaction
/// ends.
pub(super) async fn lock(conn: &mut PgConnection, site: SiteId) -> Result<(), Problem> {
    sqlx::query!(
        "SELECT id FROM muster.sites WHERE id = $1 FOR NO KEY UPDATE",
        site.0
    )
    .fetch_one(conn)
    .await?;
    Ok(())
}

/// Makes sure of a place for the import that is opened in the same transaction.
pub(crate) async fn reserve(conn: &mut PgConnection, site: SiteId) -> Result<(), Problem> {
    lock(&mut *conn, site).await?;
    // A statement of its own: the one that waits for the lock sees what was there before it waited.
    let limits = sites::of_id(conn, site).await?.settings.limits;
    check(conn, site, limits.open_imports).await
}

async fn check(conn: &mut PgConnection, site: SiteId, max: u64) -> Result<(), Problem> {
    let open = sqlx::query_scalar!(
        r#"SELECT count(*) AS "open!" FROM muster.imports
            WHERE site_id = $1 AND status NOT IN ('applied', 'cancelled', 'rejected') AND undoes_no IS NULL"#,
        site.0,
    )
    .fetch_one(conn)
    .await?;
    if open as u64 >= max {
        Err(Problem::TooManyImports { open, max })
    } else {
        Ok(())
    }
}
