//! The lines that match, in pages. Each filter has an index that leads to them in the order of
//! lines, and the most telling one is followed. Where two filters seldom come together that may
//! lead over many lines in vain: so each statement goes over a range of lines, and a page that took
//! long ends with what it has, perhaps nothing, and goes on where it stopped.

use super::filters::Filters;
use muster_shared::{
    model::{
        action::Action,
        issue::{Code, Severity},
    },
    store::{
        StoreError,
        imports::Import,
        lines::{LineFilter, LineSelection, line_filter, with_plan},
        slots,
    },
};
use sqlx::PgConnection;
use std::time::{Duration, Instant};
use strum::{VariantArray, VariantNames};

/// Lines of the first range; one that nothing took time in is followed by a longer one.
const RANGE: i32 = 20_000;
/// How much longer.
const LONGER: i32 = 4;
/// As long as one may be: what comes behind lines that took no time may take much.
const LONGEST: i32 = 16 * RANGE;
/// What a page may take before it ends with what it has.
const TIME_BUDGET: Duration = Duration::from_millis(300);

/// Lines that match.
pub(crate) struct LinePage {
    /// In order.
    pub(crate) lines: Vec<i32>,
    /// The line behind which others may be; `None`: there are no more, or as many as were looked
    /// for were found.
    pub(crate) searched_to: Option<i32>,
}

/// Lines that are looked for among those behind `after`, up to `up_to`.
#[derive(Clone, Copy)]
struct Range {
    after: i32,
    up_to: i32,
    limit: i64,
}

/// Up to `limit` lines of the import after line `after`, in order.
pub(crate) async fn page(
    conn: &mut PgConnection,
    import: &Import,
    filters: &Filters,
    after: i32,
    limit: i64,
) -> Result<LinePage, StoreError> {
    let selection = match selection(import, filters) {
        LineFilter::All => None,
        LineFilter::Selected(selection) => Some(selection),
        LineFilter::Nothing => {
            return Ok(LinePage {
                lines: Vec::new(),
                searched_to: None,
            });
        }
    };
    let begun = Instant::now();
    let end = last_line(&mut *conn, import).await?;
    let mut lines = Vec::new();
    let (mut after, mut length) = (after, RANGE);
    while after < end && (lines.len() as i64) < limit {
        if begun.elapsed() >= TIME_BUDGET {
            return Ok(LinePage {
                lines,
                searched_to: Some(after),
            });
        }
        let up_to = after.saturating_add(length);
        let range = Range {
            after,
            up_to,
            limit: limit - lines.len() as i64,
        };
        let asked = Instant::now();
        lines.extend(in_range(&mut *conn, import, filters, selection.as_ref(), range).await?);
        length = if asked.elapsed() < TIME_BUDGET / 10 {
            length.saturating_mul(LONGER).min(LONGEST)
        } else {
            RANGE
        };
        after = up_to;
    }
    Ok(LinePage {
        lines,
        searched_to: None,
    })
}

/// The last line of the file.
async fn last_line(conn: &mut PgConnection, import: &Import) -> Result<i32, StoreError> {
    let last = sqlx::query_scalar!(
        "SELECT max(line) FROM muster.import_rows WHERE import_no = $1",
        import.lines_of.0
    );
    Ok(last.fetch_one(conn).await?.unwrap_or(0))
}

async fn in_range(
    conn: &mut PgConnection,
    import: &Import,
    filters: &Filters,
    selection: Option<&LineSelection>,
    range: Range,
) -> Result<Vec<i32>, StoreError> {
    let by_issue = filters.code.is_some() || filters.severity.is_some();
    match (&filters.key, selection) {
        (None, _) if by_issue => with_issue(conn, import, filters, selection, range).await,
        (None, Some(selection)) => {
            with_plan(
                conn,
                import.no,
                selection,
                range.after,
                range.up_to,
                range.limit,
            )
            .await
        }
        (key, selection) => in_file(conn, import, key.as_deref(), filters, selection, range).await,
    }
}

fn selection(import: &Import, filters: &Filters) -> LineFilter {
    // The lines of an undo are those that it plans, of all that the undone import has.
    let actions = filters
        .actions
        .as_deref()
        .or(import.undoes.map(|_| Action::VARIANTS));
    line_filter(
        actions,
        filters.outcomes.as_deref(),
        import.applied_at.is_some(),
        |action| import.outcome_of(action),
    )
}

/// By issue: for each code, its index in the order of lines. A severity alone is looked for under
/// the codes that came with it.
async fn with_issue(
    conn: &mut PgConnection,
    import: &Import,
    filters: &Filters,
    selection: Option<&LineSelection>,
    range: Range,
) -> Result<Vec<i32>, StoreError> {
    let codes = match (&filters.code, filters.severity) {
        (Some(code), _) => vec![code.clone()],
        (None, severity) => codes_of(&mut *conn, import, severity).await?,
    };
    Ok(sqlx::query_scalar!(
        r#"SELECT DISTINCT found.line AS "line!"
             FROM unnest($4::text[]) AS looked_for (code)
            CROSS JOIN LATERAL (
               SELECT i.line
                 FROM muster.import_issues i
                 LEFT JOIN muster.results_of($1) r ON r.line = i.line
                WHERE i.import_no = $1 AND i.code = looked_for.code AND i.line > $2 AND i.line <= $8
                  AND ($5::"char" IS NULL OR i.severity = $5)
                  AND ($6::"char"[] IS NULL OR r.action = ANY ($6))
                  AND ($7::text[] IS NULL OR coalesce(r.outcome, 'none') = ANY ($7))
                GROUP BY i.line
                ORDER BY i.line
                LIMIT $3) found
            ORDER BY 1
            LIMIT $3"#,
        import.no.0,
        range.after,
        range.limit,
        &codes,
        filters.severity.map(|severity| severity.letter() as i8),
        selection.map(|selection| &selection.actions[..]),
        selection.and_then(|selection| selection.outcomes.as_deref()),
        range.up_to,
    )
    .fetch_all(conn)
    .await?)
}

/// The codes under which issues of a severity are to be found: once the preview is through its
/// groups say, before that it may be any.
async fn codes_of(
    conn: &mut PgConnection,
    import: &Import,
    severity: Option<Severity>,
) -> Result<Vec<String>, StoreError> {
    if import.ready_at.is_none() {
        return Ok(Code::VARIANTS.iter().map(|&code| code.to_owned()).collect());
    }
    Ok(sqlx::query_scalar!(
        r#"SELECT DISTINCT code
             FROM muster.import_issue_groups
            WHERE import_no = $1 AND ($2::"char" IS NULL OR severity = $2)"#,
        import.no.0,
        severity.map(|severity| severity.letter() as i8),
    )
    .fetch_all(conn)
    .await?)
}

/// All lines; or those of one key, which share its slot and are few.
async fn in_file(
    conn: &mut PgConnection,
    import: &Import,
    key: Option<&str>,
    filters: &Filters,
    selection: Option<&LineSelection>,
    range: Range,
) -> Result<Vec<i32>, StoreError> {
    let key = key.map(|key| import.kind.standard_key(key));
    let slot = match &key {
        Some(key) => Some(slots::of_import(conn, import.lines_of).await?.of_key(key)),
        None => None,
    };
    Ok(sqlx::query_scalar!(
        "SELECT r.line
             FROM muster.import_rows r
             LEFT JOIN muster.results_of($1) p ON p.line = r.line
            WHERE r.import_no = $10 AND r.line > $2 AND r.line <= $11
              AND ($4::smallint IS NULL OR r.slot = $4 AND r.key = $5)
              AND ($6::text IS NULL AND $7::\"char\" IS NULL
                   OR EXISTS (SELECT FROM muster.import_issues i
                               WHERE i.import_no = $1 AND i.line = r.line
                                 AND ($6 IS NULL OR i.code = $6) AND ($7 IS NULL OR i.severity = $7)))
              AND ($8::\"char\"[] IS NULL OR p.action = ANY ($8))
              AND ($9::text[] IS NULL OR coalesce(p.outcome, 'none') = ANY ($9))
            ORDER BY r.line
            LIMIT $3",
        import.no.0,
        range.after,
        range.limit,
        slot,
        key.as_deref(),
        filters.code.as_deref(),
        filters.severity.map(|severity| severity.letter() as i8),
        selection.map(|selection| &selection.actions[..]),
        selection.and_then(|selection| selection.outcomes.as_deref()),
        import.lines_of.0,
        range.up_to,
    )
    .fetch_all(conn)
    .await?)
}
