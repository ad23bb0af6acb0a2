//! Who may know whom.

use crate::sources::{Source, assert_none, read, rust};

/// Where the SQL on batches is.
const BATCHES: &str = "shared/src/store/batches/";

fn below(folder: &str) -> Vec<Source> {
    rust()
        .into_iter()
        .filter(|source| source.path.starts_with(folder))
        .collect()
}

fn that_contain(sources: &[Source], words: &[&str]) -> Vec<String> {
    let found = |source: &Source| {
        let code = source.code();
        words
            .iter()
            .find(|word| code.contains(**word))
            .map(|word| format!("{}: {word}", source.path))
    };
    sources.iter().filter_map(found).collect()
}

/// The packages of the workspace that a crate depends on, for its own or for its tests.
fn dependencies(package: &str) -> Vec<String> {
    let mut found: Vec<_> = read(&format!("{package}/Cargo.toml"))
        .lines()
        .filter_map(|line| {
            line.strip_prefix("muster-")?
                .split(['.', ' ', '='])
                .next()
                .map(str::to_owned)
        })
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
        .filter(|source| {
            !source.path.starts_with("worker/src/wakeups/")
                && !source.path.starts_with("shared/src/queue/")
        })
        .filter(|source| source.path != "tests/house/arrows.rs")
        .collect();
    assert_none(
        "these name the queue's library",
        &that_contain(&others, &["apalis"]),
    );
}

#[test]
fn only_one_folder_asks_about_batches() {
    let tables = [
        "muster.import_batches",
        "muster.claimable_batches",
        "muster.imports_at_work",
    ];
    let sources = ["api/src/", "worker/src/", "shared/src/"]
        .into_iter()
        .flat_map(below);
    let others: Vec<_> = sources
        .filter(|source| !source.path.starts_with(BATCHES))
        .collect();
    assert_none(
        "these ask about batches themselves",
        &that_contain(&others, &tables),
    );
}

#[test]
fn no_kind_is_named_in_the_api() {
    let kinds = ["Kind::Users", "Kind::Segments", "Kind::Courses", "kinds::"];
    let without_tests: Vec<_> = below("api/src/")
        .into_iter()
        .map(|source| {
            let text = source
                .text
                .split("#[cfg(test)]")
                .next()
                .unwrap_or_default()
                .to_owned();
            Source { text, ..source }
        })
        .filter(|source| !source.path.ends_with("/tests.rs"))
        .collect();
    assert_none("these name a kind", &that_contain(&without_tests, &kinds));
}

/// The rooms of each crate from the bottom up. A room uses those of the layers below its own, and
/// none of its own layer.
const LAYERS: &[(&str, &[&[&str]])] = &[
    (
        "shared",
        &[
            &["model"],
            &["ops", "plan", "queue", "files"],
            &["store"],
            &["lib"],
        ],
    ),
    (
        "worker",
        &[
            &["error"],
            &["process"],
            &["batch", "header", "staging", "wakeups"],
            &["kinds", "pruner"],
            &["validate", "preview", "apply"],
            &["lanes"],
            &["lib", "main"],
        ],
    ),
    (
        "api",
        &[
            &[
                "config",
                "connections",
                "readers",
                "request_id",
                "upload_permits",
            ],
            &["problem"],
            &["request", "time_limit"],
            &["live"],
            &["state"],
            &["auth"],
            &["intake"],
            &["control"],
            &["v1"],
            &["commands", "fuzz"],
            &["health"],
            &["routes"],
            &["server"],
            &["lib", "main"],
        ],
    ),
];

#[test]
fn rooms_use_only_those_below_them() {
    for (package, layers) in LAYERS {
        let layer_of = |room: &str| layers.iter().position(|layer| layer.contains(&room));
        let mut upwards = Vec::new();
        for source in below(&format!("{package}/src/")) {
            let Some(own) = layer_of(source.room()) else {
                upwards.push(format!("{}: is in no layer", source.path));
                continue;
            };
            let others = source
                .rooms_used()
                .into_iter()
                .filter(|room| room != source.room());
            let is_up = |room: &String| layer_of(room).is_some_and(|layer| layer >= own);
            upwards.extend(
                others
                    .filter(is_up)
                    .map(|room| format!("{}: {room}", source.path)),
            );
        }
        assert_none("these use a room that is not below their own", &upwards);
    }
}

#[test]
fn plans_have_one_room() {
    let others: Vec<_> = rust()
        .into_iter()
        .filter(|source| {
            ["api/", "worker/", "shared/"]
                .iter()
                .any(|folder| source.path.starts_with(folder))
        })
        .filter(|source| source.path != "shared/src/store/plans.rs")
        .collect();
    assert_none(
        "these name the table of plans: ask its functions",
        &that_contain(&others, &["muster.import_plans"]),
    );
}

#[test]
fn the_command_line_knows_muster_over_http_only() {
    let forbidden = [
        "sqlx",
        "redis",
        "muster_shared::store",
        "muster_shared::queue",
        "muster_shared::files",
    ];
    let sources: Vec<_> = below("tests/src/bin/")
        .into_iter()
        .chain(below("tests/src/client/"))
        .chain(below("tests/src/make/"))
        .collect();
    assert_none(
        "these know more than HTTP",
        &that_contain(&sources, &forbidden),
    );
}
