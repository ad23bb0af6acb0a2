//! `GET …/imports/{id}/rows?action=&outcome=&severity=&code=&key=`: lines, in the order of the
//! file.

mod continued;
mod filters;
mod lines;
mod names;
mod page;
mod view;

use crate::{
    auth::{Access, Viewer},
    problem::Problem,
    request::Named,
    state::App,
    v1::{
        imports::{kept_of_site, still_kept},
        paging::Page,
    },
};
use axum::{extract::State, response::Response};
use muster_shared::{
    model::{budget::Budget, ids::ImportId},
    plan::Plan,
    store::plans,
};
use std::collections::HashMap;
use view::RowView;

pub(crate) use filters::{Filters, OfReport};
pub(crate) use lines::{LinePage, page as lines};
pub(crate) use names::Names;
pub(crate) use page::{Beside, IssueView, Line, fitting, read};
pub(crate) use view::{ChangeView, MembershipView, changes, memberships};

/// A page of lines.
pub(crate) async fn list(
    access: Access<Viewer>,
    Named(id): Named<ImportId>,
    State(app): State<App>,
    page: Page<Filters, i32>,
) -> Result<Response, Problem> {
    let mut connection = app.reader(access.site.id).await?;
    let import = kept_of_site(&mut connection, access.site.id, id).await?;
    let LinePage {
        mut lines,
        searched_to,
    } = lines(
        &mut connection,
        &import,
        &page.filters,
        page.after.unwrap_or(0),
        page.look_for(),
    )
    .await?;
    let mut next = page.cut(&mut lines, |last| *last).or(searched_to);
    let fitting = fitting(&mut connection, &import, &lines, Beside::Plan, Budget::PAGE).await?;
    if fitting.len() < lines.len() {
        // What is long leaves no room for the others.
        next = fitting.last().copied();
    }
    let rows = read(&mut connection, &import, &fitting).await?;
    let plans = plans::of_lines(&mut connection, import.no, &fitting).await?;
    let mut continued = continued::read(&mut connection, &import, &fitting).await?;
    let names = Names::of(&mut connection, access.site.id, plans.iter()).await?;
    still_kept(&mut connection, &import).await?;
    drop(connection);
    let mut plans: HashMap<i32, Plan> = plans.into_iter().map(|plan| (plan.line, plan)).collect();
    let view = |row: Line| {
        let plan = plans.remove(&row.number);
        let continued = continued.remove(&row.number);
        RowView::new(&import, &names, row, plan.as_ref(), continued)
    };
    let views: Vec<_> = rows.into_iter().map(view).collect();
    Ok(page.answer("rows", &views, next.as_ref()))
}
