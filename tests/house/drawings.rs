//! What is drawn in a README, against what it draws.

use crate::sources::read;
use muster_shared::model::status::ARROWS;
use std::collections::BTreeSet;

/// The arrows of the first drawing of states in a text, without those from outside.
fn drawn(text: &str) -> BTreeSet<(String, String)> {
    let drawing = text
        .split("stateDiagram-v2")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let arrows = drawing
        .expect("a drawing of states")
        .lines()
        .filter_map(|line| {
            let (from, rest) = line.trim().split_once(" --> ")?;
            let to = rest.split(':').next()?;
            (from != "[*]").then(|| (from.to_owned(), to.trim().to_owned()))
        });
    arrows.collect()
}

#[test]
fn the_drawing_of_an_imports_way_has_the_arrows_there_are() {
    let arrows: BTreeSet<_> = ARROWS
        .iter()
        .map(|arrow| (arrow.from.to_string(), arrow.to.to_string()))
        .collect();
    assert_eq!(drawn(&read("README.md")), arrows);
}
