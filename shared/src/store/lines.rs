//! Lines of an import by what they would do and what they did, which is stored only where it came
//! out otherwise than planned.

use super::StoreError;
use crate::model::{
    action::{Action, Became, Outcome},
    ids::ImportNo,
};
use sqlx::PgConnection;
use strum::VariantArray;

/// What actions and outcomes are wanted, as the statements take it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Actions.
    pub actions: Vec<i8>,
    /// Outcomes, and [`Became::NEVER`]; `None`: whatever became of the lines.
    pub outcomes: Option<Vec<String>>,
    /// Those of the actions of which such an outcome may come without being recorded: looked for in
    /// the order of lines.
    pub planned: Vec<i8>,
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

/// What filters on actions and outcomes leave of an import; `is_applied`: apply was asked for.
/// `outcome_of` an action: what comes out when all goes as planned.
pub fn which(
    actions: Option<&[Action]>,
    outcomes: Option<&[Became]>,
    is_applied: bool,
    outcome_of: impl Fn(Action) -> Outcome,
) -> Tried {
    // Before apply was asked for, no line was ever tried.
    let outcomes = match outcomes {
        Some(outcomes) if !is_applied && !outcomes.contains(&Became(None)) => {
            return Tried::Nothing;
        }
        Some(outcomes) if is_applied => Some(outcomes),
        _ => None,
    };
    if actions.is_none() && outcomes.is_none() {
        return Tried::Any;
    }
    let actions = actions.unwrap_or(Action::VARIANTS);
    let letters = |actions: &[Action]| actions.iter().map(|action| action.letter() as i8).collect();
    let may_come = |action: Action, outcomes: &[Became]| {
        let is_never_tried =
            outcomes.contains(&Became(None)) && !matches!(action, Action::Skip | Action::Reject);
        is_never_tried || outcomes.contains(&Became(Some(outcome_of(action))))
    };
    let planned: Vec<Action> = actions
        .iter()
        .copied()
        .filter(|action| outcomes.is_none_or(|outcomes| may_come(*action, outcomes)))
        .collect();
    Tried::These(Wanted {
        actions: letters(actions),
        outcomes: outcomes.map(|outcomes| outcomes.iter().map(ToString::to_string).collect()),
        planned: letters(&planned),
    })
}

/// The lines in `after < line <= up_to` of which that became, in an import for which apply was
/// asked; at most `limit`, in order.
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

/// The lines in `after < line <= up_to` by action and outcome, at most `limit`: for each action,
/// its index in the order of lines.
pub async fn with_plan(
    conn: &mut PgConnection,
    import: ImportNo,
    wanted: &Wanted,
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
        &wanted.planned,
        wanted.outcomes.as_deref(),
        &wanted.actions,
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
                let letters = |actions: &[i8]| {
                    actions
                        .iter()
                        .map(|&action| action as u8 as char)
                        .collect::<String>()
                };
                let outcomes = wanted
                    .outcomes
                    .as_ref()
                    .map_or_else(|| "any".to_owned(), |outcomes| outcomes.join(" "));
                format!(
                    "{} of {}, {outcomes}",
                    letters(&wanted.planned),
                    letters(&wanted.actions)
                )
            }
        }
    }

    #[test]
    fn outcomes_become_actions_and_states() {
        use Action::{Reject, Skip, Update};
        use Outcome::{Held, Rejected, Updated};
        let (held, held_or_never) = ([Became(Some(Held))], [Became(Some(Held)), Became(None)]);
        assert_eq!(letters(&which(None, None, true, Action::outcome)), "any");
        assert_eq!(
            letters(&which(
                Some(&[Update, Reject]),
                None,
                false,
                Action::outcome
            )),
            "ur of ur, any"
        );
        assert_eq!(
            letters(&which(None, Some(&held), false, Action::outcome)),
            "nothing"
        );
        assert_eq!(
            letters(&which(None, Some(&held_or_never), false, Action::outcome)),
            "any"
        );
        assert_eq!(
            letters(&which(
                None,
                Some(&[Became(Some(Rejected)), Became(Some(Held))]),
                true,
                Action::outcome
            )),
            "r of cunsdr, rejected held"
        );
        assert_eq!(
            letters(&which(
                Some(&[Update]),
                Some(&[Became(Some(Updated)), Became(None)]),
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
            letters(&which(None, Some(&held), true, in_an_undo)),
            "s of cunsdr, held"
        );
        assert_eq!(
            letters(&which(
                Some(&[Reject]),
                Some(&[Became(None)]),
                true,
                Action::outcome
            )),
            " of r, none"
        );
    }
}
