//! Lines about one person that lie far apart, among thousands of other people: a slot has several
//! of them, and a lane takes a slot in several pieces when its lines name much.

use super::files::id;
use crate::counts::counts;
use muster_tests::harness::Muster;

/// More than there are slots.
const PEOPLE: usize = 12_000;
/// So many columns of segments that a piece has a few thousand lines.
const COLUMNS: usize = 20;

#[tokio::test]
async fn the_last_line_of_each_person_wins() {
    let muster = Muster::start().await;
    muster
        .applied("create-segments", "idnumber,name\nsales,Sales\n")
        .await;
    let cohorts = (1..=COLUMNS).fold(String::new(), |text, number| {
        text + &format!(",cohort{number}")
    });
    let blank = ",".repeat(COLUMNS - 1);
    let line = |number: usize, department: &str| {
        format!("u{number:05},Ada,Ash,u{number:05}@example.com,{department},sales{blank}\n")
    };
    let lines = ["first", "second"]
        .into_iter()
        .flat_map(|department| (0..PEOPLE).map(move |number| (number, department)));
    let header = format!("username,firstname,lastname,email,department{cohorts}\n");
    let file = lines.fold(header, |text, (number, department)| {
        text + &line(number, department)
    });
    let import = id(&muster.ready("create-or-update-users", file).await);
    let ready = muster.import(&import).await;
    assert_eq!(
        counts(&ready["actions"]),
        format!("create {PEOPLE}, update {PEOPLE}")
    );

    muster.apply(&import).await;
    let applied = muster.wait_for(&import, "applied").await;
    assert_eq!(
        counts(&applied["outcomes"]),
        format!("created {PEOPLE}, updated {PEOPLE}")
    );
    let statement = "SELECT coalesce(department, '-'), count(*) FROM lms.users GROUP BY 1";
    let departments: Vec<(String, i64)> = sqlx::query_as(statement)
        .fetch_all(muster.sql())
        .await
        .expect("people");
    assert_eq!(departments, [("second".to_owned(), PEOPLE as i64)]);
}
