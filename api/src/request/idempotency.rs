//! `Idempotency-Key`: there is no such thing here yet. A client that sends one relies on it when it
//! sends a request again, so it is told before anything is done, and before the body is read.

use crate::problem::Problem;
use axum::{
    extract::Request,
    http::{HeaderName, Method},
    middleware::Next,
    response::{IntoResponse, Response},
};

/// Where it would stand.
const HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// Refuses what would be done once more if it came again. Reading may always be repeated.
pub(crate) async fn layer(request: Request, next: Next) -> Response {
    let reads = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    if reads || !request.headers().contains_key(HEADER) {
        return next.run(request).await;
    }
    Problem::IdempotencyNotSupported.into_response()
}
