//! People of a made-up LMS.

use super::{
    Chance,
    names::{FIRST, INSTITUTIONS, LAST, TOWNS, plain},
    segments::DEPARTMENTS,
};
use std::collections::HashMap;

/// A person, as an HR export has them.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the columns' names")]
pub struct Person {
    pub username: String,
    pub firstname: String,
    pub lastname: String,
    pub email: String,
    pub idnumber: String,
    pub institution: String,
    pub department: String,
    pub city: String,
    pub country: String,
}

/// So many people, no two with one name, address or ID number.
#[must_use]
pub fn people(seed: u64, count: usize) -> Vec<Person> {
    let mut chance = Chance::new(seed);
    let mut namesakes = HashMap::new();
    (1..=count)
        .map(|number| person(&mut chance, number, &mut namesakes))
        .collect()
}

fn person(chance: &mut Chance, number: usize, namesakes: &mut HashMap<String, usize>) -> Person {
    let (firstname, lastname) = (*chance.of(FIRST), *chance.of(LAST));
    let stem = format!("{}.{}", plain(firstname), plain(lastname));
    let nth = namesakes
        .entry(stem.clone())
        .and_modify(|nth| *nth += 1)
        .or_insert(1);
    let username = if *nth == 1 {
        stem
    } else {
        format!("{stem}{nth}")
    };
    let (city, country) = *chance.of(TOWNS);
    Person {
        email: format!("{username}@example.com"),
        username,
        firstname: firstname.to_owned(),
        lastname: lastname.to_owned(),
        idnumber: format!("{number:06}"),
        institution: (*chance.of(INSTITUTIONS)).to_owned(),
        department: (*chance.of(DEPARTMENTS)).to_owned(),
        city: city.to_owned(),
        country: country.to_owned(),
    }
}
