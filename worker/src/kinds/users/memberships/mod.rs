//! What people belong to, in the database: looked up for all sorts at once by the views, given and
//! taken by a statement for each sort.

mod give;
mod sql;
mod take;

use crate::error::StageError;
use muster_shared::{
    model::ids::SiteId,
    plan::{MembershipKey, MembershipSort, MembershipTerms},
};
use sqlx::{AssertSqlSafe, PgConnection};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

pub(super) use give::give;
pub(super) use sql::unless_taken;
pub(super) use take::{source, take};

/// What people belong to.
pub(super) type Held = HashMap<(i64, MembershipKey), MembershipTerms>;

/// Which of these memberships people have, and perhaps others of the same sorts in the same things,
/// without their dates. `+ 0` keeps the things out of the index, which would be searched for each
/// pair of a person and a thing.
pub(super) async fn held_of_these<'a>(
    conn: &mut PgConnection,
    people: Vec<i64>,
    named: impl Iterator<Item = &'a MembershipKey>,
) -> Result<Held, StageError> {
    let (mut sorts, mut ids) = (BTreeSet::new(), HashSet::new());
    for key in named {
        sorts.insert(key.sort);
        ids.insert(key.id);
    }
    if sorts.is_empty() {
        return Ok(Held::new());
    }
    let sorts: Vec<String> = sorts.into_iter().map(MembershipSort::text).collect();
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT user_id AS "user_id!", what AS "what!", id AS "id!", role_id, source, status,
                  NULL::timestamptz AS starts_at, NULL::timestamptz AS ends_at
             FROM lms.memberships WHERE user_id = ANY ($1) AND what = ANY ($2) AND id + 0 = ANY ($3)"#,
        &super::find::distinct(people),
        &sorts,
        &super::find::distinct(ids),
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Row::place).collect()
}

/// All that people belong to.
pub(super) async fn held(conn: &mut PgConnection, people: &[i64]) -> Result<Held, StageError> {
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT user_id AS "user_id!", what AS "what!", id AS "id!", role_id, source, status, starts_at, ends_at
             FROM lms.memberships WHERE user_id = ANY ($1)"#,
        people,
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Row::place).collect()
}

/// A row of `lms.memberships`.
struct Row {
    user_id: i64,
    what: String,
    id: i64,
    role_id: Option<i32>,
    source: Option<i64>,
    status: Option<i16>,
    starts_at: Option<chrono::DateTime<chrono::Utc>>,
    ends_at: Option<chrono::DateTime<chrono::Utc>>,
}

impl Row {
    fn place(self) -> Result<((i64, MembershipKey), MembershipTerms), StageError> {
        let Self {
            user_id,
            id,
            role_id: role,
            source,
            status,
            starts_at,
            ends_at,
            ..
        } = self;
        let sort = sort_of(&self.what)?;
        Ok((
            (user_id, MembershipKey { sort, id, role }),
            MembershipTerms {
                source,
                status,
                starts_at,
                ends_at,
            },
        ))
    }
}

/// Of the things to which memberships lead, those that are there, by the sort of membership.
pub(super) async fn objects<'a>(
    conn: &mut PgConnection,
    site: SiteId,
    named: impl Iterator<Item = &'a MembershipKey>,
) -> Result<HashSet<(MembershipSort, i64)>, StageError> {
    let (sorts, ids): (BTreeSet<String>, BTreeSet<i64>) =
        named.map(|key| (key.sort.text(), key.id)).unzip();
    let rows = sqlx::query!(
        r#"SELECT what AS "what!", id AS "id!" FROM lms.membership_objects WHERE site_id = $1 AND what = ANY ($2) AND id = ANY ($3)"#,
        site.0,
        &Vec::from_iter(sorts),
        &Vec::from_iter(ids),
    )
    .fetch_all(conn)
    .await?;
    let object = |(what, id): (String, i64)| Ok((sort_of(&what)?, id));
    rows.into_iter()
        .map(|row| object((row.what, row.id)))
        .collect()
}

fn sort_of(letter: &str) -> Result<MembershipSort, StageError> {
    MembershipSort::of_text(letter)
        .ok_or_else(|| StageError::defect("a view of memberships has a sort that is not known"))
}

/// Of the things to which memberships lead, those that are there. They are locked against removal
/// until the transaction ends, a table after the other, in the order of their ids.
pub(super) async fn lock_objects<'a>(
    conn: &mut PgConnection,
    site: SiteId,
    named: impl Iterator<Item = &'a MembershipKey>,
) -> Result<HashSet<(&'static str, i64)>, StageError> {
    let mut by_table: BTreeMap<&'static str, BTreeSet<i64>> = BTreeMap::new();
    for key in named {
        by_table
            .entry(key.sort.spec().objects)
            .or_default()
            .insert(key.id);
    }
    let mut there = HashSet::new();
    for (table, ids) in by_table {
        let statement = format!(
            "SELECT id FROM {table} WHERE id = ANY ($1) AND site_id = $2 ORDER BY id FOR KEY SHARE"
        );
        let ids = Vec::from_iter(ids);
        let found: Vec<i64> = sqlx::query_scalar(AssertSqlSafe(statement))
            .bind(&ids)
            .bind(site.0)
            .fetch_all(&mut *conn)
            .await?;
        there.extend(found.into_iter().map(|id| (table, id)));
    }
    Ok(there)
}

/// Those of the segments among them whose members a rule chooses.
pub(super) async fn managed<'a>(
    conn: &mut PgConnection,
    named: impl Iterator<Item = &'a MembershipKey>,
) -> Result<HashSet<i64>, StageError> {
    let segments = super::find::distinct(
        named
            .filter(|key| key.sort == MembershipSort::Segment)
            .map(|key| key.id),
    );
    if segments.is_empty() {
        return Ok(HashSet::new());
    }
    let managed = sqlx::query_scalar!(
        "SELECT id FROM lms.segments WHERE id = ANY ($1) AND is_managed",
        &segments
    )
    .fetch_all(conn)
    .await?;
    Ok(managed.into_iter().collect())
}
