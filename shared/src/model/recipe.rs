//! One intention of an admin: a kind, the columns that are read, and the settings that make it
//! safe.

use super::{
    kind::Kind,
    settings::{ExistingDetails, Mode},
};
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, IntoStaticStr, VariantArray};

/// One intention of an admin.
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
    VariantArray,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Recipe {
    /// New people; those who exist are skipped.
    CreateUsers,
    /// New people, and changes to those who exist.
    CreateOrUpdateUsers,
    /// Existing people join segments.
    AddToSegments,
    /// Existing people are enrolled in courses.
    EnrolInCourses,
    /// New segments.
    CreateSegments,
    /// New courses.
    CreateCourses,
    /// Whatever the settings say, for a kind that is given.
    Custom,
    /// What another import did is taken back. It has no file.
    Undo,
}

/// Which columns of its kind a recipe reads. Others are passed over, with a warning.
#[derive(Debug, Clone, Copy)]
pub enum Reads {
    /// All that the kind has.
    All,
    /// These, and no other.
    Only(&'static [&'static str]),
}

/// What a recipe fixes.
#[derive(Debug)]
pub struct RecipeSpec {
    /// What it is for, in an admin's words.
    pub title: &'static str,
    /// `None`: the import says.
    pub kind: Option<Kind>,
    /// Columns without which the file is rejected; of a numbered one, at least one.
    pub needs: &'static [&'static str],
    /// Columns that are read.
    pub reads: Reads,
    /// The mode it is bound to.
    pub mode: Option<Mode>,
    /// How it treats what exists, if it is bound to that.
    pub existing_details: Option<ExistingDetails>,
    /// An unknown subject is an error here; otherwise a skip with a warning.
    pub unknown_is_error: bool,
}

static CREATE_USERS: RecipeSpec = RecipeSpec {
    title: "Create people",
    kind: Some(Kind::Users),
    needs: &["username", "firstname", "lastname", "email"],
    reads: Reads::All,
    mode: Some(Mode::CreateOnly),
    existing_details: None,
    unknown_is_error: true,
};
static CREATE_OR_UPDATE_USERS: RecipeSpec = RecipeSpec {
    title: "Create people and update those who exist",
    kind: Some(Kind::Users),
    needs: &["username"],
    reads: Reads::All,
    mode: Some(Mode::CreateAndUpdate),
    existing_details: Some(ExistingDetails::Override),
    unknown_is_error: true,
};
static ADD_TO_SEGMENTS: RecipeSpec = RecipeSpec {
    title: "Add people to segments",
    kind: Some(Kind::Users),
    needs: &["username", "cohort"],
    reads: Reads::Only(&["username", "cohort"]),
    mode: Some(Mode::UpdateOnly),
    existing_details: Some(ExistingDetails::Keep),
    unknown_is_error: true,
};
static ENROL_IN_COURSES: RecipeSpec = RecipeSpec {
    title: "Enrol people in courses",
    kind: Some(Kind::Users),
    needs: &["username", "course"],
    reads: Reads::Only(&["username", "course", "role"]),
    mode: Some(Mode::UpdateOnly),
    existing_details: Some(ExistingDetails::Keep),
    unknown_is_error: true,
};
static CREATE_SEGMENTS: RecipeSpec = RecipeSpec {
    title: "Create segments",
    kind: Some(Kind::Segments),
    needs: &["name", "idnumber"],
    reads: Reads::All,
    mode: Some(Mode::CreateOnly),
    existing_details: None,
    unknown_is_error: true,
};
static CREATE_COURSES: RecipeSpec = RecipeSpec {
    title: "Create courses",
    kind: Some(Kind::Courses),
    needs: &["shortname", "fullname"],
    reads: Reads::All,
    mode: Some(Mode::CreateOnly),
    existing_details: None,
    unknown_is_error: true,
};
static CUSTOM: RecipeSpec = RecipeSpec {
    title: "Something else",
    kind: None,
    needs: &[],
    reads: Reads::All,
    mode: None,
    existing_details: None,
    unknown_is_error: false,
};

static UNDO: RecipeSpec = RecipeSpec {
    title: "Take back what an import did",
    kind: None,
    needs: &[],
    reads: Reads::Only(&[]),
    mode: None,
    existing_details: None,
    unknown_is_error: false,
};

impl Recipe {
    /// Those that are there for files.
    pub fn of_files() -> impl Iterator<Item = Self> {
        Self::VARIANTS
            .iter()
            .copied()
            .filter(|recipe| *recipe != Self::Undo)
    }

    /// The name as it is stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// What it fixes.
    #[must_use]
    pub fn spec(self) -> &'static RecipeSpec {
        match self {
            Self::CreateUsers => &CREATE_USERS,
            Self::CreateOrUpdateUsers => &CREATE_OR_UPDATE_USERS,
            Self::AddToSegments => &ADD_TO_SEGMENTS,
            Self::EnrolInCourses => &ENROL_IN_COURSES,
            Self::CreateSegments => &CREATE_SEGMENTS,
            Self::CreateCourses => &CREATE_COURSES,
            Self::Custom => &CUSTOM,
            Self::Undo => &UNDO,
        }
    }

    /// Does it read the column of this name?
    #[must_use]
    pub fn reads(self, column: &str) -> bool {
        match self.spec().reads {
            Reads::All => true,
            Reads::Only(columns) => columns.contains(&column),
        }
    }

    /// The columns that a file must have: the recipe's, or the key of the kind.
    #[must_use]
    pub fn needs(self, kind: Kind) -> Vec<&'static str> {
        let spec = self.spec();
        if spec.needs.is_empty() {
            vec![kind.spec().key]
        } else {
            spec.needs.to_vec()
        }
    }
}
