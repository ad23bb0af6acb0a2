//! One mailbox is one address, however its domain is written; and it belongs to the first line that
//! would really write it.

use crate::{
    counts::{counts, lines},
    journeys::{custom, id},
};
use muster_tests::harness::Muster;
use serde_json::{Value, json};

const HEADER: &str = "username,firstname,lastname,email\n";

/// One address in several forms: upper case, punycode, decomposed, with a soft hyphen, with a space
/// of no width, in full width.
const FORMS: [&str; 8] = [
    "x@b\u{fc}cher.example",
    "x@B\u{dc}CHER.example",
    "x@xn--bcher-kva.example",
    "x@XN--BCHER-KVA.example",
    "x@bu\u{308}cher.example",
    "x@b\u{fc}\u{ad}cher.example",
    "x@b\u{fc}cher\u{200b}.example",
    "x@b\u{fc}cher.\u{ff45}\u{ff58}ample",
];

/// People, of whom each has one of these addresses.
fn people(addresses: &[&str]) -> String {
    addresses
        .iter()
        .enumerate()
        .fold(HEADER.to_owned(), |text, (number, email)| {
            text + &format!("u{number},Ada,Ash,{email}\n")
        })
}

/// What would happen to the lines of an import, with the codes of errors only.
async fn planned(muster: &Muster, import: &Value) -> Vec<String> {
    let mut rows = muster.rows(id(import), "").await;
    for row in &mut rows {
        row["issues"]
            .as_array_mut()
            .expect("issues")
            .retain(|issue| issue["severity"] == "error");
    }
    lines(&rows, "action")
}

#[tokio::test]
async fn the_first_line_keeps_it_in_whatever_form() {
    let muster = Muster::start().await;
    for first in 0..FORMS.len() {
        let mut forms = FORMS.to_vec();
        forms.rotate_left(first);
        let import = muster.ready("create-users", people(&forms)).await;
        let mut expected = vec!["2 create".to_owned()];
        expected.extend((3..2 + FORMS.len()).map(|line| format!("{line} reject duplicate-email")));
        assert_eq!(planned(&muster, &import).await, expected, "{}", forms[0]);
        muster.cancel(id(&import)).await;
    }
}

#[tokio::test]
async fn whoever_has_it_is_unchanged_by_another_form_and_nobody_else_gets_it() {
    let muster = Muster::start().await;
    muster
        .applied(
            "create-users",
            format!(
                "{HEADER}anna,Anna,Ash,{}\nbo,Bo,Birch,bo@example.com\n",
                FORMS[0]
            ),
        )
        .await;
    let before = muster.lms().await;
    for form in FORMS {
        let import = muster
            .applied(
                "create-or-update-users",
                format!("username,email\nanna,{form}\nbo,{form}\n"),
            )
            .await;
        assert_eq!(
            planned(&muster, &import).await,
            ["2 unchanged", "3 reject duplicate-email"],
            "{form}"
        );
    }
    assert_eq!(muster.lms().await, before);
}

#[tokio::test]
async fn what_is_no_mailbox_of_a_domain() {
    let muster = Muster::start().await;
    let bad = [
        "a@[1.2.3.4]",
        "a@xn--",
        "a@xn--.example",
        "a@-x.example",
        "a@x-.example",
        "a@x..example",
        "a@x.",
        "a@.example",
        "a@\u{ad}",
    ];
    let import = muster.ready("create-users", people(&bad)).await;
    let expected: Vec<_> = (2..2 + bad.len())
        .map(|line| format!("{line} reject bad-email"))
        .collect();
    assert_eq!(planned(&muster, &import).await, expected);
}

#[tokio::test]
async fn a_line_that_would_not_write_it_takes_it_from_nobody() {
    let muster = Muster::start().await;
    muster
        .applied(
            "create-users",
            format!("{HEADER}anna,Anna,Ash,anna@example.com\n"),
        )
        .await;
    let file = format!(
        "{HEADER}anna,Anna,Ash,new@example.com\nzoe,Zoe,Zinn,new@example.com\nyan,Yan,Yew,new@example.com\n"
    );
    for (mode, of_existing) in [
        ("create-only", "2 skip"),
        ("create-and-update", "2 unchanged"),
    ] {
        let import = muster
            .ready_order(custom(
                &file,
                &json!({"mode": mode, "existing_details": "keep"}),
            ))
            .await;
        assert_eq!(
            planned(&muster, &import).await,
            [of_existing, "3 create", "4 reject duplicate-email"],
            "{mode}"
        );
        let issue = &muster.rows(id(&import), "?action=reject").await[0]["issues"][0];
        assert!(
            issue["message"]
                .as_str()
                .is_some_and(|message| message.contains("ine 3 ")),
            "it names the line that keeps it: {issue}"
        );
        muster.cancel(id(&import)).await;
    }
    let settings = json!({"mode": "create-and-update", "existing_details": "override"});
    let import = muster.ready_order(custom(&file, &settings)).await;
    assert_eq!(
        planned(&muster, &import).await,
        [
            "2 update",
            "3 reject duplicate-email",
            "4 reject duplicate-email"
        ]
    );
}

#[tokio::test]
async fn a_line_that_does_not_write_it_may_come_later_and_often() {
    let muster = Muster::start().await;
    muster
        .applied(
            "create-users",
            format!("{HEADER}anna,Anna,Ash,anna@example.com\n"),
        )
        .await;
    let file = format!(
        "{HEADER}anna,Anna,Ash,new@example.com\nanna,Anna,Ash,new@example.com\nzoe,Zoe,Zinn,new@example.com\nanna,Anna,Ash,new@example.com\n"
    );
    let import = muster.applied("create-users", file).await;
    assert_eq!(
        planned(&muster, &import).await,
        ["2 skip", "3 skip", "4 create", "5 skip"]
    );
    assert_eq!(counts(&import["outcomes"]), "created 1, skipped 3");
}
