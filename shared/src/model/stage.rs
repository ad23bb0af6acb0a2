//! The three stages of an import.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr};

/// Validate → preview → apply.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    IntoStaticStr,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Stage {
    /// The file becomes rows.
    Validate,
    /// Rows become plans.
    Preview,
    /// Plans are executed.
    Apply,
}

impl Stage {
    /// The name as it is stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }
}
