//! What is wanted of a file: recipe, kind, settings, mapping, read from parameters or form fields
//! before the file is.

use super::mapping::read_mapping;
use crate::{
    problem::{Fault, Problem},
    request::{body::has_nul, query::Given},
};
use muster_shared::{
    model::{kind::Kind, recipe::Recipe, settings::Settings, suggest::nearest},
    store::imports::Import,
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use strum::VariantArray;

/// The fields of a form; parameters are these and `filename`.
pub(crate) const FIELDS: &[&str] = &["recipe", "kind", "settings", "mapping"];

/// The most characters of a file's name that are kept.
const NAME_CHARS: usize = 255;

/// What is wanted of a file.
#[derive(Debug)]
pub(crate) struct UploadParams {
    pub(crate) recipe: Recipe,
    pub(crate) kind: Kind,
    pub(crate) settings: Settings,
    pub(crate) mapping: BTreeMap<String, String>,
    pub(crate) file_name: Option<String>,
}

impl UploadParams {
    /// From what is given, or everything that is wrong with it. `charset` is the one of the file's
    /// `Content-Type`. What is not given is as in the import whose lines the file goes on with.
    pub(crate) fn read(
        mut given: Given,
        charset: Option<&str>,
        file_name: Option<&str>,
        parent: Option<&Import>,
    ) -> Result<Self, Problem> {
        let recipe = recipe(&mut given, parent);
        let kind = recipe.and_then(|recipe| kind(&mut given, recipe, parent));
        let settings = object(&mut given, "settings").unwrap_or_default();
        let mapping = object(&mut given, "mapping");
        let file_name = given
            .text("filename")
            .or_else(|| file_name.map(str::to_owned));
        let (Some(recipe), Some(kind)) = (recipe, kind) else {
            return Err(given
                .finish()
                .err()
                .unwrap_or_else(|| Problem::Internal("no recipe and no fault".to_owned())));
        };
        // How a file is to be read is said of that file: a report is UTF-8, whatever the file was
        // that it reports on.
        let begun = parent.map_or_else(
            || Settings::defaults(recipe, kind),
            |parent| Settings {
                delimiter: None,
                encoding: None,
                ..parent.settings.clone()
            },
        );
        let settings = match complete(recipe, kind, &begun, settings, charset) {
            Ok(settings) => settings,
            Err(faults) => {
                given.faults(faults);
                begun
            }
        };
        let mapping = match (mapping, parent) {
            (None, Some(parent)) => Ok(parent.mapping.clone()),
            (mapping, _) => read_mapping(kind, "mapping", "", &mapping.unwrap_or_default()),
        };
        let mapping = mapping.unwrap_or_else(|faults| {
            given.faults(faults);
            BTreeMap::new()
        });
        given.finish()?;
        Ok(Self {
            recipe,
            kind,
            settings,
            mapping,
            file_name: file_name.as_deref().and_then(safe_name),
        })
    }
}

fn recipe(given: &mut Given, parent: Option<&Import>) -> Option<Recipe> {
    let names: Vec<_> = Recipe::of_files().map(Recipe::name).collect();
    let text = given.text("recipe");
    if let Some(parent) = parent {
        if let Some(text) = text.filter(|text| text != parent.recipe.name()) {
            given.fault(not_as_in_parent(
                "recipe",
                &text,
                parent.recipe.name(),
                &names,
            ));
        }
        return Some(parent.recipe);
    }
    let Some(text) = text else {
        given.fault(Fault::new(
            "recipe",
            "missing-value",
            format!("Say what is wanted: one of {}.", names.join(", ")),
        ));
        return None;
    };
    parse(given, "recipe", &text, &names)
}

/// The kind of the recipe; one whose recipe leaves it open is given.
fn kind(given: &mut Given, recipe: Recipe, parent: Option<&Import>) -> Option<Kind> {
    let names: Vec<_> = Kind::VARIANTS.iter().map(|kind| kind.name()).collect();
    let text = given.text("kind");
    if let Some(parent) = parent {
        if let Some(text) = text.filter(|text| text != parent.kind.name()) {
            given.fault(not_as_in_parent("kind", &text, parent.kind.name(), &names));
        }
        return Some(parent.kind);
    }
    match (text, recipe.spec().kind) {
        (None, Some(kind)) => Some(kind),
        (None, None) => {
            let detail = format!(
                "The recipe `{recipe}` needs to know what a line describes: one of {}.",
                names.join(", ")
            );
            given.fault(Fault::new("kind", "missing-value", detail));
            None
        }
        (Some(text), fixed) => {
            let kind = parse::<Kind>(given, "kind", &text, &names)?;
            if let Some(fixed) = fixed.filter(|fixed| *fixed != kind) {
                let detail = format!("The recipe `{recipe}` is for {fixed}. Leave `kind` out.");
                given.fault(Fault::new("kind", "fixed-value", detail).suggest(Some(fixed.name())));
            }
            Some(kind)
        }
    }
}

/// A recipe or kind that is given beside a parent, and is no name or another's.
fn not_as_in_parent(name: &str, text: &str, of_parent: &str, names: &[&str]) -> Fault {
    let code = if names.contains(&text) {
        "fixed-value"
    } else {
        "unknown-value"
    };
    let detail = format!(
        "The import that this file goes on with has the {name} `{of_parent}`. Leave `{name}` out, or make a new import."
    );
    Fault::new(name, code, detail).suggest(Some(of_parent))
}

fn parse<T: std::str::FromStr>(
    given: &mut Given,
    name: &str,
    text: &str,
    names: &[&str],
) -> Option<T> {
    let parsed = text.parse().ok().filter(|_| names.contains(&text));
    if parsed.is_none() {
        let detail = format!("`{name}` is one of {}.", names.join(", "));
        given.fault(
            Fault::new(name, "unknown-value", detail).suggest(nearest(text, names.iter().copied())),
        );
    }
    parsed
}

/// A JSON object, if it is given.
fn object(given: &mut Given, name: &str) -> Option<Map<String, Value>> {
    let text = given.text(name)?;
    let fault = match serde_json::from_str::<Value>(&text) {
        Ok(value) if has_nul(&value) => {
            Fault::new(name, "invalid-value", "It holds a NUL character.")
        }
        Ok(Value::Object(members)) => return Some(members),
        Ok(_) => Fault::new(name, "invalid-value", "It is a JSON object, such as {}."),
        Err(error) => Fault::new(name, "invalid-json", format!("It is no JSON: {error}.")),
    };
    given.fault(fault.at(""));
    None
}

/// Settings with those that are given put over them. A charset counts as the encoding if they say
/// none.
fn complete(
    recipe: Recipe,
    kind: Kind,
    begun: &Settings,
    mut given: Map<String, Value>,
    charset: Option<&str>,
) -> Result<Settings, Vec<Fault>> {
    let mut charset_fault = None;
    if let Some(charset) = charset.filter(|_| !given.contains_key("encoding")) {
        if encoding_rs::Encoding::for_label(charset.as_bytes()).is_some() {
            given.insert("encoding".to_owned(), charset.into());
        } else {
            let detail = "The charset is a label of the Encoding standard, such as utf-8 or windows-1252; without one it is detected.";
            charset_fault = Some(Fault::new("Content-Type", "unknown-value", detail));
        }
    }
    let settings = begun.with(recipe, kind, &given);
    let mut faults = match settings {
        Ok(settings) if charset_fault.is_none() => return Ok(settings),
        Ok(_) => Vec::new(),
        Err(faults) => faults
            .into_iter()
            .map(|fault| Fault::of_setting("settings", "", fault))
            .collect(),
    };
    faults.extend(charset_fault);
    Err(faults)
}

/// The last part of a path that a browser may have sent, without what would disturb a page or a
/// header.
fn safe_name(given: &str) -> Option<String> {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = last
        .chars()
        .filter(|c| !c.is_control())
        .take(NAME_CHARS)
        .collect();
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_shared::model::{reading::Delimiter, settings::Mode};

    fn wanted(
        pairs: &[(&str, &str)],
        charset: Option<&str>,
    ) -> Result<UploadParams, Vec<(String, String, &'static str)>> {
        let known: Vec<_> = FIELDS.iter().copied().chain(["filename"]).collect();
        let given = Given::new(
            &known,
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        UploadParams::read(given, charset, None, None).map_err(|problem| match problem {
            Problem::InvalidRequest(faults) => faults
                .into_iter()
                .map(|fault| {
                    (
                        fault.parameter,
                        fault.pointer.unwrap_or_default(),
                        fault.code,
                    )
                })
                .collect(),
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn a_recipe_is_enough() {
        let wanted = wanted(
            &[
                ("recipe", "add-to-segments"),
                ("filename", "C:\\fakepath\\staff\u{7}.csv"),
            ],
            Some("latin1"),
        )
        .unwrap();
        assert_eq!(
            (wanted.recipe, wanted.kind, wanted.settings.mode),
            (Recipe::AddToSegments, Kind::Users, Mode::UpdateOnly)
        );
        assert_eq!(
            (
                wanted.settings.encoding.as_deref(),
                wanted.file_name.as_deref()
            ),
            (Some("windows-1252"), Some("staff.csv"))
        );
    }

    #[test]
    fn what_is_given_wins_over_the_charset() {
        let settings = r#"{"mode":"update-only","delimiter":"tab","encoding":"utf-8"}"#;
        let mapping = r#"{"Department":"Cohort1","HR code":"ignore"}"#;
        let given = [
            ("recipe", "custom"),
            ("kind", "users"),
            ("settings", settings),
            ("mapping", mapping),
        ];
        let wanted = wanted(&given, Some("latin1")).unwrap();
        assert_eq!(
            (
                wanted.settings.delimiter,
                wanted.settings.encoding.as_deref()
            ),
            (Some(Delimiter::Tab), Some("UTF-8"))
        );
        assert_eq!(
            wanted.mapping.get("Department").map(String::as_str),
            Some("cohort1")
        );
    }

    #[test]
    fn every_fault_is_told_at_once_with_its_place() {
        let told = |pairs: &[(&str, &str)], charset| {
            let faults = wanted(pairs, charset)
                .unwrap_err()
                .into_iter()
                .map(|(parameter, pointer, code)| format!("{parameter}{pointer} {code}"));
            faults.collect::<Vec<_>>()
        };
        assert_eq!(told(&[], None), ["recipe missing-value"]);
        assert_eq!(told(&[("recipe", "custom")], None), ["kind missing-value"]);
        assert_eq!(
            told(
                &[("recipe", "custom"), ("kind", "users"), ("settings", "[")],
                None
            ),
            ["settings invalid-json"]
        );
        let given = [
            ("recipe", "add-to-segments"),
            ("settings", r#"{"mode":"create-only","dry":1}"#),
            ("mapping", r#"{"a/b":"emial","c":3}"#),
            ("apply", "auto"),
        ];
        let expected = [
            "apply unknown-parameter",
            "settings/dry unknown-setting",
            "settings/mode fixed-setting",
            "Content-Type unknown-value",
            "mapping/a~1b unknown-column",
            "mapping/c invalid-value",
        ];
        assert_eq!(told(&given, Some("klingon")), expected);
        assert_eq!(
            told(&[("recipe", "add-to-segments"), ("kind", "courses")], None),
            ["kind fixed-value"]
        );
    }
}
