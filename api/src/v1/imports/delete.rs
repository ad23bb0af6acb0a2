//! `DELETE …/imports/{id}`: its file, cells and plans are gone at once; the header and its counts
//! stay. What was applied stays applied, and cannot be undone any more. The worker's pruner sweeps
//! away what is not shown any more.

use crate::{
    auth::{Access, Admin},
    problem::{Asked, Problem},
    request::{Named, Query},
    state::App,
    v1::imports::of_site,
};
use axum::{extract::State, http::StatusCode};
use muster_shared::{
    model::{ids::ImportId, status::Status},
    store::{imports, retention},
};

/// Deletes an import at rest. One that is not at its end is cancelled first.
pub(crate) async fn delete(
    access: Access<Admin>,
    Named(id): Named<ImportId>,
    _: Query<()>,
    State(app): State<App>,
) -> Result<StatusCode, Problem> {
    let mut tx = app.pool.begin().await?;
    let seen = of_site(&mut tx, access.site.id, id).await?;
    let together = retention::lock_with_sharers(&mut tx, seen.no).await?;
    let import = of_site(&mut tx, access.site.id, id).await?;
    if import.pruned_at.is_some() {
        return Ok(StatusCode::NO_CONTENT);
    }
    if !import.status.is_at_rest() {
        return Err(Problem::wrong_status(Asked::Delete, &import));
    }
    if let Some(by) = retention::needed_by(&mut tx, &together).await? {
        return Err(Problem::Needed {
            status: import.status,
            can: import.can(),
            by,
        });
    }
    if matches!(
        import.status,
        Status::Ready | Status::Paused | Status::Failed
    ) {
        imports::move_to(&mut tx, &import, Status::Cancelled, Some(access.account.id)).await?;
    }
    retention::prune(&mut tx, &together).await?;
    tx.commit().await?;
    tracing::info!("an import was deleted");
    Ok(StatusCode::NO_CONTENT)
}
