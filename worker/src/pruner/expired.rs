//! Imports past `expires_at`: those that wait for somebody are cancelled, those at their end are
//! let go.

use super::try_lead;
use crate::{batch::context::Context, error::StageError};
use chrono::Utc;
use muster_shared::{
    model::{
        ids::{ImportId, ImportNo},
        status::Status,
    },
    store::{imports, retention},
};
use sqlx::PgConnection;

/// Imports of one look.
const AT_ONCE: i64 = 500;

/// Cancels imports that nobody went on with in time. One that has applied something is kept for as
/// long as it can be undone.
pub(super) async fn cancel(context: &Context) -> Result<(), StageError> {
    let Some(mut tx) = try_lead(context).await? else {
        return Ok(());
    };
    let expired = sqlx::query_scalar!(
        "SELECT id FROM muster.imports
          WHERE expires_at < now() AND pruned_at IS NULL AND status IN ('ready', 'paused', 'failed')
          ORDER BY expires_at LIMIT $1",
        AT_ONCE,
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    for id in expired {
        if context.stop.is_cancelled() {
            break;
        }
        let id = ImportId(id);
        if let Err(error) = cancel_one(context, id).await {
            tracing::warn!(import.id = %id, %error, "expired, and could not be cancelled; it is tried again");
        }
    }
    Ok(())
}

async fn cancel_one(context: &Context, id: ImportId) -> Result<(), StageError> {
    let mut tx = context.control.begin().await?;
    let Some(import) = imports::lock(&mut tx, id).await? else {
        return Ok(());
    };
    let is_waiting = matches!(
        import.status,
        Status::Ready | Status::Paused | Status::Failed
    );
    // Somebody may have gone on with it since it was looked up.
    if !is_waiting || import.expires_at >= Utc::now() {
        return Ok(());
    }
    imports::move_to(&mut tx, &import, Status::Cancelled, None).await?;
    tx.commit().await?;
    tracing::info!(import.id = %id, site.id = %import.site_id, from = import.status.name(), "expired, cancelled");
    context.publish(id);
    Ok(())
}

/// Lets go of imports at their end, each together with those that show its lines, once all of these
/// have expired.
pub(super) async fn prune(context: &Context) -> Result<(), StageError> {
    let Some(mut tx) = try_lead(context).await? else {
        return Ok(());
    };
    // What is needed by others must not fill the list: it would be found first again and again.
    let expired = sqlx::query!(
        "SELECT i.id, i.no FROM muster.imports i
          WHERE i.expires_at < now() AND i.pruned_at IS NULL AND i.status IN ('rejected', 'applied', 'cancelled') AND i.lines_of IS NULL
            AND NOT EXISTS (SELECT FROM muster.imports s WHERE s.lines_of = i.no AND s.pruned_at IS NULL AND s.expires_at >= now())
            AND NOT EXISTS (SELECT FROM muster.imports s
                             WHERE s.lines_of = i.no AND s.status NOT IN ('rejected', 'applied', 'cancelled'))
            AND NOT EXISTS (SELECT FROM muster.imports u
                             WHERE u.undoes_no = i.no AND u.status NOT IN ('rejected', 'applied', 'cancelled'))
            AND NOT EXISTS (SELECT FROM muster.imports c
                             WHERE c.parent_id = i.id AND c.lines IS NULL AND c.status NOT IN ('rejected', 'applied', 'cancelled'))
          ORDER BY i.expires_at LIMIT $1",
        AT_ONCE,
    )
    .fetch_all(&mut *tx)
    .await?;
    tx.commit().await?;
    for import in expired {
        if context.stop.is_cancelled() {
            break;
        }
        let id = ImportId(import.id);
        if let Err(error) = prune_one(context, id, ImportNo(import.no)).await {
            tracing::warn!(import.id = %id, %error, "expired, and could not be pruned; it is tried again");
        }
    }
    Ok(())
}

async fn prune_one(context: &Context, id: ImportId, no: ImportNo) -> Result<(), StageError> {
    let mut tx = context.control.begin().await?;
    let together = retention::lock_with_sharers(&mut tx, no).await?;
    if retention::needed_by(&mut tx, &together).await?.is_some()
        || !have_expired(&mut tx, &together).await?
    {
        return Ok(());
    }
    retention::prune(&mut tx, &together).await?;
    tx.commit().await?;
    tracing::info!(import.id = %id, together = together.len(), "expired, pruned");
    context.publish(id);
    Ok(())
}

/// Are all of these at their end, and past their date?
async fn have_expired(conn: &mut PgConnection, imports: &[ImportNo]) -> Result<bool, StageError> {
    let numbers: Vec<_> = imports.iter().map(|import| import.0).collect();
    Ok(sqlx::query_scalar!(
        r#"SELECT bool_and(status IN ('rejected', 'applied', 'cancelled') AND (expires_at < now() OR pruned_at IS NOT NULL)) AS "all!"
             FROM muster.imports WHERE no = ANY ($1)"#,
        &numbers,
    )
    .fetch_one(conn)
    .await?)
}
