//! `POST …/imports/{id}/apply`: execute what the preview shows.

use crate::{
    auth::{Access, Admin},
    control::{self, Target},
    problem::Problem,
    request::{Body, Named, Query, if_match::IfMatch},
    state::App,
    v1::imports::answer,
};
use axum::{extract::State, http::StatusCode, response::Response};
use muster_shared::model::ids::ImportId;

/// Asks for it.
pub(crate) async fn apply(
    access: Access<Admin>,
    Named(import): Named<ImportId>,
    _: Query<()>,
    if_match: IfMatch,
    State(app): State<App>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let target = Target { site: access.site.id, import, by: access.account };
    control::apply(&app, target, &if_match, &body).await?;
    answer(&app, StatusCode::ACCEPTED, &access.site, import).await
}
