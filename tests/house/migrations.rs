//! The story of the data is read in order.

use crate::sources::{assert_none, with_ending};
use muster_shared::plan::MembershipSort;

#[test]
fn migrations_are_numbered_without_gaps() {
    let numbers: Vec<String> = with_ending("migrations", "sql")
        .iter()
        .map(|file| file.path.trim_start_matches("migrations/").chars().take_while(char::is_ascii_digit).collect())
        .collect();
    let expected: Vec<_> = (1..=numbers.len()).map(|number| format!("{number:04}")).collect();
    assert!(!numbers.is_empty());
    assert_eq!(numbers, expected);
}

#[test]
fn migrations_say_in_their_name_and_first_line_what_they_are_about() {
    let silent: Vec<_> = with_ending("migrations", "sql")
        .iter()
        .filter(|file| !file.text.starts_with("-- ") || file.path.len() < "migrations/0001_x.sql".len())
        .map(|file| file.path.clone())
        .collect();
    assert_none("these do not", &silent);
}

/// The text of the statement that made a view last.
fn view(name: &str) -> String {
    let create = format!("VIEW {name} AS");
    let files = with_ending("migrations", "sql");
    let newest = files.iter().rev().find_map(|file| file.text.split_once(&create)).expect("the view is made somewhere");
    newest.1.split(';').next().unwrap_or_default().to_owned()
}

#[test]
fn every_sort_of_membership_is_in_the_views() {
    let (memberships, objects) = (view("lms.memberships"), view("lms.membership_objects"));
    for sort in MembershipSort::all() {
        let spec = sort.spec();
        let branch = |view: &str, table: &str| {
            let letter = format!("SELECT '{}'", sort.text());
            view.split("UNION ALL").any(|branch| branch.contains(&letter) && branch.contains(&format!("FROM {table}")))
        };
        assert!(branch(&memberships, spec.table), "lms.memberships lacks {}", spec.label);
        assert!(branch(&objects, spec.objects), "lms.membership_objects lacks {}", spec.label);
    }
}
