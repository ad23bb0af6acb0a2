//! `POST …/imports/{id}/undo`: take back what it did, in an import of its own.

use crate::{
    auth::{Access, Admin},
    control::{self, Target},
    intake,
    problem::Problem,
    request::{Body, Named, Query},
    state::App,
    v1::imports::made,
};
use axum::{extract::State, response::Response};
use muster_shared::model::ids::ImportId;

/// Asks for it.
pub(crate) async fn undo(
    access: Access<Admin>,
    Named(import): Named<ImportId>,
    _: Query<()>,
    State(app): State<App>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let target = Target { site: access.site.id, import, by: access.account };
    let undo = control::undo(&app, target, intake::expires_at(&access.site), &body).await?;
    made(&app, &access.site, undo).await
}
