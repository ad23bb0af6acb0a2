//! Files that are rejected as a whole: nothing is staged, nothing can be applied, and all reasons
//! are told at once.

use crate::counts::reasons;
use muster_tests::harness::{Muster, Order};
use serde_json::{Value, json};

async fn rejected(muster: &Muster, recipe: &str, file: impl Into<Vec<u8>>) -> Vec<String> {
    let id = muster.upload(recipe, file).await;
    let import = muster.wait_for(&id, "rejected").await;
    let _ = muster
        .post(&format!("/imports/{id}/apply"), None)
        .await
        .expect(409);
    let staged: i64 =
        sqlx::query_scalar("SELECT count(*) FROM muster.import_rows r JOIN muster.imports i ON i.no = r.import_no WHERE i.id::text = $1")
            .bind(&id)
            .fetch_one(muster.sql())
            .await
            .expect("a count");
    assert_eq!(staged, 0, "rejected means that nothing is staged");
    assert!(import["rejected"].as_array().is_some_and(|all| {
        all.iter()
            .all(|one| one["message"].as_str().is_some_and(|text| !text.is_empty()))
    }));
    reasons(&import)
}

#[tokio::test]
async fn unknown_header_with_a_suggestion() {
    let muster = Muster::start().await;
    let file = "username,firstname,lastname,emial,cohrt1\nanna,Anna,Ash,anna@example.com,sales\n";
    let expected = [
        "1 unknown-column emial → email",
        "1 unknown-column cohrt1 → cohort1",
        "1 missing-column email",
    ];
    assert_eq!(rejected(&muster, "create-users", file).await, expected);
}

#[tokio::test]
async fn repeated_header() {
    let muster = Muster::start().await;
    let file = "username,Cohort1,segment1,USERNAME\nanna,sales,hr,anna\n";
    let expected = ["1 repeated-column segment1", "1 repeated-column USERNAME"];
    assert_eq!(rejected(&muster, "add-to-segments", file).await, expected);
}

#[tokio::test]
async fn every_fault_of_a_header_at_once() {
    let muster = Muster::start().await;
    let file = "username,,role1,course2,username,sufix,password\nanna,,teacher,c1,anna,x,y\n";
    let expected = [
        "1 unknown-column",
        "1 repeated-column username",
        "1 unknown-column sufix",
        "1 column-not-allowed password",
        "1 missing-column role1",
    ];
    let mut found = rejected(&muster, "enrol-in-courses", file).await;
    let mut expected = expected.map(str::to_owned).to_vec();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn columns_whose_wish_would_silently_not_happen() {
    let muster = Muster::start().await;
    for heading in [
        "password",
        "deleted",
        "suspended",
        "auth",
        "oldusername",
        "sysrole1",
    ] {
        let file = format!("username,cohort1,{heading}\nanna,sales,1\n");
        assert_eq!(
            rejected(&muster, "add-to-segments", file).await,
            [format!("1 column-not-allowed {heading}")]
        );
    }
}

#[tokio::test]
async fn empty_file() {
    let muster = Muster::start().await;
    for file in ["", "\n\r\n\n", "\u{feff}"] {
        assert_eq!(
            rejected(&muster, "create-users", file).await,
            ["null empty-file"],
            "{file:?}"
        );
    }
}

#[tokio::test]
async fn header_only() {
    let muster = Muster::start().await;
    for file in [
        "username,firstname,lastname,email",
        "\nusername,firstname,lastname,email\r\n\r\n",
    ] {
        let reasons = rejected(&muster, "create-users", file).await;
        assert!(
            reasons.len() == 1 && reasons[0].ends_with("header-only"),
            "{file:?}: {reasons:?}"
        );
    }
}

#[tokio::test]
async fn a_rejected_file_is_read_again_with_a_mapping() {
    let muster = Muster::start().await;
    let id = muster
        .upload("create-segments", "Navn,idnumber,Notes\nSales,sales,x\n")
        .await;
    assert_eq!(
        muster.wait_for(&id, "rejected").await["can"],
        json!(["preview", "cancel"])
    );
    muster
        .preview(
            &id,
            &json!({"mapping": {"navn": "name", "Notes": "ignore"}}),
        )
        .await;
    let import = muster.wait_for(&id, "ready").await;
    assert_eq!(
        (&import["rejected"], &import["actions"]["create"]),
        (&json!(null), &json!(1))
    );
    assert_eq!(
        import["mapping"],
        json!({"navn": "name", "Notes": "ignore"})
    );
}

#[tokio::test]
async fn a_rejected_file_is_read_again_with_another_delimiter() {
    let muster = Muster::start().await;
    let order = Order::new("create-segments", "name;idnumber\nSales;sales\n")
        .settings(&json!({"delimiter": "|"}));
    let id = muster.order(order).await;
    muster.wait_for(&id, "rejected").await;
    muster
        .preview(&id, &json!({"settings": {"delimiter": null}}))
        .await;
    let import = muster.wait_for(&id, "ready").await;
    assert_eq!(
        (
            &import["file"]["delimiter"]["value"],
            &import["actions"]["create"]
        ),
        (&json!(";"), &json!(1))
    );
}

/// The reasons are bounded, and the last of them says how many more there are.
fn assert_bounded(told: &[Value], more: usize) {
    assert_eq!(told.len(), 101, "{told:#?}");
    let last = told[100]["message"].as_str().expect("a message");
    assert!(last.contains(&format!("{more} more")), "{last}");
}

#[tokio::test]
async fn faults_that_only_the_whole_header_shows_are_bounded() {
    let muster = Muster::start().await;
    let roles: Vec<_> = (0..499).map(|number| format!("role{number}")).collect();
    let file = format!(
        "username,{}\nanna{}\n",
        roles.join(","),
        ",".repeat(roles.len())
    );
    let id = muster
        .order(Order::new("custom", file).with("kind", "users"))
        .await;
    let import = muster.wait_for(&id, "rejected").await;
    // Each without its course, and more of one name than are allowed.
    assert_bounded(import["rejected"].as_array().expect("reasons"), 400);
}

#[tokio::test]
async fn columns_that_are_missing_are_told_among_any_number_of_others() {
    let muster = Muster::start().await;
    let headings: Vec<_> = (0..300).map(|number| format!("x{number}x")).collect();
    let file = format!(
        "{}\nanna{}\n",
        headings.join(","),
        ",".repeat(headings.len() - 1)
    );
    let id = muster.upload("create-users", file).await;
    let import = muster.wait_for(&id, "rejected").await;
    let told = reasons(&import);
    for needed in ["username", "firstname", "lastname", "email"] {
        assert!(
            told.contains(&format!("1 missing-column {needed}")),
            "{needed}: {told:#?}"
        );
    }
    assert_bounded(import["rejected"].as_array().expect("reasons"), 204);
}

#[tokio::test]
async fn warnings_of_columns_that_are_passed_over_are_bounded_in_the_same_way() {
    let muster = Muster::start().await;
    let courses: Vec<_> = (0..300).map(|number| format!("course{number}")).collect();
    let file = format!(
        "username,cohort1,{}\nnobody,nowhere{}\n",
        courses.join(","),
        ",".repeat(courses.len())
    );
    let import = muster.ready("add-to-segments", file).await;
    let issues = muster.issues(import["id"].as_str().expect("an id")).await;
    let ignored: Vec<_> = issues
        .into_iter()
        .filter(|issue| issue["code"] == "ignored-column")
        .collect();
    assert_eq!(ignored.len(), 101, "{ignored:#?}");
    let says_how_many = |issue: &&Value| {
        issue["message"]
            .as_str()
            .is_some_and(|message| message.contains("200 more"))
    };
    assert_eq!(
        ignored.iter().filter(says_how_many).count(),
        1,
        "{ignored:#?}"
    );
}

#[tokio::test]
async fn a_number_that_no_column_has_is_not_suggested() {
    let muster = Muster::start().await;
    for heading in ["cohort4294967296", "Cohort99999999999999999999"] {
        let id = muster
            .upload(
                "add-to-segments",
                format!("username,cohort1,{heading}\nanna,sales,hr\n"),
            )
            .await;
        let import = muster.wait_for(&id, "rejected").await;
        let told = import["rejected"].as_array().expect("reasons");
        assert_eq!(
            (told.len(), &told[0]["code"], &told[0]["column"]),
            (1, &json!("unknown-column"), &json!(heading)),
            "{told:#?}"
        );
        assert_ne!(
            told[0]["suggestion"].as_str().map(str::to_lowercase),
            Some(heading.to_lowercase())
        );
        assert!(
            told[0]["message"]
                .as_str()
                .is_some_and(|message| !message.contains("did you mean `cohort4294967296`")),
            "{told:#?}"
        );
    }
}

#[tokio::test]
async fn a_mapping_that_says_two_things_of_one_heading() {
    let muster = Muster::start().await;
    let mapping = json!({"x": "cohort1", "X": "cohort2"});
    let file = "username,x\nanna,sales\n";
    let told = |problem: &Value| {
        let errors = problem["errors"].as_array().expect("errors").clone();
        assert_eq!(errors.len(), 1, "{problem:#}");
        let pointer = errors[0]["pointer"]
            .as_str()
            .expect("a pointer")
            .to_lowercase();
        (
            errors[0]["parameter"]
                .as_str()
                .expect("a parameter")
                .to_owned(),
            pointer,
        )
    };
    let order = Order::new("add-to-segments", file).with("mapping", &mapping.to_string());
    assert_eq!(
        told(&muster.send(order).await.expect(400).json()),
        ("mapping".to_owned(), "/x".to_owned())
    );
    let id = muster.upload("add-to-segments", file).await;
    muster.wait_for(&id, "rejected").await;
    let answer = muster
        .post(
            &format!("/imports/{id}/preview"),
            Some(&json!({"mapping": mapping})),
        )
        .await;
    assert_eq!(
        told(&answer.expect(400).json()),
        ("body".to_owned(), "/mapping/x".to_owned())
    );
    for same in [
        json!({"x": "cohort1", " X ": "cohort2"}),
        json!({"é": "cohort1", "É": "ignore"}),
    ] {
        let _ = muster
            .send(Order::new("add-to-segments", file).with("mapping", &same.to_string()))
            .await
            .expect(400);
    }
}
