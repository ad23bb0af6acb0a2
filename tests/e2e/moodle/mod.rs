//! What Moodle does with a file, Muster does too, unless `differs.rs` has the case and says why
//! not.
//!
//! `fixtures/moodle/observed.json` holds what Moodle 4.5.6 was seen to do with each file of
//! `fixtures/moodle/cases`: its options, and the users that it created or changed on a site with
//! `exist1` … `exist10`, segments and courses. Of all the files that were tried these are the ones
//! whose columns and options Muster knows.

mod differs;
mod site;

use differs::{DIFFERS, Differs};
use futures::{StreamExt, stream};
use muster_tests::harness::{Muster, Order, Site};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Username → what is otherwise than before, one line for each; new ones with a `+`.
type Changes = BTreeMap<String, String>;

#[tokio::test]
async fn every_case_comes_out_as_in_moodle_or_as_is_told() {
    let muster = Muster::with().workers(2).start().await;
    let cases = observed();
    let failures: Vec<String> = stream::iter(&cases)
        .map(|(case, observed)| check(&muster, case, observed))
        .buffer_unordered(4)
        .filter_map(|failure| async { failure })
        .collect()
        .await;
    assert!(
        failures.is_empty(),
        "{} of {} cases:\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
}

#[test]
fn every_difference_is_one_of_a_case_and_is_real() {
    let cases = observed();
    for differs in DIFFERS {
        let observed = cases
            .get(differs.case)
            .unwrap_or_else(|| panic!("there is no case {}", differs.case));
        let is_same_state = of_moodle(&observed["users"]) == expected(differs)
            && observed["new_segments"] == json!([]);
        assert!(!is_same_state, "{} does not differ", differs.case);
        assert!(!differs.because.is_empty());
    }
}

fn observed() -> BTreeMap<String, Value> {
    serde_json::from_str(include_str!("../../fixtures/moodle/observed.json"))
        .expect("the fixture is JSON")
}

/// Imports a case into a site of its own; what is wrong with what came out.
async fn check(muster: &Muster, case: &str, observed: &Value) -> Option<String> {
    let site = muster.site(&case.replace('_', "-")).await;
    site::fill(muster, site.slug()).await;
    let before = site::people(muster, site.slug()).await;
    let file = std::fs::read(format!(
        "{}/fixtures/moodle/cases/{case}.csv",
        env!("CARGO_MANIFEST_DIR")
    ))
    .expect("a fixture");
    let errors = import(&site, file, observed["options"].as_str().expect("options")).await;
    let found = changes(&before, &site::people(muster, site.slug()).await);
    let segments = site::segments(muster, site.slug()).await;
    let differs = DIFFERS.iter().find(|differs| differs.case == case);
    let wanted = differs.map_or_else(|| of_moodle(&observed["users"]), expected);
    let mut wrong = Vec::new();
    if found != wanted {
        wrong.push(format!(
            "  came out as {found:#?}\n  instead of {wanted:#?}"
        ));
    }
    if let Some(differs) = differs.filter(|differs| differs.errors != errors) {
        wrong.push(format!(
            "  the errors are {errors:?}\n  instead of {:?}",
            differs.errors
        ));
    }
    if segments != site::SEGMENTS.len() as i64 {
        wrong.push("  segments were made".to_owned());
    }
    (!wrong.is_empty()).then(|| format!("{case}\n{}", wrong.join("\n")))
}

/// Imports a file to its end. What was wrong: `line code` of each line, or of the file.
async fn import(site: &Site, file: Vec<u8>, options: &str) -> Vec<String> {
    let answer = site
        .send(
            Order::new("custom", file)
                .with("kind", "users")
                .settings(&settings(options)),
        )
        .await;
    if answer.status == 400 {
        let errors = answer.json()["errors"].as_array().expect("errors").clone();
        return errors
            .iter()
            .map(|error| format!("refused {}", error["code"].as_str().unwrap_or_default()))
            .collect();
    }
    let id = answer.expect(202).json()["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let import = site.wait_rest(&id).await;
    if import["status"] == "rejected" {
        let reasons = import["rejected"].as_array().expect("reasons").iter();
        return reasons
            .map(|reason| format!("rejected {}", reason["code"].as_str().unwrap_or_default()))
            .collect();
    }
    site.apply(&id).await;
    site.wait_for(&id, "applied").await;
    let rows = site.rows(&id, "?severity=error").await;
    let mut errors: Vec<_> = rows.iter().flat_map(line_errors).collect();
    errors.dedup();
    errors
}

fn line_errors(row: &Value) -> Vec<String> {
    let issues = row["issues"]
        .as_array()
        .expect("issues")
        .iter()
        .filter(|issue| issue["severity"] == "error");
    issues
        .map(|issue| {
            format!(
                "{} {}",
                row["line"],
                issue["code"].as_str().unwrap_or_default()
            )
        })
        .collect()
}

/// Moodle's options as Muster's settings.
fn settings(options: &str) -> Value {
    let mut settings = Map::new();
    for option in options.split_whitespace() {
        let (name, value) = option
            .trim_start_matches("--")
            .split_once('=')
            .expect("an option with a value");
        let (name, value) = match (name, value) {
            ("uutype", "2") => ("mode", "create-and-update"),
            ("uutype", "3") => ("mode", "update-only"),
            ("uuupdatetype", "1") => ("existing_details", "override"),
            ("delimiter_name", "tab") => ("delimiter", "tab"),
            other => other,
        };
        settings.insert(name.to_owned(), value.into());
    }
    settings.into()
}

fn expected(differs: &Differs) -> Changes {
    differs
        .users
        .iter()
        .map(|(username, change)| ((*username).to_owned(), (*change).to_owned()))
        .collect()
}

/// What Moodle did, in our words.
fn of_moodle(users: &Value) -> Changes {
    let users = users.as_object().expect("users by name");
    let change = |(username, seen): (&String, &Value)| match seen["created"].as_object() {
        Some(created) => (format!("+{username}"), in_words(created, Value::clone)),
        None => (
            username.clone(),
            in_words(seen["changed"].as_object().expect("a change"), |change| {
                change[1].clone()
            }),
        ),
    };
    users.iter().map(change).collect()
}

fn in_words(fields: &Map<String, Value>, after: impl Fn(&Value) -> Value) -> String {
    let list = |value: &Value, prefix: &str| {
        let texts = value.as_array().expect("a list").iter().map(|one| {
            one.as_str()
                .expect("a text")
                .trim_start_matches(prefix)
                .to_owned()
        });
        let mut texts: Vec<_> = texts.collect();
        texts.sort();
        texts.join(",")
    };
    let mut words = BTreeMap::new();
    for (field, value) in fields {
        match (field.as_str(), after(value)) {
            ("username" | "enrolments", _) => {}
            ("cohorts", value) => drop(words.insert("segments", list(&value, ""))),
            ("roles", value) => drop(words.insert("courses", list(&value, "course:"))),
            (field, value) => drop(words.insert(field, value.as_str().expect("a text").to_owned())),
        }
    }
    words
        .iter()
        .map(|(field, value)| format!("{field}={value}"))
        .collect::<Vec<_>>()
        .join(" ")
}

/// What is otherwise than before.
fn changes(before: &site::People, after: &site::People) -> Changes {
    let mut changes = Changes::new();
    for (username, now) in after {
        let old = before.get(username);
        let is_new = |(field, value): &(&String, &String)| {
            old.and_then(|old| old.get(*field))
                .map_or("", String::as_str)
                != value.as_str()
        };
        let told: Vec<_> = now
            .iter()
            .filter(is_new)
            .map(|(field, value)| format!("{field}={value}"))
            .collect();
        if old.is_none() || !told.is_empty() {
            let sign = if old.is_none() { "+" } else { "" };
            changes.insert(format!("{sign}{username}"), told.join(" "));
        }
    }
    for username in before
        .keys()
        .filter(|username| !after.contains_key(*username))
    {
        changes.insert(format!("-{username}"), String::new());
    }
    changes
}
