//! `POST …/imports/{id}/preview`: plan it again, with other settings or another mapping.

use crate::{
    auth::{Access, Uploader},
    control::{self, Target},
    problem::Problem,
    request::{Body, Named, Query, if_match::IfMatch},
    state::App,
    v1::imports::answer,
};
use axum::{extract::State, http::StatusCode, response::Response};
use muster_shared::model::ids::ImportId;

/// Asks for it.
pub(crate) async fn preview(
    access: Access<Uploader>,
    Named(import): Named<ImportId>,
    _: Query<()>,
    if_match: IfMatch,
    State(app): State<App>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let target = Target { site: access.site.id, import, by: access.account };
    control::preview(&app, target, &if_match, &body).await?;
    answer(&app, StatusCode::ACCEPTED, &access.site, import).await
}
