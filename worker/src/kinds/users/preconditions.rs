//! What plans about people rest on besides the people, whose versions do not tell: that the
//! segments and courses which they name are there, that no rule fills those segments, that
//! addresses are free, that the people still have what the plans take for granted, and that an
//! enrolment which an undo ends is as it was given. All of it is looked at again, in this one list,
//! once the people are locked. A rule that is made while a batch is being written comes too late
//! for it.

use super::{
    field,
    find::distinct,
    memberships::{self, Held},
};
use crate::{
    error::StageError,
    kinds::{importer::Stale, turn::SubjectRange},
};
use muster_shared::plan::{Deed, Does, Membership, MembershipKey, MembershipSort, PlanSummary};
use sqlx::PgConnection;
use std::collections::HashSet;

/// Looks after all of it. The segments and courses that are named are locked against removal.
pub(super) async fn stale(
    conn: &mut PgConnection,
    range: SubjectRange,
    plans: &[PlanSummary],
) -> Result<Stale, StageError> {
    let all = || plans.iter().flat_map(|plan| plan.memberships.iter());
    let there = memberships::lock_objects(
        conn,
        range.site,
        all().filter(|m| rests_on_object(m)).map(|m| &m.key),
    )
    .await?;
    let is_gone = |m: &Membership| {
        rests_on_object(m) && !there.contains(&(m.key.sort.spec().objects, m.key.id))
    };
    let managed = memberships::managed(conn, all().map(|m| &m.key)).await?;
    let is_managed =
        |m: &Membership| m.key.sort == MembershipSort::Segment && managed.contains(&m.key.id);
    let taken = with_taken_addresses(conn, range, plans).await?;
    let present = granted(conn, plans).await?;
    let by_person = plans.chunk_by(|one, next| one.subject == next.subject);
    let mut changed: Vec<i64> = by_person
        .filter(|plans| lacks(&present, plans))
        .map(|plans| plans[0].subject)
        .collect();
    changed.extend(with_doubtful_enrolments(conn, range, plans).await?);
    Ok(Stale {
        gone: of_whom(plans, is_gone),
        managed: of_whom(plans, is_managed),
        taken,
        changed,
    })
}

/// The people of whose plans one has such a membership.
fn of_whom(plans: &[PlanSummary], is_such: impl Fn(&Membership) -> bool) -> Vec<i64> {
    distinct(
        plans
            .iter()
            .filter(|plan| plan.memberships.iter().any(&is_such))
            .map(|plan| plan.subject),
    )
}

/// What somebody is to belong to must be there; what they leave may be gone.
fn rests_on_object(membership: &Membership) -> bool {
    membership.does != Does::Leaves
}

/// People whose plans give them an address that somebody else has by now. Asked for all at once:
/// met one by one in the index, each would cost a batch that is taken apart down to the person.
async fn with_taken_addresses(
    conn: &mut PgConnection,
    range: SubjectRange,
    plans: &[PlanSummary],
) -> Result<Vec<i64>, StageError> {
    if !plans
        .iter()
        .any(|plan| plan.deed == Deed::Update && plan.writes(field::EMAIL_KEY))
    {
        return Ok(Vec::new());
    }
    Ok(sqlx::query_scalar!(
        r#"SELECT DISTINCT p.subject AS "subject!"
             FROM muster.plans_of($1, $2, $3) p
             JOIN lms.users u ON u.site_id = $4 AND u.email_key = p.after[5] AND u.deleted_at IS NULL AND u.id <> p.target_id
            WHERE p.action::text = 'u' AND p.mask & 16 <> 0"#,
        range.import_no.0,
        range.low,
        range.high,
        range.site.0,
    )
    .fetch_all(conn)
    .await?)
}

/// People whose enrolments an undo would end, where these are not as an import gives them: somebody
/// may have changed them since. They are locked until the transaction ends.
async fn with_doubtful_enrolments(
    conn: &mut PgConnection,
    range: SubjectRange,
    plans: &[PlanSummary],
) -> Result<Vec<i64>, StageError> {
    let Some(undone) = range.undoes else {
        return Ok(Vec::new());
    };
    let ended = |plan: &PlanSummary| {
        let ended = plan
            .memberships
            .iter()
            .filter(|m| m.key.sort == MembershipSort::Enrolment && m.does == Does::Leaves);
        ended.map(|m| (plan.target, m.key.id)).collect::<Vec<_>>()
    };
    let (people, courses): (Vec<i64>, Vec<i64>) = plans.iter().flat_map(ended).unzip();
    if people.is_empty() {
        return Ok(Vec::new());
    }
    Ok(sqlx::query_scalar!(
        "WITH ended AS (
            SELECT e.user_id, e.status, e.starts_at, e.ends_at
              FROM lms.enrolments e
             WHERE (e.user_id, e.course_id) IN (SELECT * FROM unnest($2::bigint[], $3::bigint[]))
             ORDER BY e.user_id, e.course_id
               FOR UPDATE)
         SELECT e.user_id FROM ended e CROSS JOIN muster.imports i
          WHERE i.no = $1 AND (e.status <> 0 OR e.ends_at IS NOT NULL OR e.starts_at IS DISTINCT FROM i.enrols_from)",
        undone.0,
        &people,
        &courses,
    )
    .fetch_all(conn)
    .await?)
}

/// What people have of what plans take for granted. Asked as `find` asks, and only about people who
/// were there: who is created by the import had nothing before.
async fn granted(conn: &mut PgConnection, plans: &[PlanSummary]) -> Result<Held, StageError> {
    let were_there = plans.iter().filter(|plan| plan.version.is_some());
    let (mut people, mut named) = (Vec::new(), HashSet::new());
    for plan in were_there {
        let rests_on: Vec<_> = plan
            .memberships
            .iter()
            .filter_map(|m| match m.does {
                Does::Stays => Some(m.key),
                Does::Joins => m.key.base(),
                Does::Leaves => None,
            })
            .collect();
        people.extend((!rests_on.is_empty()).then_some(plan.target));
        named.extend(rests_on);
    }
    memberships::held_of_these(conn, people, named.iter()).await
}

/// Do the plans of one person, in the order in which they are executed, count on something that is
/// not there and that none of them gives before: on what they say stays, and on what memberships
/// that begin hang on?
fn lacks(present: &Held, plans: &[PlanSummary]) -> bool {
    let mut given = HashSet::new();
    for plan in plans.iter().filter(|plan| plan.version.is_some()) {
        let is_there = |given: &HashSet<MembershipKey>, key: MembershipKey| {
            present.contains_key(&(plan.target, key)) || given.contains(&key)
        };
        for membership in &plan.memberships {
            let lacks = match membership.does {
                Does::Stays => !is_there(&given, membership.key),
                Does::Joins => membership
                    .key
                    .base()
                    .is_some_and(|base| !is_there(&given, base)),
                Does::Leaves => false,
            };
            if lacks {
                return true;
            }
            if membership.does == Does::Joins {
                given.insert(membership.key);
            }
        }
    }
    false
}

/// Of people who are to be deleted, those who have something that no plan takes from them. All are
/// locked against new memberships first: one that somebody is just making would otherwise be waited
/// for and then break the deletion.
pub(super) async fn depended_on(
    conn: &mut PgConnection,
    range: SubjectRange,
    plans: &[&PlanSummary],
) -> Result<Vec<i64>, StageError> {
    let people = distinct(plans.iter().map(|plan| plan.target));
    sqlx::query!(
        "SELECT id FROM lms.users WHERE id = ANY ($1) AND site_id = $2 ORDER BY id FOR UPDATE",
        &people,
        range.site.0
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut taken = HashSet::new();
    for plan in plans {
        for membership in plan.memberships.iter().filter(|m| m.does == Does::Leaves) {
            taken.insert((
                plan.target,
                membership.key,
                memberships::source(membership, range.undoes),
            ));
        }
    }
    let held = memberships::held(conn, &people).await?;
    let stays = held
        .into_iter()
        .filter(|((person, key), terms)| !taken.contains(&(*person, *key, terms.source)));
    let mut depended_on: Vec<i64> = stays.map(|((person, _), _)| person).collect();
    depended_on.extend(with_site_roles(conn, &people).await?);
    Ok(distinct(depended_on))
}

/// Those of the people who have a role in the whole site.
async fn with_site_roles(conn: &mut PgConnection, people: &[i64]) -> Result<Vec<i64>, StageError> {
    let with_roles = sqlx::query_scalar!(
        "SELECT user_id FROM lms.role_assignments WHERE user_id = ANY ($1) AND course_id IS NULL",
        people
    );
    Ok(with_roles.fetch_all(conn).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_shared::plan::MembershipTerms;

    const PERSON: i64 = 7;

    fn line(memberships: &[(MembershipKey, Does)]) -> PlanSummary {
        let memberships = memberships
            .iter()
            .map(|&(key, does)| Membership::new(key, does))
            .collect();
        PlanSummary {
            line: 2,
            subject: PERSON,
            target: PERSON,
            seq: 1,
            deed: Deed::Update,
            version: Some(1),
            mask: 0,
            memberships,
        }
    }

    #[test]
    fn only_what_no_earlier_line_gives_is_missed() {
        use Does::{Joins, Leaves, Stays};
        let (segment, other) = (MembershipKey::segment(1), MembershipKey::segment(2));
        let (enrolment, role, second) = (
            MembershipKey::enrolment(10),
            MembershipKey::course_role(10, 1),
            MembershipKey::course_role(10, 2),
        );
        let present: Held = [((PERSON, other), MembershipTerms::default())].into();
        let cases: &[(&str, &[PlanSummary], bool)] = &[
            ("a segment", &[line(&[(segment, Stays)])], true),
            ("a segment that is there", &[line(&[(other, Stays)])], false),
            (
                "a segment that is left",
                &[line(&[(segment, Leaves)])],
                false,
            ),
            (
                "a segment of an earlier line",
                &[line(&[(segment, Joins)]), line(&[(segment, Stays)])],
                false,
            ),
            (
                "a segment of a later line",
                &[line(&[(segment, Stays)]), line(&[(segment, Joins)])],
                true,
            ),
            (
                "an enrolment and a role",
                &[line(&[(enrolment, Stays), (role, Stays)])],
                true,
            ),
            (
                "an enrolment for a role",
                &[line(&[(enrolment, Stays), (role, Joins)])],
                true,
            ),
            (
                "an enrolment for a role that comes back",
                &[line(&[(role, Joins)])],
                true,
            ),
            (
                "a second role in the same line",
                &[line(&[(enrolment, Joins), (role, Joins), (second, Joins)])],
                false,
            ),
            (
                "a role of an earlier line",
                &[
                    line(&[(enrolment, Joins), (role, Joins)]),
                    line(&[(enrolment, Stays), (role, Stays)]),
                ],
                false,
            ),
            (
                "another role",
                &[
                    line(&[(enrolment, Joins), (role, Joins)]),
                    line(&[(enrolment, Stays), (second, Stays)]),
                ],
                true,
            ),
        ];
        for (what, plans, expected) in cases {
            assert_eq!(lacks(&present, plans), *expected, "{what}");
        }
        let mut created = line(&[(segment, Stays)]);
        created.version = None;
        assert!(
            !lacks(&present, &[created]),
            "who is created by the import had nothing before"
        );
    }
}
