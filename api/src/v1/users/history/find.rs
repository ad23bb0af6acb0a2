//! Who has or had a name, and what was done to them.

use crate::v1::moment::Moment;
use chrono::{DateTime, Utc};
use muster_shared::{
    model::{
        action::Outcome,
        ids::{ImportId, SiteId},
        kind::Kind,
    },
    store::StoreError,
};
use sqlx::PgConnection;
use strum::VariantArray;

/// What the subjects of the kinds are called whose lines are about people.
const PERSON: &str = "user";

/// Where a page ended: when, in which import, which of its lines about the person, whom; of what
/// was done by hand both are 0. Not the line: an undo does the last line of a person first.
pub(crate) type Cursor = (Moment, i64, i16, i64);

/// Everyone in a site who has or had a name.
pub(super) struct People {
    site: SiteId,
    pub(super) ids: Vec<i64>,
    /// Those who were made by hand, and when.
    made: Vec<i64>,
    made_at: Vec<DateTime<Utc>>,
}

/// Something that was done, without what it did.
pub(super) struct Entry {
    pub(super) no: i64,
    pub(super) seq: i16,
    pub(super) line: i32,
    pub(super) user_id: i64,
    /// `None`: by hand.
    pub(super) import: Option<Origin>,
    pub(super) outcome: Outcome,
    pub(super) by: Option<String>,
    pub(super) at: DateTime<Utc>,
}

/// What an import's plans need to be told.
pub(super) struct Origin {
    pub(super) id: ImportId,
    pub(super) kind: Kind,
    pub(super) fields: Vec<String>,
}

impl People {
    /// Who has the name, had it when they were deleted, or had it before they were renamed or
    /// deleted for good; `None`: nobody.
    pub(super) async fn of_name(
        conn: &mut PgConnection,
        site: SiteId,
        username: &str,
    ) -> Result<Option<Self>, StoreError> {
        let found = sqlx::query!(
            r#"SELECT id AS "id!", CASE WHEN source IS NULL THEN created_at END AS made_at
                 FROM lms.users
                WHERE site_id = $1 AND username = $2 AND deleted_at IS NULL
                UNION
               SELECT id, CASE WHEN source IS NULL THEN created_at END
                 FROM lms.users
                WHERE site_id = $1 AND username = $2 AND deleted_at IS NOT NULL
                UNION
               SELECT f.user_id, CASE WHEN u.source IS NULL THEN u.created_at END
                 FROM lms.former_usernames f
                 LEFT JOIN lms.users u ON u.id = f.user_id AND u.site_id = f.site_id
                WHERE f.site_id = $1 AND f.username = $2"#,
            site.0,
            username,
        )
        .fetch_all(conn)
        .await?;
        let ids: Vec<_> = found.iter().map(|row| row.id).collect();
        let (made, made_at) = found
            .into_iter()
            .filter_map(|row| row.made_at.map(|at| (row.id, at)))
            .unzip();
        Ok((!ids.is_empty()).then_some(Self {
            site,
            ids,
            made,
            made_at,
        }))
    }

    /// What was done to them, newest first: a probe of the index on blocks of subjects for each
    /// import of the site that has plans.
    pub(super) async fn entries(
        &self,
        conn: &mut PgConnection,
        after: Option<Cursor>,
        limit: i64,
    ) -> Result<Vec<Entry>, StoreError> {
        let kinds = Kind::VARIANTS
            .iter()
            .filter(|kind| kind.spec().subject == PERSON);
        let kinds: Vec<_> = kinds.map(|kind| kind.name().to_owned()).collect();
        let (at, no, seq, user) = after.map_or((None, 0, 0, 0), |(Moment(at), no, seq, user)| {
            (Some(at), no, seq, user)
        });
        // OFFSET 0 keeps the planner from going the other way round: it would look for these people
        // in all plans that there are.
        let rows = sqlx::query!(
            r#"SELECT no AS "no!", seq AS "seq!", line AS "line!", user_id AS "user_id!", import, kind, fields, outcome AS "outcome!", at AS "at!",
                      (SELECT a.email FROM muster.accounts a WHERE a.id = found.applied_by) AS by
                 FROM (SELECT i.no, p.seq, p.line, p.target_id AS user_id, i.id AS import, i.kind, i.fields, p.outcome, i.applied_by,
                              coalesce(p.done_at, i.settled_at, i.applied_at) AS at
                         FROM muster.imports i
                        CROSS JOIN LATERAL (
                           SELECT seq, line, target_id, outcome, done_at
                             FROM muster.results_of(i.no)
                            WHERE target_id = ANY ($2) AND action::text IN ('c', 'u', 'd')
                              AND subject_block = ANY (ARRAY (SELECT DISTINCT id >> 10 FROM unnest($2::bigint[]) AS person (id)))
                           OFFSET 0) p
                        WHERE i.site_id = $1 AND i.kind = ANY ($3) AND i.applied_at IS NOT NULL AND i.pruned_at IS NULL
                          AND p.outcome IN ('created', 'updated', 'deleted')
                        UNION ALL
                       SELECT 0, 0::smallint, 0, id, NULL, NULL, NULL, 'created', NULL, at FROM unnest($4::bigint[], $5::timestamptz[]) AS made (id, at)) found
                WHERE $6::timestamptz IS NULL OR (at, no, seq, user_id) < ($6, $7::bigint, $8::smallint, $9::bigint)
                ORDER BY at DESC, no DESC, seq DESC, user_id DESC
                LIMIT $10"#,
            self.site.0,
            &self.ids,
            &kinds,
            &self.made,
            &self.made_at,
            at,
            no,
            seq,
            user,
            limit,
        )
        .fetch_all(conn)
        .await?;
        rows.into_iter()
            .map(|row| {
                let import = row.import.zip(row.kind).zip(row.fields);
                let import = import
                    .map(|((id, kind), fields)| Origin::new(ImportId(id), &kind, fields))
                    .transpose()?;
                let outcome = row.outcome.parse().map_err(|_| {
                    StoreError::inconsistent("import_outcomes.outcome", &row.outcome)
                })?;
                Ok(Entry {
                    no: row.no,
                    seq: row.seq,
                    line: row.line,
                    user_id: row.user_id,
                    import,
                    outcome,
                    by: row.by,
                    at: row.at,
                })
            })
            .collect()
    }
}

impl Origin {
    fn new(id: ImportId, kind: &str, fields: Vec<String>) -> Result<Self, StoreError> {
        let kind = kind
            .parse()
            .map_err(|_| StoreError::inconsistent("imports.kind", kind))?;
        Ok(Self { id, kind, fields })
    }
}
