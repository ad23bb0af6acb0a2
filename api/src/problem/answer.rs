//! A problem as it is answered.

use super::{Fault, Problem, RETRY_LATER, RETRY_SOON};
use axum::{
    Json,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use muster_shared::model::status::{Command, Status};
use serde::Serialize;

/// A problem on the wire.
#[derive(Serialize)]
struct View<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: String,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    code: &'static str,
    #[serde(flatten)]
    members: Members<'a>,
}

/// The members beyond those that every problem has.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Members<'a> {
    Faults {
        errors: &'a [Fault],
    },
    Status {
        import_status: Status,
        can: &'a [Command],
    },
    Version {
        version: i32,
    },
    Request {
        request_id: Option<String>,
    },
    None {},
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        match &self {
            Self::Internal(reason) => tracing::error!(reason, "a request failed"),
            Self::Unavailable(what, reason) => {
                tracing::warn!(what, reason, "a request cannot be answered");
            }
            Self::StorageFull(reason) => tracing::error!(
                reason,
                "the file store is full: make room where MUSTER_FILES_URL points"
            ),
            _ => {}
        }
        let (status, code, title, detail) = self.parts();
        let kind = format!("urn:muster:problem:{code}");
        let body = View {
            kind,
            title,
            status: status.as_u16(),
            detail,
            code,
            members: self.members(),
        };
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        match self {
            Self::Unauthenticated(_) => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
            }
            Self::Unavailable(..) | Self::TooManyUploads => {
                headers.insert(header::RETRY_AFTER, RETRY_SOON)
            }
            Self::TooManyImports { .. } | Self::StorageFull(_) => {
                headers.insert(header::RETRY_AFTER, RETRY_LATER)
            }
            _ => None,
        };
        response
    }
}
