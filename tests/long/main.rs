//! What takes a minute and more. `deploy/local.sh test --long` runs it, plain `cargo test` does
//! not.

use muster_tests::chaos::{Run, run};

/// The same files and wishes every time, at other moments: a difference is a defect, whenever it
/// shows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_minute_of_chaos() {
    let (figures, end) = run(Run {
        minutes: 1.0,
        seed: 1,
        sites: 5,
        is_calm: false,
    })
    .await;
    if let Err(error) = end {
        panic!("{error:#}\n{figures:?}");
    }
    assert!(
        figures
            .imports
            .get("applied")
            .is_some_and(|applied| *applied > 10),
        "hardly anything happened: {figures:?}"
    );
    assert!(
        figures.harm.len() > 3,
        "hardly anything was harmed: {figures:?}"
    );
}
