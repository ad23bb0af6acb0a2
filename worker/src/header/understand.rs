//! Headings become columns, or all that is wrong with them at once. Pure.

use super::{Expect, Header, LINE, Meaning};
use muster_shared::model::{
    column::ColumnSpec,
    guard::unguarded,
    issue::{Code, FileIssue, Issue},
    kind::KindSpec,
    suggest::{MAX_CHARS, nearest},
    text::{cut, trimmed},
};
use std::collections::{BTreeSet, HashMap};

/// Columns that Muster's own reports add. A file that has them comes from a report.
const OF_REPORTS: &[&str] = &[LINE, "_action", "_outcome", "_issues"];

/// What a column is mapped to when it shall be passed over.
const IGNORE: &str = "ignore";

/// The most faults of a header, and the most warnings, that are told: they are stored with the
/// import and are in every answer that shows it.
pub(super) const MAX_TOLD: usize = 100;

/// Understands headings: the columns with warnings of the file, or all that is wrong. `line` is
/// where they stand.
pub(crate) fn understand(
    headings: &[String],
    line: i32,
    expect: Expect<'_>,
) -> Result<(Header, Vec<FileIssue>), Vec<FileIssue>> {
    let mut reader = HeaderReader::new(expect, line);
    let kept = headings
        .iter()
        .rposition(|heading| !trimmed(heading).is_empty())
        .map_or(0, |last| last + 1);
    let headings: Vec<String> = headings[..kept]
        .iter()
        .map(|heading| trimmed(heading).to_owned())
        .collect();
    if headings.len() as u64 > expect.limits.columns {
        // What each of them means nobody needs to know then.
        reader.fault(
            Code::Limit,
            "",
            &format!(
                "The file has more than {} columns. Take some out.",
                expect.limits.columns
            ),
        );
        return Err(reader.faults);
    }
    let is_report = headings.iter().any(|heading| heading == LINE);
    let meanings: Vec<_> = headings
        .iter()
        .enumerate()
        .map(|(i, heading)| reader.column(i, heading, is_report))
        .collect();
    reader.check_companions();
    let missing = reader.missing();
    let (faults, warnings) = reader.told(missing);
    if faults.is_empty() {
        Ok((
            Header {
                headings,
                meanings,
                is_report,
            },
            warnings,
        ))
    } else {
        Err(faults)
    }
}

struct HeaderReader<'a> {
    expect: Expect<'a>,
    spec: &'static KindSpec,
    mapping: HashMap<String, &'a str>,
    line: i32,
    seen: HashMap<(&'static str, Option<u32>), String>,
    faults: Vec<FileIssue>,
    warnings: Vec<FileIssue>,
}

impl<'a> HeaderReader<'a> {
    fn new(expect: Expect<'a>, line: i32) -> Self {
        let mapping = expect
            .mapping
            .iter()
            .map(|(heading, column)| (trimmed(heading).to_lowercase(), column.trim()))
            .collect();
        let spec = expect.kind.spec();
        Self {
            expect,
            spec,
            mapping,
            line,
            seen: HashMap::new(),
            faults: Vec::new(),
            warnings: Vec::new(),
        }
    }

    fn column(&mut self, position: usize, heading: &str, is_report: bool) -> Option<Meaning> {
        let name = self.name(heading, is_report)?;
        let max = ColumnSpec::HEADING_CHARS;
        if cut(heading, max).len() < heading.len() {
            let message = format!(
                "A heading has at most {max} characters; column {} has more. Shorten it.",
                position + 1
            );
            self.fault(Code::TooLong, cut(heading, Issue::VALUE_CHARS), &message);
            return None;
        }
        if name.is_empty() {
            self.fault(
                Code::UnknownColumn,
                heading,
                &format!(
                    "Column {} has no heading. Name it, or take it out.",
                    position + 1
                ),
            );
            return None;
        }
        match find(self.spec, &name) {
            Some(meaning) => self.known(heading, meaning),
            None => self.unknown(heading, &name),
        }
    }

    /// What the column is called once it is mapped, in lower case; `None`: it is passed over. A
    /// report has guarded its headings like its cells.
    fn name(&self, heading: &str, is_report: bool) -> Option<String> {
        let heading = if is_report {
            unguarded(heading)
        } else {
            heading
        };
        let lower = heading.to_lowercase();
        if is_report && OF_REPORTS.contains(&lower.as_str()) {
            return None;
        }
        let name = self
            .mapping
            .get(&lower)
            .map_or(lower, |mapped| mapped.to_lowercase());
        let is_passed_over = name == IGNORE && heading.to_lowercase() != IGNORE;
        (!is_passed_over).then_some(name)
    }

    fn known(&mut self, heading: &str, meaning: Meaning) -> Option<Meaning> {
        if !self.expect.recipe.reads(meaning.spec.name) {
            self.warn_ignored(
                heading,
                &format!(
                    "The recipe {} does not read `{heading}`; it is passed over.",
                    self.expect.recipe
                ),
            );
            return None;
        }
        if let Some(first) = self
            .seen
            .insert((meaning.spec.name, meaning.number), heading.to_owned())
        {
            let message =
                format!("`{first}` and `{heading}` are the same column. Keep one of them.");
            self.fault(Code::RepeatedColumn, heading, &message);
            return None;
        }
        Some(meaning)
    }

    fn unknown(&mut self, heading: &str, name: &str) -> Option<Meaning> {
        let base = name.trim_end_matches(|c: char| c.is_ascii_digit());
        if self.spec.refused.contains(&name) || self.spec.refused.contains(&base) {
            let message = format!(
                "The recipe {} does not do what `{heading}` asks for. Take the column out, or map it to `{IGNORE}`.",
                self.expect.recipe
            );
            self.fault(Code::ColumnNotAllowed, heading, &message);
        } else if self.spec.unused.contains(&name) {
            self.warn_ignored(
                heading,
                &format!("`{heading}` is not used by Muster; it is passed over."),
            );
        } else if base.len() < name.len()
            && self
                .spec
                .column(base)
                .is_some_and(|column| column.is_numbered)
        {
            let message = format!(
                "The number in `{heading}` is too large; the largest is {}.",
                u32::MAX
            );
            let issue = Issue::error(Code::UnknownColumn, message)
                .at(heading, "")
                .suggest(Some(format!("{base}1")));
            self.faults.push(FileIssue {
                issue,
                line: Some(self.line),
                count: 1,
            });
        } else {
            let suggestion = self.suggestion(name);
            let message = match suggestion.as_deref() {
                Some(suggestion) => {
                    format!("There is no column `{heading}`; did you mean `{suggestion}`?")
                }
                None => format!(
                    "There is no column `{heading}`. Rename it, take it out, or map it to a column or to `{IGNORE}`."
                ),
            };
            let issue = Issue::error(Code::UnknownColumn, message)
                .at(heading, "")
                .suggest(suggestion);
            self.faults.push(FileIssue {
                issue,
                line: Some(self.line),
                count: 1,
            });
        }
        None
    }

    fn suggestion(&self, name: &str) -> Option<String> {
        if name.chars().nth(MAX_CHARS).is_some() {
            return None;
        }
        let digits = &name[name.trim_end_matches(|c: char| c.is_ascii_digit()).len()..];
        let number = if digits.is_empty() { "1" } else { digits };
        let known: Vec<String> = self
            .spec
            .columns
            .iter()
            .filter(|column| self.expect.recipe.reads(column.name))
            .flat_map(|column| {
                std::iter::once(&column.name)
                    .chain(column.aliases)
                    .map(|name| (*name, column.is_numbered))
            })
            .map(|(name, is_numbered)| {
                if is_numbered {
                    format!("{name}{number}")
                } else {
                    name.to_owned()
                }
            })
            .collect();
        nearest(name, known.iter().map(String::as_str)).map(str::to_owned)
    }

    /// Needed columns that are not there.
    fn missing(&self) -> Vec<FileIssue> {
        let needs = self.expect.recipe.needs(self.expect.kind).into_iter();
        let missing = needs.filter(|need| !self.seen.keys().any(|(name, _)| name == need));
        let issue = |need: &str| {
            let is_numbered = self
                .spec
                .column(need)
                .is_some_and(|column| column.is_numbered);
            let name = if is_numbered {
                format!("{need}1")
            } else {
                need.to_owned()
            };
            let message = format!("The recipe {} needs a column `{name}`.", self.expect.recipe);
            FileIssue {
                issue: Issue::error(Code::MissingColumn, message).at(&name, ""),
                line: Some(self.line),
                count: 1,
            }
        };
        missing.map(issue).collect()
    }

    /// Companions without their column, and too many columns of one name.
    fn check_companions(&mut self) {
        let mut seen: Vec<_> = self
            .seen
            .iter()
            .map(|(&(name, number), heading)| (name, number, heading.clone()))
            .collect();
        seen.sort();
        for (name, number, heading) in &seen {
            let Some(of) = self
                .spec
                .column(name)
                .and_then(|column| column.companion_of)
            else {
                continue;
            };
            if !self.seen.contains_key(&(of, *number)) {
                let number = number.unwrap_or_default();
                self.fault(
                    Code::MissingColumn,
                    heading,
                    &format!("`{heading}` means nothing without a column `{of}{number}`."),
                );
            }
        }
        let names: BTreeSet<_> = seen
            .iter()
            .filter(|(_, number, _)| number.is_some())
            .map(|(name, _, _)| *name)
            .collect();
        for name in names {
            let count = seen.iter().filter(|(other, _, _)| *other == name).count() as u64;
            if count > self.expect.limits.numbered_columns {
                let max = self.expect.limits.numbered_columns;
                self.fault(
                    Code::Limit,
                    name,
                    &format!("The file has {count} columns `{name}…`; at most {max} are allowed."),
                );
            }
        }
    }

    /// The faults and the warnings, no more of each than are told. What is missing is told in any
    /// case.
    fn told(self, missing: Vec<FileIssue>) -> (Vec<FileIssue>, Vec<FileIssue>) {
        let line = Some(self.line);
        let more = |issue: Issue| FileIssue {
            issue,
            line,
            count: 1,
        };
        let (mut faults, untold) = first(self.faults, MAX_TOLD.saturating_sub(missing.len()));
        faults.extend(missing);
        if untold > 0 {
            let message = format!("{untold} more columns are wrong. Has the file a header at all?");
            faults.push(more(Issue::error(Code::UnknownColumn, message)));
        }
        let (mut warnings, untold) = first(self.warnings, MAX_TOLD);
        if untold > 0 {
            warnings.push(more(Issue::warning(
                Code::IgnoredColumn,
                format!("{untold} more columns are passed over."),
            )));
        }
        (faults, warnings)
    }

    fn fault(&mut self, code: Code, heading: &str, message: &str) {
        let mut issue = Issue::error(code, message);
        issue.column = (!heading.is_empty()).then(|| heading.to_owned());
        self.faults.push(FileIssue {
            issue,
            line: Some(self.line),
            count: 1,
        });
    }

    fn warn_ignored(&mut self, heading: &str, message: &str) {
        let issue = Issue::warning(Code::IgnoredColumn, message).at(heading, "");
        self.warnings.push(FileIssue {
            issue,
            line: Some(self.line),
            count: 1,
        });
    }
}

/// The first of some, and how many more there are.
fn first<T>(mut all: Vec<T>, max: usize) -> (Vec<T>, usize) {
    let more = all.len().saturating_sub(max);
    all.truncate(max);
    (all, more)
}

/// The column of that name: plain, or numbered with its number.
fn find(spec: &'static KindSpec, name: &str) -> Option<Meaning> {
    if let Some(plain) = spec.column(name).filter(|column| !column.is_numbered) {
        return Some(Meaning {
            spec: plain,
            number: None,
        });
    }
    let base = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = name[base.len()..].parse().ok()?;
    spec.column(base)
        .filter(|column| column.is_numbered)
        .map(|spec| Meaning {
            spec,
            number: Some(number),
        })
}
