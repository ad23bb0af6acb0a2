//! `POST …/imports/{id}/pause`, `/resume`, `/retry`, `/cancel`: what needs no more than a word.
//! Whoever may upload may cancel what is not applied; to stop what is executed, or to go on with
//! it, takes an admin.

use super::asking::Asking;
use crate::{
    auth::{Admin, Uploader},
    control,
    problem::Problem,
};
use axum::response::Response;
use muster_shared::model::status::Request;

/// Asks that nothing more be executed for now.
pub(crate) async fn pause(asking: Asking<Admin>) -> Result<Response, Problem> {
    ask(asking, Request::Pause).await
}

/// Asks that a paused import go on.
pub(crate) async fn resume(asking: Asking<Admin>) -> Result<Response, Problem> {
    ask(asking, Request::Resume).await
}

/// Asks that what gave up be tried again.
pub(crate) async fn retry(asking: Asking<Admin>) -> Result<Response, Problem> {
    ask(asking, Request::Retry).await
}

/// Asks that it end here. What was applied before stays; once apply was asked for it takes an
/// admin.
pub(crate) async fn cancel(asking: Asking<Uploader>) -> Result<Response, Problem> {
    ask(asking, Request::Cancel).await
}

async fn ask<R>(asking: Asking<R>, request: Request) -> Result<Response, Problem> {
    control::ask(
        &asking.app,
        asking.target,
        request,
        &asking.if_match,
        &asking.body,
    )
    .await?;
    asking.answer().await
}
