//! Every setting is known, documented and used.

use crate::sources::{read, rust};
use muster_shared::ops::env::KNOWN;
use std::collections::BTreeSet;

#[test]
fn the_example_names_every_setting_and_no_other() {
    let example = read("deploy/muster.env.example");
    let named: BTreeSet<_> = example
        .lines()
        .filter_map(|line| line.trim_start_matches('#').split_once('='))
        .map(|(name, _)| name.trim())
        .collect();
    assert_eq!(named, KNOWN.iter().copied().collect());
}

#[test]
fn every_line_of_the_example_says_what_it_is_for() {
    for line in read("deploy/muster.env.example")
        .lines()
        .filter(|line| line.contains('=') && line.contains("MUSTER_"))
    {
        assert!(line.contains(" # "), "{line}");
    }
}

/// The processes themselves, and what starts logging for both.
fn reads_settings(path: &str) -> bool {
    path.starts_with("api/") || path.starts_with("worker/") || path == "shared/src/ops/telemetry.rs"
}

#[test]
fn every_setting_is_read_by_a_process() {
    let sources: Vec<_> = rust()
        .into_iter()
        .filter(|source| reads_settings(&source.path))
        .collect();
    for name in KNOWN {
        assert!(
            sources
                .iter()
                .any(|source| source.text.contains(&format!("\"{name}\""))),
            "nobody reads {name}"
        );
    }
}
