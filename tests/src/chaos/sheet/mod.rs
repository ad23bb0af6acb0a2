//! Files of all recipes, with random settings, columns, sizes and mistakes, about the few people,
//! segments and courses of one site, so that imports meet.

mod people;
mod records;

use super::model::{Kind, Mode, Rules};
use crate::make::{Chance, Course, Person, Segment, courses, people as make_people, segments};
use serde_json::{Map, Value, json};

/// People of a site whom files may name; files of a few lines name the first only.
const PEOPLE: usize = 8_000;
const OFTEN: usize = 150;
/// Of a made-up LMS's forty segments and sixty courses, files of one site are about the first.
const COUNT: usize = 16;

/// Whom and what the files of a site are about.
#[derive(Debug)]
pub(super) struct Cast {
    people: Vec<Person>,
    segments: Vec<Segment>,
    courses: Vec<Course>,
}

/// A file, not yet written, and what is wanted of it.
#[derive(Debug, Clone)]
pub(super) struct Sheet {
    pub(super) recipe: &'static str,
    /// With the recipe `custom`.
    pub(super) kind: Option<&'static str>,
    pub(super) rules: Rules,
    pub(super) settings: Map<String, Value>,
    pub(super) headings: Vec<String>,
    pub(super) records: Vec<Vec<String>>,
}

/// How large a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Size {
    Small,
    Middling,
    /// Many batches, and mostly over the queue of large imports.
    Large,
}

impl Size {
    pub(super) fn random(chance: &mut Chance) -> Self {
        match chance.below(100) {
            0..65 => Self::Small,
            65..85 => Self::Middling,
            _ => Self::Large,
        }
    }
}

impl Cast {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            people: make_people(seed, PEOPLE),
            segments: segments(),
            courses: courses(),
        }
    }

    /// A file of any recipe.
    pub(super) fn sheet(&self, chance: &mut Chance, size: Size) -> Sheet {
        let weights = [
            "create-users",
            "create-or-update-users",
            "create-or-update-users",
            "add-to-segments",
            "add-to-segments",
        ];
        let others = [
            "enrol-in-courses",
            "enrol-in-courses",
            "create-segments",
            "create-courses",
            "custom",
            "custom",
            "custom",
        ];
        let recipes: Vec<&'static str> = weights.into_iter().chain(others).collect();
        let recipe = *chance.of(&recipes);
        self.of_recipe(recipe, chance, size)
    }

    /// A file of that recipe.
    pub(super) fn of_recipe(&self, recipe: &'static str, chance: &mut Chance, size: Size) -> Sheet {
        let (kind, rules, settings) = wanted(recipe, chance);
        let (headings, records) = match rules.kind {
            Kind::People => people::lines(self, recipe, &rules, chance, size),
            Kind::Segments => records::segments(self, chance),
            Kind::Courses => records::courses(self, chance),
        };
        Sheet {
            recipe,
            kind,
            rules,
            settings,
            headings,
            records,
        }
    }
}

/// Kind, rules and settings of a recipe.
fn wanted(recipe: &str, chance: &mut Chance) -> (Option<&'static str>, Rules, Map<String, Value>) {
    let fixed = |kind, mode, overrides, reads| Rules {
        kind,
        mode,
        overrides,
        unknown_is_error: true,
        reads,
    };
    let mut settings = Map::new();
    let rules = match recipe {
        "create-users" => {
            let overrides = chance.is(20);
            if overrides {
                settings.insert("existing_details".to_owned(), json!("override"));
            }
            fixed(Kind::People, Mode::CreateOnly, overrides, &[])
        }
        "create-or-update-users" => fixed(Kind::People, Mode::CreateAndUpdate, true, &[]),
        "add-to-segments" => fixed(
            Kind::People,
            Mode::UpdateOnly,
            false,
            &["username", "cohort"],
        ),
        "enrol-in-courses" => fixed(
            Kind::People,
            Mode::UpdateOnly,
            false,
            &["username", "course", "role"],
        ),
        "create-segments" => fixed(Kind::Segments, Mode::CreateOnly, false, &[]),
        "create-courses" => fixed(Kind::Courses, Mode::CreateOnly, false, &[]),
        _ => return custom(chance),
    };
    (None, rules, settings)
}

fn custom(chance: &mut Chance) -> (Option<&'static str>, Rules, Map<String, Value>) {
    let kinds = [
        ("users", Kind::People),
        ("users", Kind::People),
        ("segments", Kind::Segments),
        ("courses", Kind::Courses),
    ];
    let modes = [
        ("create-only", Mode::CreateOnly),
        ("create-and-update", Mode::CreateAndUpdate),
        ("update-only", Mode::UpdateOnly),
    ];
    let ((name, kind), (word, mode), overrides) =
        (*chance.of(&kinds), *chance.of(&modes), chance.is(60));
    let mut settings = Map::from_iter([("mode".to_owned(), json!(word))]);
    if kind == Kind::People {
        settings.insert(
            "existing_details".to_owned(),
            json!(if overrides { "override" } else { "keep" }),
        );
    }
    (
        Some(name),
        Rules {
            kind,
            mode,
            overrides,
            unknown_is_error: false,
            reads: &[],
        },
        settings,
    )
}
