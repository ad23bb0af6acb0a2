//! Lines of an import by what they would do and what they did, which is stored only where it came
//! out otherwise than planned.

use super::StoreError;
use crate::model::{
    action::{Action, LineResult, Outcome},
    ids::ImportNo,
};
use sqlx::PgConnection;
use strum::VariantArray;

/// What actions and outcomes are selection, as the statements take it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct LineSelection {
    /// Actions.
    pub actions: Vec<i8>,
    /// Outcomes, and [`LineResult::NEVER`]; `None`: whatever became of the lines.
    pub outcomes: Option<Vec<String>>,
    /// Those of the actions of which such an outcome may come without being recorded: looked for in
    /// the order of lines.
    pub planned: Vec<i8>,
}

/// What the filters on actions and outcomes leave.
#[derive(Debug, PartialEq, Eq)]
pub enum LineFilter {
    /// All lines.
    All,
    /// Some.
    Selected(LineSelection),
    /// None, whatever else is asked for.
    Nothing,
}

/// What filters on actions and outcomes leave of an import; `is_applied`: apply was asked for.
/// `outcome_of` an action: what comes out when all goes as planned.
pub fn line_filter(
    actions: Option<&[Action]>,
    outcomes: Option<&[LineResult]>,
    is_applied: bool,
    outcome_of: impl Fn(Action) -> Outcome,
) -> LineFilter {
    // Before apply was asked for, no line was ever tried.
    let outcomes = match outcomes {
        Some(outcomes) if !is_applied && !outcomes.contains(&LineResult(None)) => {
            return LineFilter::Nothing;
        }
        Some(outcomes) if is_applied => Some(outcomes),
        _ => None,
    };
    if actions.is_none() && outcomes.is_none() {
        return LineFilter::All;
    }
    let actions = actions.unwrap_or(Action::VARIANTS);
    let letters = |actions: &[Action]| actions.iter().map(|action| action.letter() as i8).collect();
    let may_come = |action: Action, outcomes: &[LineResult]| {
        let is_never_tried = outcomes.contains(&LineResult(None))
            && !matches!(action, Action::Skip | Action::Reject);
        is_never_tried || outcomes.contains(&LineResult(Some(outcome_of(action))))
    };
    let planned: Vec<Action> = actions
        .iter()
        .copied()
        .filter(|action| outcomes.is_none_or(|outcomes| may_come(*action, outcomes)))
        .collect();
    LineFilter::Selected(LineSelection {
        actions: letters(actions),
        outcomes: outcomes.map(|outcomes| outcomes.iter().map(ToString::to_string).collect()),
        planned: letters(&planned),
    })
}

/// The lines in `after < line <= up_to` of which that became, in an import for which apply was
/// asked; at most `limit`, in order.
pub async fn lines_with_result(
    conn: &mut PgConnection,
    import: ImportNo,
    became: &[LineResult],
    after: i32,
    up_to: i32,
    limit: i64,
) -> Result<Vec<i32>, StoreError> {
    match line_filter(None, Some(became), true, Action::outcome) {
        LineFilter::Selected(selection) => {
            with_plan(conn, import, &selection, after, up_to, limit).await
        }
        LineFilter::All | LineFilter::Nothing => Ok(Vec::new()),
    }
}

/// The lines in `after < line <= up_to` by action and outcome, at most `limit`: for each action,
/// its index in the order of lines.
pub async fn with_plan(
    conn: &mut PgConnection,
    import: ImportNo,
    selection: &LineSelection,
    after: i32,
    up_to: i32,
    limit: i64,
) -> Result<Vec<i32>, StoreError> {
    Ok(sqlx::query_scalar!(
        r#"SELECT line AS "line!" FROM (
              SELECT found.line
                FROM unnest($4::"char"[]) AS planned (action)
               CROSS JOIN LATERAL (
                  SELECT r.line
                    FROM muster.results_of($1) r
                   WHERE r.action = planned.action AND r.line > $2 AND r.line <= $7
                     AND ($5::text[] IS NULL OR coalesce(r.outcome, 'none') = ANY ($5))
                   ORDER BY r.line
                   LIMIT $3) found
               UNION
              (SELECT o.line
                 FROM muster.import_outcomes o
                CROSS JOIN LATERAL (SELECT action FROM muster.results_of($1) r WHERE r.line = o.line) r
                WHERE o.import_no = $1 AND o.line > $2 AND o.line <= $7 AND o.outcome = ANY ($5) AND r.action = ANY ($6::"char"[])
                ORDER BY o.line
                LIMIT $3)) lines
            ORDER BY 1
            LIMIT $3"#,
        import.0,
        after,
        limit,
        &selection.planned,
        selection.outcomes.as_deref(),
        &selection.actions,
        up_to,
    )
    .fetch_all(conn)
    .await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters(selection: &LineFilter) -> String {
        match selection {
            LineFilter::All => "any".to_owned(),
            LineFilter::Nothing => "nothing".to_owned(),
            LineFilter::Selected(selection) => {
                let letters = |actions: &[i8]| {
                    actions
                        .iter()
                        .map(|&action| action as u8 as char)
                        .collect::<String>()
                };
                let outcomes = selection
                    .outcomes
                    .as_ref()
                    .map_or_else(|| "any".to_owned(), |outcomes| outcomes.join(" "));
                format!(
                    "{} of {}, {outcomes}",
                    letters(&selection.planned),
                    letters(&selection.actions)
                )
            }
        }
    }

    #[test]
    fn outcomes_become_actions_and_states() {
        use Action::{Reject, Skip, Update};
        use Outcome::{Held, Rejected, Updated};
        let (held, held_or_never) = (
            [LineResult(Some(Held))],
            [LineResult(Some(Held)), LineResult(None)],
        );
        assert_eq!(
            letters(&line_filter(None, None, true, Action::outcome)),
            "any"
        );
        assert_eq!(
            letters(&line_filter(
                Some(&[Update, Reject]),
                None,
                false,
                Action::outcome
            )),
            "ur of ur, any"
        );
        assert_eq!(
            letters(&line_filter(None, Some(&held), false, Action::outcome)),
            "nothing"
        );
        assert_eq!(
            letters(&line_filter(
                None,
                Some(&held_or_never),
                false,
                Action::outcome
            )),
            "any"
        );
        assert_eq!(
            letters(&line_filter(
                None,
                Some(&[LineResult(Some(Rejected)), LineResult(Some(Held))]),
                true,
                Action::outcome
            )),
            "r of cunsdr, rejected held"
        );
        assert_eq!(
            letters(&line_filter(
                Some(&[Update]),
                Some(&[LineResult(Some(Updated)), LineResult(None)]),
                true,
                Action::outcome
            )),
            "u of u, updated none"
        );
        let in_an_undo = |action: Action| {
            if action == Skip {
                Held
            } else {
                action.outcome()
            }
        };
        assert_eq!(
            letters(&line_filter(None, Some(&held), true, in_an_undo)),
            "s of cunsdr, held"
        );
        assert_eq!(
            letters(&line_filter(
                Some(&[Reject]),
                Some(&[LineResult(None)]),
                true,
                Action::outcome
            )),
            " of r, none"
        );
    }
}
