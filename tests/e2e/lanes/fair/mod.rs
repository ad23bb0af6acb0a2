//! Fairness: whom free lanes serve, and that who asks to stop is answered though none is free. The
//! order of events is read from what batches say about when they were done.

mod asked;
mod express;
mod forgotten;
mod put_off;
mod reading;
mod turns;

use muster_tests::harness::{Builder, Muster, Site};

/// People in four batches of preview and of apply.
const PEOPLE: usize = 17_000;

/// One worker with one lane for each queue.
fn with_one_lane_each() -> Builder {
    Muster::with()
        .setting("MUSTER_LANES", "1")
        .setting("MUSTER_EXPRESS_LANES", "1")
}

/// So many people join a segment, in a file of more than a million bytes: it goes over the queue of
/// large imports.
fn large(people: usize) -> String {
    let line = |number: usize| format!("u{number:05},sales{:70}\n", "");
    (1..=people).fold("username,cohort1\n".to_owned(), |text, number| {
        text + &line(number)
    })
}

/// So many people, and the segment that they join.
async fn with_people(muster: &Muster, site: &Site, people: usize) {
    let statement = "INSERT INTO lms.users (site_id, username, firstname, lastname)
                     SELECT s.id, 'u' || lpad(n::text, 5, '0'), 'Ada', 'Ash' FROM muster.sites s CROSS JOIN generate_series(1, $2) n
                      WHERE s.slug = $1";
    sqlx::query(statement)
        .bind(site.slug())
        .bind(people as i32)
        .execute(muster.sql())
        .await
        .expect("people");
    let statement = "INSERT INTO lms.segments (site_id, idnumber, name) SELECT id, 'sales', 'Sales' FROM muster.sites WHERE slug = $1";
    sqlx::query(statement)
        .bind(site.slug())
        .execute(muster.sql())
        .await
        .expect("segments");
}

/// The imports of the batches of these stages, in the order in which they were done.
async fn done_in_order(muster: &Muster, stages: &[&str]) -> Vec<String> {
    let statement =
        "SELECT i.id::text FROM muster.import_batches b JOIN muster.imports i ON i.no = b.import_no
                      WHERE b.stage = ANY ($1) AND b.state = 'done' ORDER BY b.done_at";
    sqlx::query_scalar(statement)
        .bind(stages)
        .fetch_all(muster.sql())
        .await
        .expect("batches")
}

/// How many batches of apply of an import are in that state.
async fn applying(muster: &Muster, import: &str, state: &str) -> i64 {
    let statement =
        "SELECT count(*) FROM muster.import_batches b JOIN muster.imports i ON i.no = b.import_no
                      WHERE i.id = $1::uuid AND b.stage = 'apply' AND b.state = $2";
    sqlx::query_scalar(statement)
        .bind(import)
        .bind(state)
        .fetch_one(muster.sql())
        .await
        .expect("a count")
}
