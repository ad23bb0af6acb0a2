//! What plans bring about, counted: subjects by what happens to them, memberships by their sort.

use super::{Deed, MembershipSort, Plan};
use crate::model::{
    kind::{Kind, KindSpec},
    tally::{Effect, Effects},
};
use strum::VariantArray;

/// What plans of a kind would bring about.
#[must_use]
pub fn effects_of<'a>(kind: &KindSpec, plans: impl IntoIterator<Item = &'a Plan>) -> Effects {
    let mut effects = Effects::default();
    for write in plans.into_iter().filter_map(Plan::written) {
        let of_subject = match write.deed {
            Deed::Create => Some(&kind.effects.created),
            Deed::Delete => Some(&kind.effects.deleted),
            Deed::Update if !write.changes.is_empty() => Some(&kind.effects.updated),
            Deed::Update | Deed::Keep => None,
        };
        let of_memberships = write
            .memberships
            .iter()
            .filter_map(|membership| membership.does.effect(membership.key.sort));
        for effect in of_subject.into_iter().chain(of_memberships) {
            effects.add(effect, 1);
        }
    }
    effects
}

/// All effects that an import may have, in the order in which they are told.
#[must_use]
pub fn all_effects() -> Vec<&'static Effect> {
    let of_kinds = Kind::VARIANTS
        .iter()
        .map(|kind| kind.spec())
        .flat_map(|spec| {
            let of_subjects = [
                &spec.effects.created,
                &spec.effects.updated,
                &spec.effects.deleted,
            ];
            of_subjects.into_iter().chain(spec.other_effects)
        });
    of_kinds
        .chain(
            MembershipSort::VARIANTS
                .iter()
                .flat_map(|sort| &sort.spec().effects),
        )
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Changes, Does, Membership, MembershipKey, Write};

    fn told(plans: &[Plan]) -> String {
        let effects = effects_of(Kind::Users.spec(), plans);
        effects
            .iter()
            .map(|(name, count)| format!("{name} {count}"))
            .collect::<Vec<_>>()
            .join(", ")
    }

    #[test]
    fn what_is_written_is_counted() {
        let changes = Changes::of_new(vec![Some("anna".to_owned())]);
        let memberships = vec![
            Membership::new(MembershipKey::segment(1), Does::Joins),
            Membership::new(MembershipKey::segment(2), Does::Stays),
            Membership::new(MembershipKey::enrolment(7), Does::Leaves),
            Membership::new(MembershipKey::course_role(7, 1), Does::Leaves),
        ];
        let update = |changes, memberships| {
            vec![Plan::write(
                2,
                Write::update(5, 1, Some(1), changes, memberships),
                Vec::new(),
            )]
        };
        let create = vec![Plan::write(
            2,
            Write::create(5, changes.clone()),
            Vec::new(),
        )];
        for (plans, expected) in [
            (
                vec![Plan::skip(2, Vec::new()), Plan::reject(3, Vec::new())],
                "",
            ),
            (create, "users_created 1"),
            (update(changes, Vec::new()), "users_updated 1"),
            (update(Changes::default(), Vec::new()), ""),
            (
                update(Changes::default(), memberships),
                "course_roles_removed 1, enrolments_removed 1, segments_joined 1",
            ),
        ] {
            assert_eq!(told(&plans), expected);
        }
    }

    #[test]
    fn every_effect_has_one_name() {
        let mut names: Vec<_> = all_effects()
            .into_iter()
            .map(|effect| effect.name)
            .collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
