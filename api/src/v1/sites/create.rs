//! `POST /api/v1/sites`: a system administrator makes a site and is its first admin.

use crate::{
    auth::{SystemAdmin, give_role},
    problem::{Fault, OnConstraint, Problem},
    request::{Body, Query, body::unknown_members},
    state::App,
    v1::sites::{View, faults, insert, merged, of_id, stored, text},
};
use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use muster_shared::model::{access::Role, site::SiteSettings};
use serde_json::{Map, Value, json};

/// Makes a site.
pub(crate) async fn create(
    SystemAdmin(account): SystemAdmin,
    State(app): State<App>,
    _: Query<()>,
    Body(body): Body,
) -> Result<Response, Problem> {
    let (slug, name, settings) = read(&body)?;
    let mut tx = app.pool.begin().await?;
    let id = insert(&mut tx, slug, name, &stored(&settings))
        .await
        .on_constraint("sites_slug", || Problem::SlugTaken)?;
    give_role(&mut tx, account.id, id, Role::Admin).await?;
    let site = of_id(&mut tx, id).await?;
    tx.commit().await?;
    tracing::info!(site.id = id.0, "a site was made");
    let location = format!("/api/v1/sites/{slug}");
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        Json(View::new(site, Role::Admin)),
    )
        .into_response())
}

fn read(body: &Map<String, Value>) -> Result<(&str, &str, SiteSettings), Problem> {
    let mut wrong = unknown_members(
        "body",
        "",
        body,
        &json!({"slug": null, "name": null, "settings": null}),
    );
    for needed in ["slug", "name"] {
        if !body.contains_key(needed) {
            wrong.push(
                Fault::new("body", "missing-value", format!("`{needed}` is needed."))
                    .at(format!("/{needed}")),
            );
        }
    }
    let (slug, name) = (
        text(body, "slug", &mut wrong),
        text(body, "name", &mut wrong),
    );
    if let (Some(slug), Some(name)) = (slug, name) {
        wrong.extend(faults(slug, name));
    }
    let settings = merged(&SiteSettings::default(), body.get("settings"));
    match (slug, name, settings) {
        (Some(slug), Some(name), Ok(settings)) if wrong.is_empty() => Ok((slug, name, settings)),
        (_, _, settings) => {
            wrong.extend(settings.err().unwrap_or_default());
            Err(Problem::InvalidRequest(wrong))
        }
    }
}
