//! Lines of an import by what they would do and what they did, which is stored only where it came out otherwise than planned.

use super::StoreError;
use crate::model::{
    ids::ImportNo,
    plan::{Action, Became, Outcome},
};
use sqlx::PgConnection;
use strum::VariantArray;

/// What actions and outcomes are wanted, as the statements take it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Actions; the states have the same positions.
    pub actions: Vec<i8>,
    /// Whether the batch must be `done`, must not (`open`), or may be either (`any`).
    pub states: Vec<String>,
    /// Outcomes that came out otherwise than planned, of lines with the actions in `of`.
    pub otherwise: Vec<String>,
    /// Actions, in no order.
    pub of: Vec<i8>,
}

/// What the filters on actions and outcomes leave.
#[derive(Debug, PartialEq, Eq)]
pub enum Tried {
    /// All lines.
    Any,
    /// Some.
    These(Wanted),
    /// None, whatever else is asked for.
    Nothing,
}

impl Wanted {
    fn push(&mut self, action: Action, state: &str) {
        self.actions.push(action.letter() as i8);
        self.states.push(state.to_owned());
    }
}

/// What filters on actions and outcomes leave of an import; `is_applied`: apply was asked for. `outcome_of` an action: what comes out
/// when all goes as planned.
pub fn which(actions: Option<&[Action]>, outcomes: Option<&[Became]>, is_applied: bool, outcome_of: impl Fn(Action) -> Outcome) -> Tried {
    // Before apply was asked for, no line was ever tried.
    let outcomes = match outcomes {
        Some(outcomes) if !is_applied && !outcomes.contains(&Became(None)) => return Tried::Nothing,
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
        if outcomes.contains(&Became(Some(outcome_of(action)))) {
            wanted.push(action, "done");
        }
        if outcomes.contains(&Became(None)) && !matches!(action, Action::Skip | Action::Reject) {
            wanted.push(action, "open");
        }
    }
    wanted.otherwise = outcomes.into_iter().flatten().filter_map(|became| became.0).map(|outcome| outcome.to_string()).collect();
    Tried::These(wanted)
}

/// How many lines apply has not come to, in an import for which it was asked.
pub async fn never_tried(conn: &mut PgConnection, import: ImportNo) -> Result<i64, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"SELECT coalesce(sum(lines), 0) AS "lines!"
             FROM muster.import_batches
            WHERE import_no = $1 AND stage = 'apply' AND step = 'main' AND state <> 'done'"#,
        import.0,
    )
    .fetch_one(conn)
    .await?)
}

/// The lines in `after < line <= up_to` of which that became, in an import for which apply was asked; at most `limit`, in order.
pub async fn that_became(
    conn: &mut PgConnection,
    import: ImportNo,
    became: &[Became],
    after: i32,
    up_to: i32,
    limit: i64,
) -> Result<Vec<i32>, StoreError> {
    match which(None, Some(became), true, Action::outcome) {
        Tried::These(wanted) => with_plan(conn, import, &wanted, after, up_to, limit).await,
        Tried::Any | Tried::Nothing => Ok(Vec::new()),
    }
}

/// The lines in `after < line <= up_to` by action and outcome, at most `limit`: for each action, its index in the order of lines.
pub async fn with_plan(
    conn: &mut PgConnection,
    import: ImportNo,
    wanted: &Wanted,
    after: i32,
    up_to: i32,
    limit: i64,
) -> Result<Vec<i32>, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"WITH done AS MATERIALIZED (
              SELECT coalesce(range_agg(int8range(low, high)) FILTER (WHERE state = 'done'), '{}') AS subjects,
                     coalesce(bool_and(state = 'done'), true) AS are_all
                FROM muster.import_batches
               WHERE import_no = $1 AND stage = 'apply' AND step = 'main')
           SELECT line AS "line!" FROM (
              SELECT found.line
                FROM unnest($4::"char"[], $5::text[]) AS wanted (action, state)
               CROSS JOIN done
               CROSS JOIN LATERAL (
                  SELECT p.line
                    FROM muster.import_plans p
                   WHERE p.import_no = $1 AND p.action = wanted.action AND p.line > $2 AND p.line <= $8
                     AND (wanted.state <> 'open' OR NOT done.are_all)
                     AND (wanted.state = 'any'
                          OR coalesce(done.subjects @> p.subject, true) = (wanted.state = 'done')
                         AND NOT EXISTS (SELECT FROM muster.import_outcomes o WHERE o.import_no = $1 AND o.line = p.line))
                   ORDER BY p.line
                   LIMIT $3) found
               UNION ALL
              (SELECT o.line
                 FROM muster.import_outcomes o
                 JOIN muster.import_plans p ON p.import_no = $1 AND p.line = o.line
                WHERE o.import_no = $1 AND o.line > $2 AND o.line <= $8 AND o.outcome = ANY ($6) AND p.action = ANY ($7::"char"[])
                ORDER BY o.line
                LIMIT $3)) lines
            ORDER BY 1
            LIMIT $3"#,
        import.0,
        after,
        limit,
        &wanted.actions,
        &wanted.states,
        &wanted.otherwise,
        &wanted.of,
        up_to,
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
        let (held, held_or_never) = ([Became(Some(Held))], [Became(Some(Held)), Became(None)]);
        assert_eq!(letters(&which(None, None, true, Action::outcome)), "any");
        assert_eq!(letters(&which(Some(&[Update, Reject]), None, false, Action::outcome)), "u any, r any | ");
        assert_eq!(letters(&which(None, Some(&held), false, Action::outcome)), "nothing");
        assert_eq!(letters(&which(None, Some(&held_or_never), false, Action::outcome)), "any");
        assert_eq!(
            letters(&which(None, Some(&[Became(Some(Rejected)), Became(Some(Held))]), true, Action::outcome)),
            "r done | rejected, held"
        );
        assert_eq!(
            letters(&which(Some(&[Update]), Some(&[Became(Some(Updated)), Became(None)]), true, Action::outcome)),
            "u done, u open | updated"
        );
        let in_an_undo = |action: Action| if action == Skip { Held } else { action.outcome() };
        assert_eq!(letters(&which(None, Some(&held), true, in_an_undo)), "s done | held");
        assert_eq!(letters(&which(Some(&[Reject]), Some(&[Became(None)]), true, Action::outcome)), " | ");
    }
}
