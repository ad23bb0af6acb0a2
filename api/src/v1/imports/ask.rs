//! `POST …/imports/{id}/pause`, `/resume`, `/retry`, `/cancel`: what needs no more than a word. Whoever may upload may stop; going on
//! with what is executed takes an admin.

use crate::{
    auth::{Access, Admin, Uploader},
    control::{self, Target},
    problem::Problem,
    request::{Body, Named, Query},
    state::App,
    v1::imports::answer,
};
use axum::{extract::State, http::StatusCode, response::Response};
use muster_shared::model::{ids::ImportId, status::Request};
use serde_json::{Map, Value};

/// Asks that nothing more be executed for now.
pub(crate) async fn pause(
    access: Access<Uploader>,
    Named(import): Named<ImportId>,
    _: Query<()>,
    State(app): State<App>,
    Body(body): Body,
) -> Result<Response, Problem> {
    ask(&app, access, import, Request::Pause, &body).await
}

/// Asks that a paused import go on.
pub(crate) async fn resume(
    access: Access<Admin>,
    Named(import): Named<ImportId>,
    _: Query<()>,
    State(app): State<App>,
    Body(body): Body,
) -> Result<Response, Problem> {
    ask(&app, access, import, Request::Resume, &body).await
}

/// Asks that what gave up be tried again.
pub(crate) async fn retry(
    access: Access<Admin>,
    Named(import): Named<ImportId>,
    _: Query<()>,
    State(app): State<App>,
    Body(body): Body,
) -> Result<Response, Problem> {
    ask(&app, access, import, Request::Retry, &body).await
}

/// Asks that it end here. What was applied before stays.
pub(crate) async fn cancel(
    access: Access<Uploader>,
    Named(import): Named<ImportId>,
    _: Query<()>,
    State(app): State<App>,
    Body(body): Body,
) -> Result<Response, Problem> {
    ask(&app, access, import, Request::Cancel, &body).await
}

async fn ask<R>(app: &App, access: Access<R>, import: ImportId, request: Request, body: &Map<String, Value>) -> Result<Response, Problem> {
    let target = Target { site: access.site.id, import, by: access.account };
    control::ask(app, target, request, body).await?;
    answer(app, StatusCode::ACCEPTED, &access.site, import).await
}
