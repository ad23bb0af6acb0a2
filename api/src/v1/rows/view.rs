//! What a line looks like on the wire: its plan told as changes and memberships.

use super::{
    continued::Continued,
    names::{Name, Names},
    page::{IssueView, Line},
    plans::Plan,
};
use muster_shared::{
    model::plan::{Action, Outcome},
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
    changes: Vec<Change>,
    memberships: Vec<Membership>,
    issues: Vec<IssueView>,
    /// In an import that goes on with it.
    continued: Option<Continued>,
    cells: Cells,
}

/// A field that is written.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Change {
    field: String,
    before: Option<String>,
    after: Option<String>,
}

/// Something that the subject belongs to, and what happens to that.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Membership {
    what: &'static str,
    key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
    does: &'static str,
}

/// Bits of `import_plans.course_does`.
const ENROLS: i16 = 1;
const ADDS_ROLE: i16 = 2;
const ENDS: i16 = 4;
const REMOVES_ROLE: i16 = 8;

impl RowView {
    /// Of a line of that import.
    pub(super) fn new(import: &Import, names: &Names, line: Line, plan: &Plan, continued: Option<Continued>) -> Self {
        let spec = import.kind.spec();
        let subject = format!("{}_id", spec.subject);
        // What is skipped or rejected does nothing, whatever preview had worked out before it came to that.
        let nothing = Plan::default();
        let done = if matches!(line.action, Some(Action::Skip | Action::Reject)) { &nothing } else { plan };
        Self {
            subject: BTreeMap::from([(subject, target(plan, line.action, line.outcome))]),
            action: line.action,
            outcome: line.outcome,
            changes: changes(&import.fields, spec.derived, line.action, done),
            memberships: memberships(names, done),
            issues: line.issues,
            continued,
            cells: Cells::new(&import.file.columns, line.cells),
            line: line.number,
            key: line.key,
        }
    }
}

/// The record that the line is about. The id that is reserved for a new one is nobody's before it is made.
fn target(plan: &Plan, action: Option<Action>, outcome: Option<Outcome>) -> Option<i64> {
    let is_there = action != Some(Action::Create) || outcome == Some(Outcome::Created);
    plan.target_id.filter(|_| is_there)
}

/// The fields that a plan of that action writes: all that a new record has, all that a deleted one had.
pub(crate) fn changes(fields: &[String], derived: &[&str], action: Option<Action>, plan: &Plan) -> Vec<Change> {
    let is_new = action == Some(Action::Create);
    let is_gone = action == Some(Action::Delete);
    let at = |values: &[Option<String>], i: usize| values.get(i).cloned().flatten();
    let shown = fields.iter().enumerate().filter(|(_, field)| !derived.contains(&field.as_str()));
    let changes = shown.filter_map(|(i, field)| {
        let (before, after) = (at(&plan.before, i), at(&plan.after, i));
        let is_written = match action {
            Some(Action::Create) => after.as_ref().is_some_and(|value| !value.is_empty()),
            Some(Action::Delete) => before.as_ref().is_some_and(|value| !value.is_empty()),
            _ => i < 64 && plan.mask >> i & 1 == 1,
        };
        is_written.then(|| Change { field: field.clone(), before: before.filter(|_| !is_new), after: after.filter(|_| !is_gone) })
    });
    changes.collect()
}

/// All that a plan says about what its subject belongs to.
pub(crate) fn memberships(names: &Names, plan: &Plan) -> Vec<Membership> {
    let joined = plan.segments_joined.iter().map(|id| segment(names, *id, "join"));
    let left = plan.segments_left.iter().map(|id| segment(names, *id, "leave"));
    let there = plan.segments_there.iter().map(|id| segment(names, *id, "already"));
    let mut memberships: Vec<_> = joined.chain(left).chain(there).collect();
    // A course has a position for each of its roles; it is told once, before them.
    let mut told: Vec<i64> = Vec::new();
    for (i, &course) in plan.courses.iter().enumerate() {
        if !told.contains(&course) {
            told.push(course);
            let does = does(plan, course).fold(0, |all, does| all | does);
            memberships.push(enrolment(names, course, word(does, (ENROLS, "join"), (ENDS, "remove"))));
            for (role, does) in roles(plan, course, i) {
                memberships.push(course_role(names, course, role, word(does, (ADDS_ROLE, "add"), (REMOVES_ROLE, "remove"))));
            }
        }
    }
    memberships
}

fn does(plan: &Plan, course: i64) -> impl Iterator<Item = i16> {
    plan.courses.iter().zip(&plan.course_does).filter(move |(id, _)| **id == course).map(|(_, does)| *does)
}

fn roles(plan: &Plan, course: i64, from: usize) -> impl Iterator<Item = (i32, i16)> {
    let positions = plan.courses.iter().zip(&plan.course_roles).zip(&plan.course_does).skip(from);
    positions.filter(move |((id, _), _)| **id == course).map(|((_, role), does)| (*role, *does))
}

/// What happens, by which bit is set.
fn word(does: i16, gives: (i16, &'static str), takes: (i16, &'static str)) -> &'static str {
    let said = [gives, takes].into_iter().find(|(bit, _)| does & bit != 0);
    said.map_or("already", |(_, word)| word)
}

fn segment(names: &Names, id: i64, does: &'static str) -> Membership {
    let Name { key, name } = named(names.segments.get(&id), id);
    Membership { what: "segment", key, name: Some(name), role: None, does }
}

fn enrolment(names: &Names, id: i64, does: &'static str) -> Membership {
    let Name { key, name } = named(names.courses.get(&id), id);
    Membership { what: "enrolment", key, name: Some(name), role: None, does }
}

fn course_role(names: &Names, id: i64, role: i32, does: &'static str) -> Membership {
    let role = names.roles.get(&role).cloned().unwrap_or_else(|| role.to_string());
    Membership { what: "course_role", key: named(names.courses.get(&id), id).key, name: None, role: Some(role), does }
}

/// What is no longer there is shown by its id.
fn named(found: Option<&Name>, id: i64) -> Name {
    found.cloned().unwrap_or_else(|| Name { key: id.to_string(), name: String::new() })
}

/// Cells under their headings, in the file's order.
#[derive(Debug)]
struct Cells(Vec<(String, String)>);

impl Cells {
    fn new(headings: &[String], cells: Vec<String>) -> Self {
        // A record may be wider than the header: what is beyond is shown by its position, if it holds anything.
        let named = cells.into_iter().enumerate().filter_map(|(i, cell)| match headings.get(i) {
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
    use serde_json::json;

    fn names() -> Names {
        let name = |key: &str, name: &str| Name { key: key.to_owned(), name: name.to_owned() };
        Names {
            segments: [(1, name("sales", "Sales")), (2, name("it", "IT"))].into(),
            courses: [(7, name("c007", "Seven")), (8, name("c008", "Eight"))].into(),
            roles: [(1, "student".to_owned()), (2, "teacher".to_owned())].into(),
        }
    }

    #[test]
    fn an_update_shows_what_the_mask_says() {
        let fields = ["username", "email", "email_key", "city"].map(str::to_owned);
        let text = |text: &str| Some(text.to_owned());
        let plan = Plan {
            mask: 0b1110,
            before: vec![None, text("A@x.no"), text("a@x.no"), text("Oslo")],
            after: vec![None, text("B@x.no"), text("b@x.no"), text("Bergen")],
            ..Plan::default()
        };
        let changes = serde_json::to_value(changes(&fields, &["email_key"], Some(Action::Update), &plan)).unwrap();
        let expected =
            json!([{"field": "email", "before": "A@x.no", "after": "B@x.no"}, {"field": "city", "before": "Oslo", "after": "Bergen"}]);
        assert_eq!(changes, expected);
    }

    #[test]
    fn a_create_shows_all_that_it_writes() {
        let fields = ["username", "city"].map(str::to_owned);
        let plan = Plan { after: vec![Some("anna".to_owned()), None], target_id: Some(5), ..Plan::default() };
        let create = Some(Action::Create);
        assert_eq!(
            changes(&fields, &[], create, &plan),
            [Change { field: "username".to_owned(), before: None, after: Some("anna".to_owned()) }]
        );
        assert_eq!((target(&plan, create, None), target(&plan, create, Some(Outcome::Created))), (None, Some(5)));
    }

    #[test]
    fn a_delete_shows_all_that_there_was() {
        let fields = ["username", "email_key", "city"].map(str::to_owned);
        let text = |text: &str| Some(text.to_owned());
        let plan = Plan { before: vec![text("anna"), text("a@x.no"), text("")], target_id: Some(5), ..Plan::default() };
        let delete = Some(Action::Delete);
        assert_eq!(
            changes(&fields, &["email_key"], delete, &plan),
            [Change { field: "username".to_owned(), before: text("anna"), after: None }]
        );
        assert_eq!(target(&plan, delete, Some(Outcome::Deleted)), Some(5));
    }

    fn told(plan: &Plan) -> Vec<String> {
        let told = memberships(&names(), plan).into_iter();
        told.map(|m| format!("{} {}{} {}", m.what, m.key, m.role.map(|role| format!(" {role}")).unwrap_or_default(), m.does)).collect()
    }

    #[test]
    fn memberships_are_told_one_by_one() {
        let plan = Plan {
            segments_joined: vec![1],
            segments_there: vec![2],
            courses: vec![7, 8, 7, 9],
            course_roles: vec![1, 1, 2, 1],
            course_does: vec![ENROLS | ADDS_ROLE, 0, ADDS_ROLE, ADDS_ROLE],
            ..Plan::default()
        };
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
        assert_eq!(told(&plan), expected);
    }

    #[test]
    fn what_an_undo_takes_away_is_told_too() {
        let plan = Plan {
            segments_joined: vec![2],
            segments_left: vec![1],
            courses: vec![7, 7, 8],
            course_roles: vec![1, 2, 2],
            course_does: vec![ENDS | REMOVES_ROLE, REMOVES_ROLE, REMOVES_ROLE],
            ..Plan::default()
        };
        let expected = [
            "segment it join",
            "segment sales leave",
            "enrolment c007 remove",
            "course_role c007 student remove",
            "course_role c007 teacher remove",
            "enrolment c008 already",
            "course_role c008 teacher remove",
        ];
        assert_eq!(told(&plan), expected);
    }

    #[test]
    fn cells_stand_under_their_headings_in_order() {
        let cells = Cells::new(&["b".to_owned(), "a".to_owned()], ["1", "2", "", "4"].map(str::to_owned).to_vec());
        assert_eq!(serde_json::to_string(&cells).unwrap(), r##"{"b":"1","a":"2","#4":"4"}"##);
    }
}
