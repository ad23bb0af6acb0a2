//! What the columns of a file mean, or everything that is wrong with its header at once. Pure: preview and apply ask again.

use muster_shared::{
    model::{
        column::ColumnSpec,
        guard::unguarded,
        issue::{Code, FileIssue, Issue},
        kind::{Kind, KindSpec},
        recipe::Recipe,
        site::Limits,
        suggest::{MAX_CHARS, nearest},
        text::{cut, trimmed},
    },
    store::imports::Import,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Columns that Muster's own reports add. A file that has them comes from a report.
const OF_REPORTS: &[&str] = &[LINE, "_action", "_outcome", "_issues"];
/// The one by which a report is known: the lines of the import that it reports on.
const LINE: &str = "_line";

/// What a column is mapped to when it shall be passed over.
const IGNORE: &str = "ignore";

/// The most faults of a header, and the most warnings, that are told: they are stored with the import and are in every answer that
/// shows it.
const MOST_TOLD: usize = 100;

/// What one column means.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meaning {
    /// The column that the kind understands.
    pub(crate) spec: &'static ColumnSpec,
    /// Of a numbered column.
    pub(crate) number: Option<u32>,
}

/// The columns of a file.
#[derive(Debug, Clone)]
pub(crate) struct Header {
    /// As they stand in the file, trimmed.
    pub(crate) headings: Vec<String>,
    /// By position; `None`: passed over.
    pub(crate) meanings: Vec<Option<Meaning>>,
    /// From a report of Muster, whose cells may have one apostrophe more.
    pub(crate) is_report: bool,
}

impl Header {
    /// Where the report that the file comes from has its lines. The report of a report has its own behind those of the other.
    pub(crate) fn lines_of_report(&self) -> Option<usize> {
        self.headings.iter().rposition(|heading| heading == LINE)
    }

    /// Where the plain column of that name is.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.meanings.iter().position(|meaning| meaning.is_some_and(|m| m.spec.name == name && m.number.is_none()))
    }

    /// Where the numbered columns of that name are, by number.
    pub(crate) fn numbered(&self, name: &str) -> BTreeMap<u32, usize> {
        let of_name = |(i, meaning): (usize, &Option<Meaning>)| {
            meaning.filter(|m| m.spec.name == name).and_then(|m| m.number.map(|number| (number, i)))
        };
        self.meanings.iter().enumerate().filter_map(of_name).collect()
    }
}

/// How the header is to be understood.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expect<'a> {
    pub(crate) recipe: Recipe,
    pub(crate) kind: Kind,
    pub(crate) mapping: &'a BTreeMap<String, String>,
    pub(crate) limits: &'a Limits,
}

impl<'a> Expect<'a> {
    /// As the import wants it.
    pub(crate) fn of(import: &'a Import, limits: &'a Limits) -> Self {
        Self { recipe: import.recipe, kind: import.kind, mapping: &import.mapping, limits }
    }
}

/// Understands headings: the columns with warnings of the file, or all that is wrong. `line` is where they stand.
pub(crate) fn understand(headings: &[String], line: i32, expect: Expect<'_>) -> Result<(Header, Vec<FileIssue>), Vec<FileIssue>> {
    let mut reading = Reading::new(expect, line);
    let kept = headings.iter().rposition(|heading| !trimmed(heading).is_empty()).map_or(0, |last| last + 1);
    let headings: Vec<String> = headings[..kept].iter().map(|heading| trimmed(heading).to_owned()).collect();
    if headings.len() as u64 > expect.limits.columns {
        // What each of them means nobody needs to know then.
        reading.fault(Code::Limit, "", &format!("The file has more than {} columns. Take some out.", expect.limits.columns));
        return Err(reading.faults);
    }
    let is_report = headings.iter().any(|heading| heading == LINE);
    let meanings: Vec<_> = headings.iter().enumerate().map(|(i, heading)| reading.column(i, heading, is_report)).collect();
    reading.check_companions();
    let missing = reading.missing();
    let (faults, warnings) = reading.told(missing);
    if faults.is_empty() { Ok((Header { headings, meanings, is_report }, warnings)) } else { Err(faults) }
}

struct Reading<'a> {
    expect: Expect<'a>,
    spec: &'static KindSpec,
    mapping: HashMap<String, &'a str>,
    line: i32,
    seen: HashMap<(&'static str, Option<u32>), String>,
    faults: Vec<FileIssue>,
    warnings: Vec<FileIssue>,
}

impl<'a> Reading<'a> {
    fn new(expect: Expect<'a>, line: i32) -> Self {
        let mapping = expect.mapping.iter().map(|(heading, column)| (trimmed(heading).to_lowercase(), column.trim())).collect();
        let spec = expect.kind.spec();
        Self { expect, spec, mapping, line, seen: HashMap::new(), faults: Vec::new(), warnings: Vec::new() }
    }

    fn column(&mut self, position: usize, heading: &str, is_report: bool) -> Option<Meaning> {
        let name = self.name(heading, is_report)?;
        let most = ColumnSpec::HEADING_CHARS;
        if cut(heading, most).len() < heading.len() {
            let message = format!("A heading has at most {most} characters; column {} has more. Shorten it.", position + 1);
            self.fault(Code::TooLong, cut(heading, Issue::VALUE_CHARS), &message);
            return None;
        }
        if name.is_empty() {
            self.fault(Code::UnknownColumn, heading, &format!("Column {} has no heading. Name it, or take it out.", position + 1));
            return None;
        }
        match find(self.spec, &name) {
            Some(meaning) => self.known(heading, meaning),
            None => self.unknown(heading, &name),
        }
    }

    /// What the column is called once it is mapped, in lower case; `None`: it is passed over. A report has guarded its headings like its
    /// cells.
    fn name(&self, heading: &str, is_report: bool) -> Option<String> {
        let heading = if is_report { unguarded(heading) } else { heading };
        let lower = heading.to_lowercase();
        if is_report && OF_REPORTS.contains(&lower.as_str()) {
            return None;
        }
        let name = self.mapping.get(&lower).map_or(lower, |mapped| mapped.to_lowercase());
        let is_passed_over = name == IGNORE && heading.to_lowercase() != IGNORE;
        (!is_passed_over).then_some(name)
    }

    fn known(&mut self, heading: &str, meaning: Meaning) -> Option<Meaning> {
        if !self.expect.recipe.reads(meaning.spec.name) {
            self.warn_ignored(heading, &format!("The recipe {} does not read `{heading}`; it is passed over.", self.expect.recipe));
            return None;
        }
        if let Some(first) = self.seen.insert((meaning.spec.name, meaning.number), heading.to_owned()) {
            let message = format!("`{first}` and `{heading}` are the same column. Keep one of them.");
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
            self.warn_ignored(heading, &format!("`{heading}` is not used by Muster; it is passed over."));
        } else if base.len() < name.len() && self.spec.column(base).is_some_and(|column| column.is_numbered) {
            let message = format!("The number in `{heading}` is too large; the largest is {}.", u32::MAX);
            let issue = Issue::error(Code::UnknownColumn, message).at(heading, "").suggest(Some(format!("{base}1")));
            self.faults.push(FileIssue { issue, line: Some(self.line), count: 1 });
        } else {
            let suggestion = self.suggestion(name);
            let message = match suggestion.as_deref() {
                Some(suggestion) => format!("There is no column `{heading}`; did you mean `{suggestion}`?"),
                None => format!("There is no column `{heading}`. Rename it, take it out, or map it to a column or to `{IGNORE}`."),
            };
            let issue = Issue::error(Code::UnknownColumn, message).at(heading, "").suggest(suggestion);
            self.faults.push(FileIssue { issue, line: Some(self.line), count: 1 });
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
            .flat_map(|column| std::iter::once(&column.name).chain(column.aliases).map(|name| (*name, column.is_numbered)))
            .map(|(name, is_numbered)| if is_numbered { format!("{name}{number}") } else { name.to_owned() })
            .collect();
        nearest(name, known.iter().map(String::as_str)).map(str::to_owned)
    }

    /// Needed columns that are not there.
    fn missing(&self) -> Vec<FileIssue> {
        let needs = self.expect.recipe.needs(self.expect.kind).into_iter();
        let missing = needs.filter(|need| !self.seen.keys().any(|(name, _)| name == need));
        let issue = |need: &str| {
            let is_numbered = self.spec.column(need).is_some_and(|column| column.is_numbered);
            let name = if is_numbered { format!("{need}1") } else { need.to_owned() };
            let message = format!("The recipe {} needs a column `{name}`.", self.expect.recipe);
            FileIssue { issue: Issue::error(Code::MissingColumn, message).at(&name, ""), line: Some(self.line), count: 1 }
        };
        missing.map(issue).collect()
    }

    /// Companions without their column, and too many columns of one name.
    fn check_companions(&mut self) {
        let mut seen: Vec<_> = self.seen.iter().map(|(&(name, number), heading)| (name, number, heading.clone())).collect();
        seen.sort();
        for (name, number, heading) in &seen {
            let Some(of) = self.spec.column(name).and_then(|column| column.companion_of) else { continue };
            if !self.seen.contains_key(&(of, *number)) {
                let number = number.unwrap_or_default();
                self.fault(Code::MissingColumn, heading, &format!("`{heading}` means nothing without a column `{of}{number}`."));
            }
        }
        let names: BTreeSet<_> = seen.iter().filter(|(_, number, _)| number.is_some()).map(|(name, _, _)| *name).collect();
        for name in names {
            let count = seen.iter().filter(|(other, _, _)| *other == name).count() as u64;
            if count > self.expect.limits.numbered_columns {
                let most = self.expect.limits.numbered_columns;
                self.fault(Code::Limit, name, &format!("The file has {count} columns `{name}…`; at most {most} are allowed."));
            }
        }
    }

    /// The faults and the warnings, no more of each than are told. What is missing is told in any case.
    fn told(self, missing: Vec<FileIssue>) -> (Vec<FileIssue>, Vec<FileIssue>) {
        let line = Some(self.line);
        let more = |issue: Issue| FileIssue { issue, line, count: 1 };
        let (mut faults, untold) = first(self.faults, MOST_TOLD.saturating_sub(missing.len()));
        faults.extend(missing);
        if untold > 0 {
            let message = format!("{untold} more columns are wrong. Has the file a header at all?");
            faults.push(more(Issue::error(Code::UnknownColumn, message)));
        }
        let (mut warnings, untold) = first(self.warnings, MOST_TOLD);
        if untold > 0 {
            warnings.push(more(Issue::warning(Code::IgnoredColumn, format!("{untold} more columns are passed over."))));
        }
        (faults, warnings)
    }

    fn fault(&mut self, code: Code, heading: &str, message: &str) {
        let mut issue = Issue::error(code, message);
        issue.column = (!heading.is_empty()).then(|| heading.to_owned());
        self.faults.push(FileIssue { issue, line: Some(self.line), count: 1 });
    }

    fn warn_ignored(&mut self, heading: &str, message: &str) {
        let issue = Issue::warning(Code::IgnoredColumn, message).at(heading, "");
        self.warnings.push(FileIssue { issue, line: Some(self.line), count: 1 });
    }
}

/// The first of some, and how many more there are.
fn first<T>(mut all: Vec<T>, most: usize) -> (Vec<T>, usize) {
    let more = all.len().saturating_sub(most);
    all.truncate(most);
    (all, more)
}

/// The column of that name: plain, or numbered with its number.
fn find(spec: &'static KindSpec, name: &str) -> Option<Meaning> {
    if let Some(plain) = spec.column(name).filter(|column| !column.is_numbered) {
        return Some(Meaning { spec: plain, number: None });
    }
    let base = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = name[base.len()..].parse().ok()?;
    spec.column(base).filter(|column| column.is_numbered).map(|spec| Meaning { spec, number: Some(number) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Understands a header: its columns and warnings, or its faults, as text.
    fn understood(recipe: Recipe, header: &str, mapping: &[(&str, &str)]) -> String {
        let kind = recipe.spec().kind.unwrap_or(Kind::Users);
        let headings: Vec<_> = header.split(',').map(str::to_owned).collect();
        let mapping = mapping.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        let limits = Limits { numbered_columns: 2, ..Limits::default() };
        let told = |issues: Vec<FileIssue>| {
            issues
                .into_iter()
                .map(|i| format!("{} {} {}", i.issue.code, i.issue.column.unwrap_or_default(), i.issue.suggestion.unwrap_or_default()))
                .map(|text| text.trim().to_owned())
                .collect::<Vec<_>>()
                .join("; ")
        };
        match understand(&headings, 1, Expect { recipe, kind, mapping: &mapping, limits: &limits }) {
            Ok((header, warnings)) => {
                let name = |m: &Option<Meaning>| {
                    m.map_or("-".to_owned(), |m| format!("{}{}", m.spec.name, m.number.map(|n| n.to_string()).unwrap_or_default()))
                };
                let columns: Vec<_> = header.meanings.iter().map(name).collect();
                format!("{} ({})", columns.join(" "), told(warnings))
            }
            Err(faults) => format!("! {}", told(faults)),
        }
    }

    #[test]
    fn headers_are_understood_or_all_their_faults_are_told() {
        use Recipe::{AddToSegments, CreateSegments, CreateUsers, Custom, EnrolInCourses};
        let cases: &[(Recipe, &str, &str)] = &[
            (AddToSegments, "username,cohort1", "username cohort1 ()"),
            (AddToSegments, " UserName , Segment7,,", "username cohort7 ()"),
            (AddToSegments, "username,cohort0,cohort12", "username cohort0 cohort12 ()"),
            (AddToSegments, "username,cohort1,city,theme", "username cohort1 - - (ignored-column city; ignored-column theme)"),
            (AddToSegments, "username,cohort", "! unknown-column cohort cohort1; missing-column cohort1"),
            (AddToSegments, "emial,cohort1", "! unknown-column emial; missing-column username"),
            (Custom, "username,emial", "! unknown-column emial email"),
            (AddToSegments, "username,cohort1,segment1", "! repeated-column segment1"),
            (AddToSegments, "username,cohort01,cohort1", "! repeated-column cohort1"),
            (AddToSegments, "username,,cohort1", "! unknown-column"),
            (AddToSegments, "username,cohort1,cohort2,cohort3", "! limit cohort"),
            (AddToSegments, "username,cohort1,password,sysrole1", "! column-not-allowed password; column-not-allowed sysrole1"),
            (EnrolInCourses, "username,course1,role2", "! missing-column role2"),
            (EnrolInCourses, "username,course1,role1", "username course1 role1 ()"),
            (CreateUsers, "username", "! missing-column firstname; missing-column lastname; missing-column email"),
            (CreateSegments, "idnumber,name", "idnumber name ()"),
            (Custom, "username,_line,_action,_outcome,_issues", "username - - - - ()"),
            (Custom, "username,_action", "! unknown-column _action"),
            (Custom, "", "! missing-column username"),
        ];
        for (recipe, header, expected) in cases {
            assert_eq!(understood(*recipe, header, &[]), *expected, "{header}");
        }
    }

    #[test]
    fn of_a_header_that_is_none_only_so_much_is_told() {
        let told = |columns: usize| understood(Recipe::AddToSegments, &vec!["anna@example.com"; columns].join(","), &[]);
        let told_of_each = told(98);
        assert_eq!(told_of_each.matches("unknown-column anna@example.com").count(), 98);
        assert!(told_of_each.ends_with("; missing-column username; missing-column cohort1"), "{told_of_each}");
        let told_of_some = told(300);
        assert_eq!(told_of_some.matches("unknown-column anna@example.com").count(), 98);
        assert!(told_of_some.ends_with("; missing-column username; missing-column cohort1; unknown-column"), "{told_of_some}");
        assert_eq!(told(501), "! limit", "what each of so many means nobody need know");
        let understood_long = |long: &str| understood(Recipe::Custom, &format!("username,{long}"), &[]);
        assert_eq!(understood_long(&"é".repeat(255)), format!("! unknown-column {}", "é".repeat(255)));
        assert_eq!(understood_long(&"é".repeat(256)), format!("! too-long {}", "é".repeat(200)));
        let number = format!("cohorx{}", "1".repeat(1 << 20));
        assert_eq!(understood_long(&number), format!("! too-long {}", &number[..200]), "in no time");
    }

    #[test]
    fn what_only_the_whole_header_shows_is_cut_too() {
        let told = |columns: u32| {
            let header: Vec<_> = std::iter::once("username".to_owned()).chain((0..columns).map(|n| format!("role{n}"))).collect();
            understood(Recipe::Custom, &header.join(","), &[])
        };
        assert_eq!(told(499).split("; ").count(), MOST_TOLD + 1);
        assert!(told(499).ends_with("; unknown-column"), "it says how many more there are");
        let ignored = vec!["theme"; 400].join(",");
        let warned = understood(Recipe::Custom, &format!("username,{ignored}"), &[]);
        assert_eq!(warned.matches("ignored-column").count(), MOST_TOLD + 1);
    }

    #[test]
    fn headings_of_a_report_are_read_as_they_were_before_it_guarded_them() {
        let mapping = [("=x", "cohort1"), ("'a", "ignore")];
        assert_eq!(understood(Recipe::AddToSegments, "username,=x,'a", &mapping), "username cohort1 - ()");
        assert_eq!(understood(Recipe::AddToSegments, "username,'=x,''a,_line", &mapping), "username cohort1 - - ()");
        assert_eq!(understood(Recipe::AddToSegments, "username,'=x,cohort1", &[]), "! unknown-column '=x", "no report");
    }

    #[test]
    fn a_number_that_is_too_large_does_not_suggest_itself() {
        assert_eq!(understood(Recipe::Custom, "username,cohort4294967296", &[]), "! unknown-column cohort4294967296 cohort1");
        assert_eq!(understood(Recipe::Custom, "username,cohort4294967295", &[]), "username cohort4294967295 ()");
    }

    #[test]
    fn a_mapping_comes_first() {
        let mapping = [("Department", "cohort1"), ("HR code", "ignore")];
        assert_eq!(understood(Recipe::AddToSegments, "username,department,hr code", &mapping), "username cohort1 - ()");
        assert_eq!(understood(Recipe::AddToSegments, "username,department,x", &mapping), "! unknown-column x");
    }
}
