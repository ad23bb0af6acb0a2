//! What lines about people would do, by mode and by how details are treated.

use super::*;
use crate::kinds::told::told;
use muster_shared::model::{kind::Kind, recipe::Recipe};

const CREATE: Rules = rules(Recipe::Custom, Mode::CreateOnly, ExistingDetails::Keep);
const UPDATE: Rules = rules(Recipe::Custom, Mode::UpdateOnly, ExistingDetails::Override);
const BOTH: Rules = rules(
    Recipe::Custom,
    Mode::CreateAndUpdate,
    ExistingDetails::Override,
);
const BOTH_KEEP: Rules = rules(Recipe::Custom, Mode::CreateAndUpdate, ExistingDetails::Keep);
const ADD: Rules = rules(
    Recipe::AddToSegments,
    Mode::UpdateOnly,
    ExistingDetails::Keep,
);

const fn rules(recipe: Recipe, mode: Mode, details: ExistingDetails) -> Rules {
    Rules {
        recipe,
        mode,
        details,
    }
}

/// A line about somebody, with `field value` pairs.
fn row(line: i32, username: &str, details: &[(usize, &str)]) -> Row<'static> {
    let mut row = Row {
        line,
        key: Some(username.to_owned()),
        details: vec![None; field::COUNT],
        headings: vec![""; field::COUNT],
        memberships: Vec::new(),
        issues: Vec::new(),
        detail_issues: Vec::new(),
        email_named_on: None,
        key_heading: "username",
        key_text: "",
    };
    row.details[field::USERNAME] = Some(username.to_owned());
    for &(field, value) in details {
        row.details[field] = Some(value.to_owned());
        row.headings[field] = "a heading";
    }
    row
}

/// Everything that somebody new needs.
fn whole(line: i32, username: &str) -> Row<'static> {
    let email = format!("{username}@example.com");
    row(
        line,
        username,
        &[
            (field::FIRSTNAME, "F"),
            (field::LASTNAME, "L"),
            (field::EMAIL, &email),
            (field::EMAIL_KEY, &email),
        ],
    )
}

fn with_memberships(mut row: Row<'static>, memberships: &[MembershipKey]) -> Row<'static> {
    row.memberships = memberships.to_vec();
    row
}

/// A site with ann (5, in Oslo, in segment 7), whose address is hers; new people get 100 and on.
fn snapshot() -> Snapshot {
    let mut fields = vec![None; field::COUNT];
    for (field, value) in [
        (field::USERNAME, "ann"),
        (field::FIRSTNAME, "Ann"),
        (field::EMAIL, "Ann@Example.com"),
        (field::EMAIL_KEY, "ann@example.com"),
        (field::CITY, "Oslo"),
    ] {
        fields[field] = Some(value.to_owned());
    }
    let ann = Person {
        id: 5,
        version: 3,
        fields,
    };
    Snapshot {
        people: HashMap::from([("ann".to_owned(), ann)]),
        emails: HashMap::from([("ann@example.com".to_owned(), vec![5])]),
        memberships: HashMap::from([((5, MembershipKey::segment(7)), MembershipTerms::default())]),
        ids: vec![100, 101, 102].into_iter(),
        suggestions: HashMap::from([("amn".to_owned(), "ann".to_owned())]),
    }
}

/// The plans of lines that are complete, in a line each.
fn planned(rules: Rules, rows: Vec<Row<'_>>) -> Vec<String> {
    let repeated = repeated(&rows, []);
    let (planned, _) = plan(rules, rows, snapshot(), repeated, None, None).expect("ids enough");
    let told = |plan: &Plan| told(plan, Kind::Users.spec().fields);
    planned.plans.iter().map(told).collect()
}

#[test]
fn by_mode_and_details() {
    let city = |username: &str| row(2, username, &[(field::CITY, "Rome")]);
    let new = "2 create 100.1 username →bo firstname →F lastname →L email →bo@example.com email_key →bo@example.com";
    let no_details = "2 reject (error missing-value) (error missing-value) (error missing-value)";
    for (rules, row, expected) in [
        (CREATE, whole(2, "bo"), new),
        (BOTH, whole(2, "bo"), new),
        (BOTH_KEEP, whole(2, "bo"), new),
        (UPDATE, whole(2, "bo"), "2 skip (warning user-not-found)"),
        (ADD, whole(2, "bo"), "2 reject (error user-not-found)"),
        (CREATE, city("bo"), no_details),
        (CREATE, city("ann"), "2 skip (warning user-exists)"),
        (UPDATE, city("ann"), "2 update 5.1 city Oslo→Rome"),
        (BOTH, city("ann"), "2 update 5.1 city Oslo→Rome"),
        (BOTH_KEEP, city("ann"), "2 unchanged 5.1"),
        (ADD, city("ann"), "2 unchanged 5.1"),
    ] {
        assert_eq!(planned(rules, vec![row]), [expected], "{rules:?}");
    }
}

#[test]
fn a_later_line_sees_what_the_earlier_ones_would_do() {
    let city = |line, city| row(line, "ann", &[(field::CITY, city)]);
    for (rules, rows, expected) in [
        (
            BOTH,
            vec![whole(2, "bo"), row(3, "bo", &[(field::CITY, "Rome")])],
            &["3 update 100.2 city →Rome"][..],
        ),
        (
            CREATE,
            vec![whole(2, "bo"), whole(3, "bo")],
            &["3 skip (warning user-exists)"],
        ),
        (
            BOTH,
            vec![city(2, "Rome"), city(3, "Rome"), city(4, "Oslo")],
            &["3 unchanged 5.2", "4 update 5.3 city Rome→Oslo"],
        ),
    ] {
        assert_eq!(planned(rules, rows)[1..], *expected);
    }
}

#[test]
fn a_person_goes_on_in_the_next_rows() {
    let first = vec![row(2, "ann", &[(field::CITY, "Rome")])];
    let (_, open) = plan(
        BOTH,
        first,
        snapshot(),
        HashSet::from(["ann".to_owned()]),
        None,
        Some("ann".to_owned()),
    )
    .expect("nobody is new");
    let mut later = snapshot();
    later.people.clear();
    let rows = vec![row(3, "ann", &[(field::CITY, "Oslo")])];
    let (planned, _) = plan(BOTH, rows, later, HashSet::new(), open, None).expect("nobody is new");
    let fields = Kind::Users.spec().fields;
    assert_eq!(
        told(&planned.plans[0], fields),
        "3 update 5.2 city Rome→Oslo"
    );
}

#[test]
fn addresses() {
    let address = |username: &str, email: &str| {
        let key = email.to_lowercase();
        row(
            2,
            username,
            &[(field::EMAIL, email), (field::EMAIL_KEY, &key)],
        )
    };
    let mut named_before = whole(2, "bo");
    named_before.email_named_on = Some(1);
    let mut of_ann = whole(2, "bo");
    of_ann.details[field::EMAIL_KEY] = Some("ann@example.com".to_owned());
    for (row, expected) in [
        (of_ann, "2 reject (error duplicate-email)"),
        (named_before, "2 reject (error duplicate-email)"),
        (
            address("ann", "a@example.com"),
            "2 update 5.1 email Ann@Example.com→a@example.com email_key ann@example.com→a@example.com",
        ),
        (address("ann", "Ann@Example.com"), "2 unchanged 5.1"),
    ] {
        assert_eq!(planned(BOTH, vec![row]), [expected]);
    }
}

#[test]
fn memberships_join_or_stay() {
    let (sales, hr, course) = (
        MembershipKey::segment(7),
        MembershipKey::segment(8),
        MembershipKey::enrolment(9),
    );
    let role = MembershipKey::course_role(9, 1);
    for (rows, expected) in [
        (
            vec![with_memberships(row(2, "ann", &[]), &[sales, hr])],
            &["2 update 5.1 +s8 =s7"][..],
        ),
        (
            vec![with_memberships(row(2, "ann", &[]), &[sales])],
            &["2 unchanged 5.1 =s7"],
        ),
        (
            vec![
                with_memberships(row(2, "ann", &[]), &[course, role]),
                with_memberships(row(3, "ann", &[]), &[course, role]),
            ],
            &["2 update 5.1 +e9 +r9/1", "3 unchanged 5.2 =e9 =r9/1"],
        ),
    ] {
        assert_eq!(planned(ADD, rows), expected);
    }
}

#[test]
fn a_suspended_enrolment_stays_so_and_is_told() {
    let course = MembershipKey::enrolment(9);
    let mut site = snapshot();
    let suspended = MembershipTerms {
        status: Some(1),
        ..MembershipTerms::default()
    };
    site.memberships.insert((5, course), suspended);
    let rows = vec![with_memberships(row(2, "ann", &[]), &[course])];
    let (planned, _) = plan(ADD, rows, site, HashSet::new(), None, None).expect("nobody is new");
    let told = told(&planned.plans[0], Kind::Users.spec().fields);
    assert_eq!(told, "2 unchanged 5.1 =e9 (warning enrolment-suspended)");
}

#[test]
fn filled_cells_that_are_passed_over_are_counted_by_heading() {
    let rows = vec![
        row(2, "ann", &[(field::CITY, "Rome"), (field::FIRSTNAME, "A")]),
        row(3, "ann", &[(field::CITY, "Rome")]),
    ];
    let repeated = repeated(&rows, []);
    let (planned, _) =
        plan(BOTH_KEEP, rows, snapshot(), repeated, None, None).expect("nobody is new");
    assert_eq!(planned.ignored_by_details.get("a heading"), Some(&3));
}

#[test]
fn ids_that_run_out_are_a_defect() {
    let mut site = snapshot();
    site.ids = Vec::new().into_iter();
    let made = plan(BOTH, vec![whole(2, "bo")], site, HashSet::new(), None, None);
    assert!(matches!(made, Err(StageError::Defect { .. })));
}
