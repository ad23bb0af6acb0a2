//! `GET …/imports?status=&recipe=`: newest first.

use crate::{
    auth::{Access, Viewer},
    problem::Problem,
    request::query::{Given, Parameters},
    state::App,
    v1::{imports::views, paging::Page},
};
use axum::{extract::State, response::Response};
use muster_shared::{
    model::{ids::ImportId, recipe::Recipe, status::Status},
    store::imports,
};
use strum::VariantArray;

/// Which imports.
#[derive(Debug)]
pub(crate) struct Filters {
    statuses: Option<Vec<Status>>,
    recipes: Option<Vec<Recipe>>,
}

impl Parameters for Filters {
    const KNOWN: &'static [&'static str] = &["status", "recipe"];

    fn read(given: &mut Given) -> Self {
        let statuses: Vec<_> = Status::VARIANTS
            .iter()
            .map(|status| status.name())
            .collect();
        let recipes: Vec<_> = Recipe::VARIANTS
            .iter()
            .map(|recipe| recipe.name())
            .collect();
        Self {
            statuses: given.words("status", &statuses),
            recipes: given.words("recipe", &recipes),
        }
    }
}

/// A page of imports.
pub(crate) async fn list(
    access: Access<Viewer>,
    State(app): State<App>,
    page: Page<Filters, ImportId>,
) -> Result<Response, Problem> {
    let Filters { statuses, recipes } = &page.filters;
    let mut connection = app.reader(access.site.id).await?;
    let (mut found, is_cut_short) = imports::page(
        &mut connection,
        access.site.id,
        page.after,
        statuses.as_deref(),
        recipes.as_deref(),
        page.look_for(),
    )
    .await?;
    let last = found.last().map(|last| last.id).filter(|_| is_cut_short);
    let next = page.cut(&mut found, |last| last.id).or(last);
    let views = views(&mut connection, &access.site, found).await?;
    Ok(page.answer("imports", &views, next.as_ref()))
}
