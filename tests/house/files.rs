//! What every file must have, and must not.

use crate::sources::{Source, assert_none, read, rust, with_ending};

/// Lines that a file seldom passes; when it must, it becomes a folder.
const LONG: usize = 500;

/// Files that are longer, and why.
const MAY_BE_LONG: &[(&str, &str)] = &[];

fn paths<'a>(sources: &'a [Source], is_wrong: impl Fn(&Source) -> bool + 'a) -> Vec<String> {
    sources
        .iter()
        .filter(|source| is_wrong(source))
        .map(|source| source.path.clone())
        .collect()
}

#[test]
fn every_file_opens_by_saying_what_it_is() {
    assert_none(
        "these do not open with //!",
        &paths(&rust(), |source| {
            !source.text.starts_with("//! ") && !source.text.starts_with("#![doc")
        }),
    );
}

#[test]
fn no_file_is_long_without_a_reason() {
    let sources = rust();
    let is_listed = |source: &Source| MAY_BE_LONG.iter().any(|(path, _)| *path == source.path);
    assert_none(
        "these are too long",
        &paths(&sources, |source| {
            source.text.lines().count() > LONG && !is_listed(source)
        }),
    );
    let stale = |(path, reason): &&(&str, &str)| {
        reason.is_empty()
            || !sources
                .iter()
                .any(|source| source.path == *path && source.text.lines().count() > LONG)
    };
    assert!(
        !MAY_BE_LONG.iter().any(|listed| stale(&listed)),
        "a file is listed that is not long any more, or without a reason"
    );
}

#[test]
fn no_test_is_ignored_and_nothing_is_put_off() {
    // Put together here, so that this file does not name them itself.
    let words = [
        ["#[ign", "ore"],
        ["TO", "DO"],
        ["FIX", "ME"],
        ["XX", "X"],
        ["unimpl", "emented!"],
    ]
    .map(|parts| parts.concat());
    let all: Vec<_> = rust()
        .into_iter()
        .chain(with_ending("migrations", "sql"))
        .chain(with_ending("deploy", "sh"))
        .collect();
    for word in words {
        assert_none(
            &format!("these have {word}"),
            &paths(&all, |source| source.text.contains(&word)),
        );
    }
}

#[test]
fn no_file_is_named_after_nothing() {
    let empty_words = [
        "utils", "util", "common", "helpers", "helper", "types", "misc", "manager", "service",
    ];
    let is_empty_word = |source: &Source| {
        source
            .path
            .trim_end_matches(".rs")
            .split('/')
            .any(|part| empty_words.contains(&part))
    };
    assert_none("these names say nothing", &paths(&rust(), is_empty_word));
}

#[test]
fn every_cargo_that_resolves_dependencies_keeps_to_the_lock_file() {
    let verbs = ["build", "check", "clippy", "doc", "install", "run", "test"];
    let mut scripts = with_ending("deploy", "sh");
    scripts.push(Source {
        path: ".ci/run".to_owned(),
        text: read(".ci/run"),
    });
    let calls = |text: &str| {
        text.lines()
            .filter(|line| !line.trim_start().starts_with('#') && !line.contains("cargo's"))
            .filter(|line| {
                verbs
                    .iter()
                    .any(|verb| line.contains(&format!("cargo {verb} ")))
            })
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let unlocked: Vec<_> = scripts
        .iter()
        .flat_map(|script| {
            calls(&script.text)
                .into_iter()
                .map(|call| format!("{}: {call}", script.path))
        })
        .filter(|call| !call.contains("--locked"))
        .collect();
    assert_none("these may change Cargo.lock", &unlocked);
}
