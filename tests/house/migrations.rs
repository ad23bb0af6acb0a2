//! The story of the data is read in order.

use crate::sources::{assert_none, with_ending};
use muster_shared::{
    model::batch::{BatchState, Step},
    plan::MembershipSort,
};
use strum::VariantArray;

#[test]
fn migrations_are_numbered_without_gaps() {
    let numbers: Vec<String> = with_ending("migrations", "sql")
        .iter()
        .map(|file| {
            file.path
                .trim_start_matches("migrations/")
                .chars()
                .take_while(char::is_ascii_digit)
                .collect()
        })
        .collect();
    let expected: Vec<_> = (1..=numbers.len())
        .map(|number| format!("{number:04}"))
        .collect();
    assert!(!numbers.is_empty());
    assert_eq!(numbers, expected);
}

#[test]
fn migrations_say_in_their_name_and_first_line_what_they_are_about() {
    let silent: Vec<_> = with_ending("migrations", "sql")
        .iter()
        .filter(|file| {
            !file.text.starts_with("-- ") || file.path.len() < "migrations/0001_x.sql".len()
        })
        .map(|file| file.path.clone())
        .collect();
    assert_none("these do not", &silent);
}

/// The text of the statement that made a view last.
fn view(name: &str) -> String {
    let create = format!("VIEW {name} AS");
    let files = with_ending("migrations", "sql");
    let newest = files
        .iter()
        .rev()
        .find_map(|file| file.text.split_once(&create))
        .expect("the view is made somewhere");
    newest.1.split(';').next().unwrap_or_default().to_owned()
}

#[test]
fn every_sort_of_membership_is_in_the_views() {
    assert_eq!(
        allowed("import_removed_what"),
        MembershipSort::all()
            .iter()
            .map(|sort| sort.text())
            .collect::<Vec<_>>()
    );
    let (memberships, objects) = (view("lms.memberships"), view("lms.membership_objects"));
    for sort in MembershipSort::all() {
        let spec = sort.spec();
        let branch = |view: &str, table: &str| {
            let letter = format!("SELECT '{}'", sort.text());
            view.split("UNION ALL")
                .any(|branch| branch.contains(&letter) && branch.contains(&format!("FROM {table}")))
        };
        assert!(
            branch(&memberships, spec.table),
            "lms.memberships lacks {}",
            spec.label
        );
        assert!(
            branch(&objects, spec.objects),
            "lms.membership_objects lacks {}",
            spec.label
        );
    }
}

/// The words that the newest version of a check allows.
fn allowed(constraint: &str) -> Vec<String> {
    let begins = format!("CONSTRAINT {constraint} CHECK (");
    let mut newest_first = with_ending("migrations", "sql").into_iter().rev();
    let newest = newest_first.find_map(|file| Some(file.text.rsplit_once(&begins)?.1.to_owned()));
    let newest = newest.unwrap_or_else(|| panic!("{constraint} is nowhere"));
    let (_, words) = newest.split_once(" IN (").expect("a list of words");
    let (words, _) = words.split_once(')').expect("its end");
    words
        .split(',')
        .map(|word| word.trim().trim_matches('\'').to_owned())
        .collect()
}

#[test]
fn checks_allow_the_words_that_are_written() {
    assert_eq!(
        allowed("import_batches_state"),
        BatchState::VARIANTS
            .iter()
            .map(|state| state.name())
            .collect::<Vec<_>>()
    );
    assert_eq!(
        allowed("import_batches_step"),
        Step::VARIANTS
            .iter()
            .map(|step| step.name())
            .collect::<Vec<_>>()
    );
}
