//! `PATCH /api/v1/sites/{site}`: another name, other settings; what is not said stays, `null` takes
//! a setting back to its default. The limits protect whoever runs Muster from what a site may do,
//! so a system administrator changes them.

use crate::{
    auth::{Access, Admin},
    problem::{Needs, Problem},
    request::{Body, Query, body::unknown_members},
    state::App,
    v1::sites::{View, merged, name_fault, of_id, stored, text},
};
use axum::{Json, extract::State};
use serde_json::json;

/// Changes a site.
pub(crate) async fn change(
    access: Access<Admin>,
    State(app): State<App>,
    _: Query<()>,
    Body(body): Body,
) -> Result<Json<View>, Problem> {
    let mut wrong = unknown_members("body", "", &body, &json!({"name": null, "settings": null}));
    let name = text(&body, "name", &mut wrong);
    wrong.extend(name.and_then(name_fault));
    let mut tx = app.pool.begin().await?;
    // Two changes at once would each forget what the other said.
    sqlx::query!(
        "SELECT id FROM muster.sites WHERE id = $1 FOR NO KEY UPDATE",
        access.site.id.0
    )
    .fetch_one(&mut *tx)
    .await?;
    let site = of_id(&mut tx, access.site.id).await?;
    let settings = match merged(&site.settings, body.get("settings")) {
        Ok(settings) if wrong.is_empty() => settings,
        settings => {
            wrong.extend(settings.err().unwrap_or_default());
            return Err(Problem::InvalidRequest(wrong));
        }
    };
    // Who sends back what was shown changes nothing.
    if settings.limits != site.settings.limits && !access.account.is_system_admin {
        return Err(Problem::Forbidden(Needs::SystemAdmin));
    }
    sqlx::query!(
        "UPDATE muster.sites SET name = $2, settings = $3 WHERE id = $1",
        site.id.0,
        name.map_or(site.name.as_str(), str::trim),
        stored(&settings),
    )
    .execute(&mut *tx)
    .await?;
    let site = of_id(&mut tx, site.id).await?;
    tx.commit().await?;
    Ok(Json(View::new(site, access.role)))
}
