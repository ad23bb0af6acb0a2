//! The id of a request: in the log, in the answer's `x-request-id`, and in the problem of a defect.

use axum::{
    extract::Request,
    http::{HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use uuid::Uuid;

/// Where it stands.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The most characters of an id that a client or proxy chose.
const MAX_CHARS: usize = 64;

tokio::task_local! {
    static CURRENT: String;
}

/// The id of the request that is being answered.
pub(crate) fn current() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Gives each request an id: the one that it brings, if that is fit for a log, or a fresh one.
pub(crate) async fn layer(mut request: Request, next: Next) -> Response {
    let id = brought(&request).unwrap_or_else(|| Uuid::now_v7().to_string());
    // What is fit for a log is fit for a header.
    let header = HeaderValue::from_str(&id).ok();
    if let Some(header) = header.clone() {
        request.headers_mut().insert(HEADER, header);
    }
    let mut response = CURRENT.scope(id, next.run(request)).await;
    if let Some(header) = header {
        response.headers_mut().insert(HEADER, header);
    }
    response
}

fn brought(request: &Request) -> Option<String> {
    let id = request.headers().get(HEADER)?.to_str().ok()?;
    let is_fit = (1..=MAX_CHARS).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    is_fit.then(|| id.to_owned())
}
