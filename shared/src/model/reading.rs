//! How a file's bytes become cells: its encoding and delimiter, found or given.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantNames};

/// What stands between two cells.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    Display,
    EnumString,
    IntoStaticStr,
    VariantNames,
)]
pub enum Delimiter {
    /// `,`
    #[serde(rename = ",")]
    #[strum(serialize = ",")]
    Comma,
    /// `;`
    #[serde(rename = ";")]
    #[strum(serialize = ";")]
    Semicolon,
    /// A tab.
    #[serde(rename = "tab")]
    #[strum(serialize = "tab")]
    Tab,
    /// `|`
    #[serde(rename = "|")]
    #[strum(serialize = "|")]
    Pipe,
    /// `:`
    #[serde(rename = ":")]
    #[strum(serialize = ":")]
    Colon,
}

impl Delimiter {
    /// The byte that stands in the file.
    #[must_use]
    pub fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
            Self::Pipe => b'|',
            Self::Colon => b':',
        }
    }
}

/// A value that was found or given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found<T> {
    /// The value.
    pub value: T,
    /// 0 to 1; 1 where it was given.
    pub sureness: f64,
    /// Said by the admin, not found.
    pub given: bool,
}

impl<T> Found<T> {
    /// Said by the admin.
    pub fn given(value: T) -> Self {
        Self {
            value,
            sureness: 1.0,
            given: true,
        }
    }

    /// Found in the file.
    pub fn guessed(value: T, sureness: f64) -> Self {
        Self {
            value,
            sureness,
            given: false,
        }
    }
}

/// How a file is read. What is given wins over what was found; what was found is kept, should the
/// gift be taken back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// A name of the Encoding standard.
    pub encoding: Found<String>,
    /// What stands between two cells.
    pub delimiter: Found<Delimiter>,
}
