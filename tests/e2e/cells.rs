//! A Muster that is one of several: all that it numbers is from the range of its cell, and works as
//! with small numbers.

use crate::{
    journeys::{id, with_a_small_lms},
    keeping::{delete, until_emptied},
};
use muster_tests::harness::{Muster, eventually};
use sqlx::AssertSqlSafe;

/// Tables whose records Muster numbers, and by what.
const NUMBERED: [(&str, &str); 5] = [
    ("lms.users", "id"),
    ("lms.segments", "id"),
    ("lms.categories", "id"),
    ("lms.courses", "id"),
    ("muster.imports", "no"),
];

const PEOPLE: &str = "username,firstname,lastname,email,city,cohort1,course1,role1\n\
                      dora,Dora,Dale,dora@example.com,,sales,c2,teacher\n\
                      anna,Anne,,,Oslo,hr,c1,\n";

async fn migrated(cell: i64) -> Muster {
    let muster = Muster::with()
        .setting("MUSTER_PRUNE_SECONDS", "1")
        .workers(0)
        .start()
        .await;
    let (code, told) = muster.attempt(&["migrate", "--cell", &cell.to_string()]);
    assert_eq!(code, 0, "{told}");
    muster.start_worker().await;
    muster
}

async fn number(muster: &Muster, statement: &str) -> i64 {
    sqlx::query_scalar(AssertSqlSafe(statement.to_owned()))
        .fetch_one(muster.sql())
        .await
        .expect("a number")
}

/// Tables of partitions that are, or are not, of the cell.
async fn partitions(muster: &Muster, cell: i64, of_cell: bool) -> i64 {
    let statement = format!(
        "SELECT count(*) FROM pg_class
          WHERE relnamespace = 'muster'::regnamespace AND relkind = 'r' AND relname ~ '^import_[a-z]+_[0-9]+$'
            AND (substring(relname FROM '[0-9]+$')::bigint BETWEEN {low} AND {high}) = {of_cell}",
        low = cell << 36,
        high = ((cell + 1) << 36) - 1,
    );
    number(muster, &statement).await
}

/// An import of each kind, one of them taken back, and nothing left of it in the end.
async fn journey(cell: i64) {
    let (muster, low) = (migrated(cell).await, cell << 44);
    with_a_small_lms(&muster).await;
    muster
        .applied(
            "create-courses",
            "shortname,fullname,category_path\nc3,Third,Science / Physics\n",
        )
        .await;
    let before = muster.lms().await;
    let import = muster.applied("create-or-update-users", PEOPLE).await;
    let import = id(&import);
    for (table, column) in NUMBERED {
        assert!(
            number(&muster, &format!("SELECT count(*) FROM {table}")).await > 1,
            "{table}"
        );
        let first = number(&muster, &format!("SELECT min({column}) FROM {table}")).await;
        let last = number(&muster, &format!("SELECT max({column}) FROM {table}")).await;
        assert!(
            low <= first && last < low + 100,
            "{table}: {first} to {last}"
        );
    }
    assert_eq!(
        number(&muster, "SELECT min(no) FROM muster.imports").await,
        low,
        "the first number is the range's"
    );

    let rows = muster.rows(import, "").await;
    let dora = number(&muster, "SELECT id FROM lms.users WHERE username = 'dora'").await;
    assert_eq!(
        rows[0]["user_id"].as_f64(),
        Some(dora as f64),
        "as a client that has no other numbers reads it"
    );
    let history = muster.list("/users/dora/history", "history").await;
    assert_eq!(history.len(), 1, "{history:?}");
    let undo = muster.undone(import).await;
    assert_eq!(
        without_versions(&muster.lms().await),
        without_versions(&before)
    );

    let jump = format!(
        "ALTER TABLE muster.imports ALTER COLUMN no RESTART WITH {}",
        low + 5000
    );
    sqlx::query(AssertSqlSafe(jump))
        .execute(muster.sql())
        .await
        .expect("a statement");
    let last = muster
        .applied("create-segments", "idnumber,name\nit,IT\n")
        .await;
    assert_eq!(
        number(&muster, "SELECT max(no) FROM muster.imports").await,
        low + 5000
    );
    for import in muster.list("/imports", "imports").await {
        if import["id"] != last["id"] {
            let _ = delete(&muster, id(&import)).await.expect(204);
        }
    }
    for import in [import, id(&undo)] {
        until_emptied(&muster, import).await;
    }
    // Of 256 numbers each: that of the last import, the rest of its 512 ahead, and the two before
    // it.
    eventually("empty partitions are gone", async || {
        (partitions(&muster, cell, true).await <= 5 * 5).then_some(())
    })
    .await;
    eventually("so are those before the range", async || {
        (partitions(&muster, cell, false).await == 0).then_some(())
    })
    .await;
    assert_eq!(
        number(&muster, "SELECT muster.make_partitions()::bigint").await,
        0,
        "they are not made again"
    );
    assert_eq!(muster.rows(id(&last), "").await.len(), 1);
}

/// Versions count each change, and taking one back is one.
fn without_versions(lms: &str) -> String {
    let is_version = |word: &&str| {
        word.strip_prefix('v')
            .is_some_and(|rest| rest.parse::<u32>().is_ok())
    };
    lms.lines()
        .map(|line| {
            line.split(' ')
                .filter(|word| !is_version(word))
                .collect::<Vec<_>>()
                .join(" ")
                + "\n"
        })
        .collect()
}

#[tokio::test]
async fn the_fourth_cell_imports_undoes_and_prunes() {
    journey(3).await;
}

#[tokio::test]
async fn the_last_cell_imports_undoes_and_prunes() {
    journey(511).await;
}

/// From and to which number imports and people are given theirs.
async fn ranges(muster: &Muster) -> Vec<(i64, i64)> {
    sqlx::query_as(
        "SELECT seqmin, seqmax FROM pg_sequence
          WHERE seqrelid IN ('muster.imports_no_seq'::regclass, 'lms.users_id_seq'::regclass) ORDER BY seqrelid",
    )
    .fetch_all(muster.sql())
    .await
    .expect("the catalogue")
}

#[tokio::test]
async fn a_database_with_data_keeps_its_numbers() {
    let muster = Muster::start().await;
    let every = ranges(&muster).await;
    muster
        .applied(
            "create-users",
            "username,firstname,lastname,email\nanna,Anna,Ash,anna@example.com\n",
        )
        .await;
    let (code, told) = muster.attempt(&["migrate", "--cell", "3"]);
    assert_eq!(code, 1, "{told}");
    for word in [
        "cannot be that of cell 3",
        "lms.users has number 1",
        "52776558133248 to 70368744177663",
    ] {
        assert!(told.contains(word), "{word:?} is not in\n{told}");
    }
    assert_eq!(ranges(&muster).await, every, "all of them or none");
    for arguments in [
        &["migrate"][..],
        &["migrate", "--cell", "0"],
        &["migrate", "--cell", "0"],
    ] {
        let (code, told) = muster.attempt(arguments);
        assert_eq!(code, 0, "{arguments:?}: {told}");
    }
    assert_eq!(ranges(&muster).await, [(1, (1 << 44) - 1); 2]);
    muster
        .applied(
            "create-users",
            "username,firstname,lastname,email\nbo,Bo,Birch,bo@example.com\n",
        )
        .await;
    assert_eq!(
        number(&muster, "SELECT max(no) FROM muster.imports").await,
        2
    );
}

#[tokio::test]
async fn a_database_that_has_a_cell_stays_there() {
    let muster = migrated(3).await;
    let given = ranges(&muster).await;
    assert_eq!(given, [(3 << 44, (4 << 44) - 1); 2]);
    for (cell, expected, word) in [
        ("3", 0, ""),
        ("2", 1, "this database is of another cell"),
        ("512", 2, "512 is not in 0..=511"),
        ("-1", 2, ""),
    ] {
        let (code, told) = muster.attempt(&["migrate", &format!("--cell={cell}")]);
        assert_eq!(code, expected, "{cell}: {told}");
        assert!(told.contains(word), "{word:?} is not in\n{told}");
    }
    muster
        .applied("create-segments", "idnumber,name\nsales,Sales\n")
        .await;
    let (code, told) = muster.attempt(&["migrate", "--cell", "4"]);
    assert_eq!(code, 1, "{told}");
    assert!(
        told.contains("lms.segments has number 52776558133248"),
        "{told}"
    );
    let (code, told) = muster.attempt(&["migrate"]);
    assert_eq!((code, ranges(&muster).await), (0, given), "{told}");
}
