//! Every address on one page.

use crate::{
    health,
    problem::Problem,
    state::App,
    time_limit,
    v1::{courses, imports, report, rows, segments, sites, users},
};
use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::from_fn,
    routing::{delete, get, post},
};

/// All addresses.
pub(crate) fn all() -> Router<App> {
    quick()
        .layer(from_fn(time_limit::layer))
        .merge(slow())
        .fallback(|| async { Problem::UnknownPath })
        .method_not_allowed_fallback(|| async { Problem::MethodNotAllowed })
}

/// What is answered at once or not at all.
fn quick() -> Router<App> {
    Router::new()
        .route("/livez", get(health::livez))
        .route("/readyz", get(health::readyz))
        .route(
            "/api/v1/sites",
            get(sites::list::list).post(sites::create::create),
        )
        .route(
            "/api/v1/sites/{site}",
            get(sites::show::show).patch(sites::change::change),
        )
        .route(
            "/api/v1/sites/{site}/imports/{import}",
            delete(imports::delete::delete),
        )
        .route(
            "/api/v1/sites/{site}/imports/{import}/rows",
            get(rows::list),
        )
        .route(
            "/api/v1/sites/{site}/imports/{import}/issues",
            get(imports::issues::list),
        )
        .route(
            "/api/v1/sites/{site}/imports/{import}/preview",
            post(imports::preview::preview),
        )
        .route(
            "/api/v1/sites/{site}/imports/{import}/apply",
            post(imports::apply::apply),
        )
        .route(
            "/api/v1/sites/{site}/imports/{import}/pause",
            post(imports::command::pause),
        )
        .route(
            "/api/v1/sites/{site}/imports/{import}/resume",
            post(imports::command::resume),
        )
        .route(
            "/api/v1/sites/{site}/imports/{import}/retry",
            post(imports::command::retry),
        )
        .route(
            "/api/v1/sites/{site}/imports/{import}/cancel",
            post(imports::command::cancel),
        )
        .route(
            "/api/v1/sites/{site}/imports/{import}/undo",
            post(imports::undo::undo),
        )
        .route("/api/v1/sites/{site}/users", get(users::list::list))
        .route(
            "/api/v1/sites/{site}/users/{username}",
            get(users::show::show),
        )
        .route(
            "/api/v1/sites/{site}/users/{username}/history",
            get(users::history::list),
        )
        .route("/api/v1/sites/{site}/segments", get(segments::list))
        .route("/api/v1/sites/{site}/courses", get(courses::list))
}

/// What may take as long as a file does, or as somebody cares to wait.
fn slow() -> Router<App> {
    Router::new()
        .route(
            "/api/v1/sites/{site}/imports",
            get(imports::list::list)
                .layer(from_fn(time_limit::layer))
                .post(imports::create::create),
        )
        .route(
            "/api/v1/sites/{site}/imports/{import}",
            get(imports::show::show),
        )
        .route(
            "/api/v1/sites/{site}/imports/{import}/continue",
            post(imports::continue_import::continue_import),
        )
        .route(
            "/api/v1/sites/{site}/imports/{import}/report.csv",
            get(report::download),
        )
        .layer(DefaultBodyLimit::disable())
}
