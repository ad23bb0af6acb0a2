//! Courses of a made-up LMS: a dozen subjects, five levels each, in a tree of categories.

use std::collections::BTreeSet;

/// Short name, full name, category.
const SUBJECTS: &[(&str, &str, &str)] = &[
    ("fire", "Fire safety", "Safety / Buildings"),
    ("ladders", "Ladders and scaffolds", "Safety / Buildings"),
    ("firstaid", "First aid", "Safety / People"),
    ("lifting", "Lifting \"by the book\"", "Safety / People"),
    ("sheets", "Spreadsheets", "Office"),
    ("letters", "Letters, notes and minutes", "Office"),
    ("spanish", "Español", "Languages / Romance"),
    ("french", "Français", "Languages / Romance"),
    ("german", "Deutsch für den Alltag", "Languages / Germanic"),
    ("norwegian", "Norsk på jobben", "Languages / Germanic"),
    ("privacy", "Privacy", "Law"),
    ("bribery", "Gifts, favours, bribes", "Law"),
];

const LEVELS: usize = 5;

/// A course.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the columns' names")]
pub struct Course {
    pub shortname: String,
    pub fullname: String,
    pub category_path: String,
    pub startdate: String,
}

/// All sixty.
#[must_use]
pub fn courses() -> Vec<Course> {
    SUBJECTS
        .iter()
        .flat_map(|subject| (1..=LEVELS).map(move |level| course(*subject, level)))
        .collect()
}

fn course((short, full, category): (&str, &str, &str), level: usize) -> Course {
    Course {
        shortname: format!("{short}-{level}"),
        fullname: format!("{full}, level {level}"),
        category_path: category.to_owned(),
        startdate: format!("2027-{level:02}-01"),
    }
}

/// Every category that their paths name, those above included.
pub(super) fn categories(courses: &[Course]) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for course in courses {
        let names: Vec<_> = course.category_path.split(" / ").collect();
        all.extend((1..=names.len()).map(|depth| names[..depth].join(" / ")));
    }
    all
}
