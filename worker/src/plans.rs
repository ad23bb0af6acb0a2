//! Plans, read back: those of a piece that apply executes, those that it finds out of date, and those that an undo reverses.

use crate::{
    error::StageError,
    kinds::importer::{Changes, Memberships, Outline, Piece, Plan},
    parts::{Part, cut},
};
use muster_shared::model::{
    budget::{Budget, Load},
    ids::ImportNo,
    plan::Action,
};
use sqlx::PgConnection;

/// The plans of a piece, in the order of subject and turn.
pub(crate) async fn outlines(conn: &mut PgConnection, piece: Piece) -> Result<Vec<Outline>, StageError> {
    let stored = sqlx::query_as!(
        Stored,
        r#"SELECT line AS "line!", subject, turn AS "turn!", action AS "action!: i8", target_version, mask AS "mask!",
                  NULL::text[] AS "before: Vec<Option<String>>", NULL::text[] AS "after: Vec<Option<String>>",
                  segments_joined, segments_there, segments_left, courses, course_roles, course_does
             FROM muster.plans_of($1, $2, $3)"#,
        piece.import_no.0,
        piece.low,
        piece.high,
    )
    .fetch_all(conn)
    .await?;
    let mut outlines: Vec<Outline> = stored.into_iter().map(Outline::try_from).collect::<Result<_, _>>()?;
    outlines.sort_unstable_by_key(|plan| (plan.subject, plan.turn));
    Ok(outlines)
}

/// The plans of some lines.
pub(crate) async fn of_lines(conn: &mut PgConnection, import: ImportNo, lines: &[i32]) -> Result<Vec<Plan>, StageError> {
    let stored = sqlx::query_as!(
        Stored,
        r#"SELECT line AS "line!", subject, turn AS "turn!", action AS "action!: i8", target_version, mask AS "mask!",
                  before AS "before: Vec<Option<String>>", after AS "after: Vec<Option<String>>",
                  segments_joined, segments_there, segments_left, courses, course_roles, course_does
             FROM muster.import_plans
            WHERE import_no = $1 AND line = ANY ($2)"#,
        import.0,
        lines,
    )
    .fetch_all(conn)
    .await?;
    stored.into_iter().map(Plan::try_from).collect()
}

/// What was really done of the plans about the subjects `low..high`, in the order of subject and turn. `subjects`: only about these.
pub(crate) async fn done(
    conn: &mut PgConnection,
    import: ImportNo,
    low: i64,
    high: i64,
    subjects: Option<&[i64]>,
) -> Result<Vec<Plan>, StageError> {
    let stored = sqlx::query_as!(
        Stored,
        r#"SELECT line AS "line!", subject, turn AS "turn!", action AS "action!: i8", target_version, mask AS "mask!",
                  before AS "before: Vec<Option<String>>", after AS "after: Vec<Option<String>>",
                  segments_joined, segments_there, segments_left, courses, course_roles, course_does
             FROM muster.plans_of($1, $2, $3) p
            WHERE action::text IN ('c', 'u', 'd') AND ($4::bigint[] IS NULL OR subject = ANY ($4))
              AND NOT EXISTS (SELECT FROM muster.import_outcomes o
                               WHERE o.import_no = $1 AND o.line = p.line AND o.outcome IN ('held', 'failed'))
            ORDER BY subject, turn"#,
        import.0,
        low,
        high,
        subjects,
    )
    .fetch_all(conn)
    .await?;
    stored.into_iter().map(Plan::try_from).collect()
}

/// The ranges of subjects, among `low..high`, whose plans may be in memory together with the values that they wrote: whole subjects,
/// however many lines one of them has.
pub(crate) async fn ranges_done(conn: &mut PgConnection, import: ImportNo, low: i64, high: i64) -> Result<Vec<Part>, StageError> {
    let subjects = sqlx::query!(
        r#"SELECT subject AS "subject!", count(*) AS "lines!",
                  sum(coalesce(octet_length(before::text), 0) + coalesce(octet_length(after::text), 0)) AS "bytes!",
                  sum(coalesce(cardinality(segments_joined), 0) + coalesce(cardinality(segments_there), 0)
                      + coalesce(cardinality(segments_left), 0) + coalesce(cardinality(courses), 0)) AS "memberships!"
             FROM muster.plans_of($1, $2, $3) GROUP BY subject ORDER BY subject"#,
        import.0,
        low,
        high,
    )
    .map(|row| (row.subject, Load { lines: row.lines as u64, bytes: row.bytes as u64, memberships: row.memberships as u64 }))
    .fetch_all(conn)
    .await?;
    Ok(cut(&subjects, low, high, Budget::PIECE))
}

/// A row of `muster.import_plans`.
struct Stored {
    line: i32,
    subject: Option<i64>,
    turn: i16,
    action: i8,
    target_version: Option<i64>,
    mask: i64,
    before: Option<Vec<Option<String>>>,
    after: Option<Vec<Option<String>>>,
    segments_joined: Option<Vec<i64>>,
    segments_there: Option<Vec<i64>>,
    segments_left: Option<Vec<i64>>,
    courses: Option<Vec<i64>>,
    course_roles: Option<Vec<i32>>,
    course_does: Option<Vec<i16>>,
}

impl Stored {
    fn action(&self) -> Result<Action, StageError> {
        Action::of_letter(self.action as u8)
            .ok_or(StageError::Fail { code: "defect", detail: "import_plans.action is not known".to_owned() })
    }

    /// What is stored as nothing is empty.
    fn memberships(&mut self) -> Memberships {
        Memberships {
            segments_joined: self.segments_joined.take().unwrap_or_default(),
            segments_there: self.segments_there.take().unwrap_or_default(),
            segments_left: self.segments_left.take().unwrap_or_default(),
            courses: self.courses.take().unwrap_or_default(),
            course_roles: self.course_roles.take().unwrap_or_default(),
            course_does: self.course_does.take().unwrap_or_default(),
        }
    }
}

impl TryFrom<Stored> for Outline {
    type Error = StageError;

    fn try_from(mut row: Stored) -> Result<Self, StageError> {
        Ok(Self {
            line: row.line,
            subject: row.subject.unwrap_or_default(),
            turn: row.turn,
            action: row.action()?,
            target_version: row.target_version,
            mask: row.mask,
            memberships: row.memberships(),
        })
    }
}

impl TryFrom<Stored> for Plan {
    type Error = StageError;

    fn try_from(mut row: Stored) -> Result<Self, StageError> {
        let (action, memberships) = (row.action()?, row.memberships());
        // Values that were all absent are stored as nothing.
        let (mut before, mut after) = (row.before.unwrap_or_default(), row.after.unwrap_or_default());
        let fields = before.len().max(after.len());
        before.resize(fields, None);
        after.resize(fields, None);
        Ok(Self {
            line: row.line,
            subject: row.subject,
            turn: row.turn,
            action,
            target_version: row.target_version,
            changes: Changes { mask: row.mask, before, after },
            memberships,
            issues: Vec::new(),
        })
    }
}
