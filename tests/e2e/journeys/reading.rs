//! Files in other encodings, with other delimiters, compressed, or as part of a form.

use super::{id, summary, with_a_small_lms};
use flate2::{Compression, GzBuilder};
use muster_tests::harness::{Muster, Order, gzip, windows_1252};
use reqwest::{
    Method,
    multipart::{Form, Part},
};
use serde_json::{Value, json};

const PEOPLE: &str = "username;firstname;lastname;email;city\r\n\
                      zoe;Zoë;\"Müller; Meier\";zoe@example.com;Köln\r\n\
                      jose;José;Nuñez;jose@example.com;Málaga\r\n\
                      soren;Søren;Brøgger;soren@example.com;Århus\r\n";

const LMS: &str = "user jose: José | Nuñez | jose@example.com |  |  |  | Málaga |  v1 by import 1\n\
                   user soren: Søren | Brøgger | soren@example.com |  |  |  | Århus |  v1 by import 1\n\
                   user zoe: Zoë | Müller; Meier | zoe@example.com |  |  |  | Köln |  v1 by import 1\n";

fn utf16(text: &str) -> Vec<u8> {
    [0xFF, 0xFE]
        .into_iter()
        .chain(text.encode_utf16().flat_map(u16::to_le_bytes))
        .collect()
}

fn found(import: &Value) -> (&Value, &Value) {
    (
        &import["file"]["encoding"]["value"],
        &import["file"]["delimiter"]["value"],
    )
}

#[tokio::test]
async fn windows_1252_with_semicolons() {
    let muster = Muster::start().await;
    let import = muster.applied("create-users", windows_1252(PEOPLE)).await;
    assert_eq!(found(&import), (&json!("windows-1252"), &json!(";")));
    assert_eq!(import["file"]["encoding"]["given"], false);
    assert_eq!(muster.lms().await, LMS);
}

#[tokio::test]
async fn utf_16_with_tabs() {
    let muster = Muster::start().await;
    let tabs = PEOPLE
        .replace("; ", "\u{1}")
        .replace(';', "\t")
        .replace('\u{1}', "; ");
    let import = muster.applied("create-users", utf16(&tabs)).await;
    assert_eq!(found(&import), (&json!("UTF-16LE"), &json!("tab")));
    assert_eq!(muster.lms().await, LMS);
}

#[tokio::test]
async fn utf_8_with_a_mark_and_old_line_ends() {
    let muster = Muster::start().await;
    let old = format!("\u{feff}{}", PEOPLE.replace("\r\n", "\r"));
    muster.applied("create-users", old).await;
    assert_eq!(muster.lms().await, LMS);
}

#[tokio::test]
async fn gzip_of_windows_1252() {
    let muster = Muster::start().await;
    let bytes = gzip(&windows_1252(PEOPLE));
    let size = bytes.len();
    let import = muster
        .applied_order(Order::new("create-users", bytes).content_type("application/gzip"))
        .await;
    assert_eq!(
        (&import["file"]["compression"], &import["file"]["bytes"]),
        (&json!("gzip"), &json!(size))
    );
    assert_eq!(found(&import), (&json!("windows-1252"), &json!(";")));
    assert_eq!(muster.lms().await, LMS);
}

#[tokio::test]
async fn a_file_is_as_large_as_it_expands() {
    let muster = Muster::start().await;
    let file = (0..40_000).fold("idnumber,name\n".to_owned(), |text, n| {
        text + &format!("s{n:05},Segment number {n}\n")
    });
    let order =
        Order::new("create-segments", gzip(file.as_bytes())).content_type("application/gzip");
    let import = muster.applied_order(order).await;
    assert!(
        import["file"]["bytes"]
            .as_i64()
            .is_some_and(|bytes| bytes < 1_000_000),
        "{import}"
    );
    let is_small: bool = sqlx::query_scalar("SELECT is_small FROM muster.imports")
        .fetch_one(muster.sql())
        .await
        .expect("the import");
    assert!(!is_small, "it does not hold the lanes for small imports up");
}

#[tokio::test]
async fn a_file_is_as_large_as_it_came() {
    let muster = Muster::with().workers(0).start().await;
    let text = "idnumber,name\nx,X\n";
    // Comments that nobody reads, longer than all that is in it.
    let nothing = GzBuilder::new()
        .comment("x".repeat(60_000))
        .write(Vec::new(), Compression::default())
        .finish()
        .expect("memory");
    let large = [gzip(text.as_bytes()), nothing.repeat(20)].concat();
    for (file, expected) in [(gzip(text.as_bytes()), true), (large, false)] {
        let id = muster
            .order(Order::new("create-segments", file).content_type("application/gzip"))
            .await;
        let is_small =
            sqlx::query_scalar("SELECT is_small FROM muster.imports WHERE id = $1::uuid")
                .bind(&id)
                .fetch_one(muster.sql())
                .await;
        assert_eq!(is_small.ok(), Some(expected), "{id}");
    }
}

#[tokio::test]
async fn an_encoding_that_is_given_wins() {
    let muster = Muster::start().await;
    let order = Order::new("create-segments", b"idnumber,name\nx,\x80uro\n")
        .settings(&json!({"encoding": "latin1"}));
    let import = muster.applied_order(order).await;
    assert_eq!(
        import["file"]["encoding"],
        json!({"value": "windows-1252", "sureness": 1.0, "given": true})
    );
    assert_eq!(
        muster.lms().await,
        "segment x: €uro |  | t v1 by import 1\n"
    );
}

#[tokio::test]
async fn a_charset_of_the_content_type_is_believed() {
    let muster = Muster::start().await;
    let order = Order::new("create-segments", b"idnumber,name\nx,\xC4bc\n")
        .content_type("text/csv; charset=iso-8859-2");
    let import = muster.applied_order(order).await;
    assert_eq!(import["file"]["encoding"]["value"], "ISO-8859-2");
}

async fn send_form(muster: &Muster, form: Form) -> muster_tests::client::Answer {
    let request = muster
        .client()
        .request(Method::POST, &muster.path("/imports"))
        .multipart(form);
    muster.client().send(request).await.expect("the api is up")
}

#[tokio::test]
async fn as_part_of_a_form() {
    let muster = Muster::start().await;
    let file = || {
        Part::bytes(PEOPLE.as_bytes())
            .file_name("staff.csv")
            .mime_str("text/csv")
            .expect("a media type")
    };
    let form = Form::new()
        .text("recipe", "create-users")
        .text("settings", "{}")
        .part("file", file());
    let import = send_form(&muster, form).await.expect(202).json();
    assert_eq!(
        (&import["file"]["name"], &import["recipe"]),
        (&json!("staff.csv"), &json!("create-users"))
    );
    muster.wait_for(id(&import), "ready").await;
    muster.apply(id(&import)).await;
    let import = muster.wait_for(id(&import), "applied").await;
    assert_eq!(summary(&import), "create 3 | created 3 | users_created 3");
    assert_eq!(muster.lms().await, LMS);

    let late = Form::new()
        .text("recipe", "create-users")
        .part("file", file())
        .text("settings", "{}");
    let problem = send_form(&muster, late).await.expect(400).json();
    assert_eq!(
        problem["errors"][0]["parameter"], "settings",
        "what comes after the file is refused"
    );
    for form in [
        Form::new().part("file", file()),
        Form::new().text("recipe", "create-users"),
    ] {
        let _ = send_form(&muster, form).await.expect(400);
    }
    let typo = Form::new()
        .text("recepie", "create-users")
        .part("file", file());
    assert_eq!(
        send_form(&muster, typo).await.expect(400).json()["errors"][0]["suggestion"],
        "recipe"
    );
    assert_eq!(muster.list("/imports", "imports").await.len(), 1);
}

#[tokio::test]
async fn headings_are_mapped() {
    let muster = Muster::start().await;
    with_a_small_lms(&muster).await;
    let order = Order::new("add-to-segments", "Login,Department,Fax\nanna,sales,1\n").with(
        "mapping",
        r#"{"login":"username","department":"cohort1","Fax":"ignore"}"#,
    );
    let import = muster.applied_order(order).await;
    assert_eq!(summary(&import), "update 1 | updated 1 | segments_joined 1");
}
