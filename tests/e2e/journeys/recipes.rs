//! Each recipe once, and the same file once more, which changes nothing.

use super::{custom, id, summary, with_a_small_lms};
use crate::counts::{groups, lines};
use muster_tests::harness::{Muster, Order};
use serde_json::json;

#[tokio::test]
async fn create_segments() {
    let muster = Muster::start().await;
    let file = "name,idnumber,description,visible\nSales,sales,\"All, \"\"really\"\" all\",\n People ,hr,,no\n";
    let import = muster.applied("create-segments", file).await;
    assert_eq!(
        summary(&import),
        "create 2 | created 2 | segments_created 2"
    );
    let expected = "segment hr: People |  | f v1 by import 1\n\
                    segment sales: Sales | All, \"really\" all | t v1 by import 1\n";
    assert_eq!(muster.lms().await, expected);

    let again = muster.applied("create-segments", file).await;
    assert_eq!(summary(&again), "skip 2 | skipped 2 | ");
    assert_eq!(
        lines(&muster.rows(id(&again), "").await, "outcome"),
        ["2 skipped segment-exists", "3 skipped segment-exists"]
    );
    assert_eq!(muster.lms().await, expected);
}

#[tokio::test]
async fn create_courses() {
    let muster = Muster::start().await;
    let file = "shortname,fullname,idnumber,category_path,summary,visible,startdate,enddate\n\
                fire-1,\"Fire, level 1\",F1,Safety / Fire,About fire,1,2027-01-01,2027-06-30\n\
                fire-2,Fire 2,,Safety / Fire,,0,,\n\
                safe,Safety at large,,Safety,,,,\n\
                talk,Small talk,,,,,,\n\
                bad,Ends first,,,,,2027-02-01,2027-01-01\n\
                fire-1,Once more,,,,,,\n";
    let import = muster.applied("create-courses", file).await;
    assert_eq!(
        summary(&import),
        "create 4, reject 2 | created 4, rejected 2 | categories_created 3, courses_created 4"
    );
    let expected = "course fire-1: Fire, level 1 | F1 | Safety / Fire | About fire | t | 2027-01-01 | 2027-06-30 v1 by import 1\n\
                    course fire-2: Fire 2 |  | Safety / Fire |  | f |  |  v1 by import 1\n\
                    course safe: Safety at large |  | Safety |  | t |  |  v1 by import 1\n\
                    course talk: Small talk |  | General |  | t |  |  v1 by import 1\n";
    assert_eq!(muster.lms().await, expected);
    assert_eq!(
        lines(
            &muster.rows(id(&import), "?outcome=rejected").await,
            "outcome"
        ),
        ["6 rejected bad-value", "7 rejected name-used-twice"]
    );

    let again = muster.applied("create-courses", file).await;
    assert_eq!(
        summary(&again),
        "reject 1, skip 5 | rejected 1, skipped 5 | "
    );
    assert_eq!(muster.lms().await, expected);
}

#[tokio::test]
async fn create_users() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let file = "username,firstname,lastname,email,idnumber,institution,department,city,country,cohort1,course1,role1\n\
                Dina,Dina,Dahl,DINA@example.com,0042,\"Acme, Inc.\",Sales,Århus,dk,sales,c1,teacher\n\
                anna,Other,Name,other@example.com,,,,,,hr,,\n\
                ed,Ed,Elm,ed@example.com,,,,,,,c1,\n";
    let import = muster.applied("create-users", file).await;
    let expected = "create 2, skip 1 | created 2, skipped 1 | course_roles_added 2, enrolments_created 2, segments_joined 1, users_created 2";
    assert_eq!(summary(&import), expected);
    let lms = muster.lms().await;
    for line in [
        "user anna: Anna | Ash | anna@example.com |  |  |  |  |  v1 by import 3\n",
        "user dina: Dina | Dahl | DINA@example.com | 0042 | Acme, Inc. | Sales | Århus | DK v1 by import 4\n",
        "user ed: Ed | Elm | ed@example.com |  |  |  |  |  v1 by import 4\n",
        "dina in segment sales by import 4\n",
        "dina in course c1: active, from that day by import 4, teacher by import 4\n",
        "ed in course c1: active, from that day by import 4, student by import 4\n",
    ] {
        assert!(lms.contains(line), "{line}is not in\n{lms}");
    }
    assert!(
        !lms.contains("anna in segment"),
        "a skipped line does nothing at all\n{lms}"
    );

    let again = muster.applied("create-users", file).await;
    assert_eq!(summary(&again), "skip 3 | skipped 3 | ");
    assert_eq!(muster.lms().await, lms);
}

#[tokio::test]
async fn create_or_update_users() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let file = "username,firstname,lastname,email,city,cohort1\n\
                anna,Anne,,,Oslo,sales\n\
                bo,Bo,Birch,bo@example.com,,\n\
                di,Di,Dogwood,di@example.com,Cork,hr\n\
                el,El,,el@example.com,,\n";
    let import = muster.applied("create-or-update-users", file).await;
    let expected = "create 1, reject 1, unchanged 1, update 1 | created 1, rejected 1, unchanged 1, updated 1 | segments_joined 2, users_created 1, users_updated 1";
    assert_eq!(summary(&import), expected);
    let row = &muster.rows(id(&import), "?key=anna").await[0];
    let changes = json!([{"field": "firstname", "before": "Anna", "after": "Anne"}, {"field": "city", "before": "", "after": "Oslo"}]);
    assert_eq!(
        (&row["changes"], &row["outcome"]),
        (&changes, &json!("updated"))
    );
    let lms = muster.lms().await;
    for line in [
        "user anna: Anne | Ash | anna@example.com |  |  |  | Oslo |  v2 by import 3\n",
        "user bo: Bo | Birch | bo@example.com |  |  |  |  |  v1 by import 3\n",
        "user di: Di | Dogwood | di@example.com |  |  |  | Cork |  v1 by import 4\n",
        "anna in segment sales by import 4\n",
    ] {
        assert!(lms.contains(line), "{line}is not in\n{lms}");
    }

    let again = muster.applied("create-or-update-users", file).await;
    assert_eq!(
        summary(&again),
        "reject 1, unchanged 3 | rejected 1, unchanged 3 | "
    );
    assert_eq!(muster.lms().await, lms);
}

#[tokio::test]
async fn add_to_segments() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let file = "username,firstname,cohort1,cohort7\nANNA,ignored,sales,hr\nbo,ignored,,sales\ncy,ignored,,\nnobody,ignored,sales,\n";
    let import = muster.applied("add-to-segments", file).await;
    let expected =
        "reject 1, unchanged 1, update 2 | rejected 1, unchanged 1, updated 2 | segments_joined 3";
    assert_eq!(summary(&import), expected);
    let found = groups(&muster.issues(id(&import)).await);
    assert!(
        found.contains(&"error user-not-found username=nobody ×1 from 5".to_owned()),
        "{found:?}"
    );
    assert!(
        found
            .iter()
            .any(|group| group.starts_with("warning ignored-column firstname")),
        "{found:?}"
    );
    let memberships = &muster.rows(id(&import), "?key=anna").await[0]["memberships"];
    let joins = |key: &str, name: &str| json!({"what": "segment", "key": key, "name": name, "does": "join"});
    let mut found = memberships.as_array().expect("memberships").clone();
    found.sort_by_key(|one| one["key"].to_string());
    assert_eq!(found, [joins("hr", "People"), joins("sales", "Sales")]);
    let lms = muster.lms().await;
    let members = "anna in segment hr by import 4\nanna in segment sales by import 4\nbo in segment sales by import 4\n";
    assert!(
        lms.contains(members) && lms.matches(" in segment ").count() == 3,
        "{lms}"
    );
    assert!(!lms.contains("ignored"), "{lms}");

    let again = muster.applied("add-to-segments", file).await;
    assert_eq!(
        summary(&again),
        "reject 1, unchanged 3 | rejected 1, unchanged 3 | "
    );
    assert_eq!(muster.lms().await, lms);
}

#[tokio::test]
async fn enrol_in_courses() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let file = "username,course1,role1,course2\nanna,c1,editingteacher,c2\nbo,c1,,c1\ncy,,,c2\n";
    let import = muster.applied("enrol-in-courses", file).await;
    assert_eq!(
        summary(&import),
        "update 3 | updated 3 | course_roles_added 4, enrolments_created 4"
    );
    let lms = muster.lms().await;
    let enrolments = "anna in course c1: active, from that day by import 4, editingteacher by import 4\n\
                      anna in course c2: active, from that day by import 4, student by import 4\n\
                      bo in course c1: active, from that day by import 4, student by import 4\n\
                      cy in course c2: active, from that day by import 4, student by import 4\n";
    assert!(lms.ends_with(enrolments), "{lms}");
    let again = muster.applied("enrol-in-courses", file).await;
    assert_eq!(summary(&again), "unchanged 3 | unchanged 3 | ");

    let more = muster
        .applied(
            "enrol-in-courses",
            "username,course1,role1\nbo,c1,teacher\n",
        )
        .await;
    assert_eq!(
        summary(&more),
        "update 1 | updated 1 | course_roles_added 1"
    );
    let lms = muster.lms().await;
    assert!(lms.contains("bo in course c1: active, from that day by import 4, student by import 4, teacher by import 6\n"), "{lms}");
}

#[tokio::test]
async fn custom_for_people_who_exist() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let settings = json!({"mode": "update-only", "existing_details": "override"});
    let file = "username,city,cohort1\nanna,Oslo,sales\nnobody,Oslo,sales\n";
    let import = muster.applied_order(custom(file, &settings)).await;
    assert_eq!(
        summary(&import),
        "skip 1, update 1 | skipped 1, updated 1 | segments_joined 1, users_updated 1"
    );
    assert_eq!(
        groups(&muster.issues(id(&import)).await),
        ["warning user-not-found username=nobody ×1 from 3"]
    );
    let again = muster.applied_order(custom(file, &settings)).await;
    assert_eq!(
        summary(&again),
        "skip 1, unchanged 1 | skipped 1, unchanged 1 | "
    );
}

#[tokio::test]
async fn custom_for_segments_and_courses_that_exist() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let settings = json!({"mode": "create-and-update"});
    let segments =
        "idnumber,name,visible\nsales,Selling,\nhr,People,yes\nlegal,Legal,\nnameless,,\n";
    let order = Order::new("custom", segments)
        .with("kind", "segments")
        .settings(&settings);
    let import = muster.applied_order(order.clone()).await;
    let expected = "create 1, reject 1, unchanged 1, update 1 | created 1, rejected 1, unchanged 1, updated 1 | segments_created 1, segments_updated 1";
    assert_eq!(summary(&import), expected);
    assert_eq!(
        summary(&muster.applied_order(order).await),
        "reject 1, unchanged 3 | rejected 1, unchanged 3 | "
    );

    let courses = "shortname,category_path,enddate\nc1,Old / Older,\nc2,,2030-01-01\n";
    let order = Order::new("custom", courses)
        .with("kind", "courses")
        .settings(&json!({"mode": "update-only"}));
    let import = muster.applied_order(order.clone()).await;
    assert_eq!(
        summary(&import),
        "update 2 | updated 2 | categories_created 2, courses_updated 2"
    );
    assert_eq!(
        summary(&muster.applied_order(order).await),
        "unchanged 2 | unchanged 2 | "
    );
    let expected = "segment hr: People |  | t v1 by import 1\n\
                    segment legal: Legal |  | t v1 by import 4\n\
                    segment sales: Selling |  | t v2 by import 1\n\
                    course c1: Course 1 |  | Old / Older |  | t |  |  v2 by import 2\n\
                    course c2: Course 2 |  | General |  | t |  | 2030-01-01 v2 by import 2\n";
    let lms = muster.lms().await;
    assert!(lms.ends_with(expected), "{lms}");
}
