//! A spreadsheet's export that puts people into segments and courses: semicolons, Windows-1252,
//! CRLF, and mistakes of every sort.

use super::{Chance, Course, Expected, Person, Segment};
use muster_shared::model::tally::{Actions, Effects};
use std::collections::BTreeMap;

const HEADER: &str = "username;firstname;lastname;cohort1;cohort2;course1;role1;course2";

/// One file, and what it means to each of two recipes.
#[derive(Debug, Clone)]
pub struct Memberships {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Of the recipe `add-to-segments`.
    pub segments: Expected,
    /// Of the recipe `enrol-in-courses`.
    pub courses: Expected,
}

/// What is wrong with a person's line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mistake {
    UnknownUser,
    UnknownSegment,
    UnknownCourse,
    MissingCell,
    RoleWithoutCourse,
    /// Nothing is: it stands there twice.
    Twice,
}

impl Mistake {
    /// One in every hundred lines, of each sort in turn.
    fn of_line(number: usize) -> Option<Self> {
        const ALL: [Mistake; 6] = [
            Mistake::UnknownUser,
            Mistake::UnknownSegment,
            Mistake::UnknownCourse,
            Mistake::MissingCell,
            Mistake::RoleWithoutCourse,
            Mistake::Twice,
        ];
        (number % 100 == 50).then(|| ALL[number / 100 % ALL.len()])
    }
}

/// Puts everybody into one or two segments and one or two courses; every hundredth line is
/// mistaken.
#[must_use]
pub fn memberships(
    seed: u64,
    people: &[Person],
    segments: &[Segment],
    courses: &[Course],
) -> Memberships {
    let mut chance = Chance::new(seed);
    let mut text = format!("{HEADER}\r\n");
    let (mut of_segments, mut of_courses) = (Count::default(), Count::default());
    for (number, person) in people.iter().enumerate() {
        let mistake = Mistake::of_line(number);
        let line = Line::new(&mut chance, person, segments, courses, mistake);
        of_segments.line(
            &line.segments(),
            mistake,
            Some("segment-not-found").filter(|_| mistake == Some(Mistake::UnknownSegment)),
        );
        let wrong_course = match mistake {
            Some(Mistake::UnknownCourse) => Some("course-not-found"),
            Some(Mistake::RoleWithoutCourse) => Some("no-course"),
            _ => None,
        };
        of_courses.line(&line.courses(), mistake, wrong_course);
        let written = line.written(mistake);
        text.push_str(&written);
        if mistake == Some(Mistake::Twice) {
            text.push_str(&written);
        }
    }
    let (bytes, _, unmappable) = encoding_rs::WINDOWS_1252.encode(&text);
    assert!(
        !unmappable,
        "names were chosen so that they can be written in Windows-1252"
    );
    let joined = Effects::of([("segments_joined", of_segments.memberships)]);
    let enrolled = Effects::of([
        ("enrolments_created", of_courses.memberships),
        ("course_roles_added", of_courses.memberships),
    ]);
    Memberships {
        bytes: bytes.into_owned(),
        segments: of_segments.expect(joined),
        courses: of_courses.expect(enrolled),
    }
}

/// What one recipe makes of the lines so far.
#[derive(Default)]
struct Count {
    actions: Actions,
    memberships: i64,
    errors: BTreeMap<&'static str, i64>,
}

impl Count {
    fn line(
        &mut self,
        memberships: &[&str],
        mistake: Option<Mistake>,
        own_error: Option<&'static str>,
    ) {
        let error = match mistake {
            Some(Mistake::UnknownUser) => Some("user-not-found"),
            Some(Mistake::MissingCell) => Some("width"),
            _ => own_error,
        };
        if let Some(code) = error {
            *self.errors.entry(code).or_default() += 1;
            self.actions.reject += 1;
            return;
        }
        self.memberships += memberships.len() as i64;
        *if memberships.is_empty() {
            &mut self.actions.unchanged
        } else {
            &mut self.actions.update
        } += 1;
        if mistake == Some(Mistake::Twice) {
            self.actions.unchanged += 1;
        }
    }

    fn expect(self, effects: Effects) -> Expected {
        Expected {
            actions: self.actions,
            effects,
            errors: self.errors,
        }
    }
}

struct Line<'a> {
    cells: [&'a str; 8],
}

impl<'a> Line<'a> {
    fn new(
        chance: &mut Chance,
        person: &'a Person,
        segments: &'a [Segment],
        courses: &'a [Course],
        mistake: Option<Mistake>,
    ) -> Self {
        let first = chance.below(segments.len());
        let second = (first + 1 + chance.below(segments.len() - 1)) % segments.len();
        let course = chance.below(courses.len());
        let other = (course + 1 + chance.below(courses.len() - 1)) % courses.len();
        let mut cells: [&str; 8] = [
            &person.username,
            &person.firstname,
            &person.lastname,
            &segments[first].idnumber,
            if chance.is(50) {
                &segments[second].idnumber
            } else {
                ""
            },
            &courses[course].shortname,
            if chance.is(5) { "teacher" } else { "" },
            if chance.is(30) {
                &courses[other].shortname
            } else {
                ""
            },
        ];
        if mistake == Some(Mistake::RoleWithoutCourse) {
            (cells[5], cells[6], cells[7]) = ("", "teacher", "");
        }
        Self { cells }
    }

    fn segments(&self) -> Vec<&str> {
        self.cells[3..5]
            .iter()
            .copied()
            .filter(|cell| !cell.is_empty())
            .collect()
    }

    fn courses(&self) -> Vec<&str> {
        [self.cells[5], self.cells[7]]
            .into_iter()
            .filter(|cell| !cell.is_empty())
            .collect()
    }

    fn written(&self, mistake: Option<Mistake>) -> String {
        let mut cells = self.cells.map(str::to_owned);
        match mistake {
            Some(Mistake::UnknownUser) => cells[0].push('x'),
            Some(Mistake::UnknownSegment) => cells[3] = swapped(&cells[3]),
            Some(Mistake::UnknownCourse) => cells[5] = cells[5].replace('-', "_"),
            _ => {}
        }
        let width = if mistake == Some(Mistake::MissingCell) {
            cells.len() - 1
        } else {
            cells.len()
        };
        format!("{}\r\n", cells[..width].join(";"))
    }
}

/// The text with its first two letters in the wrong order, as fingers do it.
fn swapped(text: &str) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    letters.swap(0, 1);
    letters.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::make::{courses, people, segments};

    fn made(count: usize) -> Memberships {
        memberships(5, &people(5, count), &segments(), &courses())
    }

    #[test]
    fn counts_agree_with_the_file() {
        let made = made(1_200);
        let (text, _, damaged) = encoding_rs::WINDOWS_1252.decode(&made.bytes);
        assert!(!damaged);
        assert_eq!(text.lines().count() as i64 - 1, made.segments.lines());
        assert_eq!(made.segments.lines(), made.courses.lines());
        assert_eq!(
            made.segments.errors,
            BTreeMap::from([
                ("segment-not-found", 2),
                ("user-not-found", 2),
                ("width", 2)
            ])
        );
        let errors = BTreeMap::from([
            ("course-not-found", 2),
            ("no-course", 2),
            ("user-not-found", 2),
            ("width", 2),
        ]);
        assert_eq!(
            (
                made.courses.errors,
                made.courses.actions.reject,
                made.courses.actions.unchanged
            ),
            (errors, 8, 2)
        );
    }

    #[test]
    fn mistakes_are_near_the_truth_and_never_true() {
        let people = people(5, 1_200);
        assert!(people.iter().all(|one| {
            people
                .iter()
                .all(|other| format!("{}x", one.username) != other.username)
        }));
        let segments = segments();
        assert!(segments.iter().all(|one| {
            segments
                .iter()
                .all(|other| swapped(&one.idnumber) != other.idnumber)
        }));
    }

    #[test]
    fn a_second_time_nothing_happens() {
        let made = made(600);
        let again = made.segments.again();
        assert_eq!(
            (again.lines(), again.actions.update),
            (made.segments.lines(), 0)
        );
        assert_eq!(
            (again.effects, again.errors),
            (Effects::default(), made.segments.errors)
        );
    }
}
