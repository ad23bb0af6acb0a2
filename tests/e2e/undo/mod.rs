//! Undo: an import that takes back what another did, looked at before it is applied, and undone
//! like any other.

mod asked;
mod back;
mod changed;
mod ground;
mod held;
mod random;
mod returned;
mod twice;

use muster_tests::harness::Site;

/// What the LMS holds, without the versions: they count every change, and taking one back is one.
pub(crate) async fn lms(site: &Site) -> String {
    without_versions(&site.lms().await)
}

/// The lines of an LMS without the versions in them.
pub(crate) fn without_versions(lms: &str) -> String {
    let without_version = |line: &str| {
        line.split(' ')
            .filter(|word| !is_version(word))
            .collect::<Vec<_>>()
            .join(" ")
            + "\n"
    };
    lms.lines().map(without_version).collect()
}

fn is_version(word: &str) -> bool {
    word.strip_prefix('v').is_some_and(|digits| {
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Changes the LMS as somebody else would.
pub(crate) async fn by_hand(site: &muster_tests::harness::Muster, statement: &'static str) {
    let done = sqlx::query(statement)
        .execute(site.sql())
        .await
        .expect("a statement");
    assert!(done.rows_affected() > 0, "{statement}");
}
