//! The files of the benchmark: the same seed makes the same file. They are written as a stream,
//! since they may be larger than memory.

use super::names::{course, details, scatter, segment, username};
use anyhow::Context;
use std::{
    fs::File,
    io::BufWriter,
    path::{Path, PathBuf},
};
use strum::IntoStaticStr;

/// A prime: people of the site are taken in steps of it, so that none comes twice, and none in the
/// order of their ids.
const STEP: u64 = 7_368_787;
/// Of a thousand lines of W5 so many are wrong.
const BAD: u64 = 20;

/// A load of `performance.md`'s table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
pub enum Load {
    /// New people with a segment and a course.
    W1,
    /// Two segments for people who are there.
    W2,
    /// Two courses for people who are there.
    W3,
    /// W1 once more: nothing changes.
    W4,
    /// W1 with two lines of a hundred wrong.
    W5,
}

impl Load {
    /// The recipe of its file.
    pub(super) fn recipe(self) -> &'static str {
        match self {
            Self::W1 | Self::W4 | Self::W5 => "create-or-update-users",
            Self::W2 => "add-to-segments",
            Self::W3 => "enrol-in-courses",
        }
    }

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        self.into()
    }

    /// Writes its file for a site of so many people.
    pub(super) fn write(
        self,
        folder: &Path,
        lines: u64,
        users: u64,
        seed: u64,
    ) -> anyhow::Result<PathBuf> {
        let name = format!("{}-{lines}.csv", self.name());
        self.write_lines(
            &folder.join(name),
            (0..lines).map(|nth| self.line(nth, users, seed)),
        )
    }

    /// The same without its lines with a mistake.
    pub(super) fn write_right(
        self,
        folder: &Path,
        lines: u64,
        users: u64,
        seed: u64,
    ) -> anyhow::Result<PathBuf> {
        let name = format!("{}-{lines}-right.csv", self.name());
        let right = (0..lines).filter(|&nth| mistake(nth, seed).is_none());
        self.write_lines(
            &folder.join(name),
            right.map(|nth| self.line(nth, users, seed)),
        )
    }

    fn write_lines(
        self,
        path: &Path,
        lines: impl Iterator<Item = Vec<String>>,
    ) -> anyhow::Result<PathBuf> {
        let file = File::create(path).with_context(|| path.display().to_string())?;
        let mut writer = csv::WriterBuilder::new()
            .flexible(true)
            .from_writer(BufWriter::with_capacity(1 << 20, file));
        match self {
            Self::W1 | Self::W4 | Self::W5 => {
                writer.write_record([
                    "username",
                    "firstname",
                    "lastname",
                    "email",
                    "city",
                    "country",
                    "idnumber",
                    "cohort1",
                    "course1",
                ])?;
            }
            Self::W2 => writer.write_record(["username", "cohort1", "cohort2"])?,
            Self::W3 => writer.write_record(["username", "course1", "course2"])?,
        }
        for line in lines {
            writer.write_record(line)?;
        }
        writer.flush()?;
        Ok(path.to_owned())
    }

    fn line(self, nth: u64, users: u64, seed: u64) -> Vec<String> {
        let one = scatter(nth, seed + 10);
        let other = one + 1 + scatter(nth, seed + 11) % 400;
        match self {
            Self::W1 | Self::W4 => new_person(nth, users, seed),
            Self::W5 => match mistake(nth, seed) {
                Some(sort) => spoilt(new_person(nth, users, seed), sort),
                None => new_person(nth, users, seed),
            },
            Self::W2 => vec![someone(nth, users, seed), segment(one), segment(other)],
            Self::W3 => vec![someone(nth, users, seed), course(one), course(other)],
        }
    }
}

/// A person of the site.
fn someone(nth: u64, users: u64, seed: u64) -> String {
    username(1 + (nth * STEP + seed) % users)
}

/// A person who is new, in no order that the database would like.
fn new_person(nth: u64, users: u64, seed: u64) -> Vec<String> {
    let number = users + 1 + nth;
    let mut line = vec![username(number)];
    line.extend(details(number));
    line.extend([
        segment(scatter(nth, seed + 10)),
        course(scatter(nth, seed + 11)),
    ]);
    line
}

/// The sort of mistake that a line of W5 has.
fn mistake(nth: u64, seed: u64) -> Option<u64> {
    let lot = scatter(nth, seed + 12) % 1_000;
    (lot < BAD).then_some(lot)
}

/// The line with a mistake, of which there are ten sorts.
fn spoilt(mut line: Vec<String>, sort: u64) -> Vec<String> {
    let (at, cell) = match sort % 10 {
        0 => (0, String::new()),
        1 => (2, String::new()),
        2 => (3, "nobody at example.com".to_owned()),
        3 => (3, details(1)[2].clone()),
        4 => (5, "XY".to_owned()),
        5 => (7, "seg-abc".to_owned()),
        6 => (8, "c-abcd".to_owned()),
        7 => (4, "Å".repeat(200)),
        8 => {
            line.truncate(5);
            return line;
        }
        _ => {
            line.push("one too many".to_owned());
            return line;
        }
    };
    line[at] = cell;
    line
}
