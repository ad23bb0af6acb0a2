//! One import told whole: statuses, batches, plans, issues, outcomes and the LMS, the same on every
//! run.

use super::{custom, id, with_a_small_lms};
use muster_tests::harness::Muster;
use serde_json::json;

const FILE: &str = "username,city,cohort1,course1,role1\n\
                    anna,Oslo,sales,c1,teacher\n\
                    bo,Oslo,,c2,\n\
                    nobody,Oslo,hr,,\n\
                    cy,,sal-es,,\n\
                    anna,,hr,c1,teacher\n";

const STORY: &str = r#"custom of users: validating → previewing → ready → applying → applied
batch validate 1: done, 5 lines,
batch preview 1: done, 5 lines, actions reject 1, actions skip 1, actions update 3, issues error 1, issues warning 1 course_roles_added 2, enrolments_created 2, segments_joined 2, users_updated 2
batch apply 1: done, 3 lines, outcomes held 1, outcomes updated 2 course_roles_added 1, enrolments_created 1, segments_joined 2, users_updated 1
plan of line 2 anna: update, turn 1; city "" → "Oslo"; joins sales; enrols and adds teacher in c1
plan of line 3 bo: update, turn 1; city "" → "Oslo"; enrols and adds student in c2
plan of line 4 nobody: skip, turn 1
plan of line 5 cy: reject, turn 1
plan of line 6 anna: update, turn 2; joins hr; is teacher in c1
issue of line 4: user-not-found w username nobody
issue of line 5: segment-not-found e cohort1 sal-es
line 3 came out as held: target-changed
user anna: Anna | Ash | anna@example.com |  |  |  | Oslo |  v2 by import 3
user bo: Bo | Birch | bo@example.com |  |  |  | Bergen |  v2 by import 3
user cy: Cy | Cedar | cy@example.com |  |  |  |  |  v1 by import 3
segment hr: People |  | t v1 by import 1
segment sales: Sales |  | t v1 by import 1
anna in segment hr by import 4
anna in segment sales by import 4
course c1: Course 1 |  | General |  | t |  |  v1 by import 2
course c2: Course 2 |  | General |  | t |  |  v1 by import 2
anna in course c1: active, from that day by import 4, teacher by import 4
"#;

#[tokio::test]
async fn an_import_from_upload_to_applied() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let import = muster
        .ready_order(custom(
            FILE,
            &json!({"mode": "update-only", "existing_details": "override"}),
        ))
        .await;
    sqlx::query("UPDATE lms.users SET city = 'Bergen' WHERE username = 'bo'")
        .execute(muster.sql())
        .await
        .expect("a statement");
    muster.apply(id(&import)).await;
    muster.wait_for(id(&import), "applied").await;
    assert_eq!(muster.story(id(&import)).await, STORY);
}
