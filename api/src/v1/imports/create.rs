//! `POST …/imports`: a file and what is wanted of it.

use crate::{
    auth::{Access, Uploader},
    intake,
    problem::Problem,
    state::App,
    v1::imports::created_response,
};
use axum::{
    extract::{Request, State},
    response::Response,
};

/// Takes a file in. The import is there for good when this answers.
pub(crate) async fn create(
    access: Access<Uploader>,
    State(app): State<App>,
    request: Request,
) -> Result<Response, Problem> {
    let import = intake::accept(&app, access.account, access.site.clone(), None, request).await?;
    created_response(&app, &access.site, import).await
}
