//! The report's text: UTF-8 with a mark, the file's delimiter, and no cell that a spreadsheet would
//! take for a formula.

use crate::v1::rows::{IssueView, Line};
use axum::http::HeaderValue;
use csv::{Terminator, Writer, WriterBuilder};
use muster_shared::model::{
    guard::{guarded, is_guarded},
    reading::Delimiter,
};
use std::borrow::Cow;

/// By which a spreadsheet knows that it is UTF-8.
const MARK: &[u8] = "\u{feff}".as_bytes();

/// What is added to the file's own columns.
const ADDED: [&str; 4] = ["_line", "_action", "_outcome", "_issues"];

/// Writes pages of a report.
#[derive(Debug)]
pub(crate) struct Report {
    delimiter: u8,
    /// The file's own columns and where they are.
    columns: Vec<(usize, String)>,
    /// The file is a report itself, whose cells are guarded already.
    is_guarded: bool,
}

impl Report {
    /// On a file with these columns. What an earlier report added to them is left out.
    pub(crate) fn new(delimiter: Delimiter, columns: &[String]) -> Self {
        let is_guarded = columns.iter().any(|column| column == ADDED[0]);
        let is_own =
            |column: &str| !(is_guarded && ADDED.contains(&column.to_lowercase().as_str()));
        let columns = columns
            .iter()
            .cloned()
            .enumerate()
            .filter(|(_, column)| is_own(column))
            .collect();
        Self {
            delimiter: delimiter.byte(),
            columns,
            is_guarded,
        }
    }

    /// Mark and header.
    pub(crate) fn header(&self) -> Vec<u8> {
        let mut writer = self.writer(MARK.to_vec());
        for (_, column) in &self.columns {
            put(&mut writer, &self.guarded(column));
        }
        for added in ADDED {
            put(&mut writer, added);
        }
        end(&mut writer);
        written(writer)
    }

    /// Lines. A record that was wider than the header is cut to it: its issue says so.
    pub(crate) fn lines(&self, lines: &[Line]) -> Vec<u8> {
        let mut writer = self.writer(Vec::new());
        for line in lines {
            for &(i, _) in &self.columns {
                put(
                    &mut writer,
                    &self.guarded(line.cells.get(i).map_or("", String::as_str)),
                );
            }
            put(&mut writer, &line.number.to_string());
            put(&mut writer, line.action.map_or("", |action| action.name()));
            put(
                &mut writer,
                line.outcome.map_or("", |outcome| outcome.name()),
            );
            put(&mut writer, &guarded(&told(&line.issues)));
            end(&mut writer);
        }
        written(writer)
    }

    /// A cell of the file, with one apostrophe more if a spreadsheet would run it, and none more
    /// than that.
    fn guarded<'a>(&self, cell: &'a str) -> Cow<'a, str> {
        if self.is_guarded && is_guarded(cell) {
            cell.into()
        } else {
            guarded(cell)
        }
    }

    fn writer(&self, begun: Vec<u8>) -> Writer<Vec<u8>> {
        WriterBuilder::new()
            .delimiter(self.delimiter)
            .terminator(Terminator::CRLF)
            .flexible(true)
            .from_writer(begun)
    }
}

// Writing to memory cannot fail, and what would is a record without fields, of which there is none.

fn put(writer: &mut Writer<Vec<u8>>, field: &str) {
    let _ = writer.write_field(field);
}

fn end(writer: &mut Writer<Vec<u8>>) {
    let _ = writer.write_record(None::<&[u8]>);
}

fn written(writer: Writer<Vec<u8>>) -> Vec<u8> {
    writer.into_inner().unwrap_or_default()
}

fn told(issues: &[IssueView]) -> String {
    let told = issues.iter().map(|issue| match &issue.suggestion {
        Some(suggestion) => format!(
            "{}: {} (did you mean {suggestion}?)",
            issue.code, issue.message
        ),
        None => format!("{}: {}", issue.code, issue.message),
    });
    told.collect::<Vec<_>>().join("; ")
}

/// The name under which the report is saved: the file's, in letters that every system takes.
pub(super) fn disposition(file_name: Option<&str>) -> HeaderValue {
    let stem = file_name.map_or("import", |name| {
        name.rsplit_once('.').map_or(name, |(stem, _)| stem)
    });
    let safe: String = stem
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-_.".contains(c) {
                c
            } else {
                '_'
            }
        })
        .take(100)
        .collect();
    let safe = safe.trim_matches(['_', '.']);
    let name = if safe.is_empty() { "import" } else { safe };
    let value = format!("attachment; filename=\"{name}-report.csv\"");
    HeaderValue::from_str(&value).unwrap_or_else(|_| HeaderValue::from_static("attachment"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_shared::model::{
        action::{Action, Outcome},
        issue::Severity,
    };

    fn line(cells: &[&str], issues: Vec<IssueView>) -> Line {
        Line {
            number: 7,
            key: None,
            cells: cells.iter().map(|&cell| cell.to_owned()).collect(),
            action: Some(Action::Reject),
            outcome: Some(Outcome::Rejected),
            issues,
        }
    }

    #[test]
    fn a_report_is_the_file_and_four_columns() {
        let issue = |message: &str, suggestion: Option<&str>| IssueView {
            code: "segment-not-found".to_owned(),
            severity: Severity::Error,
            column: None,
            value: None,
            message: message.to_owned(),
            suggestion: suggestion.map(str::to_owned),
        };
        let report = Report::new(
            Delimiter::Semicolon,
            &["username".to_owned(), "=x".to_owned()],
        );
        let mut text = report.header();
        let issues = vec![
            issue("None; such.", Some("sales")),
            issue("Nor this.", None),
        ];
        text.extend(report.lines(&[
            line(&["anna", "-1"], issues),
            line(&["b;\"c", "", "beyond"], vec![]),
            line(&[], vec![]),
        ]));
        let expected = "\u{feff}username;'=x;_line;_action;_outcome;_issues\r\n\
                        anna;'-1;7;reject;rejected;\"segment-not-found: None; such. (did you mean sales?); segment-not-found: Nor this.\"\r\n\
                        \"b;\"\"c\";;7;reject;rejected;\r\n\
                        ;;7;reject;rejected;\r\n";
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }

    #[test]
    fn a_report_on_a_report_adds_nothing_twice() {
        let columns = [
            "username", "city", "_line", "_action", "_outcome", "_issues",
        ]
        .map(str::to_owned);
        let report = Report::new(Delimiter::Comma, &columns);
        let mut text = report.header();
        let corrected = ["anna", "'-1", "3", "reject", "rejected", "'=x"];
        text.extend(report.lines(&[
            line(&corrected, vec![]),
            line(&["bo", "-1", "4"], vec![]),
            line(&["cy", "'x"], vec![]),
        ]));
        let expected = "\u{feff}username,city,_line,_action,_outcome,_issues\r\n\
                        anna,'-1,7,reject,rejected,\r\n\
                        bo,'-1,7,reject,rejected,\r\n\
                        cy,''x,7,reject,rejected,\r\n";
        assert_eq!(String::from_utf8(text).unwrap(), expected);
    }

    #[test]
    fn names_are_safe() {
        for (name, expected) in [
            (Some("staff.2024.csv"), "staff.2024-report.csv"),
            (Some("a\"; x=\"ø.csv"), "a___x-report.csv"),
            (Some("ø.csv"), "import-report.csv"),
            (None, "import-report.csv"),
        ] {
            assert_eq!(
                disposition(name).to_str().unwrap(),
                format!("attachment; filename=\"{expected}\""),
                "{name:?}"
            );
        }
    }
}
