//! Who asks something of which import, and with what.

use crate::{
    auth::{Access, Permission},
    control::Target,
    problem::Problem,
    request::{Body, Named, Query, if_match::IfMatch},
    state::App,
    v1::imports::answer,
};
use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    http::StatusCode,
    response::Response,
};
use muster_shared::model::{ids::ImportId, site::Site};
use serde_json::{Map, Value};
use std::marker::PhantomData;

/// A request by somebody with the permission `R`.
pub(crate) struct CommandRequest<R> {
    pub(super) app: App,
    pub(super) site: Site,
    pub(super) target: Target,
    pub(super) if_match: IfMatch,
    pub(super) body: Map<String, Value>,
    permission: PhantomData<R>,
}

impl<R: Permission + Send> FromRequest<App> for CommandRequest<R> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let access = Access::<R>::from_request_parts(&mut parts, app).await?;
        let Named(import) = Named::<ImportId>::from_request_parts(&mut parts, app).await?;
        Query::<()>::from_request_parts(&mut parts, app).await?;
        let if_match = IfMatch::from_request_parts(&mut parts, app).await?;
        let Body(body) = Body::from_request(Request::from_parts(parts, body), app).await?;
        let target = Target {
            site: access.site.id,
            import,
            by: access.account,
            role: access.role,
        };
        Ok(Self {
            app: app.clone(),
            site: access.site,
            target,
            if_match,
            body,
            permission: PhantomData,
        })
    }
}

impl<R> CommandRequest<R> {
    /// The import as it is now that it was asked.
    pub(super) async fn answer(self) -> Result<Response, Problem> {
        answer(
            &self.app,
            StatusCode::ACCEPTED,
            &self.site,
            self.target.import,
        )
        .await
    }
}
