//! Lines that are all about few people, or all want the same: what one batch must read, hold and
//! do.

use super::{Ground, Hostile, lines, noise, people, segments};
use crate::journeys::id;
use muster_tests::{harness::Order, make::Chance};

const HEADER: &str = "username,firstname,lastname,email";

#[tokio::test]
async fn many_lines_of_few_people() {
    let mut ground = Ground::start().await;

    // Each line says something else of its person than the one before, as long as it may be and so
    // that nothing compresses it.
    let mut chance = Chance::new(1);
    let mut noise = |letters| noise(&mut chance, letters);
    let header = "username,firstname,lastname,institution,department,city";
    let mut file = format!("{header}\n");
    for number in 0..20_000 {
        let cells = [95, 95, 250, 250].map(&mut noise);
        file.extend([
            format!("u{},", number % 20),
            cells.join(","),
            format!(",City {number} {}\n", noise(95)),
        ]);
    }
    let hostile = Hostile::new(
        "20 people with 1 000 lines each",
        "create-or-update-users",
        file,
    )
    .after(&people(20));
    let (site, import) = ground.ready(hostile, "update 20000", "").await;
    site.apply(id(&import)).await;
    ground.serve_the_innocent().await;
    let import = site.wait_for(id(&import), "applied").await;
    ground.assert_never_put_off(&import).await;
    assert_eq!(import["outcomes"]["updated"], 20_000);
    let lms = site.lms().await;
    for number in 19_980..20_000 {
        assert!(
            lms.contains(&format!("| City {number} ")),
            "the last line is what stays: {lms}"
        );
    }

    let header = (0..100).fold("username".to_owned(), |text, number| {
        text + &format!(",cohort{number}")
    });
    let line = |number: usize| {
        (0..100).fold(format!("u{}", number % 300), |text, at| {
            text + &format!(",s{}", number / 300 % 5 * 100 + at)
        })
    };
    let file = lines(&header, 300 * 19, line);
    let hostile = Hostile::new(
        "300 people with 19 lines of 100 segments each",
        "add-to-segments",
        file,
    );
    let hostile = hostile
        .after(&people(300))
        .after(&segments(500, "'s' || n"));
    let ready = ground
        .ready(hostile, "unchanged 4200, update 1500", "")
        .await;
    ground
        .applied(
            ready,
            "unchanged 4200, updated 1500",
            "segments_joined 150000",
        )
        .await;

    ground.assert_small().await;
}

#[tokio::test]
async fn what_only_one_can_have() {
    let mut ground = Ground::start().await;

    let long = "x".repeat((1 << 20) - 100);
    let file = lines("username,institution", 300, |_| format!("u0,{long}"));
    let hostile = Hostile::new(
        "one person with 300 lines of 1 MiB",
        "create-or-update-users",
        file,
    )
    .after(&people(1));
    ground.ready(hostile, "reject 300", "too-long 300").await;

    let file = lines(HEADER, 20_000, |number| {
        format!("u{number},Ada,Ash,same@example.com")
    });
    let ready = ground
        .ready(
            Hostile::new("one address", "create-users", file),
            "create 1, reject 19999",
            "duplicate-email 19999",
        )
        .await;
    ground
        .applied(ready, "created 1, rejected 19999", "users_created 1")
        .await;

    let file = lines(HEADER, 20_000, |number| {
        format!("same,Ada,Ash,u{number}@example.com")
    });
    assert_eq!(
        ground
            .rejected(Hostile::of("one person", Order::new("create-users", file)))
            .await,
        ["limit"]
    );

    ground.assert_small().await;
}
