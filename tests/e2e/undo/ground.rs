//! What another import, already previewed, counts on is taken back: its lines are held, and say
//! why; nothing is half done.

use super::{by_hand, lms};
use crate::{
    counts::lines,
    journeys::{custom, id, summary, with_a_small_lms},
};
use muster_tests::harness::Muster;
use serde_json::{Value, json};

/// Applies an import that is ready, after another was taken back.
async fn applied_after_undo(muster: &Muster, ready: &Value, undone: &Value) -> Value {
    muster.undone(id(undone)).await;
    muster.apply(id(ready)).await;
    muster.wait_for(id(ready), "applied").await
}

/// How many batches its lines were applied in.
async fn batches(muster: &Muster, import: &Value) -> i64 {
    let id: uuid::Uuid = id(import).parse().expect("an id");
    let statement =
        "SELECT count(*) FROM muster.import_batches b JOIN muster.imports i ON i.no = b.import_no
                      WHERE i.id = $1 AND b.stage = 'apply' AND b.step = 'main'";
    sqlx::query_scalar(statement)
        .bind(id)
        .fetch_one(muster.sql())
        .await
        .expect("a count")
}

#[tokio::test]
async fn enrolments_roles_and_memberships() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let courses = muster
        .applied(
            "enrol-in-courses",
            "username,course1\nanna,c1\nbo,c1\ncy,c2\n",
        )
        .await;
    let segments = muster
        .applied("add-to-segments", "username,cohort1\ncy,hr\n")
        .await;
    by_hand(&muster, "UPDATE lms.segment_members SET source = NULL").await;
    let file =
        "username,course1,role1,cohort1\nanna,c1,teacher,\nbo,c1,student,\ncy,,,hr\ncy,,,sales\n";
    let ready = muster
        .ready_order(custom(file, &json!({"mode": "update-only"})))
        .await;
    assert_eq!(
        lines(&muster.rows(id(&ready), "").await, "action"),
        ["2 update", "3 unchanged", "4 unchanged", "5 update"]
    );
    muster.undone(id(&segments)).await;
    let import = applied_after_undo(&muster, &ready, &courses).await;
    assert_eq!(
        summary(&import),
        "unchanged 2, update 2 | held 2, unchanged 1, updated 1 | segments_joined 1"
    );
    let outcomes = lines(&muster.rows(id(&import), "").await, "outcome");
    assert_eq!(
        outcomes,
        [
            "2 held target-changed",
            "3 held target-changed",
            "4 unchanged",
            "5 updated"
        ],
        "no role without an enrolment"
    );
    let lms = lms(&muster).await;
    assert!(
        !lms.contains("in course") && lms.contains("cy in segment sales"),
        "{lms}"
    );
}

#[tokio::test]
async fn memberships_that_went_though_a_line_gives_others() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let given = muster
        .applied("add-to-segments", "username,cohort1\nanna,hr\n")
        .await;
    let ready = muster
        .ready(
            "add-to-segments",
            "username,cohort1,cohort2\nanna,sales,\nanna,sales,hr\nbo,hr,\nbo,hr,\n",
        )
        .await;
    let import = applied_after_undo(&muster, &ready, &given).await;
    assert_eq!(
        summary(&import),
        "unchanged 2, update 2 | held 2, unchanged 1, updated 1 | segments_joined 1"
    );
    let outcomes = lines(&muster.rows(id(&import), "").await, "outcome");
    assert_eq!(
        outcomes,
        [
            "2 held target-changed",
            "3 held target-changed",
            "4 updated",
            "5 unchanged"
        ],
        "what an earlier line gives is there"
    );
}

#[tokio::test]
async fn segments() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let ground = muster
        .applied("create-segments", "idnumber,name\nground,Ground\n")
        .await;
    let ready = muster
        .ready(
            "add-to-segments",
            "username,cohort1,cohort2\nanna,ground,sales\nbo,sales,\ncy,ground,\n",
        )
        .await;
    let import = applied_after_undo(&muster, &ready, &ground).await;
    assert_eq!(
        summary(&import),
        "update 3 | held 2, updated 1 | segments_joined 1"
    );
    let rows = muster.rows(id(&import), "?outcome=held").await;
    assert_eq!(
        lines(&rows, "outcome"),
        ["2 held target-changed", "4 held target-changed"]
    );
    let message = rows[0]["issues"][0]["message"].as_str().expect("a message");
    assert!(message.contains("is gone since the preview"), "{message}");
    assert_eq!(
        batches(&muster, &import).await,
        1,
        "the batch is not taken apart for them"
    );
    assert!(lms(&muster).await.contains("bo in segment sales"));
}

#[tokio::test]
async fn courses_that_new_people_would_take() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let ground = muster
        .applied("create-courses", "shortname,fullname\nground,Ground\n")
        .await;
    let file = "username,firstname,lastname,email,course1\n\
                dora,Dora,Dale,dora@example.com,ground\n\
                eve,Eve,Elm,eve@example.com,c1\n\
                dora,,,,c1\n";
    let ready = muster
        .ready_order(custom(file, &json!({"mode": "create-and-update"})))
        .await;
    let import = applied_after_undo(&muster, &ready, &ground).await;
    assert_eq!(
        summary(&import),
        "create 2, update 1 | created 1, held 2 | course_roles_added 1, enrolments_created 1, users_created 1",
        "a person is held whole"
    );
    assert_eq!(batches(&muster, &import).await, 1);
    let lms = lms(&muster).await;
    assert!(lms.contains("user eve") && !lms.contains("dora"), "{lms}");
}

#[tokio::test]
async fn categories_below_which_others_would_be_made() {
    let muster = Muster::start().await;
    let ground = muster
        .applied(
            "create-courses",
            "shortname,fullname,category_path\nc1,One,Ground / Wet\n",
        )
        .await;
    let file = "shortname,fullname,category_path\nc2,Two,Ground / Wet / Deep\nc3,Three,Ground / Wet\nc4,Four,Sky / High\n";
    let ready = muster.ready("create-courses", file).await;
    assert_eq!(ready["effects"]["categories_created"], 3);
    let import = applied_after_undo(&muster, &ready, &ground).await;
    assert_eq!(
        summary(&import),
        "create 3 | created 1, held 2 | categories_created 2, courses_created 1"
    );
    assert_eq!(
        lines(&muster.rows(id(&import), "").await, "outcome"),
        [
            "2 held target-changed",
            "3 held target-changed",
            "4 created"
        ]
    );
    assert_eq!(batches(&muster, &import).await, 1);
    let again = muster.carry_on(id(&import), &["held"]).await;
    let again = muster.wait_for(&again, "ready").await;
    muster.apply(id(&again)).await;
    let again = muster.wait_for(id(&again), "applied").await;
    assert_eq!(
        summary(&again),
        "create 2 | created 2 | categories_created 3, courses_created 2",
        "they go on in another import"
    );
}

/// The undo of an import, looked at and applied; the categories that its preview counts, which its
/// apply must count too.
async fn categories_of_undo(muster: &Muster, import: &Value) -> (Value, Value, Value) {
    let undo = muster.undo(id(import)).await;
    let of = |import: &Value| {
        ["categories_created", "categories_deleted"].map(|effect| import["effects"][effect].clone())
    };
    let [created, deleted] = of(&undo);
    muster.apply(id(&undo)).await;
    let undo = muster.wait_for(id(&undo), "applied").await;
    assert_eq!(
        of(&undo),
        [created.clone(), deleted.clone()],
        "the preview is the contract: {}",
        muster.story(id(&undo)).await
    );
    (undo, created, deleted)
}

#[tokio::test]
async fn categories_are_counted_as_they_are() {
    let muster = Muster::start().await;
    let file = "shortname,fullname,category_path\nc1,One,A / B\nc2,Two,A / C\nc3,Three,D / E / F\nc4,Four,G\nc5,Five,H / I\n";
    let import = muster.applied("create-courses", file).await;
    by_hand(
        &muster,
        "UPDATE lms.courses SET fullname = 'Second' WHERE shortname = 'c2'",
    )
    .await;
    by_hand(
        &muster,
        "UPDATE lms.categories SET name = 'Earth' WHERE name = 'E'",
    )
    .await;
    by_hand(&muster, "INSERT INTO lms.categories (site_id, name, parent_id) SELECT site_id, 'J', id FROM lms.categories WHERE name = 'I'")
        .await;
    let (undo, _, deleted) = categories_of_undo(&muster, &import).await;
    assert_eq!(
        deleted, 3,
        "B, F and G: a course is left in C, E has another name, and J is in I"
    );
    by_hand(
        &muster,
        "INSERT INTO lms.categories (site_id, name) SELECT id, 'G' FROM muster.sites",
    )
    .await;
    by_hand(&muster, "INSERT INTO lms.categories (site_id, name, parent_id) SELECT site_id, 'B', id FROM lms.categories WHERE name = 'A'")
        .await;
    let (again, created, _) = categories_of_undo(&muster, &undo).await;
    assert_eq!(created, 1, "F: others have made G and B meanwhile");
    assert_eq!(again["outcomes"]["created"], 4);
}

#[tokio::test]
async fn a_category_is_not_counted_below_one_that_is_there_by_its_name() {
    let muster = Muster::start().await;
    let import = muster
        .applied(
            "create-courses",
            "shortname,fullname,category_path\nc1,One,X / Y / Z\n",
        )
        .await;
    let undo = muster.undone(id(&import)).await;
    muster
        .applied(
            "create-courses",
            "shortname,fullname,category_path\nc2,Two,X\n",
        )
        .await;
    let (again, created, _) = categories_of_undo(&muster, &undo).await;
    assert_eq!(created, 2, "Y and Z: X is another's by now");
    let (_, _, deleted) = categories_of_undo(&muster, &again).await;
    assert_eq!(deleted, 2, "and stays");
}

#[tokio::test]
async fn categories_that_an_undo_would_bring_back() {
    let muster = Muster::start().await;
    let ground = muster
        .applied(
            "create-courses",
            "shortname,fullname,category_path\nc1,One,Ground\n",
        )
        .await;
    let below = muster
        .applied(
            "create-courses",
            "shortname,fullname,category_path\nc2,Two,Ground / Wet\n",
        )
        .await;
    let undo = muster.undone(id(&below)).await;
    let again = muster.undo(id(&undo)).await;
    let again = applied_after_undo(&muster, &again, &ground).await;
    assert_eq!(summary(&again), "create 1 | held 1 | ");
    assert!(
        !lms(&muster).await.contains("course "),
        "nothing came back without its ground"
    );
}
