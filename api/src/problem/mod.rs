//! The one HTTP error, as RFC 9457 has it. It must never tell a client what only operators may
//! know, nor a log what only the client may: no cells, names or addresses of people.

mod answer;
mod asked;
mod fault;
mod system;

pub(crate) use asked::Asked;
pub(crate) use fault::{Fault, pointer_token};
pub(crate) use system::OnConstraint;

use crate::request_id;
use answer::Members;
use axum::http::{HeaderValue, StatusCode};
use chrono::{DateTime, SecondsFormat, Utc};
use muster_shared::{
    model::{
        access::Role,
        ids::ImportId,
        status::{Command, Status},
    },
    store::imports::Import,
};

/// What is wrong with a request, or with us.
#[derive(Debug)]
pub(crate) enum Problem {
    /// Nobody, or nobody we know.
    Unauthenticated(&'static str),
    /// Known, and may not. What would be needed.
    Forbidden(Needs),
    /// There is no such thing, or not for this account.
    NotFound(&'static str),
    /// No such address.
    UnknownPath,
    /// The address has other methods; axum says which.
    MethodNotAllowed,
    /// The client does not take what would be answered.
    NotAcceptable(&'static str),
    /// The client relies on a key by which repeated requests would be known.
    IdempotencyNotSupported,
    /// The client sent nothing for too long.
    Timeout,
    /// Parameters, form fields or JSON that cannot be used; all faults at once.
    InvalidRequest(Vec<Fault>),
    /// The body cannot be taken apart, or ended early.
    UnreadableBody(String),
    /// Past a limit, which is told.
    TooLarge(String),
    /// Not what this address takes; with what to do.
    UnsupportedMediaType(String),
    /// What was asked does not go with where the import stands.
    WrongStatus {
        /// What was asked.
        asked: Asked,
        /// Where the import stands.
        status: Status,
        /// What may be asked of it there.
        can: Vec<Command>,
    },
    /// The import is no longer at the version of `If-Match`.
    Changed {
        /// The version it is at.
        version: i32,
    },
    /// It was undone.
    AlreadyUndone {
        /// By this import; or by another, whose undo this is.
        last: ImportId,
        /// The undo was undone itself: what the import did is there again.
        is_back: bool,
    },
    /// The file would have to be read again and is deleted.
    FileGone,
    /// No line of the import is one of those that are to go on.
    NothingToContinue,
    /// Nothing is left of the import but its header, since then.
    Expired(DateTime<Utc>),
    /// Another import needs the lines or plans that were to be deleted.
    Needed {
        /// Where the import stands.
        status: Status,
        /// What may be asked of it there.
        can: Vec<Command>,
        /// The other one.
        by: ImportId,
    },
    /// A site of that slug is there.
    SlugTaken,
    /// The site has as many open imports as it may.
    TooManyImports {
        /// How many are open.
        open: i64,
        /// The site's limit.
        max: u64,
    },
    /// As many uploads arrive as one process takes at once.
    TooManyUploads,
    /// There is no room in the file store.
    StorageFull(String),
    /// Something we need is away for the moment.
    Unavailable(&'static str, String),
    /// A defect of ours, for the log.
    Internal(String),
}

/// What a caller lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// A role in the site.
    Role(Role),
    /// To manage sites.
    SystemAdmin,
}

impl Problem {
    /// What was asked does not go with where this import stands, or with anything any more.
    pub(crate) fn wrong_status(asked: Asked, import: &Import) -> Self {
        match import.pruned_at {
            Some(since) => Self::Expired(since),
            None => Self::WrongStatus {
                asked,
                status: import.status,
                can: import.can(),
            },
        }
    }
}

/// When to try again what fails because a system is away or busy, in seconds.
const RETRY_SOON: HeaderValue = HeaderValue::from_static("5");

/// When to try again what takes somebody to do something first, in seconds.
const RETRY_LATER: HeaderValue = HeaderValue::from_static("60");

impl Problem {
    /// Status, code, title and detail: the one place that says them.
    #[expect(clippy::too_many_lines, reason = "one exhaustive list")]
    fn parts(&self) -> (StatusCode, &'static str, String, Option<String>) {
        let with = |status, code, title: &str, detail: &str| {
            (status, code, title.to_owned(), Some(detail.to_owned()))
        };
        match self {
            Self::Unauthenticated(detail) => with(
                StatusCode::UNAUTHORIZED,
                "unauthenticated",
                "A valid token is needed",
                detail,
            ),
            Self::Forbidden(needs) => (
                StatusCode::FORBIDDEN,
                "forbidden",
                "This token's account may not do that".to_owned(),
                Some(needs.detail()),
            ),
            Self::NotFound(detail) => with(StatusCode::NOT_FOUND, "not-found", "Not found", detail),
            Self::UnknownPath => with(
                StatusCode::NOT_FOUND,
                "not-found",
                "Not found",
                "There is nothing at this address.",
            ),
            Self::MethodNotAllowed => with(
                StatusCode::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "This address has other methods",
                "The header `Allow` names them.",
            ),
            Self::NotAcceptable(produced) => (
                StatusCode::NOT_ACCEPTABLE,
                "not-acceptable",
                "The answer would be of a type that is not accepted".to_owned(),
                Some(format!(
                    "This address answers {produced}; `Accept` must allow it."
                )),
            ),
            Self::IdempotencyNotSupported => with(
                StatusCode::NOT_IMPLEMENTED,
                "idempotency-not-supported",
                "`Idempotency-Key` is not supported",
                "Nothing was done. Leave the header out, and look at the list of imports before you send a request again; `same_file_as` \
                 of an import shows that its file was uploaded before.",
            ),
            Self::Timeout => with(
                StatusCode::REQUEST_TIMEOUT,
                "timeout",
                "The request took too long to arrive",
                "Nothing came for too long, so what had arrived was dropped. Send it again.",
            ),
            Self::InvalidRequest(_) => (
                StatusCode::BAD_REQUEST,
                "invalid-request",
                "The request cannot be used".to_owned(),
                None,
            ),
            Self::UnreadableBody(detail) => with(
                StatusCode::BAD_REQUEST,
                "unreadable-body",
                "The body cannot be read",
                detail,
            ),
            Self::TooLarge(detail) => with(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                "The body is too large",
                detail,
            ),
            Self::UnsupportedMediaType(detail) => with(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "This media type is not taken here",
                detail,
            ),
            Self::WrongStatus { asked, status, .. } => (
                StatusCode::CONFLICT,
                "wrong-status",
                asked.refusal().to_owned(),
                Some(asked::whereabouts(*status).to_owned()),
            ),
            Self::Changed { version } => (
                StatusCode::PRECONDITION_FAILED,
                "changed",
                "The import has changed meanwhile".to_owned(),
                Some(format!(
                    "It is at \"{version}\" now. Look at it again before asking."
                )),
            ),
            Self::AlreadyUndone {
                last,
                is_back: false,
            } => with(
                StatusCode::CONFLICT,
                "already-undone",
                "This import is undone already",
                &format!(
                    "The import {last} has taken back what it did. To bring that back, undo that one."
                ),
            ),
            Self::AlreadyUndone {
                last,
                is_back: true,
            } => with(
                StatusCode::CONFLICT,
                "already-undone",
                "This import was undone, and its undo was undone too",
                &format!(
                    "The import {last} has brought back what it did. To take that back, undo that one."
                ),
            ),
            Self::FileGone => with(
                StatusCode::CONFLICT,
                "file-gone",
                "The file is deleted",
                "It would have to be read again. Upload it again as a new import.",
            ),
            Self::NothingToContinue => with(
                StatusCode::CONFLICT,
                "nothing-to-continue",
                "There is nothing to go on with",
                "No line of this import came out as one of these outcomes. Name others, or send a corrected file.",
            ),
            Self::Expired(since) => (
                StatusCode::GONE,
                "expired",
                "The lines of this import are deleted".to_owned(),
                Some(format!(
                    "Its lines and plans were deleted on {}; upload the file again.",
                    since.to_rfc3339_opts(SecondsFormat::Secs, true)
                )),
            ),
            Self::Needed { by, .. } => (
                StatusCode::CONFLICT,
                "wrong-status",
                Asked::Delete.refusal().to_owned(),
                Some(format!(
                    "Import {by} takes it back or goes on with it, and is not at its end. Cancel that one first, or wait for it."
                )),
            ),
            Self::SlugTaken => with(
                StatusCode::CONFLICT,
                "slug-taken",
                "There is a site with this slug",
                "Choose another slug.",
            ),
            Self::TooManyImports { open, max } => (
                StatusCode::TOO_MANY_REQUESTS,
                "too-many-imports",
                "This site has too many open imports".to_owned(),
                Some(format!(
                    "{open} are open; this site's limit `open_imports` allows {max}. Apply or cancel some: open are all that are neither \
                     applied, cancelled nor rejected."
                )),
            ),
            Self::TooManyUploads => with(
                StatusCode::SERVICE_UNAVAILABLE,
                "too-many-uploads",
                "Too many uploads arrive at once",
                "Nothing of this one was read. Send it again in a few seconds.",
            ),
            Self::StorageFull(_) => with(
                StatusCode::INSUFFICIENT_STORAGE,
                "storage-full",
                "There is no room for the file",
                "Nothing of it is kept. Delete imports that are no longer needed, or ask an operator to make room in the file store; then \
                 send it again.",
            ),
            Self::Unavailable(what, _) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "Muster cannot answer for the moment".to_owned(),
                Some(format!(
                    "{what} does not answer. Try again in a few seconds."
                )),
            ),
            Self::Internal(_) => with(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "Something went wrong inside Muster",
                "Tell an operator the request id; the log says more about it.",
            ),
        }
    }

    fn members(&self) -> Members<'_> {
        match self {
            Self::InvalidRequest(errors) => Members::Faults { errors },
            Self::WrongStatus { status, can, .. } | Self::Needed { status, can, .. } => {
                Members::Status {
                    import_status: *status,
                    can,
                }
            }
            Self::Changed { version } => Members::Version { version: *version },
            Self::Internal(_) => Members::Request {
                request_id: request_id::current(),
            },
            _ => Members::None {},
        }
    }
}

impl Needs {
    fn detail(self) -> String {
        match self {
            Self::Role(role) => format!("It takes the role `{role}` in this site."),
            Self::SystemAdmin => "It takes a system administrator.".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{http::header, response::IntoResponse};
    use serde_json::{Value, json};

    async fn shown(problem: Problem) -> (StatusCode, axum::http::HeaderMap, Value) {
        let response = problem.into_response();
        let (status, headers) = (response.status(), response.headers().clone());
        let body = axum::body::to_bytes(response.into_body(), usize::MAX)
            .await
            .unwrap();
        (status, headers, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn a_problem_says_what_and_what_to_do() {
        let can = vec![Command::Cancel];
        let refused = Problem::WrongStatus {
            asked: Asked::Command(Command::Apply),
            status: Status::Validating,
            can,
        };
        let (status, headers, body) = shown(refused).await;
        assert_eq!(
            (status, headers[header::CONTENT_TYPE].to_str().unwrap()),
            (StatusCode::CONFLICT, "application/problem+json")
        );
        let expected = json!({"type": "urn:muster:problem:wrong-status", "title": "This import cannot be applied now", "status": 409,
                              "detail": "It is still being validated.", "code": "wrong-status", "import_status": "validating", "can": ["cancel"]});
        assert_eq!(body, expected);
    }

    #[tokio::test]
    async fn faults_are_told_with_their_place() {
        let fault = Fault::new("settings", "unknown-value", "It is one of a, b.")
            .at("/mode")
            .suggest(Some("a"));
        let (status, _, body) = shown(fault.into()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        let expected = json!([{"parameter": "settings", "pointer": "/mode", "code": "unknown-value", "detail": "It is one of a, b.", "suggestion": "a"}]);
        assert_eq!(body["errors"], expected);
    }

    #[tokio::test]
    async fn who_has_to_wait_is_told_how_long() {
        for (problem, status, code, seconds) in [
            (
                Problem::TooManyImports {
                    open: 100,
                    max: 100,
                },
                429,
                "too-many-imports",
                Some("60"),
            ),
            (Problem::TooManyUploads, 503, "too-many-uploads", Some("5")),
            (
                Problem::StorageFull("secret".to_owned()),
                507,
                "storage-full",
                Some("60"),
            ),
            (
                Problem::Unavailable("The database", "secret".to_owned()),
                503,
                "unavailable",
                Some("5"),
            ),
            (Problem::FileGone, 409, "file-gone", None),
        ] {
            let (given, headers, body) = shown(problem).await;
            let after = headers
                .get(header::RETRY_AFTER)
                .map(|value| value.to_str().unwrap());
            assert_eq!(
                (given.as_u16(), body["code"].as_str(), after),
                (status, Some(code), seconds)
            );
            assert!(!body.to_string().contains("secret"), "{body}");
        }
    }

    #[tokio::test]
    async fn who_is_nobody_is_told_how_to_be_somebody() {
        let (_, headers, _) = shown(Problem::Unauthenticated("No token.")).await;
        assert_eq!(headers[header::WWW_AUTHENTICATE], "Bearer");
    }
}
