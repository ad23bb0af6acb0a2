//! Who may know whom.

use crate::sources::{Source, assert_none, read, rust};

/// Where the SQL on batches is.
const BATCHES: &str = "shared/src/store/batches/";

fn below(folder: &str) -> Vec<Source> {
    rust().into_iter().filter(|source| source.path.starts_with(folder)).collect()
}

fn that_contain(sources: &[Source], words: &[&str]) -> Vec<String> {
    let found = |source: &Source| {
        let code = source.code();
        words.iter().find(|word| code.contains(**word)).map(|word| format!("{}: {word}", source.path))
    };
    sources.iter().filter_map(found).collect()
}

/// The packages of the workspace that a crate depends on, for its own or for its tests.
fn dependencies(package: &str) -> Vec<String> {
    let mut found: Vec<_> = read(&format!("{package}/Cargo.toml"))
        .lines()
        .filter_map(|line| line.strip_prefix("muster-")?.split(['.', ' ', '=']).next().map(str::to_owned))
        .collect();
    found.sort();
    found.dedup();
    found
}

#[test]
fn api_and_worker_never_meet() {
    assert_eq!(dependencies("api"), ["shared"]);
    assert_eq!(dependencies("worker"), ["shared"]);
    assert_eq!(dependencies("shared"), [""; 0]);
}

#[test]
fn only_the_queues_rooms_name_apalis() {
    let others: Vec<_> = rust()
        .into_iter()
        .filter(|source| !source.path.starts_with("worker/src/wakeups/") && !source.path.starts_with("shared/src/queue/"))
        .filter(|source| source.path != "tests/house/arrows.rs")
        .collect();
    assert_none("these name the queue's library", &that_contain(&others, &["apalis"]));
}

#[test]
fn only_one_folder_asks_about_batches() {
    let tables = ["muster.import_batches", "muster.claimable_batches", "muster.imports_at_work"];
    let sources = ["api/src/", "worker/src/", "shared/src/"].into_iter().flat_map(below);
    let others: Vec<_> = sources.filter(|source| !source.path.starts_with(BATCHES)).collect();
    assert_none("these ask about batches themselves", &that_contain(&others, &tables));
}

#[test]
fn no_kind_is_named_in_the_api() {
    let kinds = ["Kind::Users", "Kind::Segments", "Kind::Courses", "kinds::"];
    let without_tests: Vec<_> = below("api/src/")
        .into_iter()
        .map(|source| {
            let text = source.text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
            Source { text, ..source }
        })
        .filter(|source| !source.path.ends_with("/tests.rs"))
        .collect();
    assert_none("these name a kind", &that_contain(&without_tests, &kinds));
}

#[test]
fn the_rooms_of_shared_use_only_those_below_them() {
    let rooms = ["store", "queue", "files"];
    let uses = |room: &str| format!("crate::{room}");
    for room in ["model", "ops", "plan"] {
        let above: &[&str] = if room == "plan" { &[] } else { &["plan"] };
        let forbidden: Vec<_> = rooms.iter().chain(above).map(|other| uses(other)).collect();
        let forbidden: Vec<_> = forbidden.iter().map(String::as_str).collect();
        assert_none(
            "model and ops know no other room, and plan only model",
            &that_contain(&below(&format!("shared/src/{room}/")), &forbidden),
        );
    }
    for room in rooms {
        let forbidden: Vec<_> = rooms.iter().filter(|other| **other != room).map(|other| uses(other)).collect();
        let forbidden: Vec<_> = forbidden.iter().map(String::as_str).collect();
        assert_none(
            "store, queue and files know model, plan and ops only",
            &that_contain(&below(&format!("shared/src/{room}/")), &forbidden),
        );
    }
}

#[test]
fn plans_have_one_room() {
    let others: Vec<_> = rust()
        .into_iter()
        .filter(|source| ["api/", "worker/", "shared/"].iter().any(|folder| source.path.starts_with(folder)))
        .filter(|source| source.path != "shared/src/store/plans.rs")
        .collect();
    assert_none("these name the table of plans: ask its functions", &that_contain(&others, &["muster.import_plans"]));
}

#[test]
fn the_command_line_knows_muster_over_http_only() {
    let forbidden = ["sqlx", "redis", "muster_shared::store", "muster_shared::queue", "muster_shared::files"];
    let sources: Vec<_> = below("tests/src/bin/").into_iter().chain(below("tests/src/client/")).chain(below("tests/src/make/")).collect();
    assert_none("these know more than HTTP", &that_contain(&sources, &forbidden));
}
