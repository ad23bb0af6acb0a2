//! Taking memberships away: only what the undone import gave, each kept as it was, so that an undo
//! of the undo can give it back.

use super::sql::delete;
use crate::{error::StageError, kinds::turn::Turn};
use muster_shared::{
    model::{ids::ImportNo, tally::Effects},
    plan::{Does, Membership, MembershipSort},
};
use sqlx::PgConnection;

/// Memberships of one sort that end, at the same positions.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) lines: Vec<i32>,
    pub(super) people: Vec<i64>,
    pub(super) ids: Vec<i64>,
    pub(super) roles: Vec<Option<i32>>,
    /// Under whose numbers they were given.
    pub(super) sources: Vec<Option<i64>>,
}

/// Takes what plans of a turn take. A sort that hangs on another goes before it.
pub(in crate::kinds::users) async fn take(
    conn: &mut PgConnection,
    turn: Turn<'_>,
    effects: &mut Effects,
) -> Result<(), StageError> {
    for &sort in MembershipSort::all().iter().rev() {
        let taken = Taken::of(turn, sort);
        if taken.lines.is_empty() {
            continue;
        }
        effects.add(
            &sort.spec().effects[1],
            delete(conn, turn, sort, &taken).await?,
        );
    }
    Ok(())
}

impl Taken {
    fn of(turn: Turn<'_>, sort: MembershipSort) -> Self {
        let mut taken = Self::default();
        for plan in turn.plans {
            for membership in plan
                .memberships
                .iter()
                .filter(|m| m.key.sort == sort && m.does == Does::Leaves)
            {
                taken.lines.push(plan.line);
                taken.people.push(plan.target);
                taken.ids.push(membership.key.id);
                taken.roles.push(membership.key.role);
                taken.sources.push(source(membership, turn.range.undoes));
            }
        }
        taken
    }
}

/// Under whose number a membership that an undo takes was given: that of the undone import, unless
/// the plan says otherwise.
pub(in crate::kinds::users) fn source(
    membership: &Membership,
    undone: Option<ImportNo>,
) -> Option<i64> {
    let before = membership.detail.as_ref().and_then(|detail| detail.before);
    before.map_or(undone.map(|undone| undone.0), |before| before.source)
}
