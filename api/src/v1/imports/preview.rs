//! `POST …/imports/{id}/preview`: plan it again, with other settings or another mapping.

use super::asking::Asking;
use crate::{auth::Uploader, control, problem::Problem};
use axum::response::Response;

/// Asks for it.
pub(crate) async fn preview(asking: Asking<Uploader>) -> Result<Response, Problem> {
    control::preview(&asking.app, asking.target, &asking.if_match, &asking.body).await?;
    asking.answer().await
}
