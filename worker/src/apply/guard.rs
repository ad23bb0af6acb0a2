//! The guard: are the subjects of a range still as their plans found them?

use super::outcomes::{CHANGED, GONE, MANAGED, TAKEN};
use crate::{
    error::StageError,
    kinds::{importer::Importer, turn::SubjectRange},
    staging::rows::RowReader,
};
use muster_shared::{
    plan::{Deed, Plan, PlanSummary},
    store::plans,
};
use sqlx::PgConnection;
use std::collections::{HashMap, HashSet};

/// Lines of an undo that are looked at again together. Their values are in memory then.
const UNDONE_LINES: usize = 1_000;

/// Subjects of a range that must not be touched, and why.
#[derive(Default)]
pub(super) struct Held(HashMap<i64, &'static str>);

impl Held {
    /// Is there nobody?
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Must it not be touched?
    pub(super) fn holds(&self, subject: i64) -> bool {
        self.0.contains_key(&subject)
    }

    /// Why it must not be touched; `None`: it may be.
    pub(super) fn reason(&self, subject: i64) -> Option<&'static str> {
        self.0.get(&subject).copied()
    }

    /// These must not be touched either. Those who are held already keep the reason that they have.
    pub(super) fn add(&mut self, subjects: &[i64], why: &'static str) {
        for &subject in subjects {
            self.0.entry(subject).or_insert(why);
        }
    }
}

/// Locks the subjects of a range, and what their plans name; tells those that must not be touched.
pub(super) async fn check(
    conn: &mut PgConnection,
    range: SubjectRange,
    plans: &[PlanSummary],
    importer: &mut dyn Importer,
) -> Result<Held, StageError> {
    let mut held = Held::default();
    let depended_on = depended_on(conn, range, plans, importer).await?;
    let versions = changed(conn, plans, importer).await?;
    let mut changed: HashSet<i64> = versions.keys().copied().collect();
    let stale = importer.stale(conn, range, plans).await?;
    held.add(&stale.gone, GONE);
    held.add(&stale.managed, MANAGED);
    held.add(&stale.taken, TAKEN);
    held.add(&depended_on, CHANGED);
    changed.extend(stale.changed);
    changed.retain(|subject| !held.holds(*subject));
    if !changed.is_empty() {
        let doubtful: Vec<&PlanSummary> = plans
            .iter()
            .filter(|plan| changed.contains(&plan.subject))
            .collect();
        held.add(
            &planned_otherwise(conn, range, importer, &doubtful).await?,
            CHANGED,
        );
        remember_last(conn, range, &doubtful, &versions, &held).await?;
    }
    Ok(held)
}

/// Has plans that delete name the version that they really delete: what makes the same record anew
/// goes on from there.
async fn remember_last(
    conn: &mut PgConnection,
    range: SubjectRange,
    doubtful: &[&PlanSummary],
    versions: &HashMap<i64, Option<i64>>,
    held: &Held,
) -> Result<(), StageError> {
    let deleting = doubtful
        .iter()
        .filter(|plan| plan.deed == Deed::Delete && !held.holds(plan.subject));
    let (lines, versions): (Vec<i32>, Vec<i64>) = deleting
        .filter_map(|plan| Some((plan.line, versions.get(&plan.subject).copied()??)))
        .unzip();
    Ok(plans::set_versions(conn, range.import_no, &lines, &versions).await?)
}

/// The subjects of these plans, which are complete by subject, whose lines would do something else
/// now.
async fn planned_otherwise(
    conn: &mut PgConnection,
    range: SubjectRange,
    importer: &mut dyn Importer,
    plans: &[&PlanSummary],
) -> Result<Vec<i64>, StageError> {
    let mut otherwise = HashSet::new();
    if let Some(undone) = range.undoes {
        for plans in together(plans) {
            let subjects: Vec<i64> = plans.iter().map(|plan| plan.subject).collect();
            let done = plans::done(conn, undone, range.low, range.high, Some(&subjects)).await?;
            let fresh = importer.reverse(conn, undone, &done).await?.plans;
            let lines: Vec<i32> = plans.iter().map(|plan| plan.line).collect();
            compare(conn, range, &lines, fresh, &mut otherwise).await?;
        }
    } else {
        let lines: Vec<i32> = plans.iter().map(|plan| plan.line).collect();
        let mut reader =
            RowReader::of_lines(range.import_no, &lines, importer.memberships_of_line());
        while let Some(rows) = reader.next(conn).await? {
            let lines: Vec<i32> = rows.all.iter().map(|row| row.line).collect();
            let fresh = importer.plan(conn, &rows).await?.plans;
            compare(conn, range, &lines, fresh, &mut otherwise).await?;
        }
    }
    Ok(otherwise.into_iter().collect())
}

/// The plans in groups of whole subjects, each of so many lines as may be in memory with their
/// values.
fn together<'a>(plans: &'a [&'a PlanSummary]) -> Vec<&'a [&'a PlanSummary]> {
    let mut groups = Vec::new();
    let (mut begin, mut end) = (0, 0);
    for of_subject in plans.chunk_by(|one, next| one.subject == next.subject) {
        if end > begin && end + of_subject.len() - begin > UNDONE_LINES {
            groups.push(&plans[begin..end]);
            begin = end;
        }
        end += of_subject.len();
    }
    groups.extend((end > begin).then(|| &plans[begin..end]));
    groups
}

/// Adds the subjects of those of these lines that would do something else than is stored.
async fn compare(
    conn: &mut PgConnection,
    range: SubjectRange,
    lines: &[i32],
    fresh: Vec<Plan>,
    otherwise: &mut HashSet<i64>,
) -> Result<(), StageError> {
    let stored = plans::of_lines(conn, range.import_no, lines).await?;
    let fresh: HashMap<i32, Plan> = fresh.into_iter().map(|plan| (plan.line, plan)).collect();
    let differs = |plan: &&Plan| {
        !fresh
            .get(&plan.line)
            .is_some_and(|fresh| fresh.does_the_same_as(plan))
    };
    otherwise.extend(
        stored
            .iter()
            .filter(differs)
            .filter_map(|plan| Some(plan.written()?.subject)),
    );
    Ok(())
}

/// Those who would be deleted and on whom something hangs. Asked first, since it takes the
/// strongest locks.
async fn depended_on(
    conn: &mut PgConnection,
    range: SubjectRange,
    plans: &[PlanSummary],
    importer: &dyn Importer,
) -> Result<Vec<i64>, StageError> {
    let deleted: HashSet<i64> = plans
        .iter()
        .filter(|plan| plan.deed == Deed::Delete)
        .map(|plan| plan.subject)
        .collect();
    if deleted.is_empty() {
        return Ok(Vec::new());
    }
    let of_deleted: Vec<&PlanSummary> = plans
        .iter()
        .filter(|plan| deleted.contains(&plan.subject))
        .collect();
    importer.depended_on(conn, range, &of_deleted).await
}

/// The subjects of a range that are no longer as they were found, with their versions; `None`: it
/// is gone. Those of whom nothing is written are looked at, not locked.
async fn changed(
    conn: &mut PgConnection,
    plans: &[PlanSummary],
    importer: &dyn Importer,
) -> Result<HashMap<i64, Option<i64>>, StageError> {
    let (mut written, mut read) = (Vec::new(), Vec::new());
    let (mut found, mut changed) = (HashMap::new(), HashMap::new());
    for plans in plans.chunk_by(|one, next| one.subject == next.subject) {
        let Some(version) = plans.iter().find_map(|plan| plan.version) else {
            continue;
        };
        let subject = plans[0].subject;
        found.insert(subject, version);
        let is_written = plans.iter().any(|plan| plan.deed != Deed::Keep);
        if is_written { &mut written } else { &mut read }.push(subject);
    }
    for (subjects, lock) in [(written, true), (read, false)] {
        if !subjects.is_empty() {
            let present = importer.versions(conn, &subjects, lock).await?;
            let now = subjects
                .iter()
                .map(|subject| (*subject, present.get(subject).copied()));
            changed
                .extend(now.filter(|(subject, version)| *version != found.get(subject).copied()));
        }
    }
    Ok(changed)
}
