//! Who is who on the benchmark's site, by number alone: the maker of files and the SQL that fills
//! the site say the same of person 7.

use crate::make::names::{FIRST, LAST, TOWNS, plain};

/// Segments of the site.
pub(super) const SEGMENTS: u64 = 500;
/// Courses of the site.
pub(super) const COURSES: u64 = 2_000;

/// Scatters numbers: the same as [`SCATTER_SQL`]. 31 bits, so that no product leaves what SQL's
/// bigint holds.
pub(super) fn scatter(number: u64, salt: u64) -> u64 {
    ((number % (1 << 31) + salt * 97) * 2_654_435_761 % (1 << 32)) >> 8
}

/// The same in SQL, for a session.
pub(super) const SCATTER_SQL: &str = "CREATE FUNCTION pg_temp.scatter(number bigint, salt bigint) RETURNS bigint LANGUAGE sql IMMUTABLE
     RETURN ((number % (1::bigint << 31) + salt * 97) * 2654435761 % (1::bigint << 32)) >> 8";

/// One of these, for a number.
pub(super) fn one_of<T: Copy>(choices: &[T], number: u64, salt: u64) -> T {
    choices[(scatter(number, salt) % choices.len() as u64) as usize]
}

/// The username of a person.
pub(super) fn username(number: u64) -> String {
    format!(
        "{}.{}{number}",
        plain(one_of(FIRST, number, 1)),
        plain(one_of(LAST, number, 2))
    )
}

/// The details of a person: first and last name, address, town, country, ID number.
pub(super) fn details(number: u64) -> [String; 6] {
    let (town, country) = one_of(TOWNS, number, 3);
    let own = |text: &str| text.to_owned();
    [
        own(one_of(FIRST, number, 1)),
        own(one_of(LAST, number, 2)),
        format!("{}@example.com", username(number)),
        own(town),
        own(country),
        format!("{number:08}"),
    ]
}

/// The ID number of a segment.
pub(super) fn segment(number: u64) -> String {
    format!("seg-{:03}", number % SEGMENTS)
}

/// The short name of a course.
pub(super) fn course(number: u64) -> String {
    format!("c-{:04}", number % COURSES)
}
