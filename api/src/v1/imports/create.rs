//! `POST …/imports`: a file and what is wanted of it.

use crate::{
    auth::{Access, Uploader},
    intake,
    problem::Problem,
    state::App,
    v1::imports::answer,
};
use axum::{
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    response::Response,
};

/// Takes a file in. The import is there for good when this answers.
pub(crate) async fn create(access: Access<Uploader>, State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let import = intake::accept(&app, access.account, access.site.clone(), request).await?;
    let mut response = answer(&app, StatusCode::ACCEPTED, &access.site, import).await?;
    let location = format!("/api/v1/sites/{}/imports/{import}", access.site.slug);
    if let Ok(location) = HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}
