//! The names of what plans name by id, looked up once for a page.

use muster_shared::{
    model::ids::SiteId,
    plan::{MembershipKey, MembershipSort, Plan},
    store::StoreError,
};
use sqlx::PgConnection;
use std::collections::{BTreeSet, HashMap};

/// How a thing is called to which one can belong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    /// The ID number of a segment, the short name of a course.
    pub(crate) key: String,
    /// For people.
    pub(crate) name: String,
}

/// The names that a page needs.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// By the sort of membership, and id.
    pub(crate) objects: HashMap<(MembershipSort, i64), Name>,
    pub(crate) roles: HashMap<i32, String>,
}

impl Names {
    /// Looks them up; nothing is asked for that no plan names.
    pub(crate) async fn of<'a>(
        conn: &mut PgConnection,
        site: SiteId,
        plans: impl Iterator<Item = &'a Plan>,
    ) -> Result<Self, StoreError> {
        let memberships = plans
            .filter_map(Plan::written)
            .flat_map(|write| &write.memberships);
        let keys: BTreeSet<MembershipKey> = memberships.map(|membership| membership.key).collect();
        let mut names = Self::default();
        if keys.is_empty() {
            return Ok(names);
        }
        let (sorts, ids): (BTreeSet<String>, BTreeSet<i64>) =
            keys.iter().map(|key| (key.sort.text(), key.id)).unzip();
        let found = sqlx::query!(
            r#"SELECT what AS "what!", id AS "id!", key AS "key!", name AS "name!" FROM lms.membership_objects
                WHERE what = ANY ($1) AND id = ANY ($2) AND site_id = $3"#,
            &Vec::from_iter(sorts),
            &Vec::from_iter(ids),
            site.0,
        )
        .fetch_all(&mut *conn)
        .await?;
        for row in found {
            let sort = MembershipSort::of_text(&row.what)
                .ok_or_else(|| StoreError::inconsistent("membership_objects.what", &row.what))?;
            names.objects.insert(
                (sort, row.id),
                Name {
                    key: row.key,
                    name: row.name,
                },
            );
        }
        if keys.iter().any(|key| key.role.is_some()) {
            let roles = sqlx::query!("SELECT id, shortname FROM lms.roles")
                .fetch_all(conn)
                .await?;
            names.roles = roles
                .into_iter()
                .map(|row| (row.id, row.shortname))
                .collect();
        }
        Ok(names)
    }
}
