//! What came out: recorded by line only where it is otherwise than planned, counted for all.

use super::{Failing, guard::Held};
use crate::error::{StageError, kind_of};
use muster_shared::{
    model::{action::Outcome, ids::ImportNo, issue::Code, tally::Outcomes},
    plan::PlanSummary,
};
use sqlx::PgConnection;
use std::collections::BTreeMap;

/// Why subjects are held that changed.
pub(super) const CHANGED: &str =
    "It was changed since the preview, so it was not touched. Preview the line again.";
/// Why subjects are held whose plans name what is gone.
pub(super) const GONE: &str = "What the line names, such as a segment or a course, is gone since the preview, so nothing was done. Preview the line again.";
/// Why subjects are held whose plans name a segment that a rule fills by now.
pub(super) const MANAGED: &str = "The members of a segment that the line names are chosen by a rule since the preview, so nothing was done. Take it out of the line.";
/// Why subjects are held that would get what somebody else has by now.
pub(super) const TAKEN: &str = "Its name or e-mail address was taken by somebody else since the preview, so it was not touched. Preview the line again.";
const HELD_AFTER_FAILURE: &str =
    "An earlier line about the same one failed, so this one was not tried.";

/// What racing writers take from each other: no defect of the line.
const TAKEN_MEANWHILE: &[&str] = &["users_username", "users_email"];

/// What came out otherwise than planned, by line.
#[derive(Default)]
pub(super) struct Differing(BTreeMap<i32, (Outcome, Code, String)>);

impl Differing {
    /// All lines of some subjects are held, and why.
    pub(super) fn hold(&mut self, plans: &[PlanSummary], held: &Held) {
        for plan in plans {
            if let Some(why) = held.reason(plan.subject) {
                self.0.insert(
                    plan.line,
                    (Outcome::Held, Code::TargetChanged, why.to_owned()),
                );
            }
        }
    }

    /// The line of a turn fails, and the later ones of its subject are held.
    pub(super) fn fail(&mut self, plans: &[PlanSummary], failing: Failing<'_>) {
        let constraint = failing
            .error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::constraint)
            .unwrap_or_default();
        let (outcome, code, message) = if TAKEN_MEANWHILE.contains(&constraint) {
            (Outcome::Held, Code::TargetChanged, TAKEN.to_owned())
        } else {
            (
                Outcome::Failed,
                Code::NotApplied,
                format!(
                    "The database refused the line ({}).",
                    kind_of(failing.error)
                ),
            )
        };
        for plan in plans.iter().filter(|plan| plan.seq >= failing.turn) {
            let came = if plan.seq == failing.turn {
                (outcome, code, message.clone())
            } else {
                (Outcome::Held, code, HELD_AFTER_FAILURE.to_owned())
            };
            self.0.entry(plan.line).or_insert(came);
        }
    }

    /// Counts the lines by what came out.
    pub(super) fn count(&self, plans: &[PlanSummary]) -> Outcomes {
        let mut outcomes = Outcomes::default();
        for plan in plans {
            outcomes.add(
                self.0
                    .get(&plan.line)
                    .map_or(plan.deed.action().outcome(), |(outcome, ..)| *outcome),
                1,
            );
        }
        outcomes
    }

    /// Writes it down.
    pub(super) async fn record(
        self,
        conn: &mut PgConnection,
        import: ImportNo,
    ) -> Result<(), StageError> {
        if self.0.is_empty() {
            return Ok(());
        }
        let (mut lines, mut outcomes, mut codes, mut messages) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (line, (outcome, code, message)) in self.0 {
            lines.push(line);
            outcomes.push(outcome.name().to_owned());
            codes.push(<&str>::from(code).to_owned());
            messages.push(message);
        }
        sqlx::query!(
            "INSERT INTO muster.import_outcomes (import_no, line, outcome, code, message)
             SELECT $1, * FROM unnest($2::integer[], $3::text[], $4::text[], $5::text[])",
            import.0,
            &lines,
            &outcomes,
            &codes,
            &messages,
        )
        .execute(conn)
        .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_shared::plan::Deed;

    fn plan(line: i32, subject: i64, seq: i16, deed: Deed) -> PlanSummary {
        PlanSummary {
            line,
            subject,
            target: subject,
            seq,
            deed,
            version: Some(1),
            mask: 0,
            memberships: Vec::new(),
        }
    }

    /// Lines 2 to 4 are about 5, line 5 about 6.
    fn plans() -> Vec<PlanSummary> {
        vec![
            plan(2, 5, 1, Deed::Create),
            plan(3, 5, 2, Deed::Update),
            plan(4, 5, 3, Deed::Keep),
            plan(5, 6, 1, Deed::Delete),
        ]
    }

    /// What each line came to that is recorded, and the counts that are not 0.
    fn told(differing: &Differing) -> (Vec<String>, String) {
        let line = |(line, (outcome, code, _)): (&i32, &(Outcome, Code, String))| {
            format!("{line} {outcome} {code}")
        };
        let counts = serde_json::to_value(differing.count(&plans())).expect("counts");
        let counts = counts.as_object().expect("an object").iter();
        let counts = counts
            .filter(|(_, count)| count.as_i64() != Some(0))
            .map(|(outcome, count)| format!("{outcome} {count}"));
        (
            differing.0.iter().map(line).collect(),
            counts.collect::<Vec<_>>().join(", "),
        )
    }

    #[test]
    fn what_went_as_planned_is_only_counted() {
        let (lines, counts) = told(&Differing::default());
        assert_eq!(lines, [""; 0]);
        assert_eq!(counts, "created 1, deleted 1, unchanged 1, updated 1");
    }

    #[test]
    fn all_lines_of_a_subject_are_held_together() {
        let (mut differing, mut held) = (Differing::default(), Held::default());
        held.add(&[5], CHANGED);
        held.add(&[5], GONE);
        differing.hold(&plans(), &held);
        let (lines, counts) = told(&differing);
        let expected = [
            "2 held target-changed",
            "3 held target-changed",
            "4 held target-changed",
        ];
        assert_eq!(lines, expected);
        assert_eq!(counts, "deleted 1, held 3");
        assert!(
            differing.0.values().all(|(.., why)| why == CHANGED),
            "the first reason is kept"
        );
    }

    #[test]
    fn of_a_line_that_fails_the_later_ones_are_not_tried() {
        let mut differing = Differing::default();
        let error = sqlx::Error::RowNotFound;
        let of_5: Vec<_> = plans()
            .into_iter()
            .filter(|plan| plan.subject == 5)
            .collect();
        differing.fail(
            &of_5,
            Failing {
                turn: 2,
                error: &error,
            },
        );
        let (lines, counts) = told(&differing);
        assert_eq!(lines, ["3 failed not-applied", "4 held not-applied"]);
        assert_eq!(counts, "created 1, deleted 1, failed 1, held 1");
    }
}
