//! Query parameters and form fields: known ones are read, unknown ones are refused with a
//! suggestion, and all faults are told at once.

use crate::problem::{Fault, Problem};
use axum::{extract::FromRequestParts, http::request::Parts};
use muster_shared::model::suggest::nearest;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
    ops::RangeInclusive,
    str::FromStr,
};

/// The parameters of an operation.
pub(crate) trait Parameters: Sized {
    /// The names of all there are.
    const KNOWN: &'static [&'static str];
    /// Takes them from what is given; faults are left there.
    fn read(given: &mut Given) -> Self;
}

/// The query of a request. Every operation takes one, if only `Query<()>`, so that no unknown
/// parameter is passed over.
pub(crate) struct Query<T>(pub(crate) T);

impl Parameters for () {
    const KNOWN: &'static [&'static str] = &[];
    fn read(_: &mut Given) -> Self {}
}

impl<T: Parameters, S: Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut given = Given::new(T::KNOWN, pairs(parts));
        let read = T::read(&mut given);
        given.finish().map(|()| Self(read))
    }
}

/// The pairs of a query, decoded.
pub(crate) fn pairs(parts: &Parts) -> Vec<(String, String)> {
    url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
        .into_owned()
        .collect()
}

/// What is given, while it is read.
#[derive(Debug)]
pub(crate) struct Given {
    values: BTreeMap<String, String>,
    faults: Vec<Fault>,
}

impl Given {
    /// Sorts out what is unknown, given twice, or no text.
    pub(crate) fn new(known: &[&str], pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut given = Self {
            values: BTreeMap::new(),
            faults: Vec::new(),
        };
        for (name, value) in pairs {
            if given.faults.len() >= Fault::MAX {
                break;
            }
            if !known.contains(&name.as_str()) {
                given.faults.push(unknown(&name, known));
            } else if value.contains('\0') {
                given.faults.push(Fault::new(
                    &name,
                    "invalid-value",
                    format!("`{name}` holds a NUL character."),
                ));
            } else if given.values.insert(name.clone(), value).is_some() {
                given.faults.push(Fault::new(
                    &name,
                    "repeated-parameter",
                    format!("`{name}` is given more than once."),
                ));
            }
        }
        given
    }

    /// Another fault that was found.
    pub(crate) fn fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// More faults that were found.
    pub(crate) fn faults(&mut self, faults: Vec<Fault>) {
        self.faults.extend(faults);
    }

    /// A text; empty counts as not given.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        self.values.remove(name).filter(|value| !value.is_empty())
    }

    /// A whole number.
    pub(crate) fn number<T: FromStr + PartialOrd + Display + Copy>(
        &mut self,
        name: &str,
        range: RangeInclusive<T>,
    ) -> Option<T> {
        let text = self.text(name)?;
        let number = text.parse().ok().filter(|number| range.contains(number));
        if number.is_none() {
            let detail = format!(
                "`{name}` is a whole number from {} to {}.",
                range.start(),
                range.end()
            );
            self.faults.push(Fault::new(name, "invalid-value", detail));
        }
        number
    }

    /// One of some words.
    pub(crate) fn word<T: FromStr>(&mut self, name: &str, words: &[&str]) -> Option<T> {
        let text = self.text(name)?;
        self.parse(name, &text, words)
    }

    /// Some of some words, with commas between them; each once.
    pub(crate) fn words<T: FromStr>(&mut self, name: &str, words: &[&str]) -> Option<Vec<T>> {
        let text = self.text(name)?;
        let given: BTreeSet<&str> = text.split(',').map(str::trim).collect();
        Some(
            given
                .into_iter()
                .take(Fault::MAX)
                .filter_map(|word| self.parse(name, word, words))
                .collect(),
        )
    }

    fn parse<T: FromStr>(&mut self, name: &str, text: &str, words: &[&str]) -> Option<T> {
        let parsed = text.parse().ok();
        if parsed.is_none() {
            let detail = format!("`{name}` is one of {}.", words.join(", "));
            self.faults.push(
                Fault::new(name, "unknown-value", detail)
                    .suggest(nearest(text, words.iter().copied())),
            );
        }
        parsed
    }

    /// The problem, if there is any fault.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        if self.faults.is_empty() {
            Ok(())
        } else {
            Err(Problem::InvalidRequest(self.faults))
        }
    }
}

fn unknown(name: &str, known: &[&str]) -> Fault {
    let detail = match known {
        [] => "There are no parameters here.".to_owned(),
        _ => format!(
            "There is no such parameter here. There are {}.",
            known.join(", ")
        ),
    };
    let shown: String = name.chars().take(100).collect();
    Fault::new(&shown, "unknown-parameter", detail).suggest(nearest(name, known.iter().copied()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(query: &str) -> Given {
        Given::new(
            &["recipe", "limit", "action"],
            url::form_urlencoded::parse(query.as_bytes()).into_owned(),
        )
    }

    fn faults(given: Given) -> Vec<(String, &'static str, Option<String>)> {
        match given.finish() {
            Err(Problem::InvalidRequest(faults)) => faults
                .into_iter()
                .map(|fault| (fault.parameter, fault.code, fault.suggestion))
                .collect(),
            _ => Vec::new(),
        }
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let mut given = given("recepie=x&limit=0&action=create,skipp,%20create&limit=5&recipe=%00");
        assert_eq!(given.number("limit", 1..=200), Some(5));
        assert_eq!(
            given.words::<String>("action", &[]).unwrap(),
            ["create", "skipp"],
            "each once"
        );
        let expected = [
            (
                "recepie".to_owned(),
                "unknown-parameter",
                Some("recipe".to_owned()),
            ),
            ("limit".to_owned(), "repeated-parameter", None),
            ("recipe".to_owned(), "invalid-value", None),
        ];
        assert_eq!(faults(given), expected);
    }

    #[test]
    fn no_more_is_told_than_somebody_reads() {
        assert_eq!(faults(given(&"x=1&".repeat(1_000))).len(), Fault::MAX);
    }

    #[test]
    fn words_and_numbers_are_checked() {
        use muster_shared::model::action::Action;
        let mut given = given("limit=201&action=create,skipp&recipe=");
        assert_eq!(given.number("limit", 1..=200), None);
        assert_eq!(
            given.words::<Action>("action", &["create", "skip"]),
            Some(vec![Action::Create])
        );
        assert_eq!(given.text("recipe"), None, "empty is not given");
        let expected = [
            ("limit".to_owned(), "invalid-value", None),
            (
                "action".to_owned(),
                "unknown-value",
                Some("skip".to_owned()),
            ),
        ];
        assert_eq!(faults(given), expected);
    }
}
