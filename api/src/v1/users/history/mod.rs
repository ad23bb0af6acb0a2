//! `GET …/users/{username}/history`: what was done to everyone who has or had that name, newest
//! first.
//!
//! It is read from the plans that were executed, so it reaches back as far as these are kept: an
//! import that is pruned does not show any more. What somebody changes by hand leaves no plan; only
//! that a person was made by hand can be told.

mod find;

use crate::{
    auth::{Access, Viewer},
    problem::Problem,
    request::{Named, path::Username},
    state::App,
    v1::{
        moment::Moment,
        paging::Page,
        rows::{ChangeView, MembershipView, Names, changes, memberships},
    },
};
use axum::{extract::State, response::Response};
use chrono::{DateTime, Utc};
use find::{Entry, People};

pub(crate) use find::Cursor;
use muster_shared::{
    model::{action::Outcome, ids::ImportId},
    plan::Write,
    store::plans,
};
use serde::Serialize;

/// What is said when nobody ever had the name.
const ABSENT: &str = "Nobody in this site has or had this username.";

/// Something that was done to a person.
#[derive(Debug, Serialize)]
struct EntryView {
    user_id: i64,
    /// `None`: by hand.
    import: Option<ImportId>,
    line: Option<i32>,
    outcome: Outcome,
    changes: Vec<ChangeView>,
    memberships: Vec<MembershipView>,
    /// Who asked for it, by e-mail address.
    by: Option<String>,
    at: DateTime<Utc>,
}

/// A page of what was done.
pub(crate) async fn list(
    access: Access<Viewer>,
    Named(Username(username)): Named<Username>,
    State(app): State<App>,
    page: Page<(), Cursor>,
) -> Result<Response, Problem> {
    let mut connection = app.reader(access.site.id).await?;
    let site = access.site.id;
    let people = People::of_name(&mut connection, site, &username)
        .await?
        .ok_or(Problem::NotFound(ABSENT))?;
    let mut entries = people
        .entries(&mut connection, page.after, page.look_for())
        .await?;
    let next = page.cut(&mut entries, |last| {
        (Moment(last.at), last.no, last.seq, last.user_id)
    });
    let mut imports: Vec<_> = entries.iter().map(|entry| entry.no).collect();
    imports.sort_unstable();
    imports.dedup();
    let mut plans = plans::of_targets(&mut connection, &imports, &people.ids).await?;
    let names = Names::of(&mut connection, site, plans.values()).await?;
    drop(connection);
    // Of an import that is swept away meanwhile there is nothing left to tell.
    let view = |entry: Entry| match plans.remove(&(entry.no, entry.line)) {
        Some(plan) => Some(EntryView::new(&names, entry, plan.written())),
        None => entry
            .import
            .is_none()
            .then(|| EntryView::new(&names, entry, None)),
    };
    let views: Vec<_> = entries.into_iter().filter_map(view).collect();
    Ok(page.answer("history", &views, next.as_ref()))
}

impl EntryView {
    fn new(names: &Names, entry: Entry, write: Option<&Write>) -> Self {
        let origin = entry.import.as_ref();
        let changes = origin
            .zip(write)
            .map(|(origin, write)| changes(&origin.fields, origin.kind.spec().derived, write));
        Self {
            user_id: entry.user_id,
            line: origin.map(|_| entry.line),
            import: entry.import.map(|origin| origin.id),
            outcome: entry.outcome,
            changes: changes.unwrap_or_default(),
            memberships: write
                .map(|write| memberships(names, write))
                .unwrap_or_default(),
            by: entry.by,
            at: entry.at,
        }
    }
}
