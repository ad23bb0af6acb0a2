//! What an account may do in a site.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};

/// A role in one site. Each may do what the ones before it may.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    IntoStaticStr,
    VariantNames,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Uploads files, previews imports, and cancels them until apply is asked for.
    Uploader,
    /// Applies imports, stops what is applied, and manages them.
    Admin,
}
