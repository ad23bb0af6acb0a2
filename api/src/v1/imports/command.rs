//! `POST …/imports/{id}/pause`, `/resume`, `/retry`, `/cancel`: what needs no more than a word.
//! Whoever may upload may cancel what is not applied; to stop what is executed, or to go on with
//! it, takes an admin.

use super::command_request::CommandRequest;
use crate::{
    auth::{Admin, Uploader},
    control,
    problem::Problem,
};
use axum::response::Response;
use muster_shared::model::status::Command;

/// Asks that nothing more be executed for now.
pub(crate) async fn pause(request: CommandRequest<Admin>) -> Result<Response, Problem> {
    command(request, Command::Pause).await
}

/// Asks that a paused import go on.
pub(crate) async fn resume(request: CommandRequest<Admin>) -> Result<Response, Problem> {
    command(request, Command::Resume).await
}

/// Asks that what gave up be tried again.
pub(crate) async fn retry(request: CommandRequest<Admin>) -> Result<Response, Problem> {
    command(request, Command::Retry).await
}

/// Asks that it end here. What was applied before stays; once apply was asked for it takes an
/// admin.
pub(crate) async fn cancel(request: CommandRequest<Uploader>) -> Result<Response, Problem> {
    command(request, Command::Cancel).await
}

async fn command<R>(request: CommandRequest<R>, command: Command) -> Result<Response, Problem> {
    control::command(
        &request.app,
        request.target,
        command,
        &request.if_match,
        &request.body,
    )
    .await?;
    request.answer().await
}
