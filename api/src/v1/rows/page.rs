//! The lines of a page: what was read, what it would do and what it did in a word, what is wrong
//! with it.

use muster_shared::{
    model::{
        action::{Action, Outcome},
        budget::Budget,
        issue::{Issue, Severity},
    },
    store::{
        StoreError,
        imports::{Import, from_json},
    },
};
use serde::Serialize;
use sqlx::PgConnection;
use std::collections::HashMap;

use crate::v1::imports::issues::severity;

/// A line.
#[derive(Debug)]
pub(crate) struct Line {
    /// Where its record starts in the file.
    pub(crate) number: i32,
    /// Whom it is about.
    pub(crate) key: Option<String>,
    /// As they were read.
    pub(crate) cells: Vec<String>,
    /// What it would do, once that is known.
    pub(crate) action: Option<Action>,
    /// What it did, once it was tried.
    pub(crate) outcome: Option<Outcome>,
    /// What is wrong with it.
    pub(crate) issues: Vec<IssueView>,
}

/// Something wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct IssueView {
    pub(crate) code: String,
    pub(crate) severity: Severity,
    pub(crate) column: Option<String>,
    pub(crate) value: Option<String>,
    pub(crate) message: String,
    pub(crate) suggestion: Option<String>,
}

impl From<Issue> for IssueView {
    fn from(issue: Issue) -> Self {
        Self {
            code: issue.code.to_string(),
            severity: issue.severity,
            column: issue.column,
            value: issue.value,
            message: issue.message,
            suggestion: issue.suggestion,
        }
    }
}

/// What is shown of a line besides its cells and issues.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Beside {
    /// Its plan, and its headings once more.
    Plan,
    /// Nothing.
    Nothing,
}

/// Those of these lines that may be in one answer, in order: at least the first, and as many more
/// as all that is loaded of them may hold.
pub(crate) async fn fitting(
    conn: &mut PgConnection,
    import: &Import,
    lines: &[i32],
    beside: Beside,
    budget: Budget,
) -> Result<Vec<i32>, StoreError> {
    let with_plan = matches!(beside, Beside::Plan);
    let headings: usize = if with_plan {
        import
            .file
            .columns
            .iter()
            .map(|heading| heading.len() + 8)
            .sum()
    } else {
        0
    };
    Ok(sqlx::query_scalar!(
        r#"WITH issues AS (
              SELECT line, sum(octet_length(message) + coalesce(octet_length(value), 0) + coalesce(octet_length(suggestion), 0) + 200) AS bytes
                FROM muster.import_issues
               WHERE import_no = $1 AND line = ANY ($2) GROUP BY line),
           plans AS (
              SELECT line, coalesce(octet_length(before::text), 0) + coalesce(octet_length(after::text), 0)
                           + 400 * coalesce(cardinality(membership_id), 0) AS bytes
                FROM muster.plans_of_lines($1, $2)
               WHERE $5),
           sized AS (
              SELECT r.line, sum(muster.bytes_held(r.bytes_held, r.cells) + $4 + coalesce(i.bytes, 0) + coalesce(p.bytes, 0))
                             OVER (ORDER BY r.line ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before
                FROM muster.import_rows r
                LEFT JOIN issues i ON i.line = r.line
                LEFT JOIN plans p ON p.line = r.line
               WHERE r.import_no = $6 AND r.line = ANY ($2))
           SELECT line FROM sized WHERE coalesce(bytes_before, 0) < $3::bigint ORDER BY line"#,
        import.no.0,
        lines,
        budget.bytes() as i64,
        headings as i64,
        with_plan,
        import.lines_of.0,
    )
    .fetch_all(conn)
    .await?)
}

/// These lines, in order.
pub(crate) async fn read(
    conn: &mut PgConnection,
    import: &Import,
    lines: &[i32],
) -> Result<Vec<Line>, StoreError> {
    let found = sqlx::query!(
        r#"SELECT r.line AS "line!", r.key, r.cells AS "cells!", r.issues,
                  p.action::text AS action, p.outcome, p.outcome_code, p.outcome_message
             FROM muster.import_rows r
             LEFT JOIN muster.results_of($1) p ON p.line = r.line
            WHERE r.import_no = $3 AND r.line = ANY ($2)
            ORDER BY r.line"#,
        import.no.0,
        lines,
        import.lines_of.0,
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut issues = issues(conn, import, lines).await?;
    let page = found.into_iter().map(|row| {
        let action = row.action.as_deref().map(action).transpose()?;
        let outcome = row.outcome.as_deref().map(outcome).transpose()?;
        let mut issues = issues.remove(&row.line).unwrap_or_default();
        if let (None, Some(of_shape)) = (action, row.issues) {
            issues.extend(
                from_json::<Vec<Issue>>(of_shape, "import_rows.issues")?
                    .into_iter()
                    .map(IssueView::from),
            );
        }
        if let (Some(outcome), Some(code), Some(message)) =
            (outcome, row.outcome_code, row.outcome_message)
        {
            let severity = if outcome == Outcome::Failed {
                Severity::Error
            } else {
                Severity::Warning
            };
            issues.push(IssueView {
                code,
                severity,
                column: None,
                value: None,
                message,
                suggestion: None,
            });
        }
        Ok(Line {
            number: row.line,
            key: row.key,
            cells: row.cells,
            action,
            outcome,
            issues,
        })
    });
    page.collect()
}

async fn issues(
    conn: &mut PgConnection,
    import: &Import,
    lines: &[i32],
) -> Result<HashMap<i32, Vec<IssueView>>, StoreError> {
    let found = sqlx::query!(
        r#"SELECT line, code, severity::text AS "severity!", column_name, value, message, suggestion
             FROM muster.import_issues
            WHERE import_no = $1 AND line = ANY ($2)
            ORDER BY line, nth"#,
        import.no.0,
        lines,
    )
    .fetch_all(conn)
    .await?;
    let mut issues: HashMap<i32, Vec<IssueView>> = HashMap::new();
    for row in found {
        issues.entry(row.line).or_default().push(IssueView {
            code: row.code,
            severity: severity(&row.severity)?,
            column: row.column_name,
            value: row.value,
            message: row.message,
            suggestion: row.suggestion,
        });
    }
    Ok(issues)
}

pub(super) fn action(letter: &str) -> Result<Action, StoreError> {
    let found = letter.bytes().next().and_then(Action::of_letter);
    found.ok_or_else(|| StoreError::inconsistent("import_plans.action", letter))
}

pub(super) fn outcome(word: &str) -> Result<Outcome, StoreError> {
    word.parse()
        .map_err(|_| StoreError::inconsistent("import_outcomes.outcome", word))
}
