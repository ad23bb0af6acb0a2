//! `POST …/imports/{id}/apply`: execute what the preview shows.

use super::asking::Asking;
use crate::{auth::Admin, control, problem::Problem};
use axum::response::Response;

/// Asks for it.
pub(crate) async fn apply(asking: Asking<Admin>) -> Result<Response, Problem> {
    control::apply(&asking.app, asking.target, &asking.if_match, &asking.body).await?;
    asking.answer().await
}
