//! What Postgres writes into its own log, which the operator keeps elsewhere and for longer: no
//! address, no username, no cell.

use crate::{
    counts::{counts, lines},
    journeys::{custom, id},
};
use muster_tests::harness::{Muster, eventually};
use serde_json::json;
use sqlx::postgres::PgPoolCopyExt;

/// Is part of every address, username and cell here, and of nothing else.
const CANARY: &str = "canary";

const HEADER: &str = "username,firstname,lastname,email\n";

/// A race that preview cannot see: two imports want the same usernames and addresses, and one is
/// first.
async fn race(muster: &Muster) {
    let people = |letter: char| {
        let line = |number: usize| {
            format!(
                "canary{number},Canary,{letter},{letter}{number}@canary.example\n\
                 {letter}canary{number},Canary,{letter},canary{number}@canary.example\n"
            )
        };
        (0..5).fold(HEADER.to_owned(), |text, number| text + &line(number))
    };
    let (first, second) = (
        muster.ready("create-users", people('a')).await,
        muster.ready("create-users", people('b')).await,
    );
    for (import, outcomes) in [(first, "created 10"), (second, "held 10")] {
        muster.apply(id(&import)).await;
        let import = muster.wait_for(id(&import), "applied").await;
        assert_eq!(counts(&import["outcomes"]), outcomes);
    }
    let file = |letter: char| {
        (0..5).fold("username,email\n".to_owned(), |text, number| {
            text + &format!("{letter}canary{number},new{number}@canary.example\n")
        })
    };
    muster
        .applied(
            "create-users",
            (0..5).fold(HEADER.to_owned(), |text, n| {
                text + &format!("bcanary{n},C,C,c{n}@canary.example\n")
            }),
        )
        .await;
    let (first, second) = (
        muster.ready("create-or-update-users", file('a')).await,
        muster.ready("create-or-update-users", file('b')).await,
    );
    for (import, outcomes) in [(first, "updated 5"), (second, "held 5")] {
        muster.apply(id(&import)).await;
        let import = muster.wait_for(id(&import), "applied").await;
        assert_eq!(counts(&import["outcomes"]), outcomes);
    }
}

/// A rule of the table that Muster does not know: Postgres refuses a row, and says which one.
async fn refused_row(muster: &Muster) {
    let constraint =
        "ALTER TABLE lms.users ADD CONSTRAINT users_somewhere_else CHECK (city <> 'Canary Wharf')";
    sqlx::query(constraint)
        .execute(muster.sql())
        .await
        .expect("a statement");
    let settings = json!({"mode": "update-only", "existing_details": "override"});
    let import = muster
        .applied_order(custom(
            "username,city\nacanary1,Canary Wharf\nacanary2,Oslo\n",
            &settings,
        ))
        .await;
    assert_eq!(
        lines(&muster.rows(id(&import), "").await, "outcome"),
        ["2 failed not-applied", "3 updated"]
    );
}

/// `COPY` that is given what it cannot take.
async fn bad_copy(muster: &Muster) {
    let mut copy = muster
        .sql()
        .copy_in_raw("COPY muster.import_rows (import_no, line, slot, key) FROM STDIN")
        .await
        .expect("a statement of COPY");
    copy.send("1\t2\t0\tcanary\tcanary@canary.example\n".as_bytes())
        .await
        .expect("a connection");
    assert!(
        copy.finish().await.is_err(),
        "there are more cells than columns"
    );
}

#[tokio::test]
async fn holds_no_address_no_username_and_no_cell() {
    let muster = Muster::with().own_postgres().start().await;
    race(&muster).await;
    refused_row(&muster).await;
    bad_copy(&muster).await;
    let refusals = [
        "violates check constraint \"users_somewhere_else\"",
        "extra data after last expected column",
    ];
    let has_all = |log: &String| refusals.iter().all(|refusal| log.contains(refusal));
    let log = eventually("Postgres has logged it", async || {
        Some(muster.postgres_log()).filter(has_all)
    })
    .await;
    let repeats: Vec<_> = log
        .lines()
        .filter(|line| line.to_lowercase().contains(CANARY))
        .collect();
    assert!(repeats.is_empty(), "{repeats:#?}");
}

#[test]
fn the_clusters_of_the_command_are_told_the_same() {
    let script = include_str!("../../deploy/local/postgres.sh");
    let is_told = |function: &str| {
        let (_, body) = script
            .split_once(&format!("\n{function}() {{\n"))
            .expect("a function of the script");
        body.split_once("\n}\n")
            .expect("its end")
            .0
            .contains("log_error_verbosity = terse")
    };
    assert!(
        is_told("cluster_configure")
            || is_told("settings_for_work") && is_told("settings_for_tests")
    );
}
