//! Giving memberships. What the plans say is in memory already: sent as arrays it costs a fraction
//! of reading the plans once more.

use super::sql::insert;
use crate::{error::StageError, kinds::turn::Turn};
use chrono::{DateTime, Utc};
use muster_shared::{
    model::tally::Effects,
    plan::{Does, MembershipSort, MembershipTerms},
};
use sqlx::PgConnection;
use std::collections::HashSet;

/// Memberships of one sort that begin, at the same positions. In the order of the people's ids:
/// neighbours lie in the same pages.
#[derive(Default)]
pub(super) struct Given {
    pub(super) people: Vec<i64>,
    pub(super) ids: Vec<i64>,
    pub(super) roles: Vec<Option<i32>>,
    pub(super) sources: Vec<Option<i64>>,
    pub(super) statuses: Vec<i16>,
    pub(super) starts: Vec<Option<DateTime<Utc>>>,
    pub(super) ends: Vec<Option<DateTime<Utc>>>,
}

/// Gives what plans of a turn give, but to those who could not be created. A sort on which another
/// hangs comes before it.
pub(in crate::kinds::users) async fn give(
    conn: &mut PgConnection,
    turn: Turn<'_>,
    held: &[i64],
    effects: &mut Effects,
) -> Result<(), StageError> {
    let held: HashSet<i64> = held.iter().copied().collect();
    for &sort in MembershipSort::all() {
        let begins = turn.plans.iter().any(|plan| {
            plan.memberships
                .iter()
                .any(|m| m.key.sort == sort && m.does == Does::Joins)
        });
        if !begins {
            continue;
        }
        let usual = usual_terms(conn, turn, sort).await?;
        let given = Given::of(turn, &held, sort, usual);
        effects.add(
            &sort.spec().effects[0],
            insert(conn, turn, sort, &given).await?,
        );
    }
    Ok(())
}

impl Given {
    fn of(
        turn: Turn<'_>,
        held: &HashSet<i64>,
        sort: MembershipSort,
        usual: MembershipTerms,
    ) -> Self {
        let mut given = Self::default();
        for plan in turn
            .plans
            .iter()
            .filter(|plan| !held.contains(&plan.subject))
        {
            for membership in plan
                .memberships
                .iter()
                .filter(|m| m.key.sort == sort && m.does == Does::Joins)
            {
                let terms = membership.given().copied().unwrap_or(usual);
                given.people.push(plan.target);
                given.ids.push(membership.key.id);
                given.roles.push(membership.key.role);
                given.sources.push(terms.source);
                given.statuses.push(terms.status.unwrap_or(0));
                given.starts.push(terms.starts_at);
                given.ends.push(terms.ends_at);
            }
        }
        given
    }
}

/// What an import gives by itself: under its own number, and enrolments from 00:00 of the day of
/// the preview. (An older version, which made that preview, left it to apply when that was.)
async fn usual_terms(
    conn: &mut PgConnection,
    turn: Turn<'_>,
    sort: MembershipSort,
) -> Result<MembershipTerms, StageError> {
    let mut usual = MembershipTerms {
        source: Some(turn.range.import_no.0),
        ..MembershipTerms::default()
    };
    if sort == MembershipSort::Enrolment {
        usual.starts_at = sqlx::query_scalar!(
            r#"SELECT coalesce(i.enrols_from, date_trunc('day', i.ready_at AT TIME ZONE s.zone) AT TIME ZONE s.zone)
                 FROM muster.imports i
                CROSS JOIN LATERAL (SELECT coalesce(settings ->> 'time_zone', 'UTC') AS zone FROM muster.sites WHERE id = i.site_id) s
                WHERE i.no = $1"#,
            turn.range.import_no.0,
        )
        .fetch_one(conn)
        .await?;
    }
    Ok(usual)
}
