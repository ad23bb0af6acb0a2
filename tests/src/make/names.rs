//! Names that people have, and the plain letters that their usernames are made of.

/// First names; all can be written in Windows-1252.
pub(crate) const FIRST: &[&str] = &[
    "Anna", "Björn", "Zoë", "José", "Aïcha", "Søren", "Chloé", "Jürgen", "Inês", "Åse", "Seán",
    "María", "Øystein", "Renée", "Günther", "Lucía", "Ingrid", "Tomás", "Hélène", "Niño",
    "Beatriz", "Conor", "Dolores", "Emil", "Fatima", "Gareth", "Hannah", "Ivan", "Jasmine", "Kofi",
    "Leila", "Mateo", "Nadia", "Olga", "Priya", "Quentin", "Rosa", "Samuel", "Thuy", "Uma",
    "Viktor", "Wanda", "Xavier", "Yusuf",
];

/// Last names; some need quotes in a file, one has an apostrophe.
pub(crate) const LAST: &[&str] = &[
    "Müller",
    "O'Brien",
    "García",
    "Sørensen",
    "Lefèvre",
    "Ångström",
    "Nuñez",
    "da Silva",
    "van den Berg",
    "Smith",
    "Møller",
    "Weiß",
    "Fernández",
    "Çelik",
    "Johansson",
    "Smith, Jr.",
    "Ó Súilleabháin",
    "Brøgger",
    "Kowalski",
    "Ivanova",
    "Okafor",
    "Patel",
    "Nguyen",
    "Rossi",
    "Dubois",
    "Schröder",
    "Hansen",
    "Vasquez",
    "Lindqvist",
    "Tanaka",
    "Mbeki",
    "Haddad",
    "Novak",
    "Bianchi",
    "Larsen",
    "Costa",
];

/// Towns with their countries.
pub(crate) const TOWNS: &[(&str, &str)] = &[
    ("Oslo", "NO"),
    ("Köln", "DE"),
    ("São Paulo", "BR"),
    ("Málaga", "ES"),
    ("Århus", "DK"),
    ("Orléans", "FR"),
    ("Cork", "IE"),
    ("Lagos", "NG"),
];

/// Employers; one needs quotes for its comma, one for its own quotes.
pub(super) const INSTITUTIONS: &[&str] = &[
    "Nordlys AS",
    "Acme, Inc.",
    "Café \"Die Ecke\"",
    "Hospital São José",
];

/// `name` in the letters that a username may have; anything else is left out.
pub(crate) fn plain(name: &str) -> String {
    name.chars()
        .flat_map(char::to_lowercase)
        .filter_map(plain_letters)
        .collect()
}

fn plain_letters(letter: char) -> Option<&'static str> {
    const ASCII: &str = "abcdefghijklmnopqrstuvwxyz";
    if let Some(at) = ASCII.find(letter) {
        return Some(&ASCII[at..=at]);
    }
    Some(match letter {
        'á' | 'à' | 'ã' | 'å' | 'â' | 'ä' => "a",
        'ç' => "c",
        'é' | 'è' | 'ë' | 'ê' => "e",
        'í' | 'ï' => "i",
        'ñ' => "n",
        'ó' | 'ö' | 'ø' | 'ô' => "o",
        'ß' => "ss",
        'ú' | 'ü' => "u",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_of_every_name_has_a_plain_one() {
        for name in FIRST.iter().chain(LAST) {
            let letters = name.chars().filter(|c| c.is_alphabetic()).count();
            assert!(plain(name).len() >= letters, "{name} → {}", plain(name));
        }
        assert_eq!(plain("Ó Súilleabháin"), "osuilleabhain");
    }

    #[test]
    fn everything_can_be_written_in_windows_1252() {
        let towns = TOWNS.iter().map(|(town, _)| town);
        for text in FIRST.iter().chain(LAST).chain(towns).chain(INSTITUTIONS) {
            assert!(!encoding_rs::WINDOWS_1252.encode(text).2, "{text}");
        }
    }
}
