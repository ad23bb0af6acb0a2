//! `POST …/imports/{id}/preview`: plan it again, with other settings or another mapping.

use super::command_request::CommandRequest;
use crate::{auth::Uploader, control, problem::Problem};
use axum::response::Response;

/// Asks for it.
pub(crate) async fn preview(request: CommandRequest<Uploader>) -> Result<Response, Problem> {
    control::preview(
        &request.app,
        request.target,
        &request.if_match,
        &request.body,
    )
    .await?;
    request.answer().await
}
