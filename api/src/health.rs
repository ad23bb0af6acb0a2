//! Is the process alive; can it answer.

use crate::{problem::Problem, request::Query, state::App};
use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;
use std::time::Duration;
use tokio::time::timeout;

/// How long the database may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

/// The process answers; it needs nothing else for that.
pub(crate) async fn livez(_: Query<()>) -> Response {
    Json(json!({"status": "ok"})).into_response()
}

/// It can do its work: Postgres answers, has the tables of this version, and the process is not
/// about to end. Redis only makes things quick, so it is told and decides nothing.
pub(crate) async fn readyz(State(app): State<App>, _: Query<()>) -> Result<Response, Problem> {
    let (database, has_redis) = tokio::join!(database(&app), app.has_redis());
    let is_ready = database == "ok" && !app.stop.is_cancelled();
    let status = if is_ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let word = match (is_ready, app.stop.is_cancelled()) {
        (true, _) => "ok",
        (false, true) => "stopping",
        (false, false) => "not ready",
    };
    let redis = if has_redis { "ok" } else { "away" };
    Ok((
        status,
        Json(json!({"status": word, "database": database, "redis": redis})),
    )
        .into_response())
}

async fn database(app: &App) -> &'static str {
    let newest = crate::commands::MIGRATIONS
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or(0);
    // Not `query!`: the table is sqlx's own, and is not there where the statements of this crate
    // are checked.
    let applied = sqlx::query_scalar::<_, i64>(
        "SELECT coalesce(max(version), 0) FROM public._sqlx_migrations WHERE success",
    );
    match timeout(PROBE_TIMEOUT, applied.fetch_one(&app.health)).await {
        Ok(Ok(applied)) if applied >= newest => "ok",
        Ok(Ok(_)) => "behind: run `muster-api migrate`",
        Ok(Err(sqlx::Error::Database(error))) if error.code().as_deref() == Some("42P01") => {
            "empty: run `muster-api migrate`"
        }
        Ok(Err(_)) | Err(_) => "away",
    }
}
