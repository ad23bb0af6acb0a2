//! Counts and issues as short text, so that a test says at one glance what it expects.

use serde_json::Value;

/// The counts that are not zero: `create 2, reject 1`.
pub(crate) fn counts(counts: &Value) -> String {
    let counts = counts
        .as_object()
        .unwrap_or_else(|| panic!("counts: {counts}"));
    let told: Vec<_> = counts
        .iter()
        .filter(|(_, count)| **count != 0)
        .map(|(name, count)| format!("{name} {count}"))
        .collect();
    told.join(", ")
}

/// Groups of issues: `error segment-not-found cohort1=sal-es ×2 from 7 → sales`.
pub(crate) fn groups(issues: &[Value]) -> Vec<String> {
    let group = |issue: &Value| {
        let mut text = format!("{} {}", word(&issue["severity"]), word(&issue["code"]));
        if let Some(column) = issue["column"].as_str() {
            text = format!("{text} {column}");
            if let Some(value) = issue["value"].as_str() {
                text = format!("{text}={value}");
            }
        }
        text = format!("{text} ×{}", issue["count"]);
        if let Some(line) = issue["first_line"].as_i64() {
            text = format!("{text} from {line}");
        }
        match issue["suggestion"].as_str() {
            Some(suggestion) => format!("{text} → {suggestion}"),
            None => text,
        }
    };
    issues.iter().map(group).collect()
}

/// Lines with their actions or outcomes and the codes of their issues: `3 reject width`.
pub(crate) fn lines(rows: &[Value], what: &str) -> Vec<String> {
    let line = |row: &Value| {
        let codes = row["issues"]
            .as_array()
            .unwrap_or_else(|| panic!("issues of a line: {row}"))
            .iter()
            .map(|issue| word(&issue["code"]));
        [row["line"].to_string(), word(&row[what]).to_owned()]
            .into_iter()
            .chain(codes.map(str::to_owned))
            .collect::<Vec<_>>()
            .join(" ")
    };
    rows.iter().map(line).collect()
}

/// Why a file was rejected: `1 unknown-column emial → email`.
pub(crate) fn reasons(import: &Value) -> Vec<String> {
    let reason = |rejected: &Value| {
        let mut text = format!("{} {}", rejected["line"], word(&rejected["code"]));
        for (member, before) in [("column", " "), ("suggestion", " → ")] {
            if let Some(value) = rejected[member].as_str() {
                text = format!("{text}{before}{value}");
            }
        }
        text
    };
    import["rejected"]
        .as_array()
        .unwrap_or_else(|| panic!("a rejected import: {import:#}"))
        .iter()
        .map(reason)
        .collect()
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("none")
}
