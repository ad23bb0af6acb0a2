//! By every name that somebody has or had.

use super::*;

#[tokio::test]
async fn a_name_that_somebody_had_leads_to_them() {
    let muster = Muster::start().await;
    muster.applied("create-users", ADA).await;
    by_hand(
        &muster,
        "UPDATE lms.users SET username = 'ada2' WHERE username = 'ada'",
    )
    .await;
    by_hand(
        &muster,
        "UPDATE lms.users SET username = 'ada3', city = 'Oslo' WHERE username = 'ada2'",
    )
    .await;
    by_hand(
        &muster,
        "UPDATE lms.users SET username = username, city = 'Bergen'",
    )
    .await;
    override_city(&muster, "ada3", "Moss").await;
    let expected = tale(&muster, "ada3").await;
    assert_eq!(expected.len(), 2);
    assert_eq!(expected[0], "2 updated city Bergen → Moss");
    assert_eq!(tale(&muster, "ada").await, expected);
    assert_eq!(tale(&muster, " ADA2").await, expected);
    let names = "SELECT count(*) FROM lms.former_usernames";
    assert_eq!(
        number(&muster, names).await,
        2,
        "a name that stays is no former one"
    );
    by_hand(&muster, "UPDATE lms.users SET username = 'ada'").await;
    by_hand(&muster, "UPDATE lms.users SET username = 'ada2'").await;
    assert_eq!(
        tale(&muster, "ada").await,
        expected,
        "however often they had it"
    );
    assert_eq!(number(&muster, names).await, 3);
}

#[tokio::test]
async fn people_who_are_deleted_are_found_by_the_names_that_they_had() {
    let muster = Muster::start().await;
    muster
        .applied(
            "create-users",
            "username,firstname,lastname,email\nada,A,A,a@x.example\nbert,B,B,b@x.example\n",
        )
        .await;
    by_hand(
        &muster,
        "UPDATE lms.users SET username = 'adele' WHERE username = 'ada'",
    )
    .await;
    let (ada, bert) = (tale(&muster, "ada").await, tale(&muster, "bert").await);
    by_hand(&muster, "UPDATE lms.users SET deleted_at = now()").await;
    assert_eq!(tale(&muster, "bert").await, bert, "deleted");
    assert_eq!(
        tale(&muster, "adele").await,
        ada,
        "deleted under a later name"
    );
    by_hand(&muster, "DELETE FROM lms.users").await;
    assert_eq!(tale(&muster, "bert").await, bert, "deleted for good");
    assert_eq!(
        tale(&muster, "ada").await,
        ada,
        "renamed, then deleted for good"
    );
    assert_eq!(tale(&muster, "adele").await, ada);
    let absent = muster.get("/users/nobody/history").await.expect(404).json();
    assert_eq!(absent["code"], "not-found");
}

#[tokio::test]
async fn two_people_who_had_one_name_in_pages() {
    let muster = Muster::start().await;
    muster
        .applied("create-segments", "idnumber,name\nsales,Sales\n")
        .await;
    muster.applied("create-users", ADA).await;
    muster
        .applied("add-to-segments", "username,cohort1\nada,sales\n")
        .await;
    by_hand(&muster, "UPDATE lms.users SET deleted_at = now()").await;
    by_hand(
        &muster,
        "INSERT INTO lms.users (site_id, username, firstname, lastname) SELECT id, 'ada', 'Ada', 'Oak' FROM muster.sites WHERE slug = 'acme'",
    )
    .await;
    muster
        .applied(
            "add-to-segments",
            "username,cohort1\nada,sales\nAda,sales\n",
        )
        .await;
    override_city(&muster, "ada", "Oslo").await;
    let all = history(&muster, "ada").await;
    let people: Vec<_> = all
        .iter()
        .map(|entry| entry["user_id"].as_i64().expect("an id"))
        .collect();
    let (first, second) = (people[4], people[0]);
    assert_ne!(first, second);
    assert_eq!(people, [second, second, second, first, first], "{all:#?}");
    assert_eq!(
        all.iter().map(told).collect::<Vec<_>>()[1..4],
        [
            "2 updated segment sales join",
            "by hand created",
            "2 updated segment sales join"
        ]
    );
    for limit in 1..=5 {
        assert_eq!(
            muster
                .list(&format!("/users/ada/history?limit={limit}"), "history")
                .await,
            all,
            "in pages of {limit}"
        );
    }
    assert_eq!(
        muster
            .get("/users/ada/history?limit=5")
            .await
            .expect(200)
            .json()["next"],
        Value::Null
    );
    let _ = muster.get("/users/ada/history?limt=5").await.expect(400);
}
