//! Imports as a seed makes them: applied and undone, each leaves the LMS as it was.

use super::lms;
use crate::journeys::id;
use muster_tests::{
    harness::{Muster, Order},
    make::Chance,
};
use serde_json::json;

const SEEDS: [u64; 3] = [3, 33, 333];

#[tokio::test]
async fn apply_then_undo_is_nothing() {
    let muster = Muster::with().workers(2).start().await;
    for seed in SEEDS {
        let mut chance = Chance::new(seed);
        // One after another, some of them staying, so that the next meet people of many sorts.
        for step in 0..8 {
            let before = lms(&muster).await;
            let import = muster.applied_order(order(&mut chance)).await;
            if chance.is(60) {
                let undo = muster.undone(id(&import)).await;
                assert_eq!(
                    lms(&muster).await,
                    before,
                    "seed {seed}, step {step}\n{}",
                    muster.story(id(&undo)).await
                );
            }
        }
    }
}

fn order(chance: &mut Chance) -> Order {
    let mode = *chance.of(&["create-only", "create-and-update", "update-only"]);
    match chance.below(5) {
        0 => Order::new("custom", segments(chance))
            .with("kind", "segments")
            .settings(&json!({"mode": mode})),
        1 => Order::new("custom", courses(chance))
            .with("kind", "courses")
            .settings(&json!({"mode": mode})),
        _ => {
            let details = *chance.of(&["keep", "override"]);
            Order::new("custom", people(chance))
                .with("kind", "users")
                .settings(&json!({"mode": mode, "existing_details": details}))
        }
    }
}

fn segments(chance: &mut Chance) -> String {
    let line = |_| {
        format!(
            "s{},{},{}\n",
            chance.below(8),
            chance.of(&["Sales", "People", "IT"]),
            chance.of(&["", "yes", "no"])
        )
    };
    "idnumber,name,visible\n".to_owned() + &(0..6).map(line).collect::<String>()
}

fn courses(chance: &mut Chance) -> String {
    let line = |_| {
        let category = chance.of(&["", "A", "A / B", "A / C", "D / E / F"]);
        format!(
            "c{},{},{category},{}\n",
            chance.below(8),
            chance.of(&["One", "Two"]),
            chance.of(&["", "2026-05-01"])
        )
    };
    "shortname,fullname,category_path,startdate\n".to_owned()
        + &(0..6).map(line).collect::<String>()
}

fn people(chance: &mut Chance) -> String {
    let line = |_| {
        let person = chance.below(30);
        let details = if chance.is(70) {
            format!("First{},Last,p{person}@example.com", chance.below(3))
        } else {
            ",,".to_owned()
        };
        let city = chance.of(&["", "Oslo", "Bergen"]);
        let role = chance.of(&["", "teacher", "manager"]);
        format!(
            "p{person},{details},{city},s{},s{},c{},{role}\n",
            chance.below(8),
            chance.below(8),
            chance.below(8)
        )
    };
    "username,firstname,lastname,email,city,cohort1,cohort2,course1,role1\n".to_owned()
        + &(0..25).map(line).collect::<String>()
}
