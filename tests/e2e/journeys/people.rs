//! What happens to people: several lines of one, details kept or overridden.

use super::{custom, id, summary, with_a_small_lms};
use crate::counts::{groups, lines, reasons};
use muster_tests::harness::Muster;
use serde_json::json;

#[tokio::test]
async fn a_later_line_sees_what_the_earlier_ones_did() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let file = "username,firstname,lastname,email,city,cohort1,course1,role1\n\
                di,Di,Dogwood,di@example.com,Oslo,sales,,\n\
                anna,,,,Oslo,sales,c1,\n\
                DI,,,,Bergen,hr,c1,teacher\n\
                anna,,,,Oslo,sales,c1,student\n\
                di,,,,Bergen,hr,c1,teacher\n\
                anna,,,,Bergen,nowhere,c1,\n\
                anna,,,,,hr,c1,teacher\n";
    let import = muster.applied("create-or-update-users", file).await;
    let expected = [
        "2 created",
        "3 updated",
        "4 updated",
        "5 unchanged",
        "6 unchanged",
        "7 rejected segment-not-found",
        "8 updated",
    ];
    assert_eq!(
        lines(&muster.rows(id(&import), "").await, "outcome"),
        expected
    );
    let counts = "create 1, reject 1, unchanged 2, update 3 | created 1, rejected 1, unchanged 2, updated 3 \
                  | course_roles_added 3, enrolments_created 2, segments_joined 4, users_created 1, users_updated 2";
    assert_eq!(summary(&import), counts);
    let lms = muster.lms().await;
    for line in [
        "user anna: Anna | Ash | anna@example.com |  |  |  | Oslo |  v2 by import 3\n",
        "user di: Di | Dogwood | di@example.com |  |  |  | Bergen |  v2 by import 4\n",
        "anna in segment hr by import 4\nanna in segment sales by import 4\ndi in segment hr by import 4\ndi in segment sales by import 4\n",
        "anna in course c1: active, from that day by import 4, student by import 4, teacher by import 4\n",
        "di in course c1: active, from that day by import 4, teacher by import 4\n",
    ] {
        assert!(lms.contains(line), "{line}is not in\n{lms}");
    }
}

#[tokio::test]
async fn a_person_is_created_once_by_a_file_that_names_them_twice() {
    let muster = Muster::start().await;
    let file = "username,firstname,lastname,email\nanna,Anna,Ash,anna@example.com\nAnna,Other,Name,second@example.com\n";
    let import = muster.applied("create-users", file).await;
    assert_eq!(
        lines(&muster.rows(id(&import), "").await, "outcome"),
        ["2 created", "3 skipped user-exists"]
    );
    assert_eq!(
        muster.lms().await,
        "user anna: Anna | Ash | anna@example.com |  |  |  |  |  v1 by import 1\n"
    );
}

#[tokio::test]
async fn details_are_kept_and_what_is_passed_over_is_told() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let file = "username,firstname,city,cohort1\nanna,Other,Oslo,sales\nbo,,Oslo,\n";
    let import = muster
        .applied_order(custom(
            file,
            &json!({"mode": "update-only", "existing_details": "keep"}),
        ))
        .await;
    assert_eq!(
        summary(&import),
        "unchanged 1, update 1 | unchanged 1, updated 1 | segments_joined 1"
    );
    let found = groups(&muster.issues(id(&import)).await);
    assert_eq!(
        found,
        [
            "warning ignored-by-details city ×2",
            "warning ignored-by-details firstname ×1"
        ]
    );
    let lms = muster.lms().await;
    assert!(
        lms.contains("user anna: Anna | Ash | anna@example.com |  |  |  |  |  v1 by import 3\n"),
        "{lms}"
    );
}

#[tokio::test]
async fn details_are_overridden_and_empty_cells_change_nothing() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let settings = json!({"mode": "update-only", "existing_details": "override"});
    let file =
        "username,firstname,email,idnumber,city,country\nanna,Anne,ANNA@example.org,7,Oslo,no\n";
    muster.applied_order(custom(file, &settings)).await;
    let before = muster.lms().await;
    let overridden =
        "user anna: Anne | Ash | ANNA@example.org | 7 |  |  | Oslo | NO v2 by import 3\n";
    assert!(before.contains(overridden), "{before}");
    let empty = "username,firstname,email,idnumber,city,country\nanna,,,,,\n";
    let import = muster.applied_order(custom(empty, &settings)).await;
    assert_eq!(summary(&import), "unchanged 1 | unchanged 1 | ");
    assert_eq!(muster.lms().await, before);
}

#[tokio::test]
async fn an_address_of_somebody_else_is_refused_and_ones_own_is_not() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let settings = json!({"mode": "update-only", "existing_details": "override"});
    let file = "username,email\nanna,Anna@Example.COM\nbo,cy@example.com\ncy,new@example.com\n";
    let import = muster.ready_order(custom(file, &settings)).await;
    assert_eq!(
        lines(&muster.rows(id(&import), "").await, "action"),
        ["2 update", "3 reject duplicate-email", "4 update"]
    );
}

#[tokio::test]
async fn an_address_that_is_given_up_and_shared_cannot_be_taken_back() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    sqlx::query(
        "UPDATE lms.users SET (email, email_key, email_share) = ('anna@example.com', 'anna@example.com', id) WHERE username = 'bo'",
    )
    .execute(muster.sql())
    .await
    .expect("a statement");
    let settings = json!({"mode": "update-only", "existing_details": "override"});
    let file = "username,email\nanna,Anna@example.com\nbo,ANNA@example.com\nbo,bo@example.com\nbo,anna@example.com\n";
    let import = muster.ready_order(custom(file, &settings)).await;
    let expected = [
        "2 update",
        "3 update",
        "4 update",
        "5 reject duplicate-email",
    ];
    assert_eq!(
        lines(&muster.rows(id(&import), "").await, "action"),
        expected
    );
}

#[tokio::test]
async fn a_segment_that_is_managed_by_a_rule_is_refused() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    sqlx::query("UPDATE lms.segments SET is_managed = true WHERE idnumber = 'hr'")
        .execute(muster.sql())
        .await
        .expect("a statement");
    let import = muster
        .applied("add-to-segments", "username,cohort1\nanna,hr\nanna,sales\n")
        .await;
    assert_eq!(
        lines(&muster.rows(id(&import), "").await, "outcome"),
        ["2 rejected segment-managed", "3 updated"]
    );
}

#[tokio::test]
async fn more_lines_of_one_person_than_a_site_allows() {
    let muster = Muster::with()
        .site(json!({"limits": {"lines_of_one_subject": 3}}))
        .start()
        .await;
    with_a_small_lms(&muster).await;
    let file = |lines: usize| {
        format!(
            "username,cohort1\nbo,sales\n{}",
            "anna,sales\n".repeat(lines)
        )
    };
    muster.applied("add-to-segments", file(3)).await;
    let id = muster.upload("add-to-segments", file(4)).await;
    assert_eq!(
        reasons(&muster.wait_for(&id, "rejected").await),
        ["3 limit"]
    );
}
