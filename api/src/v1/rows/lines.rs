//! The lines that match, in pages. Each filter has an index that leads to them in the order of lines, and the most telling one is
//! followed; none of these statements may go over lines that are behind the page or sort those ahead of it.

use super::filters::Filters;
use muster_shared::{
    model::{
        issue::{Code, Severity},
        plan::{Action, Outcome},
        slot,
    },
    store::{StoreError, imports::Import},
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
        (None, Some(wanted)) => with_plan(conn, import, wanted, after, limit).await,
        (key, wanted) => in_file(conn, import, key.as_deref(), filters, wanted.as_ref(), after, limit).await,
    }
}

/// What actions and outcomes are wanted, as the statements take it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Wanted {
    /// Actions, each with whether its batch must be done, must not, or may be either.
    actions: Vec<i8>,
    states: Vec<String>,
    /// Outcomes that came out otherwise than planned, of lines with these actions.
    otherwise: Vec<String>,
    of: Vec<i8>,
}

/// What the filters on actions and outcomes leave.
#[derive(Debug, PartialEq, Eq)]
enum Tried {
    Any,
    These(Wanted),
    Nothing,
}

impl Wanted {
    fn push(&mut self, action: Action, state: &str) {
        self.actions.push(action.letter() as i8);
        self.states.push(state.to_owned());
    }
}

fn wanted(import: &Import, filters: &Filters) -> Tried {
    // The lines of an undo are those that it plans, of all that the undone import has.
    let actions = filters.actions.as_deref().or(import.undoes.map(|_| Action::VARIANTS));
    which(actions, filters.outcomes.as_deref(), import.applied_at.is_some(), |action| import.outcome_of(action))
}

fn which(
    actions: Option<&[Action]>,
    outcomes: Option<&[Option<Outcome>]>,
    is_applied: bool,
    outcome_of: impl Fn(Action) -> Outcome,
) -> Tried {
    // Before apply was asked for, no line was ever tried.
    let outcomes = match outcomes {
        Some(outcomes) if !is_applied && !outcomes.contains(&None) => return Tried::Nothing,
        Some(outcomes) if is_applied => Some(outcomes),
        _ => None,
    };
    if actions.is_none() && outcomes.is_none() {
        return Tried::Any;
    }
    let mut wanted = Wanted::default();
    for &action in actions.unwrap_or(Action::VARIANTS) {
        wanted.of.push(action.letter() as i8);
        let Some(outcomes) = outcomes else {
            wanted.push(action, "any");
            continue;
        };
        if outcomes.contains(&Some(outcome_of(action))) {
            wanted.push(action, "done");
        }
        if outcomes.contains(&None) && !matches!(action, Action::Skip | Action::Reject) {
            wanted.push(action, "open");
        }
    }
    wanted.otherwise = outcomes.into_iter().flatten().flatten().map(ToString::to_string).collect();
    Tried::These(wanted)
}

/// By action: for each, its index in the order of lines.
async fn with_plan(conn: &mut PgConnection, import: &Import, wanted: &Wanted, after: i32, limit: i64) -> Result<Vec<i32>, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"WITH done AS MATERIALIZED (
              SELECT coalesce(range_agg(int8range(low, high)), '{}') AS subjects
                FROM muster.import_batches
               WHERE import_no = $1 AND stage = 'apply' AND number > 0 AND state = 'done')
           SELECT line AS "line!" FROM (
              SELECT found.line
                FROM unnest($4::"char"[], $5::text[]) AS wanted (action, state)
               CROSS JOIN done
               CROSS JOIN LATERAL (
                  SELECT p.line
                    FROM muster.import_plans p
                   WHERE p.import_no = $1 AND p.action = wanted.action AND p.line > $2
                     AND (wanted.state = 'any'
                          OR coalesce(done.subjects @> p.subject, true) = (wanted.state = 'done')
                         AND NOT EXISTS (SELECT FROM muster.import_outcomes o WHERE o.import_no = $1 AND o.line = p.line))
                   ORDER BY p.line
                   LIMIT $3) found
               UNION ALL
              (SELECT o.line
                 FROM muster.import_outcomes o
                 JOIN muster.import_plans p ON p.import_no = $1 AND p.line = o.line
                WHERE o.import_no = $1 AND o.line > $2 AND o.outcome = ANY ($6) AND p.action = ANY ($7::"char"[])
                ORDER BY o.line
                LIMIT $3)) lines
            ORDER BY 1
            LIMIT $3"#,
        import.no.0,
        after,
        limit,
        &wanted.actions,
        &wanted.states,
        &wanted.otherwise,
        &wanted.of,
    )
    .fetch_all(conn)
    .await?)
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
        key.as_deref().map(slot::of_key),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn letters(wanted: &Tried) -> String {
        match wanted {
            Tried::Any => "any".to_owned(),
            Tried::Nothing => "nothing".to_owned(),
            Tried::These(wanted) => {
                let pairs = wanted.actions.iter().zip(&wanted.states).map(|(&action, state)| format!("{} {state}", action as u8 as char));
                format!("{} | {}", pairs.collect::<Vec<_>>().join(", "), wanted.otherwise.join(", "))
            }
        }
    }

    #[test]
    fn outcomes_become_actions_and_states() {
        use Action::{Reject, Skip, Update};
        use Outcome::{Held, Rejected, Updated};
        let (held, held_or_never) = ([Some(Held)], [Some(Held), None]);
        assert_eq!(letters(&which(None, None, true, Action::outcome)), "any");
        assert_eq!(letters(&which(Some(&[Update, Reject]), None, false, Action::outcome)), "u any, r any | ");
        assert_eq!(letters(&which(None, Some(&held), false, Action::outcome)), "nothing");
        assert_eq!(letters(&which(None, Some(&held_or_never), false, Action::outcome)), "any");
        assert_eq!(letters(&which(None, Some(&[Some(Rejected), Some(Held)]), true, Action::outcome)), "r done | rejected, held");
        assert_eq!(letters(&which(Some(&[Update]), Some(&[Some(Updated), None]), true, Action::outcome)), "u done, u open | updated");
        let in_an_undo = |action: Action| if action == Skip { Held } else { action.outcome() };
        assert_eq!(letters(&which(None, Some(&held), true, in_an_undo)), "s done | held");
        assert_eq!(letters(&which(Some(&[Reject]), Some(&[None]), true, Action::outcome)), " | ");
    }
}
