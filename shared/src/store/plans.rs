//! Plans in the database: written whole, read back by line, by subject, by target, swept away.
//! Nothing else in Rust names their table; other statements ask its functions (`muster.plans_of`,
//! `muster.results_of`).

use super::{
    StoreError,
    copy::{CopyRows, SEND_BYTES},
    imports::from_json,
};
use crate::{
    model::{action::Action, budget::Load, ids::ImportNo},
    plan::{
        Changes, Deed, Does, DonePlan, Membership, MembershipDetail, MembershipKey, MembershipSort,
        Plan, PlanSummary, StoredChanges, Work, Write,
    },
};
use sqlx::{PgConnection, postgres::PgCopyIn};
use std::collections::HashMap;

/// Sends plans, which should be in the order of their lines: neighbours in the index are then
/// written one after the other. They are there when the copy is finished.
pub async fn copying<'c>(
    conn: &'c mut PgConnection,
    import: ImportNo,
    plans: &[&Plan],
) -> Result<PgCopyIn<&'c mut PgConnection>, StoreError> {
    let mut copy = conn
        .copy_in_raw(
            "COPY muster.import_plans (import_no, line, subject, seq, action, target_id, target_version, mask, before, after,
                                       membership_what, membership_does, membership_id, membership_role, membership_detail, membership_by)
             FROM STDIN (FORMAT binary)",
        )
        .await?;
    let mut rows = CopyRows::new();
    for plan in plans {
        put(&mut rows, import, plan);
    }
    for chunk in rows.end().chunks(SEND_BYTES) {
        copy.send(chunk).await?;
    }
    Ok(copy)
}

fn put(rows: &mut CopyRows, import: ImportNo, plan: &Plan) {
    let write = plan.written();
    rows.row(16);
    rows.bigint(import.0);
    rows.integer(plan.line);
    rows.optional_bigint(write.map(|write| write.subject));
    rows.smallint(write.map_or(1, |write| write.seq));
    rows.letter(plan.action().letter());
    rows.optional_bigint(write.map(|write| write.target));
    rows.optional_bigint(write.and_then(|write| write.version));
    let nothing = Changes::default();
    let changes = write.map_or(&nothing, |write| &write.changes);
    rows.bigint(changes.mask());
    put_values(rows, changes.by_position(|change| change.before.as_deref()));
    put_values(rows, changes.by_position(|change| change.after.as_deref()));
    put_memberships(rows, write.map_or(&[], |write| &write.memberships));
}

fn put_values(rows: &mut CopyRows, values: Option<Vec<Option<&str>>>) {
    match values {
        Some(values) => rows.texts(values.into_iter()),
        None => rows.null(),
    }
}

fn put_memberships(rows: &mut CopyRows, memberships: &[Membership]) {
    if memberships.is_empty() {
        for _ in 0..6 {
            rows.null();
        }
        return;
    }
    let letters = |letter: fn(&Membership) -> u8| {
        memberships
            .iter()
            .map(|membership| char::from(letter(membership)))
            .collect::<String>()
    };
    rows.text(&letters(|membership| membership.key.sort.spec().letter));
    rows.text(&letters(|membership| membership.does.letter()));
    rows.bigints(
        &memberships
            .iter()
            .map(|membership| membership.key.id)
            .collect::<Vec<_>>(),
    );
    put_integers(
        rows,
        memberships.iter().map(|membership| membership.key.role),
    );
    let details: Vec<_> = memberships
        .iter()
        .map(|membership| &membership.detail)
        .collect();
    if details.iter().any(|detail| detail.is_some()) {
        rows.jsonb(&super::imports::to_json(&details));
    } else {
        rows.null();
    }
    put_integers(rows, memberships.iter().map(|membership| membership.by));
}

/// What is stored as nothing costs a bit.
fn put_integers(rows: &mut CopyRows, values: impl ExactSizeIterator<Item = Option<i32>> + Clone) {
    if values.clone().any(|value| value.is_some()) {
        rows.optional_integers(values);
    } else {
        rows.null();
    }
}

/// Rows of plans, each of which is `p`, with the values that they write or without: `FROM` and all
/// that follows.
macro_rules! select {
    (whole, $rest:literal $(, $argument:expr)* $(,)?) => {
        select!("p.before", "p.after", $rest $(, $argument)*)
    };
    (summary, $rest:literal $(, $argument:expr)* $(,)?) => {
        select!("NULL::text[]", "NULL::text[]", $rest $(, $argument)*)
    };
    ($before:literal, $after:literal, $rest:literal $(, $argument:expr)*) => {
        sqlx::query_as!(
            PlanRow,
            r#"SELECT p.import_no AS "import_no!", p.line AS "line!", p.subject, p.seq AS "seq!", p.action AS "action!: i8", p.target_id,
                      p.target_version, p.mask AS "mask!", "# + $before + r#" AS "before: Vec<Option<String>>", "#
                + $after + r#" AS "after: Vec<Option<String>>", p.membership_what, p.membership_does, p.membership_id,
                      p.membership_role AS "membership_role: Vec<Option<i32>>", p.membership_detail,
                      p.membership_by AS "membership_by: Vec<Option<i32>>" "# + $rest
            $(, $argument)*
        )
    };
}

/// The plans about the subjects `low..high`, without the values that they write, in the order of
/// subject and `seq`.
pub async fn summaries(
    conn: &mut PgConnection,
    import: ImportNo,
    low: i64,
    high: i64,
) -> Result<Vec<PlanSummary>, StoreError> {
    let rows = select!(
        summary,
        "FROM muster.plans_of($1, $2, $3) p",
        import.0,
        low,
        high
    )
    .fetch_all(conn)
    .await?;
    let mut summaries: Vec<PlanSummary> = rows
        .into_iter()
        .map(PlanRow::summary)
        .collect::<Result<_, _>>()?;
    summaries.sort_unstable_by_key(|plan| (plan.subject, plan.seq));
    Ok(summaries)
}

/// The plans of some lines.
pub async fn of_lines(
    conn: &mut PgConnection,
    import: ImportNo,
    lines: &[i32],
) -> Result<Vec<Plan>, StoreError> {
    let rows = select!(
        whole,
        "FROM muster.import_plans p WHERE p.import_no = $1 AND p.line = ANY ($2)",
        import.0,
        lines
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(PlanRow::plan).collect()
}

/// The plans of some imports about these targets, by import and line.
pub async fn of_targets(
    conn: &mut PgConnection,
    imports: &[i64],
    targets: &[i64],
) -> Result<HashMap<(i64, i32), Plan>, StoreError> {
    // OFFSET 0 keeps the planner from looking for these targets in all plans that there are.
    let rows = select!(
        whole,
        "FROM unnest($1::bigint[]) AS import (no)
        CROSS JOIN LATERAL (
           SELECT * FROM muster.import_plans
            WHERE import_no = import.no AND target_id = ANY ($2)
              AND subject_block = ANY (ARRAY (SELECT DISTINCT id >> 10 FROM unnest($2::bigint[]) AS target (id)))
           OFFSET 0) p",
        imports,
        targets,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| Ok(((row.import_no, row.line), row.plan()?)))
        .collect()
}

/// What was really done of the plans about the subjects `low..high`, in the order of subject and
/// `seq`. `subjects`: only about these.
pub async fn done(
    conn: &mut PgConnection,
    import: ImportNo,
    low: i64,
    high: i64,
    subjects: Option<&[i64]>,
) -> Result<Vec<DonePlan>, StoreError> {
    let rows = select!(
        whole,
        "FROM muster.plans_of($1, $2, $3) p
        WHERE p.action::text IN ('c', 'u', 'd') AND ($4::bigint[] IS NULL OR p.subject = ANY ($4))
          AND NOT EXISTS (SELECT FROM muster.import_outcomes o
                           WHERE o.import_no = $1 AND o.line = p.line AND o.outcome IN ('held', 'failed'))
        ORDER BY p.subject, p.seq",
        import.0,
        low,
        high,
        subjects,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(PlanRow::done).collect()
}

/// Has the plans of these lines name the versions that their targets have by now.
pub async fn set_versions(
    conn: &mut PgConnection,
    import: ImportNo,
    lines: &[i32],
    versions: &[i64],
) -> Result<(), StoreError> {
    if lines.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "UPDATE muster.import_plans p SET target_version = now.version
           FROM unnest($2::integer[], $3::bigint[]) AS now (line, version)
          WHERE p.import_no = $1 AND p.line = now.line",
        import.0,
        lines,
        versions,
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The subjects among `low..high`, in order, with the lines about each.
pub async fn subjects(
    conn: &mut PgConnection,
    import: ImportNo,
    low: i64,
    high: i64,
) -> Result<Vec<(i64, i64)>, StoreError> {
    let subjects = sqlx::query!(
        r#"SELECT subject AS "subject!", count(*) AS "lines!" FROM muster.plans_of($1, $2, $3) GROUP BY subject ORDER BY subject"#,
        import.0,
        low,
        high,
    )
    .map(|row| (row.subject, row.lines));
    Ok(subjects.fetch_all(conn).await?)
}

/// The subjects among `low..high`, in order, with what their plans would hold in memory together
/// with the values that they wrote.
pub async fn loads(
    conn: &mut PgConnection,
    import: ImportNo,
    low: i64,
    high: i64,
) -> Result<Vec<(i64, Load)>, StoreError> {
    let loads = sqlx::query!(
        r#"SELECT subject AS "subject!", count(*) AS "lines!",
                  sum(coalesce(octet_length(before::text), 0) + coalesce(octet_length(after::text), 0)) AS "bytes!",
                  sum(coalesce(cardinality(membership_id), 0)) AS "memberships!"
             FROM muster.plans_of($1, $2, $3) GROUP BY subject ORDER BY subject"#,
        import.0,
        low,
        high,
    )
    .map(|row| (row.subject, Load { lines: row.lines as u64, bytes: row.bytes as u64, memberships: row.memberships as u64 }));
    Ok(loads.fetch_all(conn).await?)
}

/// The last line that has a plan; 0: none has.
pub async fn last_line(conn: &mut PgConnection, import: ImportNo) -> Result<i32, StoreError> {
    let last = sqlx::query_scalar!(
        "SELECT max(line) FROM muster.import_plans WHERE import_no = $1",
        import.0
    );
    Ok(last.fetch_one(conn).await?.unwrap_or(0))
}

/// The first line from there on that has a plan.
pub async fn first_line(
    conn: &mut PgConnection,
    import: ImportNo,
    from: i32,
) -> Result<Option<i32>, StoreError> {
    let first = sqlx::query_scalar!(
        "SELECT min(line) FROM muster.import_plans WHERE import_no = $1 AND line >= $2",
        import.0,
        from
    );
    Ok(first.fetch_one(conn).await?)
}

/// Deletes the plans of the lines `from..to`.
pub async fn delete_lines(
    conn: &mut PgConnection,
    import: ImportNo,
    from: i32,
    to: i32,
) -> Result<(), StoreError> {
    sqlx::query!(
        "DELETE FROM muster.import_plans WHERE import_no = $1 AND line >= $2 AND line < $3",
        import.0,
        from,
        to
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes all plans of an import.
pub async fn delete_all(conn: &mut PgConnection, import: ImportNo) -> Result<(), StoreError> {
    sqlx::query!(
        "DELETE FROM muster.import_plans WHERE import_no = $1",
        import.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A row of `muster.import_plans`.
struct PlanRow {
    import_no: i64,
    line: i32,
    subject: Option<i64>,
    seq: i16,
    action: i8,
    target_id: Option<i64>,
    target_version: Option<i64>,
    mask: i64,
    before: Option<Vec<Option<String>>>,
    after: Option<Vec<Option<String>>>,
    membership_what: Option<String>,
    membership_does: Option<String>,
    membership_id: Option<Vec<i64>>,
    membership_role: Option<Vec<Option<i32>>>,
    membership_detail: Option<serde_json::Value>,
    membership_by: Option<Vec<Option<i32>>>,
}

impl PlanRow {
    fn plan(mut self) -> Result<Plan, StoreError> {
        let work = match self.action()? {
            Action::Skip => Work::Skip,
            Action::Reject => Work::Reject,
            action => Work::Write(self.write(action)?),
        };
        Ok(Plan {
            line: self.line,
            issues: Vec::new(),
            work,
        })
    }

    fn done(mut self) -> Result<DonePlan, StoreError> {
        let action = self.action()?;
        Ok(DonePlan {
            line: self.line,
            write: self.write(action)?,
        })
    }

    fn write(&mut self, action: Action) -> Result<Write, StoreError> {
        let (deed, subject, target) = self.whom(action)?;
        let stored = StoredChanges {
            mask: self.mask,
            before: self.before.take(),
            after: self.after.take(),
        };
        let (seq, version, memberships) = (self.seq, self.target_version, self.memberships()?);
        Ok(Write {
            subject,
            target,
            seq,
            deed,
            version,
            changes: Changes::from(stored),
            memberships,
        })
    }

    fn summary(mut self) -> Result<PlanSummary, StoreError> {
        let action = self.action()?;
        let (deed, subject, target) = self.whom(action)?;
        let Self {
            line,
            seq,
            target_version,
            mask,
            ..
        } = self;
        let version = target_version.filter(|_| deed != Deed::Create);
        Ok(PlanSummary {
            line,
            subject,
            target,
            seq,
            deed,
            version,
            mask,
            memberships: self.memberships()?,
        })
    }

    fn action(&self) -> Result<Action, StoreError> {
        Action::of_letter(self.action as u8)
            .ok_or_else(|| StoreError::inconsistent("import_plans.action", self.action))
    }

    fn whom(&self, action: Action) -> Result<(Deed, i64, i64), StoreError> {
        let whom = Deed::of(action).zip(self.subject).zip(self.target_id);
        let ((deed, subject), target) = whom.ok_or_else(|| {
            StoreError::inconsistent("import_plans.subject", "a plan without one")
        })?;
        Ok((deed, subject, target))
    }

    fn memberships(&mut self) -> Result<Vec<Membership>, StoreError> {
        let Some(ids) = self.membership_id.take() else {
            return Ok(Vec::new());
        };
        let (sorts, does) = (
            self.membership_what.take().unwrap_or_default(),
            self.membership_does.take().unwrap_or_default(),
        );
        let mut details: Vec<Option<Box<MembershipDetail>>> = match self.membership_detail.take() {
            Some(details) => from_json(details, "import_plans.membership_detail")?,
            None => Vec::new(),
        };
        let number = |numbers: &Option<Vec<Option<i32>>>, at: usize| {
            numbers.as_ref().and_then(|numbers| *numbers.get(at)?)
        };
        let membership = |(at, ((&id, sort), does)): (usize, ((&i64, u8), u8))| {
            let sort = MembershipSort::of_letter(sort).ok_or_else(|| {
                StoreError::inconsistent("import_plans.membership_what", char::from(sort))
            })?;
            let does = Does::of_letter(does).ok_or_else(|| {
                StoreError::inconsistent("import_plans.membership_does", char::from(does))
            })?;
            let key = MembershipKey {
                sort,
                id,
                role: number(&self.membership_role, at),
            };
            let detail = details.get_mut(at).and_then(Option::take);
            Ok(Membership {
                key,
                does,
                detail,
                by: number(&self.membership_by, at),
            })
        };
        ids.iter()
            .zip(sorts.bytes())
            .zip(does.bytes())
            .enumerate()
            .map(membership)
            .collect()
    }
}
