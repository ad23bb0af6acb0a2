//! The mapping of a file: what its headings mean where they do not say it themselves.

use crate::problem::{Fault, pointer_token};
use muster_shared::model::{
    column::ColumnSpec,
    kind::Kind,
    suggest::nearest,
    text::{cut, trimmed},
};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};

/// The most bytes of a mapping: it is in every answer that shows the import.
const MAPPING_BYTES: usize = 64 << 10;

/// A mapping sends a heading here that is not to be read.
const IGNORE: &str = "ignore";

/// As much of a heading as leads to what is wrong with it.
const SHOWN_CHARS: usize = ColumnSpec::HEADING_CHARS;

/// Heading → column, or → `ignore`. `prefix` leads to the mapping in the JSON of `parameter`.
pub(crate) fn read_mapping(
    kind: Kind,
    parameter: &str,
    prefix: &str,
    given: &Map<String, Value>,
) -> Result<BTreeMap<String, String>, Vec<Fault>> {
    let (mut mapping, mut faults) = (BTreeMap::new(), Vec::new());
    let mut seen: HashMap<String, &str> = HashMap::new();
    if given.keys().map(String::len).sum::<usize>() > MAPPING_BYTES {
        let detail =
            format!("The headings of a mapping have at most {MAPPING_BYTES} bytes together.");
        return Err(vec![
            Fault::new(parameter, "invalid-value", detail).at(prefix),
        ]);
    }
    for (heading, value) in given {
        if faults.len() >= Fault::MAX {
            break;
        }
        let read = heading_of(heading, &mut seen).and_then(|()| column_of(kind, value));
        match read {
            Ok(column) => {
                mapping.insert(heading.clone(), column);
            }
            Err(wrong) => faults.push(wrong.fault(parameter).at(format!(
                "{prefix}/{}",
                pointer_token(cut(heading, SHOWN_CHARS))
            ))),
        }
    }
    if faults.is_empty() {
        Ok(mapping)
    } else {
        Err(faults)
    }
}

/// What is wrong with a member of a mapping: code, detail, suggestion.
struct Wrong(&'static str, String, Option<&'static str>);

impl Wrong {
    fn fault(self, parameter: &str) -> Fault {
        Fault::new(parameter, self.0, self.1).suggest(self.2)
    }
}

/// A heading must be no longer than one may be, and must not be the same as another: headings are
/// matched without regard to case and to what nobody sees at their edges.
fn heading_of<'a>(heading: &'a str, seen: &mut HashMap<String, &'a str>) -> Result<(), Wrong> {
    let max = ColumnSpec::HEADING_CHARS;
    if cut(heading, max).len() < heading.len() {
        return Err(Wrong(
            "invalid-value",
            format!("A heading has at most {max} characters."),
            None,
        ));
    }
    match seen.insert(trimmed(heading).to_lowercase(), heading) {
        Some(other) => Err(Wrong(
            "repeated-heading",
            format!("`{other}` and `{heading}` are the same heading. Keep one of them."),
            None,
        )),
        None => Ok(()),
    }
}

fn column_of(kind: Kind, value: &Value) -> Result<String, Wrong> {
    match value.as_str() {
        Some(column) if is_column(kind, column) => Ok(column.trim().to_lowercase()),
        Some(column) => {
            let known = kind
                .spec()
                .columns
                .iter()
                .map(|known| known.name)
                .chain([IGNORE]);
            let detail = format!(
                "There is no such column. There are {}.",
                known.clone().collect::<Vec<_>>().join(", ")
            );
            Err(Wrong("unknown-column", detail, nearest(column, known)))
        }
        None => Err(Wrong(
            "invalid-value",
            "It is the name of a column, or \"ignore\".".to_owned(),
            None,
        )),
    }
}

/// Is it a name that a header may have? What a known one means in this import is judged with the
/// header.
fn is_column(kind: Kind, name: &str) -> bool {
    let (name, spec) = (name.trim().to_lowercase(), kind.spec());
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let is_plain = |known: &str| known == name || known == stem;
    name == IGNORE
        || spec.column(&name).is_some()
        || spec.column(stem).is_some_and(|column| column.is_numbered)
        || spec
            .unused
            .iter()
            .chain(spec.refused)
            .any(|known| is_plain(known))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_mapping_is_bounded_and_says_one_thing_of_a_heading() {
        let told = |mapping: &Value| {
            let read = read_mapping(Kind::Users, "mapping", "", mapping.as_object().unwrap());
            read.map(|mapping| mapping.len()).map_err(|faults| {
                faults
                    .into_iter()
                    .map(|fault| fault.code)
                    .collect::<Vec<_>>()
            })
        };
        let headings = |count: usize, chars: usize| {
            (0..count)
                .map(|n| (format!("{n:0chars$}"), "ignore".into()))
                .collect::<Map<_, _>>()
                .into()
        };
        assert_eq!(told(&headings(257, 255)), Ok(257));
        assert_eq!(
            told(&headings(258, 255)),
            Err(vec!["invalid-value"]),
            "too much together"
        );
        assert_eq!(told(&headings(1, 256)), Err(vec!["invalid-value"]));
        assert_eq!(
            told(&json!({"x": "email", "X": "city"})),
            Err(vec!["repeated-heading"])
        );
        assert_eq!(
            told(&json!({"x": "email", "\u{feff}x ": "email"})),
            Err(vec!["repeated-heading"])
        );
        assert_eq!(
            told(&json!({"x": "email", "y": "email"})),
            Ok(2),
            "what they mean together is judged with the header"
        );
    }
}
