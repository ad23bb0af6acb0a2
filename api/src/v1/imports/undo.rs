//! `POST …/imports/{id}/undo`: take back what it did, in an import of its own.

use super::{asking::Asking, made};
use crate::{auth::Admin, control, intake, problem::Problem};
use axum::response::Response;

/// Asks for it.
pub(crate) async fn undo(asking: Asking<Admin>) -> Result<Response, Problem> {
    let expires_at = intake::expires_at(&asking.site);
    let undo = control::undo(
        &asking.app,
        asking.target,
        &asking.if_match,
        expires_at,
        &asking.body,
    )
    .await?;
    made(&asking.app, &asking.site, undo).await
}
