//! Files and people in such numbers that an import has several batches, and the wakes for them.

use muster_shared::queue::{Queue, QueueClient, Wake};
use muster_tests::harness::Muster;

/// An import's id.
pub(super) fn id(import: &serde_json::Value) -> String {
    import["id"].as_str().expect("an id").to_owned()
}

/// New people who join two segments each; every hundredth line names one that is not there.
pub(super) fn new_people(count: usize) -> String {
    let line = |number: usize| {
        let second = if number.is_multiple_of(100) {
            "nowhere"
        } else {
            "hr"
        };
        format!(
            "u{number:05},Ada,Number {number:05} of many,u{number:05}@example.com,sales,{second}\n"
        )
    };
    lines(
        "username,firstname,lastname,email,cohort1,cohort2\n",
        count,
        line,
    )
}

fn lines(header: &str, count: usize, line: impl Fn(usize) -> String) -> String {
    (1..=count).fold(header.to_owned(), |text, number| text + &line(number))
}

/// The first so many people join a segment.
pub(super) fn joins(count: usize, segment: &str) -> String {
    lines("username,cohort1\n", count, |number| {
        format!("u{number:05},{segment}\n")
    })
}

/// Segments: sales and hr.
pub(super) const SEGMENTS: &str = "idnumber,name\nsales,Sales\nhr,People\n";

/// So many people who have always been there, and the segments.
pub(super) async fn with_people(muster: &Muster, count: i32) {
    let statement = "INSERT INTO lms.users (site_id, username, firstname, lastname)
                     SELECT s.id, 'u' || lpad(n::text, 5, '0'), 'Ada', 'Ash' FROM muster.sites s CROSS JOIN generate_series(1, $2) n
                      WHERE s.slug = $1";
    sqlx::query(statement)
        .bind(muster.slug())
        .bind(count)
        .execute(muster.sql())
        .await
        .expect("people");
    let statement = "INSERT INTO lms.segments (site_id, idnumber, name)
                     SELECT s.id, n, n FROM muster.sites s CROSS JOIN unnest('{sales,hr,legal,it,law}'::text[]) n WHERE s.slug = $1";
    sqlx::query(statement)
        .bind(muster.slug())
        .execute(muster.sql())
        .await
        .expect("segments");
}

/// Wakes one lane for a small import.
pub(super) async fn wake(muster: &Muster, id: &str) {
    let queue_client = QueueClient::connect(&muster.redis_url()).expect("an address");
    let _ = queue_client
        .enqueue(&Wake::new(id.parse().expect("an id")), Queue::Express)
        .await
        .expect("Redis is up");
}
