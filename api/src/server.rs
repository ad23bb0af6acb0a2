//! The HTTP server: its layers, its beginning and its end.

use crate::{
    config::Config, connections, problem::Problem, request, request_id, routes, state::App,
};
use anyhow::Context;
use axum::{
    Router,
    extract::{MatchedPath, Request},
    http::{HeaderValue, header},
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
};
use std::{
    any::Any,
    time::{Duration, Instant},
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::{Instrument, field::Empty};

/// How long requests may go on after the process was told to end. Shorter than the grace of any
/// orchestrator.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(25);

/// What the system sends to a process that writes past its file-size limit; the same number on all
/// systems but old MIPS.
const SIGXFSZ: i32 = 25;

/// Answers requests until told to stop, then finishes those that are under way.
pub(crate) async fn serve(config: &Config, stop: CancellationToken) -> anyhow::Result<()> {
    let app = App::new(config, stop.clone())?;
    // Once somebody listens for it, a file that grows too large fails its upload and does not end
    // the process.
    let _listening = signal(SignalKind::from_raw(SIGXFSZ))?;
    let listener = TcpListener::bind(config.bind)
        .await
        .with_context(|| format!("MUSTER_BIND cannot be used: {}", config.bind))?;
    let max_connections = connections::max_connections();
    tracing::info!(address = %listener.local_addr()?, connections = max_connections, "listening");
    let serving = connections::serve(
        listener,
        router(app),
        max_connections,
        connections::UNREAD_TIMEOUT,
        stop.clone(),
    );
    let overdue = async {
        stop.cancelled().await;
        tokio::time::sleep(DRAIN_TIMEOUT).await;
    };
    tokio::select! {
        () = serving => {}
        () = overdue => tracing::warn!("some requests were broken off"),
    }
    tracing::info!("stopped");
    Ok(())
}

/// All routes with what lies around each: id, log, panics, types, and patience with clients. The
/// first layer here is the innermost.
pub(crate) fn router(app: App) -> Router {
    routes::all()
        .layer(from_fn(request::accept::layer))
        .layer(from_fn(request::idempotency::layer))
        .layer(from_fn(request::lingering_close::layer))
        .layer(from_fn(private))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(trace))
        .layer(from_fn(request_id::layer))
        .with_state(app)
}

/// What is answered is for the one who asked, and is what it says it is.
async fn private(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// A panic is a defect like another. What it says may hold data, and is on standard error already.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    Problem::Internal("a handler panicked".to_owned()).into_response()
}

/// One span and one line a request: method and route, never the path, which holds usernames, nor
/// the query, headers or bodies.
async fn trace(request: Request, next: Next) -> Response {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("(none)", MatchedPath::as_str)
        .to_owned();
    let is_probe = matches!(route.as_str(), "/livez" | "/readyz");
    let span = tracing::info_span!(
        "http.answer",
        method = %request.method(),
        route,
        request.id = request_id::current(),
        site.id = Empty,
        import.id = Empty,
    );
    let began = Instant::now();
    let response = next.run(request).instrument(span.clone()).await;
    let milliseconds = began.elapsed().as_millis() as u64;
    let status = response.status().as_u16();
    // Probes come every few seconds and say the same.
    let say = || {
        if is_probe {
            tracing::debug!(status, milliseconds, "answered");
        } else {
            tracing::info!(status, milliseconds, "answered");
        }
    };
    span.in_scope(say);
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{body::Body, http::StatusCode};
    use tower::ServiceExt;

    /// All there is, with a database and a Redis that nobody answers for.
    fn lonely(folder: &tempfile::TempDir) -> Router {
        let config = Config {
            database_url: "postgres://nobody@127.0.0.1:1/none".to_owned(),
            redis_url: "redis://127.0.0.1:1".to_owned(),
            files_url: format!("file://{}", folder.path().display()),
            bind: ([127, 0, 0, 1], 0).into(),
        };
        router(App::new(&config, CancellationToken::new()).unwrap())
    }

    async fn ask(
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> (StatusCode, axum::http::HeaderMap, serde_json::Value) {
        let folder = tempfile::tempdir().unwrap();
        let request = Request::builder().method(method).uri(path);
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        let response = lonely(&folder)
            .oneshot(request.body(Body::empty()).unwrap())
            .await
            .unwrap();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = axum::body::to_bytes(response.into_body(), 1 << 20)
            .await
            .unwrap();
        (
            status,
            headers,
            serde_json::from_slice(&body).unwrap_or_default(),
        )
    }

    #[tokio::test]
    async fn what_axum_would_answer_in_plain_text_is_a_problem() {
        for (method, path, status) in [
            ("GET", "/", 404),
            ("GET", "/api/v1/nothing", 404),
            ("DELETE", "/api/v1/sites/a/imports", 405),
            ("POST", "/livez", 405),
            ("GET", "/livez?verbose=1", 400),
            ("GET", "/api/v1/sites/a/imports/x", 401),
            ("POST", "/api/v1/sites/a/imports", 401),
        ] {
            let (given, headers, body) = ask(method, path, &[]).await;
            assert_eq!(given.as_u16(), status, "{method} {path}");
            assert_eq!(
                headers[header::CONTENT_TYPE],
                "application/problem+json",
                "{method} {path}"
            );
            assert_eq!(
                body["status"].as_u64(),
                Some(status.into()),
                "{method} {path}"
            );
        }
        let (_, headers, _) = ask("DELETE", "/api/v1/sites/a/imports", &[]).await;
        assert_eq!(headers[header::ALLOW], "GET,HEAD,POST");
    }

    #[tokio::test]
    async fn every_request_has_an_id() {
        let (status, headers, _) = ask("GET", "/livez", &[("x-request-id", "abc-1.2_3")]).await;
        assert_eq!(
            (status, &headers["x-request-id"]),
            (StatusCode::OK, &"abc-1.2_3".parse().unwrap())
        );
        for unfit in ["", "with space", &"a".repeat(65), "x\u{9}y"] {
            let (_, headers, _) = ask("GET", "/livez", &[("x-request-id", unfit)]).await;
            assert_eq!(headers["x-request-id"].len(), 36, "{unfit:?}");
        }
        let (_, headers, _) = ask("GET", "/nowhere", &[]).await;
        assert!(headers.contains_key("x-request-id"));
    }

    #[tokio::test]
    async fn types_that_are_not_answered_are_refused() {
        let (status, ..) = ask("GET", "/livez", &[("accept", "text/html")]).await;
        assert_eq!(status, StatusCode::NOT_ACCEPTABLE);
        let (status, ..) = ask(
            "GET",
            "/api/v1/sites/a/imports/x/report.csv",
            &[("accept", "text/csv")],
        )
        .await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "the report is CSV");
    }

    #[tokio::test]
    async fn an_idempotency_key_is_refused_unless_nothing_is_done() {
        let key = [("idempotency-key", "\"abc\"")];
        for (method, path, status) in [
            ("POST", "/api/v1/sites/a/imports", 501),
            ("PATCH", "/api/v1/sites/a", 501),
            ("DELETE", "/api/v1/sites/a/imports/x", 501),
            ("GET", "/livez", 200),
            ("HEAD", "/livez", 200),
        ] {
            assert_eq!(
                ask(method, path, &key).await.0.as_u16(),
                status,
                "{method} {path}"
            );
        }
    }

    #[tokio::test]
    async fn a_panic_is_a_problem_that_says_nothing() {
        let panics = Router::new()
            .route(
                "/",
                axum::routing::get(async || -> StatusCode { panic!("a cell") }),
            )
            .layer(CatchPanicLayer::custom(panicked))
            .layer(from_fn(request_id::layer));
        let response = panics
            .oneshot(Request::builder().uri("/").body(Body::empty()).unwrap())
            .await
            .unwrap();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = axum::body::to_bytes(response.into_body(), 1 << 20)
            .await
            .unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert!(
            body["request_id"].is_string() && !body.to_string().contains("a cell"),
            "{body}"
        );
    }
}
