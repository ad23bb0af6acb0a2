//! `GET /api/v1/sites/{site}`.

use crate::{
    auth::{Access, Viewer},
    request::Query,
    v1::sites::View,
};
use axum::Json;

/// One site.
pub(crate) async fn show(access: Access<Viewer>, _: Query<()>) -> Json<View> {
    Json(View::new(access.site, access.role))
}
