//! How long a request may take.

use crate::problem::Problem;
use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::time::Duration;
use tokio::time::timeout;

/// How long an ordinary request may take; statements end before that, unless Postgres is frozen or
/// cut off.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// Bounds a request that has no business taking long. Uploads, reports and those who wait have
/// bounds of their own.
pub(crate) async fn layer(request: Request, next: Next) -> Response {
    in_time(async { Ok(next.run(request).await) })
        .await
        .into_response()
}

/// The same for a part of a request that may take longer.
pub(crate) async fn in_time<T>(
    part: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    let late = || {
        Err(Problem::Unavailable(
            "Something that is needed",
            "a request took too long".to_owned(),
        ))
    };
    timeout(REQUEST_TIMEOUT, part)
        .await
        .unwrap_or_else(|_| late())
}
