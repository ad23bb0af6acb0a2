//! Lines about people.

use super::{COUNT, Cast, Mode, OFTEN, Rules, Size};
use crate::make::{Chance, Person};

/// Of the segments and courses that files are about, lines name these.
const OFTEN_NAMED: usize = 10;
/// In 1 000 lines so many have a mistake.
const MISTAKEN: usize = 40;

/// A file's columns and lines.
pub(super) fn lines(
    cast: &Cast,
    recipe: &str,
    rules: &Rules,
    chance: &mut Chance,
    size: Size,
) -> (Vec<String>, Vec<Vec<String>>) {
    let columns = columns(recipe, rules, chance);
    let spellings: Vec<_> = columns
        .iter()
        .map(|column| spelling(column, chance))
        .collect();
    let records = chosen(cast, chance, size)
        .into_iter()
        .map(|person| record(cast, person, &columns, chance))
        .collect();
    (spellings, records)
}

fn columns(recipe: &str, rules: &Rules, chance: &mut Chance) -> Vec<String> {
    let mut columns: Vec<&str> = vec!["username"];
    let is_custom_update = recipe == "custom" && rules.mode == Mode::UpdateOnly;
    if rules.reads.is_empty() {
        let needed = ["firstname", "lastname", "email"];
        columns.extend(
            needed
                .into_iter()
                .filter(|_| !is_custom_update || chance.is(50)),
        );
        let more = ["idnumber", "institution", "department", "city", "country"];
        columns.extend(more.into_iter().filter(|_| chance.is(60)));
    } else if chance.is(30) {
        // Read by other recipes only.
        columns.extend(["firstname", "city"]);
    }
    let mut columns: Vec<String> = columns.into_iter().map(str::to_owned).collect();
    let (segments, courses) = match recipe {
        "add-to-segments" => (1 + chance.below(3), usize::from(chance.is(20))),
        "enrol-in-courses" => (usize::from(chance.is(20)), 1 + chance.below(3)),
        _ => (chance.below(3), chance.below(2)),
    };
    columns.extend((1..=segments).map(|number| format!("cohort{}", number * 3)));
    for number in 1..=courses {
        columns.push(format!("course{number}"));
        if chance.is(60) {
            columns.push(format!("role{number}"));
        }
    }
    if columns.len() == 1 {
        columns.push("city".to_owned());
    }
    // The key need not come first.
    let key = chance.below(columns.len());
    columns.swap(0, key);
    columns
}

/// A heading as people write it.
fn spelling(column: &str, chance: &mut Chance) -> String {
    match chance.below(10) {
        0 => column.to_uppercase(),
        1 => format!(" {column} "),
        2 => column.replace("cohort", "segment"),
        _ => column.to_owned(),
    }
}

/// Whom the file is about, perhaps several times.
fn chosen<'a>(cast: &'a Cast, chance: &mut Chance, size: Size) -> Vec<&'a Person> {
    let (from, count) = match size {
        Size::Small => (0..OFTEN, 5 + chance.below(120)),
        Size::Middling => (0..OFTEN * 10, 200 + chance.below(1_800)),
        Size::Large => (0..cast.people.len(), 5_500 + chance.below(10_000)),
    };
    let people = &cast.people[from];
    let start = chance.below(people.len());
    let mut chosen = Vec::with_capacity(count);
    for number in 0..count {
        let again = chance.is(4) && !chosen.is_empty();
        chosen.push(if again {
            chosen[chance.below(chosen.len())]
        } else {
            &people[(start + number) % people.len()]
        });
    }
    chosen
}

fn record(cast: &Cast, person: &Person, columns: &[String], chance: &mut Chance) -> Vec<String> {
    let mut cells: Vec<String> = columns
        .iter()
        .map(|column| cell(cast, person, column, chance))
        .collect();
    for at in 0..columns.len() {
        // A role stands behind its course, and means nothing without it.
        if columns[at].starts_with("role") && at > 0 && cells[at - 1].is_empty() {
            cells[at].clear();
        }
    }
    if chance.below(1_000) < MISTAKEN {
        mistake(cast, columns, &mut cells, chance);
    }
    cells
}

fn cell(cast: &Cast, person: &Person, column: &str, chance: &mut Chance) -> String {
    let other = chance.of(&cast.people[..OFTEN]);
    let sometimes = |chance: &mut Chance, percent, theirs: &String, others: &String| {
        if chance.is(percent) {
            others.clone()
        } else {
            theirs.clone()
        }
    };
    match column {
        "username" => match chance.below(20) {
            0 => person.username.to_uppercase(),
            1 => format!("  {} ", person.username),
            2 => format!("{}!", person.username),
            _ => person.username.clone(),
        },
        "firstname" => sometimes(chance, 2, &person.firstname, &other.firstname),
        "lastname" => sometimes(chance, 2, &person.lastname, &other.lastname),
        "email" => match chance.below(100) {
            0..8 => format!("{}@{}.example.org", person.username, chance.of(&["a", "b"])),
            8..12 => person.email.to_uppercase(),
            12 => other.email.clone(),
            13..15 => String::new(),
            _ => person.email.clone(),
        },
        "idnumber" => sometimes(chance, 5, &person.idnumber, &String::new()),
        "institution" => sometimes(chance, 20, &person.institution, &other.institution),
        "department" => sometimes(chance, 40, &person.department, &other.department),
        "city" => sometimes(chance, 40, &person.city, &other.city),
        "country" => sometimes(chance, 20, &person.country, &other.country.to_lowercase()),
        _ => membership(cast, column, chance),
    }
}

fn membership(cast: &Cast, column: &str, chance: &mut Chance) -> String {
    // Few belong to the last ones, so that those may be gone by the time a line comes to them.
    let among = if chance.below(2_000) == 0 {
        COUNT
    } else {
        OFTEN_NAMED
    };
    if chance.is(25) {
        String::new()
    } else if column.starts_with("cohort") {
        chance.of(&cast.segments[..among]).idnumber.clone()
    } else if column.starts_with("course") {
        chance.of(&cast.courses[..among]).shortname.clone()
    } else {
        (*chance.of(&["student", "teacher", "editingteacher", "", ""])).to_owned()
    }
}

fn mistake(cast: &Cast, columns: &[String], cells: &mut Vec<String>, chance: &mut Chance) {
    let sort = chance.below(12);
    let mut put = |name: &str, value: String| {
        if let Some(at) = columns.iter().position(|column| column.starts_with(name)) {
            cells[at] = value;
        }
    };
    match sort {
        0 => put("username", format!("nobody{}", chance.below(50))),
        1 => put("username", String::new()),
        2 => put("username", "example.anna".to_owned()),
        3 => put("username", "Guest".to_owned()),
        4 => put(
            "email",
            (*chance.of(&["no address", "a@b", "@example.com"])).to_owned(),
        ),
        5 => put("email", chance.of(&cast.people).email.clone()),
        6 => put("country", (*chance.of(&["ZZ", "Norway"])).to_owned()),
        7 => put("firstname", "A".repeat(101)),
        8 => put("cohort", "no-such-segment".to_owned()),
        9 => {
            put("course", "no-such-course".to_owned());
            put("role", "no-such-role".to_owned());
        }
        10 => {
            put("role", "teacher".to_owned());
            put("course", String::new());
        }
        _ if chance.is(50) => cells.push("one too many".to_owned()),
        _ => {
            cells.pop();
        }
    }
}
