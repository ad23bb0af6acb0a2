//! What an import found and did, in plain words and straight columns.

use crate::show::grouped;
use muster_shared::model::issue::Severity;
use muster_shared::plan::all_effects;
use muster_tests::client::view::{Found, Import, IssueGroup, IssuePage, Rejected};
use serde::Serialize;

/// Actions and outcomes, from good to bad.
const ACTIONS: &[(&str, &str)] = &[
    ("create", "create"),
    ("update", "update"),
    ("delete", "delete"),
    ("unchanged", "are so already"),
    ("skip", "are skipped"),
    ("reject", "are wrong"),
];
const OUTCOMES: &[(&str, &str)] = &[
    ("created", "created"),
    ("updated", "updated"),
    ("deleted", "deleted"),
    ("unchanged", "were so already"),
    ("skipped", "were skipped"),
    ("rejected", "were wrong"),
    ("held", "were held: somebody else had changed the record"),
    ("failed", "failed"),
];

/// One line about the file as it was read.
pub(crate) fn file(import: &Import) -> String {
    let file = &import.file;
    let mut parts = vec![file.name.clone().unwrap_or_else(|| "the file".to_owned())];
    parts.extend(file.rows.map(|rows| format!("{} rows", grouped(rows))));
    parts.extend(file.encoding.as_ref().map(|encoding| sure("", encoding)));
    parts.extend(
        file.delimiter
            .as_ref()
            .map(|delimiter| sure("delimiter ", delimiter)),
    );
    parts.join(" · ")
}

fn sure(what: &str, found: &Found) -> String {
    let percent = found.sureness * 100.0;
    let how = if found.given {
        "given".to_owned()
    } else {
        format!("found, {percent:.0} % sure")
    };
    format!("{what}{} ({how})", found.value)
}

/// What every line would do, and what would happen.
pub(crate) fn preview(import: &Import) -> String {
    let mut text = section(
        "What the lines would do",
        &counts(import.actions.as_ref(), ACTIONS),
    );
    text.push_str(&section("What would happen", &effects(import)));
    text
}

/// What every line did, and what happened.
pub(crate) fn applied(import: &Import) -> String {
    let mut text = section(
        "What the lines did",
        &counts(import.outcomes.as_ref(), OUTCOMES),
    );
    text.push_str(&section("What happened", &effects(import)));
    text
}

fn effects(import: &Import) -> Vec<(String, i64)> {
    let effects = counts(import.effects.as_ref(), &effect_names());
    if effects.is_empty() {
        vec![("nothing".to_owned(), 0)]
    } else {
        effects
    }
}

/// Effects, and what follows their counts.
fn effect_names() -> Vec<(&'static str, &'static str)> {
    all_effects()
        .into_iter()
        .map(|effect| (effect.name, effect.words))
        .collect()
}

/// The counts that are not zero, in the order and words of `names`.
fn counts<T: Serialize>(counts: Option<&T>, names: &[(&str, &str)]) -> Vec<(String, i64)> {
    let value = serde_json::to_value(counts).unwrap_or_default();
    let Some(object) = value.as_object() else {
        return Vec::new();
    };
    let count = |name: &str| {
        object
            .get(name)
            .and_then(serde_json::Value::as_i64)
            .filter(|count| *count != 0)
    };
    names
        .iter()
        .filter_map(|(name, words)| Some(((*words).to_owned(), count(name)?)))
        .collect()
}

fn section(title: &str, rows: &[(String, i64)]) -> String {
    let width = rows
        .iter()
        .map(|(_, count)| grouped(*count).chars().count())
        .max()
        .unwrap_or_default();
    let line = |(words, count): &(String, i64)| match count {
        0 => format!("  {words}\n"),
        _ => format!("  {:>width$}  {words}\n", grouped(*count)),
    };
    let lines: Vec<_> = rows.iter().map(line).collect();
    format!("{title}\n{}", lines.concat())
}

/// Grouped issues, errors first, at most so many.
pub(crate) fn issues(page: &IssuePage, max: usize, address: &str) -> String {
    if page.issues.is_empty() {
        return "Nothing is wrong with it.\n".to_owned();
    }
    let shown = &page.issues[..page.issues.len().min(max)];
    let code_width = shown
        .iter()
        .map(|group| group.code.len())
        .max()
        .unwrap_or_default();
    let count_width = shown
        .iter()
        .map(|group| grouped(group.count).len())
        .max()
        .unwrap_or_default();
    let mut text = "What is wrong\n".to_owned();
    for group in shown {
        text.push_str(&issue(group, code_width, count_width));
    }
    if shown.len() < page.issues.len() || page.next.is_some() {
        text.push_str("  … and more: curl -H \"Authorization: Bearer $MUSTER_TOKEN\" ");
        text.push_str(address);
        text.push_str("/issues\n");
    }
    text
}

fn issue(group: &IssueGroup, code_width: usize, count_width: usize) -> String {
    let severity = match group.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    };
    let place = place(group);
    let meant = group
        .suggestion
        .as_ref()
        .map(|meant| format!(" Did you mean \"{meant}\"?"))
        .unwrap_or_default();
    let head = format!(
        "  {severity:7}  {:code_width$}  {:>count_width$} ×  {place}",
        group.code,
        grouped(group.count)
    );
    format!("{head}\n           {}{meant}\n", group.message)
}

/// `line 17, cohort2 = "sal-es"`
fn place(group: &IssueGroup) -> String {
    let line = group.first_line.map(|line| {
        format!(
            "{} {line}",
            if group.count > 1 {
                "first in line"
            } else {
                "line"
            }
        )
    });
    let cell = group.column.as_ref().map(|column| match &group.value {
        Some(value) => format!("{column} = \"{value}\""),
        None => format!("column {column}"),
    });
    let parts: Vec<_> = line.into_iter().chain(cell).collect();
    if parts.is_empty() {
        "the file".to_owned()
    } else {
        parts.join(", ")
    }
}

/// Why the import came to nothing; `None`: it did not.
pub(crate) fn came_to_nothing(import: &Import) -> Option<String> {
    if let Some(rejected) = &import.rejected {
        let mut lines = vec!["The file cannot be read; nothing was imported.".to_owned()];
        lines.extend(rejected.iter().map(reason));
        return Some(lines.join("\n"));
    }
    let failed = import.failed.as_ref()?;
    Some(format!(
        "Muster gave up in {}: {} ({})",
        failed.stage, failed.detail, failed.code
    ))
}

fn reason(rejected: &Rejected) -> String {
    let line = rejected
        .line
        .map(|line| format!("line {line}: "))
        .unwrap_or_default();
    let meant = rejected
        .suggestion
        .as_ref()
        .map(|meant| format!(" Did you mean \"{meant}\"?"))
        .unwrap_or_default();
    format!("  {}  {line}{}{meant}", rejected.code, rejected.message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_shared::model::tally::{Actions, Effects, Outcomes};

    fn assert_all_named(counts: &impl Serialize, names: &[(&str, &str)]) {
        let all = serde_json::to_value(counts).expect("counts");
        let mut known: Vec<_> = all
            .as_object()
            .expect("an object")
            .keys()
            .map(String::as_str)
            .collect();
        let mut told: Vec<_> = names.iter().map(|(name, _)| *name).collect();
        known.sort_unstable();
        told.sort_unstable();
        assert_eq!(told, known);
    }

    #[test]
    fn every_count_has_its_words() {
        assert!(all_effects().iter().all(|effect| !effect.words.is_empty()));
        assert_all_named(&Actions::default(), ACTIONS);
        assert_all_named(&Outcomes::default(), OUTCOMES);
    }

    #[test]
    fn counts_stand_in_a_column_and_zeros_are_left_out() {
        let actions = Actions {
            update: 97_980,
            reject: 20,
            ..Actions::default()
        };
        assert_eq!(
            section("Lines", &counts(Some(&actions), ACTIONS)),
            "Lines\n  97 980  update\n      20  are wrong\n"
        );
        let effects = Effects::of([("segments_joined", 3), ("users_created", 1)]);
        let words: Vec<_> = counts(Some(&effects), &effect_names())
            .into_iter()
            .map(|(words, _)| words)
            .collect();
        assert_eq!(words, ["people created", "times somebody joined a segment"]);
    }

    #[test]
    fn an_issue_tells_where_and_what_was_meant() {
        let group = IssueGroup {
            code: "segment-not-found".to_owned(),
            severity: Severity::Error,
            column: Some("cohort2".to_owned()),
            value: Some("sal-es".to_owned()),
            count: 1_204,
            first_line: Some(17),
            message: "There is no segment \"sal-es\".".to_owned(),
            suggestion: Some("sales".to_owned()),
        };
        let expected = "  error    segment-not-found  1 204 ×  first in line 17, cohort2 = \"sal-es\"\n           \
                        There is no segment \"sal-es\". Did you mean \"sales\"?\n";
        assert_eq!(issue(&group, 17, 5), expected);
    }
}
