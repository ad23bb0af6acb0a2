//! The story of the data is read in order.

use crate::sources::{assert_none, with_ending};

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
