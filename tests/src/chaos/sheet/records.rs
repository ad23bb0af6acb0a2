//! Lines about segments and courses.

use super::{COUNT, Cast};
use crate::make::Chance;

const PATHS: &[&str] = &[
    "Safety",
    "Safety / Buildings",
    "Safety / People",
    " Office ",
    "Languages / Romance / Old",
    "Law",
    "",
];

pub(super) fn segments(cast: &Cast, chance: &mut Chance) -> (Vec<String>, Vec<Vec<String>>) {
    let columns = chosen(&["idnumber", "name"], &["description", "visible"], chance);
    let record = |chance: &mut Chance| {
        let segment = chance.of(&cast.segments[..COUNT]);
        let is_mistaken = chance.is(5);
        let mut cell = |column: &String| match column.as_str() {
            "idnumber" => segment.idnumber.clone(),
            "name" => renamed(&segment.name, chance),
            "description" => {
                (*chance.of(&["", "Set up by HR", "Two\nlines", &segment.description])).to_owned()
            }
            _ if is_mistaken => "perhaps".to_owned(),
            _ => (*chance.of(&["", "yes", "0", "TRUE"])).to_owned(),
        };
        columns.iter().map(&mut cell).collect::<Vec<_>>()
    };
    let mut records: Vec<_> = (0..5 + chance.below(20)).map(|_| record(chance)).collect();
    mistake(&mut records, chance);
    (columns, records)
}

pub(super) fn courses(cast: &Cast, chance: &mut Chance) -> (Vec<String>, Vec<Vec<String>>) {
    let more = [
        "idnumber",
        "category_path",
        "summary",
        "visible",
        "startdate",
        "enddate",
    ];
    let columns = chosen(&["shortname", "fullname"], &more, chance);
    let record = |chance: &mut Chance| {
        let course = chance.of(&cast.courses[..COUNT]);
        let mut cell = |column: &String| match column.as_str() {
            "shortname" => course.shortname.clone(),
            "fullname" => renamed(&course.fullname, chance),
            "idnumber" => (*chance.of(&["", "007", "C-1"])).to_owned(),
            "category_path" => (*chance.of(&[PATHS, &[&course.category_path]].concat())).to_owned(),
            "summary" => (*chance.of(&["", "Short.", "A \"quoted\"\nsummary"])).to_owned(),
            "visible" => (*chance.of(&["", "1", "no"])).to_owned(),
            "startdate" => (*chance.of(&["", &course.startdate])).to_owned(),
            _ => (*chance.of(&["", "", "2028-01-01", "2026-12-31", "soon"])).to_owned(),
        };
        columns.iter().map(&mut cell).collect::<Vec<_>>()
    };
    let mut records: Vec<_> = (0..5 + chance.below(25)).map(|_| record(chance)).collect();
    mistake(&mut records, chance);
    (columns, records)
}

/// The needed columns and some of the others, in any order.
fn chosen(needed: &[&str], others: &[&str], chance: &mut Chance) -> Vec<String> {
    let others = others.iter().filter(|_| chance.is(60));
    let mut columns: Vec<String> = needed
        .iter()
        .chain(others)
        .map(|name| (*name).to_owned())
        .collect();
    let (one, other) = (chance.below(columns.len()), chance.below(columns.len()));
    columns.swap(one, other);
    columns
}

fn renamed(name: &str, chance: &mut Chance) -> String {
    match chance.below(10) {
        0 => String::new(),
        1 => format!("{name} (new)"),
        2 => "N".repeat(255),
        _ => name.to_owned(),
    }
}

/// A line that is too short, perhaps.
fn mistake(records: &mut [Vec<String>], chance: &mut Chance) {
    if chance.is(30) {
        let at = chance.below(records.len());
        records[at].pop();
    }
}
