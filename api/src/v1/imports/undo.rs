//! `POST …/imports/{id}/undo`: take back what it did, in an import of its own.

use super::{command_request::CommandRequest, created_response};
use crate::{auth::Admin, control, intake, problem::Problem};
use axum::response::Response;

/// Asks for it.
pub(crate) async fn undo(request: CommandRequest<Admin>) -> Result<Response, Problem> {
    let expires_at = intake::expires_at(&request.site);
    let undo = control::undo(
        &request.app,
        request.target,
        &request.if_match,
        expires_at,
        &request.body,
    )
    .await?;
    created_response(&request.app, &request.site, undo).await
}
