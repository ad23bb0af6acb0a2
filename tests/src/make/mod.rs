//! Makes files that look like an admin's: names with accents, cells that need quotes, and, where it
//! is asked for, mistakes whose number is known. The same seed makes the same files.

mod chance;
mod courses;
mod expected;
mod memberships;
pub(crate) mod names;
mod people;
mod segments;

pub use chance::Chance;
pub use courses::{Course, courses};
pub use expected::Expected;
pub use memberships::{Memberships, memberships};
pub use people::{Person, people};
pub use segments::{Segment, segments};

use muster_shared::model::tally::{Actions, Effects};
use std::collections::BTreeMap;

/// A file, and what comes out when it is imported for the first time.
#[derive(Debug, Clone)]
pub struct Made {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What preview must count.
    pub expected: Expected,
}

/// A file of segments for the recipe `create-segments`.
#[must_use]
pub fn segments_file(segments: &[Segment]) -> Made {
    let rows = segments
        .iter()
        .map(|s| vec![s.idnumber.clone(), s.name.clone(), s.description.clone()]);
    let created = segments.len() as i64;
    let effects = Effects::of([("segments_created", created)]);
    Made {
        bytes: comma_separated(&["idnumber", "name", "description"], rows),
        expected: creating(created, effects),
    }
}

/// A file of courses for the recipe `create-courses`.
#[must_use]
pub fn courses_file(courses: &[Course]) -> Made {
    let rows = courses.iter().map(|c| {
        vec![
            c.shortname.clone(),
            c.fullname.clone(),
            c.category_path.clone(),
            c.startdate.clone(),
        ]
    });
    let created = courses.len() as i64;
    let effects = Effects::of([
        ("courses_created", created),
        (
            "categories_created",
            courses::categories(courses).len() as i64,
        ),
    ]);
    Made {
        bytes: comma_separated(
            &["shortname", "fullname", "category_path", "startdate"],
            rows,
        ),
        expected: creating(created, effects),
    }
}

/// A file of people for the recipes `create-users` and `create-or-update-users`.
#[must_use]
pub fn people_file(people: &[Person]) -> Made {
    let header = [
        "username",
        "firstname",
        "lastname",
        "email",
        "idnumber",
        "institution",
        "department",
        "city",
        "country",
    ];
    let rows = people.iter().map(|p| {
        let cells = [
            &p.username,
            &p.firstname,
            &p.lastname,
            &p.email,
            &p.idnumber,
            &p.institution,
            &p.department,
            &p.city,
            &p.country,
        ];
        cells.into_iter().cloned().collect()
    });
    let created = people.len() as i64;
    let effects = Effects::of([("users_created", created)]);
    Made {
        bytes: comma_separated(&header, rows),
        expected: creating(created, effects),
    }
}

fn creating(created: i64, effects: Effects) -> Expected {
    Expected {
        actions: Actions {
            create: created,
            ..Actions::default()
        },
        effects,
        errors: BTreeMap::new(),
    }
}

fn comma_separated(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Vec<u8> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer
        .write_record(header)
        .expect("memory takes what is written");
    for row in rows {
        writer
            .write_record(&row)
            .expect("rows are as wide as the header");
    }
    writer.into_inner().expect("memory takes what is written")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_same_seed_makes_the_same_file() {
        assert_eq!(
            people_file(&people(7, 50)).bytes,
            people_file(&people(7, 50)).bytes
        );
        assert_ne!(
            people_file(&people(7, 50)).bytes,
            people_file(&people(8, 50)).bytes
        );
    }

    #[test]
    fn nobody_shares_a_name_or_an_address_and_the_cells_are_lively() {
        let people = people(1, 3_000);
        let distinct =
            |of: fn(&Person) -> &String| people.iter().map(of).collect::<HashSet<_>>().len();
        assert_eq!(
            (
                distinct(|p| &p.username),
                distinct(|p| &p.email),
                distinct(|p| &p.idnumber)
            ),
            (3_000, 3_000, 3_000)
        );
        assert!(people.iter().all(|p| {
            p.username
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.')
        }));
        let text = String::from_utf8(people_file(&people).bytes).expect("UTF-8");
        assert!(text.contains('"') && text.contains('ö') && text.contains('\''));
    }

    #[test]
    fn segments_and_courses_have_names_of_their_own() {
        let (segments, courses) = (segments(), courses());
        assert_eq!(
            segments
                .iter()
                .map(|s| &s.idnumber)
                .collect::<HashSet<_>>()
                .len(),
            40
        );
        assert_eq!(
            courses
                .iter()
                .map(|c| &c.shortname)
                .collect::<HashSet<_>>()
                .len(),
            60
        );
    }
}
