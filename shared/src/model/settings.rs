//! How a file is read and applied: what an admin may set, what a recipe fixes, what is taken when
//! nothing is said.

use super::{kind::Kind, reading::Delimiter, recipe::Recipe, suggest::nearest};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::str::FromStr;
use strum::{Display, EnumString, IntoStaticStr, VariantNames};

/// What happens to subjects that exist, and to those that do not.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    IntoStaticStr,
    VariantNames,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Mode {
    /// Create; skip those who exist.
    #[default]
    CreateOnly,
    /// Create, and update those who exist.
    CreateAndUpdate,
    /// Update; never create.
    UpdateOnly,
}

/// What happens to the details of people who exist. Segments and courses happen in any case.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    IntoStaticStr,
    VariantNames,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum ExistingDetails {
    /// They stay.
    #[default]
    Keep,
    /// A cell with a value is written; an empty one changes nothing.
    Override,
}

/// The settings of one import, complete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// What happens to subjects that exist, and to those that do not.
    pub mode: Mode,
    /// Only for kinds that have details.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub existing_details: Option<ExistingDetails>,
    /// Given, not detected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<Delimiter>,
    /// Given, not detected: a label of the Encoding standard, in its standard form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
}

/// Something wrong in given settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingFault {
    /// Which setting.
    pub name: String,
    /// `unknown-setting`, `unknown-value` or `fixed-setting`.
    pub code: &'static str,
    /// What is wrong and what to do.
    pub detail: String,
    /// What was probably meant.
    pub suggestion: Option<String>,
}

/// The most faults of settings that are told.
const MAX_FAULTS: usize = 100;

impl Settings {
    /// What holds when nothing is said.
    #[must_use]
    pub fn defaults(recipe: Recipe, kind: Kind) -> Self {
        let spec = recipe.spec();
        Self {
            mode: spec.mode.unwrap_or_default(),
            existing_details: kind
                .spec()
                .has_details
                .then(|| spec.existing_details.unwrap_or_default()),
            delimiter: None,
            encoding: None,
        }
    }

    /// These settings with what is given put over them, or everything that is wrong with what is
    /// given. `null` takes a given delimiter or encoding back.
    pub fn with(
        &self,
        recipe: Recipe,
        kind: Kind,
        given: &Map<String, Value>,
    ) -> Result<Self, Vec<SettingFault>> {
        let mut settings = self.clone();
        let faults = given
            .iter()
            .filter_map(|(name, value)| settings.put(recipe, kind, name, value).err());
        let faults: Vec<_> = faults.take(MAX_FAULTS).collect();
        if faults.is_empty() {
            Ok(settings)
        } else {
            Err(faults)
        }
    }

    /// Do the two read a file differently?
    #[must_use]
    pub fn reads_differently(&self, other: &Self) -> bool {
        self.delimiter != other.delimiter || self.encoding != other.encoding
    }

    fn put(
        &mut self,
        recipe: Recipe,
        kind: Kind,
        name: &str,
        value: &Value,
    ) -> Result<(), SettingFault> {
        let spec = recipe.spec();
        match name {
            "mode" => put_word(&mut self.mode, name, value, spec.mode, Mode::VARIANTS),
            "existing_details" if kind.spec().has_details => {
                let mut details = self.existing_details.unwrap_or_default();
                put_word(
                    &mut details,
                    name,
                    value,
                    spec.existing_details,
                    ExistingDetails::VARIANTS,
                )?;
                self.existing_details = Some(details);
                Ok(())
            }
            "delimiter" => {
                self.delimiter = match value {
                    Value::Null => None,
                    _ => Some(word(name, value, Delimiter::VARIANTS)?),
                };
                Ok(())
            }
            "encoding" => {
                self.encoding = match value {
                    Value::Null => None,
                    _ => Some(encoding(name, value)?),
                };
                Ok(())
            }
            _ => Err(unknown_setting(kind, name)),
        }
    }
}

fn put_word<T: FromStr + PartialEq + Copy>(
    place: &mut T,
    name: &str,
    value: &Value,
    fixed: Option<T>,
    words: &'static [&'static str],
) -> Result<(), SettingFault> {
    let given = word::<T>(name, value, words)?;
    if fixed.is_some_and(|fixed| fixed != given) {
        return Err(SettingFault {
            name: name.to_owned(),
            code: "fixed-setting",
            detail: format!(
                "This recipe fixes `{name}`. Leave it out, or use the recipe `custom`."
            ),
            suggestion: None,
        });
    }
    *place = given;
    Ok(())
}

fn word<T: FromStr>(
    name: &str,
    value: &Value,
    words: &'static [&'static str],
) -> Result<T, SettingFault> {
    let text = value.as_str().unwrap_or_default();
    text.parse().map_err(|_| SettingFault {
        name: name.to_owned(),
        code: "unknown-value",
        detail: format!("`{name}` is one of {}.", words.join(", ")),
        suggestion: nearest(text, words.iter().copied()).map(str::to_owned),
    })
}

fn encoding(name: &str, value: &Value) -> Result<String, SettingFault> {
    let label = value.as_str().unwrap_or_default();
    // Without those that decode to nothing but replacement characters, or to private ones.
    let found = encoding_rs::Encoding::for_label_no_replacement(label.as_bytes())
        .filter(|found| *found != encoding_rs::X_USER_DEFINED);
    found.map(|found| found.name().to_owned()).ok_or_else(|| SettingFault {
        name: name.to_owned(),
        code: "unknown-value",
        detail: "`encoding` is a label of the Encoding standard, such as UTF-8, windows-1252 or UTF-16LE.".to_owned(),
        suggestion: nearest(label, ["UTF-8", "windows-1252", "UTF-16LE", "iso-8859-1", "macintosh"]).map(str::to_owned),
    })
}

fn unknown_setting(kind: Kind, name: &str) -> SettingFault {
    let mut known = vec!["mode", "delimiter", "encoding"];
    if kind.spec().has_details {
        known.push("existing_details");
    }
    SettingFault {
        name: name.to_owned(),
        code: "unknown-setting",
        detail: format!(
            "There is no setting `{name}` for {kind}. There are {}.",
            known.join(", ")
        ),
        suggestion: nearest(name, known).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    type Faults = Vec<(String, &'static str, Option<String>)>;

    fn given(recipe: Recipe, value: &Value) -> Result<Settings, Faults> {
        Settings::defaults(recipe, Kind::Users)
            .with(recipe, Kind::Users, value.as_object().expect("an object"))
            .map_err(|faults| {
                faults
                    .into_iter()
                    .map(|f| (f.name, f.code, f.suggestion))
                    .collect()
            })
    }

    #[test]
    fn defaults_are_the_recipes() {
        let settings = Settings::defaults(Recipe::AddToSegments, Kind::Users);
        assert_eq!(
            (settings.mode, settings.existing_details),
            (Mode::UpdateOnly, Some(ExistingDetails::Keep))
        );
        assert_eq!(
            Settings::defaults(Recipe::CreateSegments, Kind::Segments).existing_details,
            None
        );
    }

    #[test]
    fn what_is_given_is_put_over_them() {
        let settings = given(
            Recipe::Custom,
            &json!({"mode": "update-only", "delimiter": "tab", "encoding": "latin1"}),
        )
        .expect("valid");
        assert_eq!(
            (settings.mode, settings.delimiter),
            (Mode::UpdateOnly, Some(Delimiter::Tab))
        );
        assert_eq!(
            settings.encoding.as_deref(),
            Some("windows-1252"),
            "the standard's own name for the label"
        );
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let faults = given(
            Recipe::AddToSegments,
            &json!({"mode": "create-only", "existing_detials": "keep", "delimiter": "semi"}),
        );
        let expected = vec![
            ("delimiter".to_owned(), "unknown-value", None),
            (
                "existing_detials".to_owned(),
                "unknown-setting",
                Some("existing_details".to_owned()),
            ),
            ("mode".to_owned(), "fixed-setting", None),
        ];
        let mut faults = faults.expect_err("three faults");
        faults.sort();
        assert_eq!(faults, expected);
    }

    #[test]
    fn what_is_fixed_may_be_repeated() {
        assert!(given(Recipe::AddToSegments, &json!({"mode": "update-only"})).is_ok());
    }
}
