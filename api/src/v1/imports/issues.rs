//! `GET …/imports/{id}/issues`: grouped by code, column and value, errors first, then by count.

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
    model::{
        ids::ImportId,
        issue::{FileIssue, Severity},
        status::Status,
    },
    store::{StoreError, imports::Import},
};
use serde::Serialize;
use sqlx::PgConnection;

/// Issues of one code, column and value.
#[derive(Debug, Serialize)]
struct GroupView {
    #[serde(skip)]
    number: i32,
    code: String,
    severity: Severity,
    column: Option<String>,
    value: Option<String>,
    count: i64,
    first_line: Option<i32>,
    message: String,
    suggestion: Option<String>,
}

/// A page of groups. Until the preview is through there are only those of the file as a whole.
pub(crate) async fn list(
    access: Access<Viewer>,
    Named(id): Named<ImportId>,
    State(app): State<App>,
    page: Page<(), i32>,
) -> Result<Response, Problem> {
    let mut connection = app.reader(access.site.id).await?;
    let import = kept_of_site(&mut connection, access.site.id, id).await?;
    let after = page.after.unwrap_or(0);
    let mut groups = match import.status {
        // What an earlier preview found may still be there.
        Status::Validating | Status::Rejected | Status::Previewing => Vec::new(),
        _ => counted(&mut connection, &import, after, page.look_for()).await?,
    };
    still_kept(&mut connection, &import).await?;
    if groups.is_empty() {
        groups = of_file(&import, after);
    }
    let next = page.cut(&mut groups, |last| last.number);
    Ok(page.answer("issues", &groups, next.as_ref()))
}

async fn counted(
    conn: &mut PgConnection,
    import: &Import,
    after: i32,
    limit: i64,
) -> Result<Vec<GroupView>, Problem> {
    let found = sqlx::query!(
        r#"SELECT number, code, severity::text AS "severity!", column_name, value, count, first_line, message, suggestion
             FROM muster.import_issue_groups
            WHERE import_no = $1 AND number > $2
            ORDER BY number
            LIMIT $3"#,
        import.no.0,
        after,
        limit,
    )
    .fetch_all(conn)
    .await?;
    let groups = found.into_iter().map(|row| {
        Ok(GroupView {
            number: row.number,
            code: row.code,
            severity: severity(&row.severity)?,
            column: row.column_name,
            value: row.value,
            count: row.count,
            first_line: row.first_line,
            message: row.message,
            suggestion: row.suggestion,
        })
    });
    Ok(groups.collect::<Result<_, StoreError>>()?)
}

/// The severity stored as this letter.
pub(crate) fn severity(letter: &str) -> Result<Severity, StoreError> {
    let found = letter.bytes().next().and_then(Severity::of_letter);
    found.ok_or_else(|| StoreError::inconsistent("import_issues.severity", letter))
}

fn of_file(import: &Import, after: i32) -> Vec<GroupView> {
    let issues = import.rejected.iter().flatten().chain(&import.file.issues);
    let groups = (1..)
        .zip(issues)
        .map(|(number, FileIssue { issue, count, .. })| GroupView {
            number,
            code: issue.code.to_string(),
            severity: issue.severity,
            column: issue.column.clone(),
            value: issue.value.clone(),
            count: *count,
            first_line: None,
            message: issue.message.clone(),
            suggestion: issue.suggestion.clone(),
        });
    groups.filter(|group| group.number > after).collect()
}
