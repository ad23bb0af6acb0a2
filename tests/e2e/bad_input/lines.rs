//! Bad lines among good ones: each costs itself and nothing else.

use crate::counts::{counts, groups, lines};
use muster_tests::harness::{Muster, Order};
use serde_json::{Value, json};

const HEADER: &str = "username,firstname,lastname,email\n";

/// Lines, by what they would do, of an import that is ready.
async fn planned(muster: &Muster, import: &Value) -> Vec<String> {
    lines(&muster.rows(id(import), "").await, "action")
}

fn id(import: &Value) -> &str {
    import["id"].as_str().expect("an id")
}

#[tokio::test]
async fn ragged_line_in_the_middle() {
    let muster = Muster::start().await;
    let file = format!(
        "{HEADER}anna,Anna,Ash,anna@example.com\nbo,Bo,Birch\ncy,Cy,Cedar,cy@example.com,more\ndi,Di,Dogwood,di@example.com,,\n"
    );
    let import = muster.ready("create-users", file).await;
    assert_eq!(
        planned(&muster, &import).await,
        ["2 create", "3 reject width", "4 reject width", "5 create"]
    );
    assert_eq!(counts(&import["issues"]), "error 2");
}

#[tokio::test]
async fn invalid_bytes_in_one_line() {
    let muster = Muster::start().await;
    let mut file = format!("{HEADER}zoe,Zoë,Müller,zoe@example.com\n").into_bytes();
    file.extend_from_slice(b"bad,B\xE4d,Birch,bad@example.com\ncy,Cy,Cedar,cy@example.com\n");
    let import = muster.ready("create-users", file).await;
    assert_eq!(import["file"]["encoding"]["value"], "UTF-8");
    assert_eq!(
        planned(&muster, &import).await,
        ["2 create", "3 reject bad-bytes", "4 create"]
    );
}

#[tokio::test]
async fn quote_never_closed() {
    let muster = Muster::start().await;
    let file = format!(
        "{HEADER}anna,Anna,Ash,anna@example.com\nbo,\"Bo,Birch,bo@example.com\ncy,Cy,Cedar,cy@example.com\n"
    );
    let import = muster.ready("create-users", file).await;
    assert_eq!(
        planned(&muster, &import).await,
        ["2 create", "3 reject open-quote", "4 create"]
    );
}

#[tokio::test]
async fn physical_line_numbers_after_quoted_line_breaks_and_blank_lines() {
    let muster = Muster::start().await;
    let file =
        "idnumber,name,description\r\n\r\nsales,Sales,\"one\r\ntwo \"\"2\"\"\"\r\n\r\nhr,,x\r\n";
    let import = muster.ready("create-segments", file).await;
    assert_eq!(
        planned(&muster, &import).await,
        ["3 create", "6 reject missing-value"]
    );
}

#[tokio::test]
async fn physical_line_numbers_after_a_mark_and_without_a_last_line_end() {
    let muster = Muster::start().await;
    let file = "\u{feff}\r\n\r\n\"idnumber\", Name \r\n,,\r\n\r\nx,\"\"\r\n\"y\",\"Why\"";
    let import = muster.ready("create-segments", file).await;
    assert_eq!(
        planned(&muster, &import).await,
        ["6 reject missing-value", "7 create"]
    );
}

#[tokio::test]
async fn cell_of_2_mb() {
    let muster = Muster::start().await;
    let file = format!(
        "{HEADER}anna,{},Ash,anna@example.com\n",
        "A".repeat(2_000_000)
    );
    let id = muster.upload("create-users", file).await;
    let import = muster.wait_for(&id, "rejected").await;
    assert_eq!(
        (
            &import["rejected"][0]["code"],
            &import["rejected"][0]["line"]
        ),
        (&json!("limit"), &json!(2))
    );
    assert!(
        import["rejected"][0]["message"]
            .as_str()
            .is_some_and(|text| text.contains("1048576") || text.contains("1 048 576")),
        "{import:#}"
    );
}

#[tokio::test]
async fn over_long_cells() {
    let muster = Muster::start().await;
    let file = format!(
        "{HEADER}{},A,B,a@example.com\nbo,{},B,bo@example.com\n",
        "u".repeat(101),
        "ö".repeat(101)
    );
    let import = muster
        .ready(
            "create-users",
            format!("{file}cy,{},C,cy@example.com\n", "ö".repeat(100)),
        )
        .await;
    assert_eq!(
        planned(&muster, &import).await,
        ["2 reject too-long", "3 reject too-long", "4 create"]
    );
}

#[tokio::test]
async fn nul_bytes() {
    let muster = Muster::start().await;
    let file = format!(
        "{HEADER}an\0na,Anna,Ash,anna@example.com\nbo,B\0o,Birch,bo@example.com\ncy,Cy,Cedar,cy@example.com\n"
    );
    let import = muster.ready("create-users", file).await;
    let planned = planned(&muster, &import).await;
    assert!(
        planned[0].starts_with("2 reject ") && planned[1].starts_with("3 reject "),
        "{planned:?}"
    );
    assert_eq!(planned[2], "4 create");
}

#[tokio::test]
async fn unknown_segment_course_and_role() {
    let muster = Muster::start().await;
    muster
        .applied("create-segments", "idnumber,name\nsales,Sales\n")
        .await;
    muster
        .applied("create-courses", "shortname,fullname\nexcel-1,Excel\n")
        .await;
    muster
        .applied(
            "create-users",
            format!("{HEADER}anna,Anna,Ash,anna@example.com\n"),
        )
        .await;

    let import = muster
        .ready(
            "add-to-segments",
            "username,cohort1,segment2\nanna,sal-es,sales\nana,sales,\nanna,,Sales\n",
        )
        .await;
    assert_eq!(counts(&import["actions"]), "reject 3");
    let expected = [
        "error segment-not-found cohort1=sal-es ×1 from 2 → sales",
        "error segment-not-found segment2=Sales ×1 from 4 → sales",
        "error user-not-found username=ana ×1 from 3 → anna",
    ];
    let mut found = groups(&muster.issues(id(&import)).await);
    found.sort();
    assert_eq!(found, expected);

    let file = "username,course1,role1\nanna,excel1,\nanna,excel-1,techer\nanna,,teacher\nanna,Excel-1,student\n";
    let import = muster.ready("enrol-in-courses", file).await;
    let expected = [
        "error course-not-found course1=Excel-1 ×1 from 5 → excel-1",
        "error course-not-found course1=excel1 ×1 from 2 → excel-1",
        "error no-course role1=teacher ×1 from 4",
        "error role-not-found role1=techer ×1 from 3 → teacher",
    ];
    let mut found = groups(&muster.issues(id(&import)).await);
    found.sort();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn bad_values_of_people() {
    let muster = Muster::start().await;
    let header = "username,firstname,lastname,email,country\n";
    let rows = [
        "ok,O,K,ok@example.com,no",
        "c1,C,One,c1@example.com,ZZ",
        "e1,E,One,not an address,",
        "e2,E,Two,a@b,",
        ",No,Name,no@example.com,",
        "guest,G,Uest,guest@example.com,",
        "example.anna,E,X,x@example.com,",
        "nomail,N,M,,",
        "two,Two,Mail,OK@Example.com,",
        "José,J,S,jose@example.com,",
    ];
    let import = muster
        .ready("create-users", format!("{header}{}\n", rows.join("\n")))
        .await;
    let expected = [
        "2 create",
        "3 reject bad-value",
        "4 reject bad-email",
        "5 reject bad-email",
        "6 reject missing-value",
        "7 reject bad-value",
        "8 reject example-line",
        "9 reject missing-value",
        "10 reject duplicate-email",
        "11 create username-changed",
    ];
    assert_eq!(planned(&muster, &import).await, expected);
}

#[tokio::test]
async fn addresses_that_two_people_would_swap_are_refused() {
    let muster = Muster::start().await;
    muster
        .applied(
            "create-users",
            format!("{HEADER}anna,Anna,Ash,anna@example.com\nbo,Bo,Birch,bo@example.com\n"),
        )
        .await;
    let import = muster
        .ready(
            "create-or-update-users",
            "username,email\nanna,bo@example.com\nbo,anna@example.com\n",
        )
        .await;
    assert_eq!(
        planned(&muster, &import).await,
        ["2 reject duplicate-email", "3 reject duplicate-email"]
    );
}

#[tokio::test]
async fn more_numbered_columns_than_a_site_allows() {
    let muster = Muster::start().await;
    let headings: Vec<_> = (0..101).map(|n| format!("cohort{n}")).collect();
    let id = muster
        .upload(
            "add-to-segments",
            format!("username,{}\nanna{}\n", headings.join(","), ",".repeat(101)),
        )
        .await;
    let import = muster.wait_for(&id, "rejected").await;
    assert_eq!(import["rejected"][0]["code"], "limit");
}

#[tokio::test]
async fn an_address_belongs_to_the_first_line_that_names_it() {
    let muster = Muster::start().await;
    muster
        .applied(
            "create-users",
            format!("{HEADER}anna,Anna,Ash,anna@example.com\n"),
        )
        .await;
    let file = format!(
        "{HEADER}bo,Bo,Birch,ANNA@example.com\ncy,Cy,Cedar,x@example.com\ncy,Cy,Cedar,y@example.com\ndi,Di,Dogwood,X@example.com\n"
    );
    let order = Order::new("create-or-update-users", file);
    let import = muster.ready_order(order).await;
    let expected = [
        "2 reject duplicate-email",
        "3 create",
        "4 update",
        "5 reject duplicate-email",
    ];
    assert_eq!(planned(&muster, &import).await, expected);
}
