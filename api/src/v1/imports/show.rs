//! `GET …/imports/{id}?wait=`: an import; with `wait`, as soon as it is at rest.

use crate::{
    auth::{Access, Viewer},
    live::Seen,
    problem::Problem,
    request::{
        Named, Query,
        path::PathName,
        query::{Given, Parameters},
    },
    state::App,
    time_limit::in_time,
    v1::imports::answer_with,
};
use axum::{extract::State, http::StatusCode, response::Response};
use muster_shared::model::ids::ImportId;
use std::time::Duration;

/// The most seconds that somebody may wait.
const MAX_SECONDS: u64 = 30;

/// How long somebody waits.
pub(crate) struct Wait(Duration);

impl Parameters for Wait {
    const KNOWN: &'static [&'static str] = &["wait"];

    fn read(given: &mut Given) -> Self {
        Self(Duration::from_secs(
            given.number("wait", 0..=MAX_SECONDS).unwrap_or(0),
        ))
    }
}

/// One import.
pub(crate) async fn show(
    access: Access<Viewer>,
    Named(id): Named<ImportId>,
    Query(Wait(patience)): Query<Wait>,
    State(app): State<App>,
) -> Result<Response, Problem> {
    let seen = app
        .live
        .at_rest(&app.pool, access.site.id, id, patience)
        .await?;
    let Seen {
        import,
        mut connection,
    } = seen.ok_or(Problem::NotFound(ImportId::ABSENT))?;
    in_time(answer_with(
        &mut connection,
        StatusCode::OK,
        &access.site,
        import,
    ))
    .await
}
