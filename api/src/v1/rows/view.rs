//! What a line looks like on the wire: its plan told as changes and memberships.

use super::{
    continued::Continued,
    names::{Name, Names},
    page::{IssueView, Line},
};
use muster_shared::{
    model::action::{Action, Outcome},
    plan::{Change, Deed, Membership, Plan, Write},
    store::imports::Import,
};
use serde::{Serialize, Serializer, ser::SerializeMap};
use std::collections::BTreeMap;

/// A line.
#[derive(Debug, Serialize)]
pub(crate) struct RowView {
    line: i32,
    key: Option<String>,
    /// `user_id`, or as the subject of the kind is called.
    #[serde(flatten)]
    subject: BTreeMap<String, Option<i64>>,
    action: Option<Action>,
    outcome: Option<Outcome>,
    changes: Vec<ChangeView>,
    memberships: Vec<MembershipView>,
    issues: Vec<IssueView>,
    /// In an import that goes on with it.
    continued: Option<Continued>,
    cells: Cells,
}

/// A field that is written.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ChangeView {
    field: String,
    before: Option<String>,
    after: Option<String>,
}

/// Something that the subject belongs to, and what happens to that.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct MembershipView {
    what: &'static str,
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    does: &'static str,
}

impl RowView {
    /// Of a line of that import.
    pub(super) fn new(
        import: &Import,
        names: &Names,
        line: Line,
        plan: Option<&Plan>,
        continued: Option<Continued>,
    ) -> Self {
        let spec = import.kind.spec();
        let subject = format!("{}_id", spec.subject);
        let write = plan.and_then(Plan::written);
        Self {
            subject: BTreeMap::from([(
                subject,
                write.and_then(|write| target(write, line.outcome)),
            )]),
            action: line.action,
            outcome: line.outcome,
            changes: write
                .map(|write| changes(&import.fields, spec.derived, write))
                .unwrap_or_default(),
            memberships: write
                .map(|write| memberships(names, write))
                .unwrap_or_default(),
            issues: line.issues,
            continued,
            cells: Cells::new(&import.file.columns, line.cells),
            line: line.number,
            key: line.key,
        }
    }
}

/// The record that the line is about. The id that is reserved for a new one is nobody's before it
/// is made.
fn target(write: &Write, outcome: Option<Outcome>) -> Option<i64> {
    let is_there = write.deed != Deed::Create || outcome == Some(Outcome::Created);
    is_there.then_some(write.target)
}

/// The fields that a plan writes: of a new record all that it gets, of a deleted one all that it
/// had.
pub(crate) fn changes(fields: &[String], derived: &[&str], write: &Write) -> Vec<ChangeView> {
    let is_filled = |value: &Option<String>| value.as_ref().is_some_and(|value| !value.is_empty());
    let is_told = |change: &Change| match write.deed {
        Deed::Create => is_filled(&change.after),
        Deed::Delete => is_filled(&change.before),
        Deed::Update | Deed::Keep => true,
    };
    let view = |change: &Change| {
        let field = fields
            .get(change.field)
            .filter(|field| !derived.contains(&field.as_str()))?
            .clone();
        let before = change.before.clone().filter(|_| write.deed != Deed::Create);
        let after = change.after.clone().filter(|_| write.deed != Deed::Delete);
        Some(ChangeView {
            field,
            before,
            after,
        })
    };
    write
        .changes
        .iter()
        .filter(|change| is_told(change))
        .filter_map(view)
        .collect()
}

/// All that a plan says about what its subject belongs to.
pub(crate) fn memberships(names: &Names, write: &Write) -> Vec<MembershipView> {
    write
        .memberships
        .iter()
        .map(|membership| MembershipView::new(names, membership))
        .collect()
}

impl MembershipView {
    /// What is no longer there is shown by its id.
    fn new(names: &Names, membership: &Membership) -> Self {
        let (key, spec) = (membership.key, membership.key.sort.spec());
        let found = names.objects.get(&(key.sort, key.id)).cloned();
        let Name { key: told, name } = found.unwrap_or_else(|| Name {
            key: key.id.to_string(),
            name: String::new(),
        });
        let role = |role: i32| {
            names
                .roles
                .get(&role)
                .cloned()
                .unwrap_or_else(|| role.to_string())
        };
        Self {
            what: spec.label,
            key: told,
            name: spec.tells_name.then_some(name),
            role: key.role.map(role),
            does: membership.does.word(key.sort),
        }
    }
}

/// Cells under their headings, in the file's order.
#[derive(Debug)]
struct Cells(Vec<(String, String)>);

impl Cells {
    fn new(headings: &[String], cells: Vec<String>) -> Self {
        // A record may be wider than the header: what is beyond is shown by its position, if it
        // holds anything.
        let named = cells
            .into_iter()
            .enumerate()
            .filter_map(|(i, cell)| match headings.get(i) {
                Some(heading) => Some((heading.clone(), cell)),
                None => (!cell.is_empty()).then(|| (format!("#{}", i + 1), cell)),
            });
        Self(named.collect())
    }
}

impl Serialize for Cells {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(Some(self.0.len()))?;
        for (heading, cell) in &self.0 {
            members.serialize_entry(heading, cell)?;
        }
        members.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_shared::plan::{Changes, Does, MembershipKey, MembershipSort};
    use serde_json::json;

    fn names() -> Names {
        use MembershipSort::{CourseRole, Enrolment, Segment};
        let name = |key: &str, name: &str| Name {
            key: key.to_owned(),
            name: name.to_owned(),
        };
        let (sales, it, seven, eight) = (
            name("sales", "Sales"),
            name("it", "IT"),
            name("c007", "Seven"),
            name("c008", "Eight"),
        );
        Names {
            objects: [
                ((Segment, 1), sales),
                ((Segment, 2), it),
                ((Enrolment, 7), seven.clone()),
                ((CourseRole, 7), seven),
                ((Enrolment, 8), eight.clone()),
                ((CourseRole, 8), eight),
            ]
            .into(),
            roles: [(1, "student".to_owned()), (2, "teacher".to_owned())].into(),
        }
    }

    fn update(changes: Changes, memberships: &[(MembershipKey, Does)]) -> Write {
        let memberships = memberships
            .iter()
            .map(|&(key, does)| Membership::new(key, does))
            .collect();
        Write::update(5, 1, Some(1), changes, memberships)
    }

    #[test]
    fn an_update_shows_what_it_writes() {
        let fields = ["username", "email", "email_key", "city"].map(str::to_owned);
        let mut written = Changes::default();
        written.write(1, Some("A@x.no"), Some("B@x.no"));
        written.write(2, Some("a@x.no"), Some("b@x.no"));
        written.write(3, Some("Oslo"), Some("Bergen"));
        let changes =
            serde_json::to_value(changes(&fields, &["email_key"], &update(written, &[]))).unwrap();
        let expected = json!([{"field": "email", "before": "A@x.no", "after": "B@x.no"}, {"field": "city", "before": "Oslo", "after": "Bergen"}]);
        assert_eq!(changes, expected);
    }

    #[test]
    fn a_create_shows_all_that_it_writes() {
        let fields = ["username", "city"].map(str::to_owned);
        let create = Write::create(5, Changes::of_new(vec![Some("anna".to_owned()), None]));
        assert_eq!(
            changes(&fields, &[], &create),
            [ChangeView {
                field: "username".to_owned(),
                before: None,
                after: Some("anna".to_owned())
            }]
        );
        assert_eq!(
            (
                target(&create, None),
                target(&create, Some(Outcome::Created))
            ),
            (None, Some(5))
        );
    }

    #[test]
    fn a_delete_shows_all_that_there_was() {
        let fields = ["username", "email_key", "city"].map(str::to_owned);
        let text = |text: &str| Some(text.to_owned());
        let gone = Changes::of_gone(&[text("anna"), text("a@x.no"), text("")]);
        let delete = Write {
            deed: Deed::Delete,
            ..update(gone, &[])
        };
        assert_eq!(
            changes(&fields, &["email_key"], &delete),
            [ChangeView {
                field: "username".to_owned(),
                before: text("anna"),
                after: None
            }]
        );
        assert_eq!(target(&delete, Some(Outcome::Deleted)), Some(5));
    }

    fn told(write: &Write) -> Vec<String> {
        let told = memberships(&names(), write).into_iter();
        told.map(|m| {
            format!(
                "{} {}{} {}",
                m.what,
                m.key,
                m.role.map(|role| format!(" {role}")).unwrap_or_default(),
                m.does
            )
        })
        .collect()
    }

    #[test]
    fn memberships_are_told_one_by_one() {
        use Does::{Joins, Stays};
        let write = update(
            Changes::default(),
            &[
                (MembershipKey::segment(1), Joins),
                (MembershipKey::segment(2), Stays),
                (MembershipKey::enrolment(7), Joins),
                (MembershipKey::course_role(7, 1), Joins),
                (MembershipKey::course_role(7, 2), Joins),
                (MembershipKey::enrolment(8), Stays),
                (MembershipKey::course_role(8, 1), Stays),
                (MembershipKey::enrolment(9), Stays),
                (MembershipKey::course_role(9, 1), Joins),
            ],
        );
        let expected = [
            "segment sales join",
            "segment it already",
            "enrolment c007 join",
            "course_role c007 student add",
            "course_role c007 teacher add",
            "enrolment c008 already",
            "course_role c008 student already",
            "enrolment 9 already",
            "course_role 9 student add",
        ];
        assert_eq!(told(&write), expected);
    }

    #[test]
    fn what_an_undo_takes_away_is_told_too() {
        use Does::{Joins, Leaves, Stays};
        let write = update(
            Changes::default(),
            &[
                (MembershipKey::segment(2), Joins),
                (MembershipKey::segment(1), Leaves),
                (MembershipKey::enrolment(7), Leaves),
                (MembershipKey::course_role(7, 1), Leaves),
                (MembershipKey::course_role(7, 2), Leaves),
                (MembershipKey::enrolment(8), Stays),
                (MembershipKey::course_role(8, 2), Leaves),
            ],
        );
        let expected = [
            "segment it join",
            "segment sales leave",
            "enrolment c007 remove",
            "course_role c007 student remove",
            "course_role c007 teacher remove",
            "enrolment c008 already",
            "course_role c008 teacher remove",
        ];
        assert_eq!(told(&write), expected);
    }

    #[test]
    fn cells_stand_under_their_headings_in_order() {
        let cells = Cells::new(
            &["b".to_owned(), "a".to_owned()],
            ["1", "2", "", "4"].map(str::to_owned).to_vec(),
        );
        assert_eq!(
            serde_json::to_string(&cells).unwrap(),
            r##"{"b":"1","a":"2","#4":"4"}"##
        );
    }
}
