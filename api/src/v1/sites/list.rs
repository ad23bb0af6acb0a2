//! `GET /api/v1/sites`: those in which the account has a role, by slug.

use crate::{
    auth::Caller,
    problem::Problem,
    state::App,
    v1::{paging::Page, sites::View},
};
use axum::{extract::State, response::Response};
use muster_shared::{
    model::{ids::SiteId, site::Site},
    store::{StoreError, sites},
};

/// A page of sites.
pub(crate) async fn list(
    Caller(account): Caller,
    State(app): State<App>,
    page: Page<(), String>,
) -> Result<Response, Problem> {
    let found = sqlx::query!(
        "SELECT s.id, s.slug, s.name, s.settings, r.role
           FROM muster.site_roles r
           JOIN muster.sites s ON s.id = r.site_id
          WHERE r.account_id = $1 AND s.slug > coalesce($2, '')
          ORDER BY s.slug
          LIMIT $3",
        account.id.0,
        page.after,
        page.look_for(),
    )
    .fetch_all(&app.pool)
    .await?;
    let views = found.into_iter().map(|row| {
        let role = row
            .role
            .parse()
            .map_err(|_| StoreError::inconsistent("site_roles.role", &row.role))?;
        Ok(View::new(
            Site {
                id: SiteId(row.id),
                slug: row.slug,
                name: row.name,
                settings: sites::settings(row.settings)?,
            },
            role,
        ))
    });
    let mut views: Vec<View> = views.collect::<Result<_, StoreError>>()?;
    let next = page.cut(&mut views, |last| last.slug.clone());
    Ok(page.answer("sites", &views, next.as_ref()))
}
