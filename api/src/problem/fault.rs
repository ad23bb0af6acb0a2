//! One of the things that are wrong in a request: all of them are told at once, each with its
//! place.

use super::Problem;
use muster_shared::model::settings::SettingFault;
use serde::Serialize;

/// One thing that is wrong in a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Fault {
    /// The parameter, form field or header.
    pub(crate) parameter: String,
    /// Where in its JSON (RFC 6901).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) pointer: Option<String>,
    /// A stable name.
    pub(crate) code: &'static str,
    /// What is wrong and what to do.
    pub(crate) detail: String,
    /// What was probably meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) suggestion: Option<String>,
}

impl Fault {
    /// The most that are told of one request: nobody reads more, and each costs a comparison with
    /// all that is known.
    pub(crate) const MAX: usize = 100;

    /// Something wrong with a parameter.
    pub(crate) fn new(parameter: &str, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            parameter: parameter.to_owned(),
            pointer: None,
            code,
            detail: detail.into(),
            suggestion: None,
        }
    }

    /// The same, at a place in its JSON.
    pub(crate) fn at(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = Some(pointer.into());
        self
    }

    /// The same, with a guess at what was meant.
    pub(crate) fn suggest(mut self, suggestion: Option<&str>) -> Self {
        self.suggestion = suggestion.map(str::to_owned);
        self
    }

    /// Something wrong with a setting of the JSON in `parameter`; `prefix` leads to the settings.
    pub(crate) fn of_setting(parameter: &str, prefix: &str, fault: SettingFault) -> Self {
        let pointer = format!("{prefix}/{}", pointer_token(&fault.name));
        Self {
            parameter: parameter.to_owned(),
            pointer: Some(pointer),
            code: fault.code,
            detail: fault.detail,
            suggestion: fault.suggestion,
        }
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Self::InvalidRequest(vec![fault])
    }
}

/// A member's name as it stands in a JSON pointer.
pub(crate) fn pointer_token(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pointers_are_escaped() {
        assert_eq!(pointer_token("a/b~c"), "a~1b~0c");
    }
}
