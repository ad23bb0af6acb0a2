//! Files from upload to applied: every count, and the exact state of the LMS afterwards.

mod again;
mod going_on;
mod history;
mod lists;
mod marks;
mod outcomes;
mod people;
mod reading;
mod recipes;
mod report;
mod story;

use crate::counts::counts;
use muster_tests::harness::{Muster, Order};
use serde_json::Value;

/// An import's id.
pub(crate) fn id(import: &Value) -> &str {
    import["id"].as_str().expect("an id")
}

/// What an import counted: `actions | outcomes | effects`.
pub(crate) fn summary(import: &Value) -> String {
    [&import["actions"], &import["outcomes"], &import["effects"]]
        .map(counts)
        .join(" | ")
}

/// Two segments, two courses and three people, by hand as it were.
pub(crate) async fn with_a_small_lms(muster: &Muster) {
    muster
        .applied("create-segments", "idnumber,name\nsales,Sales\nhr,People\n")
        .await;
    muster
        .applied(
            "create-courses",
            "shortname,fullname\nc1,Course 1\nc2,Course 2\n",
        )
        .await;
    let people = "username,firstname,lastname,email\nanna,Anna,Ash,anna@example.com\nbo,Bo,Birch,bo@example.com\ncy,Cy,Cedar,cy@example.com\n";
    muster.applied("create-users", people).await;
}

/// An order of the recipe `custom` for people.
pub(crate) fn custom(file: &str, settings: &Value) -> Order {
    Order::new("custom", file)
        .with("kind", "users")
        .settings(settings)
}
