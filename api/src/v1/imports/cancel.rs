//! `POST …/imports/{id}/cancel`: end it here; what was applied before stays.

use crate::{
    auth::{Access, Uploader},
    control::{self, Target},
    problem::Problem,
    request::{Body, Named, Query},
    state::App,
    v1::imports::answer,
};
use axum::{extract::State, http::StatusCode, response::Response};
use muster_shared::model::ids::ImportId;

/// Asks for it.
pub(crate) async fn cancel(
    access: Access<Uploader>,
    Named(import): Named<ImportId>,
    _: Query<()>,
    State(app): State<App>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let target = Target { site: access.site.id, import, by: access.account };
    control::cancel(&app, target, &body).await?;
    answer(&app, StatusCode::ACCEPTED, &access.site, import).await
}
