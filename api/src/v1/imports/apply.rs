//! `POST …/imports/{id}/apply`: execute what the preview shows.

use super::command_request::CommandRequest;
use crate::{auth::Admin, control, problem::Problem};
use axum::response::Response;

/// Asks for it.
pub(crate) async fn apply(request: CommandRequest<Admin>) -> Result<Response, Problem> {
    control::apply(
        &request.app,
        request.target,
        &request.if_match,
        &request.body,
    )
    .await?;
    request.answer().await
}
