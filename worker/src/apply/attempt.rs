//! One attempt at a batch, in one transaction: all of it is done, or nothing.

use super::{
    guard,
    outcomes::{self, Differing},
};
use crate::{
    batch::{
        claim::Claim,
        parts::{Part, cut},
    },
    error::StageError,
    kinds::{
        importer::Importer,
        turn::{SubjectRange, Turn},
    },
    process::crash,
};
use muster_shared::{
    model::{
        batch::Step,
        budget::{Budget, Load},
        tally::{Effects, Tally},
    },
    plan::{Deed, PlanSummary},
    store::{
        batches::Batch,
        imports::{self, Import},
        plans,
    },
};

use sqlx::PgConnection;
use std::collections::BTreeMap;

/// A batch of a single subject that the database refuses.
#[derive(Debug, Clone, Copy)]
pub(super) struct Failing<'a> {
    /// The turn that fails; the ones before it stand.
    pub(super) turn: i16,
    pub(super) error: &'a sqlx::Error,
}

/// How a batch came out.
pub(super) enum Ended {
    /// It is done.
    Done,
    /// It is more than one transaction may do, but each of these parts is not; nothing was done.
    TooMuch(Vec<Part>),
    /// The database refused the data in this turn; nothing was done.
    Refused { turn: i16, error: sqlx::Error },
}

/// Why the plans of a batch were not executed.
enum Stopped {
    TooMuch(Vec<Part>),
    /// In that turn.
    Error(i16, StageError),
}

impl From<StageError> for Stopped {
    /// Before the first turn.
    fn from(error: StageError) -> Self {
        Self::Error(1, error)
    }
}

/// Executes one batch. With `failing` the lines of that turn are recorded as failed, and those
/// after it as held.
pub(super) async fn run(
    import: &Import,
    claim: &Claim,
    importer: &mut dyn Importer,
    failing: Option<Failing<'_>>,
) -> Result<Ended, StageError> {
    let mut work = claim.begin().await?;
    let batch = claim.batch();
    let (tally, effects) = match batch.step {
        Step::Before => {
            allow_long_statements(&mut work).await?;
            let source = imports::origin(&mut work, import).await?;
            (
                Tally::default(),
                importer
                    .make_prerequisites(&mut work, import.no, source)
                    .await?,
            )
        }
        Step::Main => match execute(&mut work, import, batch, importer, failing).await {
            Ok(done) => done,
            Err(Stopped::TooMuch(parts)) => return Ok(Ended::TooMuch(parts)),
            Err(Stopped::Error(turn, StageError::Data(error))) => {
                return Ok(Ended::Refused { turn, error });
            }
            Err(Stopped::Error(_, other)) => return Err(other),
        },
        Step::After => {
            allow_long_statements(&mut work).await?;
            (
                Tally::default(),
                importer.remove_prerequisites(&mut work, import.no).await?,
            )
        }
    };
    crash::point(batch.stage, "executed");
    work.finish(&tally, &effects).await?;
    crash::point(batch.stage, "finished");
    match work.commit().await {
        Err(StageError::Data(error)) => Ok(Ended::Refused { turn: 1, error }),
        Err(other) => Err(other),
        Ok(()) => {
            crash::point(batch.stage, "committed");
            Ok(Ended::Done)
        }
    }
}

/// Executes the plans of a batch: the first lines of all subjects, then the second ones, and so on.
async fn execute(
    conn: &mut PgConnection,
    import: &Import,
    batch: &Batch,
    importer: &mut dyn Importer,
    failing: Option<Failing<'_>>,
) -> Result<(Tally, Effects), Stopped> {
    let source = imports::origin(&mut *conn, import)
        .await
        .map_err(StageError::from)?;
    let range = SubjectRange {
        import_no: import.no,
        site: import.site_id,
        undoes: import.undoes,
        source,
        low: batch.low,
        high: batch.high,
    };
    let plans = plans::summaries(conn, range.import_no, range.low, range.high)
        .await
        .map_err(StageError::from)?;
    let parts = parts(&plans, batch);
    if parts.len() > 1 {
        return Err(Stopped::TooMuch(parts));
    }
    let mut held = guard::check(conn, range, &plans, importer).await?;
    let mut effects = Effects::default();
    plan_once(conn).await?;
    let turns = turns(&plans);
    for (&number, of_turn) in &turns {
        if failing.is_some_and(|failing| number >= failing.turn) {
            break;
        }
        let of_turn: Vec<&PlanSummary> = of_turn
            .iter()
            .copied()
            .filter(|plan| !held.holds(plan.subject))
            .collect();
        let lines: Vec<i32> = of_turn.iter().map(|plan| plan.line).collect();
        // Found by blocks of subjects, all plans of a batch cost less than by their lines; but each
        // turn would go over those of all others.
        let is_all = turns.len() == 1 && held.is_empty();
        let turn = Turn {
            range,
            plans: &of_turn,
            lines: (!is_all).then_some(&lines),
        };
        let executed = importer
            .execute(conn, turn)
            .await
            .map_err(|error| Stopped::Error(number, error))?;
        effects += executed.effects;
        held.add(&executed.held, outcomes::TAKEN);
    }
    let mut differing = Differing::default();
    differing.hold(&plans, &held);
    if let Some(failing) = failing {
        differing.fail(&plans, failing);
    }
    let outcomes = differing.count(&plans);
    differing.record(conn, import.no).await?;
    Ok((
        Tally {
            outcomes: Some(outcomes),
            ..Tally::default()
        },
        effects,
    ))
}

/// The parts into which a batch must be taken so that each can be done in one transaction: one, if
/// it can be itself.
fn parts(plans: &[PlanSummary], batch: &Batch) -> Vec<Part> {
    let of_subject = |plans: &[PlanSummary]| {
        let mut load = Load::default();
        for plan in plans {
            load += Load::of_line(0, plan.memberships.len() as u64);
        }
        (plans[0].subject, load)
    };
    let subjects: Vec<_> = plans
        .chunk_by(|one, next| one.subject == next.subject)
        .map(of_subject)
        .collect();
    cut(&subjects, batch.low, batch.high, Budget::TRANSACTION)
}

/// What many subjects share is made, or taken away, while nothing else of the import is done.
async fn allow_long_statements(conn: &mut PgConnection) -> Result<(), StageError> {
    sqlx::query!("SET LOCAL statement_timeout = '10min'")
        .execute(conn)
        .await?;
    Ok(())
}

/// Statements that write keep their plans: those that check foreign keys are planned like all
/// others, and planning one takes four times as long as executing it, for every row.
async fn plan_once(conn: &mut PgConnection) -> Result<(), StageError> {
    sqlx::query!("SET LOCAL plan_cache_mode = 'auto'")
        .execute(conn)
        .await?;
    Ok(())
}

/// The plans that do something, by turn.
fn turns(plans: &[PlanSummary]) -> BTreeMap<i16, Vec<&PlanSummary>> {
    let mut turns: BTreeMap<i16, Vec<&PlanSummary>> = BTreeMap::new();
    for plan in plans.iter().filter(|plan| plan.deed != Deed::Keep) {
        turns.entry(plan.seq).or_default().push(plan);
    }
    turns
}
