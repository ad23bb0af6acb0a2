//! The lines that match, in pages. Each filter has an index that leads to them in the order of lines, and the most telling one is
//! followed; none of these statements may go over lines that are behind the page or sort those ahead of it.

use super::filters::Filters;
use muster_shared::{
    model::{
        issue::{Code, Severity},
        plan::Action,
    },
    store::{
        StoreError,
        imports::Import,
        lines::{Tried, Wanted, which, with_plan},
        slots,
    },
};
use sqlx::PgConnection;
use strum::{VariantArray, VariantNames};

/// Up to `limit` lines of the import after line `after`, in order.
pub(crate) async fn page(
    conn: &mut PgConnection,
    import: &Import,
    filters: &Filters,
    after: i32,
    limit: i64,
) -> Result<Vec<i32>, StoreError> {
    let wanted = match wanted(import, filters) {
        Tried::Any => None,
        Tried::These(wanted) => Some(wanted),
        Tried::Nothing => return Ok(Vec::new()),
    };
    let by_issue = filters.code.is_some() || filters.severity.is_some();
    match (&filters.key, &wanted) {
        (None, _) if by_issue => with_issue(conn, import, filters, wanted.as_ref(), after, limit).await,
        (None, Some(wanted)) => with_plan(conn, import.no, wanted, after, i32::MAX, limit).await,
        (key, wanted) => in_file(conn, import, key.as_deref(), filters, wanted.as_ref(), after, limit).await,
    }
}

fn wanted(import: &Import, filters: &Filters) -> Tried {
    // The lines of an undo are those that it plans, of all that the undone import has.
    let actions = filters.actions.as_deref().or(import.undoes.map(|_| Action::VARIANTS));
    which(actions, filters.outcomes.as_deref(), import.applied_at.is_some(), |action| import.outcome_of(action))
}

/// By issue: for each code, its index in the order of lines. A severity alone is looked for under the codes that came with it.
async fn with_issue(
    conn: &mut PgConnection,
    import: &Import,
    filters: &Filters,
    wanted: Option<&Wanted>,
    after: i32,
    limit: i64,
) -> Result<Vec<i32>, StoreError> {
    let codes = match (&filters.code, filters.severity) {
        (Some(code), _) => vec![code.clone()],
        (None, severity) => codes_of(&mut *conn, import, severity).await?,
    };
    Ok(sqlx::query_scalar!(
        r#"WITH done AS MATERIALIZED (
              SELECT coalesce(range_agg(int8range(low, high)), '{}') AS subjects
                FROM muster.import_batches
               WHERE import_no = $1 AND stage = 'apply' AND number > 0 AND state = 'done')
           SELECT DISTINCT found.line AS "line!"
             FROM unnest($4::text[]) AS looked_for (code)
            CROSS JOIN done
            CROSS JOIN LATERAL (
               SELECT i.line
                 FROM muster.import_issues i
                 LEFT JOIN muster.import_plans p ON p.import_no = $1 AND p.line = i.line
                 LEFT JOIN muster.import_outcomes o ON o.import_no = $1 AND o.line = i.line
                WHERE i.import_no = $1 AND i.code = looked_for.code AND i.line > $2
                  AND ($5::"char" IS NULL OR i.severity = $5)
                  AND ($6::"char"[] IS NULL
                       OR EXISTS (SELECT FROM unnest($6, $7::text[]) AS wanted (action, state)
                                   WHERE wanted.action = p.action
                                     AND (wanted.state = 'any'
                                          OR o.line IS NULL AND coalesce(done.subjects @> p.subject, true) = (wanted.state = 'done')))
                       OR o.outcome = ANY ($8) AND p.action = ANY ($9::"char"[]))
                GROUP BY i.line
                ORDER BY i.line
                LIMIT $3) found
            ORDER BY 1
            LIMIT $3"#,
        import.no.0,
        after,
        limit,
        &codes,
        filters.severity.map(|severity| severity.letter() as i8),
        wanted.map(|wanted| &wanted.actions[..]),
        wanted.map(|wanted| &wanted.states[..]),
        wanted.map(|wanted| &wanted.otherwise[..]),
        wanted.map(|wanted| &wanted.of[..]),
    )
    .fetch_all(conn)
    .await?)
}

/// The codes under which issues of a severity are to be found: once the preview is through its groups say, before that it may be any.
async fn codes_of(conn: &mut PgConnection, import: &Import, severity: Option<Severity>) -> Result<Vec<String>, StoreError> {
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
    wanted: Option<&Wanted>,
    after: i32,
    limit: i64,
) -> Result<Vec<i32>, StoreError> {
    let key = key.map(|key| import.kind.standard_key(key));
    let slot = match &key {
        Some(key) => Some(slots::of_import(conn, import.lines_of).await?.of_key(key)),
        None => None,
    };
    Ok(sqlx::query_scalar!(
        r#"WITH done AS MATERIALIZED (
              SELECT coalesce(range_agg(int8range(low, high)), '{}') AS subjects
                FROM muster.import_batches
               WHERE import_no = $1 AND stage = 'apply' AND number > 0 AND state = 'done')
           SELECT r.line
             FROM muster.import_rows r
            CROSS JOIN done
             LEFT JOIN muster.import_plans p ON p.import_no = $1 AND p.line = r.line
             LEFT JOIN muster.import_outcomes o ON o.import_no = $1 AND o.line = r.line
            WHERE r.import_no = $12 AND r.line > $2
              AND ($4::smallint IS NULL OR r.slot = $4 AND r.key = $5)
              AND ($6::text IS NULL AND $7::"char" IS NULL
                   OR EXISTS (SELECT FROM muster.import_issues i
                               WHERE i.import_no = $1 AND i.line = r.line
                                 AND ($6 IS NULL OR i.code = $6) AND ($7 IS NULL OR i.severity = $7)))
              AND ($8::"char"[] IS NULL
                   OR EXISTS (SELECT FROM unnest($8, $9::text[]) AS wanted (action, state)
                               WHERE wanted.action = p.action
                                 AND (wanted.state = 'any'
                                      OR o.line IS NULL AND coalesce(done.subjects @> p.subject, true) = (wanted.state = 'done')))
                   OR o.outcome = ANY ($10) AND p.action = ANY ($11::"char"[]))
            ORDER BY r.line
            LIMIT $3"#,
        import.no.0,
        after,
        limit,
        slot,
        key.as_deref(),
        filters.code.as_deref(),
        filters.severity.map(|severity| severity.letter() as i8),
        wanted.map(|wanted| &wanted.actions[..]),
        wanted.map(|wanted| &wanted.states[..]),
        wanted.map(|wanted| &wanted.otherwise[..]),
        wanted.map(|wanted| &wanted.of[..]),
        import.lines_of.0,
    )
    .fetch_all(conn)
    .await?)
}
