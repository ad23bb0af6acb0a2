//! Thousands of lines over two workers: every count is known from the maker of the files, and both
//! workers do their part.

use crate::counts::counts;
use muster_tests::{
    harness::{Muster, Site},
    make::{self, Expected, Made},
};
use serde_json::json;

/// Imports a file; its counts must be those that its maker knows, before and after.
async fn import(site: &Site, recipe: &str, bytes: Vec<u8>, expected: &Expected) {
    let ready = site.ready(recipe, bytes).await;
    assert_eq!(ready["actions"], json!(expected.actions), "{recipe}");
    assert_eq!(
        counts(&ready["effects"]),
        counts(&json!(expected.effects)),
        "{recipe}"
    );
    let id = ready["id"].as_str().expect("an id");
    site.apply(id).await;
    let applied = site.wait_for(id, "applied").await;
    let done = |outcome: &str, action: &str| {
        assert_eq!(
            applied["outcomes"][outcome], ready["actions"][action],
            "{recipe}: {outcome}"
        );
    };
    for (outcome, action) in [
        ("created", "create"),
        ("updated", "update"),
        ("unchanged", "unchanged"),
        ("skipped", "skip"),
        ("rejected", "reject"),
    ] {
        done(outcome, action);
    }
    assert_eq!(applied["effects"], ready["effects"], "{recipe}");
    let mut errors = std::collections::BTreeMap::new();
    for group in site
        .issues(id)
        .await
        .iter()
        .filter(|group| group["severity"] == "error")
    {
        *errors
            .entry(group["code"].as_str().expect("a code").to_owned())
            .or_default() += group["count"].as_i64().expect("a count");
    }
    assert_eq!(
        errors,
        expected
            .errors
            .iter()
            .map(|(code, count)| ((*code).to_owned(), *count))
            .collect(),
        "{recipe}"
    );
}

/// Who finished batches of that stage, of all imports together.
async fn workers_of(muster: &Muster, stage: &str) -> Vec<String> {
    let statement = "SELECT DISTINCT done_by FROM muster.import_batches WHERE stage = $1 AND lines > 0 ORDER BY 1";
    sqlx::query_scalar(statement)
        .bind(stage)
        .fetch_all(muster.sql())
        .await
        .expect("batches")
}

#[tokio::test]
async fn two_workers_share_an_import_and_count_exactly() {
    let muster = Muster::with().workers(2).start().await;
    let (segments, courses, people) = (make::segments(), make::courses(), make::people(3, 15_000));
    for (recipe, Made { bytes, expected }) in [
        ("create-segments", make::segments_file(&segments)),
        ("create-courses", make::courses_file(&courses)),
    ] {
        import(&muster, recipe, bytes, &expected).await;
    }
    let Made { bytes, expected } = make::people_file(&people);
    import(&muster, "create-users", bytes, &expected).await;

    let memberships = make::memberships(3, &people, &segments, &courses);
    for (recipe, expected) in [
        ("add-to-segments", memberships.segments),
        ("enrol-in-courses", memberships.courses),
    ] {
        import(&muster, recipe, memberships.bytes.clone(), &expected).await;
        let before = muster.lms().await;
        import(
            &muster,
            recipe,
            memberships.bytes.clone(),
            &expected.again(),
        )
        .await;
        assert!(
            before == muster.lms().await,
            "{recipe} once more changes nothing"
        );
    }
    for stage in ["preview", "apply"] {
        assert_eq!(
            workers_of(&muster, stage).await,
            ["worker-0", "worker-1"],
            "{stage}"
        );
    }
}
