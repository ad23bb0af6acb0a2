//! Usernames and addresses that another import took meanwhile: the lines that wanted them are held,
//! and no batch is taken apart for them.

use super::files::{id, with_people};
use crate::counts::{counts, lines};
use muster_tests::harness::Muster;
use serde_json::Value;

/// Lines of which each names what another import names too.
const TAKEN: usize = 300;
/// Lines that name what nobody else does.
const FREE: usize = 5;

/// How many batches of people apply has of an import.
async fn batches(muster: &Muster, import: &str) -> i64 {
    let statement = "SELECT count(*) FROM muster.import_batches
                      WHERE import_no = (SELECT no FROM muster.imports WHERE id = $1::uuid) AND stage = 'apply' AND step = 'main'";
    sqlx::query_scalar(statement)
        .bind(import)
        .fetch_one(muster.sql())
        .await
        .expect("a count")
}

/// Applies one import that is ready, and then the other; what became of the other, whose batches
/// must be those of its preview.
async fn applied_after(muster: &Muster, first: &Value, second: &Value) -> Value {
    let second = id(second);
    let before = batches(muster, &second).await;
    muster.apply(&id(first)).await;
    let first = muster.wait_for(&id(first), "applied").await;
    assert_eq!(
        (&first["outcomes"]["held"], &first["outcomes"]["failed"]),
        (&0.into(), &0.into())
    );
    muster.apply(&second).await;
    let applied = muster.wait_for(&second, "applied").await;
    assert_eq!(
        batches(muster, &second).await,
        before,
        "nothing is taken apart\n{}",
        muster.story(&second).await
    );
    applied
}

/// The first lines of an import are held since somebody else has what they want, the others are
/// done as `outcome`.
async fn assert_held(muster: &Muster, import: &Value, outcome: &str) {
    assert_eq!(
        counts(&import["outcomes"]).split(", ").collect::<Vec<_>>(),
        {
            let mut expected = [format!("{outcome} {FREE}"), format!("held {TAKEN}")];
            expected.sort();
            expected
        }
    );
    let rows = muster.rows(&id(import), "?outcome=held").await;
    let expected: Vec<_> = (2..2 + TAKEN)
        .map(|line| format!("{line} held target-changed"))
        .collect();
    assert_eq!(lines(&rows, "outcome"), expected);
}

#[tokio::test]
async fn addresses_of_people_who_are_there() {
    let muster = Muster::start().await;
    with_people(&muster, (2 * TAKEN + FREE) as i32).await;
    // Both give the same addresses, the one to the first people, the other to those after them.
    let file = |skipped: usize, count: usize| {
        let line = |number: usize| format!("u{:05},new{number}@example.com\n", skipped + number);
        (1..=count).fold("username,email\n".to_owned(), |text, number| {
            text + &line(number)
        })
    };
    let first = muster.ready("create-or-update-users", file(0, TAKEN)).await;
    let second = muster
        .ready("create-or-update-users", file(TAKEN, TAKEN + FREE))
        .await;
    assert_eq!(
        counts(&second["actions"]),
        format!("update {}", TAKEN + FREE)
    );
    let applied = applied_after(&muster, &first, &second).await;
    assert_held(&muster, &applied, "updated").await;
    let holders: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM lms.users WHERE email LIKE 'new%' AND username <= 'u00300'",
    )
    .fetch_one(muster.sql())
    .await
    .expect("a count");
    assert_eq!(holders, TAKEN as i64, "who was first keeps them");
}

/// Two imports that create people are previewed side by side; `line` makes the line of one of them
/// from its letter and a number.
async fn create_side_by_side(line: impl Fn(char, usize) -> String) {
    let muster = Muster::start().await;
    let file = |letter: char, count: usize| {
        (1..=count).fold(
            "username,firstname,lastname,email\n".to_owned(),
            |text, number| text + &line(letter, number) + "\n",
        )
    };
    let first = muster.ready("create-users", file('a', TAKEN)).await;
    let second = muster.ready("create-users", file('b', TAKEN + FREE)).await;
    assert_eq!(
        counts(&second["actions"]),
        format!("create {}", TAKEN + FREE)
    );
    let applied = applied_after(&muster, &first, &second).await;
    assert_held(&muster, &applied, "created").await;
    assert_eq!(applied["effects"]["users_created"], FREE);
    let people: i64 = sqlx::query_scalar("SELECT count(*) FROM lms.users")
        .fetch_one(muster.sql())
        .await
        .expect("a count");
    assert_eq!(people, (TAKEN + FREE) as i64);
}

#[tokio::test]
async fn addresses_of_new_people() {
    create_side_by_side(|letter, number| {
        format!("{letter}{number},Ada,Ash,new{number}@example.com")
    })
    .await;
}

#[tokio::test]
async fn usernames_of_new_people() {
    create_side_by_side(|letter, number| format!("u{number},Ada,Ash,{letter}{number}@example.com"))
        .await;
}
