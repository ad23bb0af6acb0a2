//! Sites do not see each other, and roles allow what they say.

use crate::counts::{counts, lines};
use muster_shared::model::access::Role;
use muster_tests::{
    client::{Answer, Client},
    harness::{Muster, Order, Site},
};
use serde_json::{Value, json};

const PEOPLE: &str = "username,firstname,lastname,email\nanna,Anna,Ash,anna@example.com\n";

fn id(import: &Value) -> &str {
    import["id"].as_str().expect("an id")
}

#[tokio::test]
async fn a_file_of_one_site_never_touches_another() {
    let muster = Muster::start().await;
    let other = muster.site("other").await;
    for site in [&*muster, &other] {
        site.applied("create-segments", "idnumber,name\nsales,Sales\n")
            .await;
        site.applied("create-courses", "shortname,fullname\nc1,Course\n")
            .await;
    }
    other.applied("create-users", PEOPLE).await;
    other
        .applied("create-segments", "idnumber,name\nonly-other,Other\n")
        .await;
    let before = other.lms().await;

    let import = muster
        .ready("add-to-segments", "username,cohort1\nanna,sales\n")
        .await;
    let rows = muster.rows(id(&import), "").await;
    assert_eq!(
        lines(&rows, "action"),
        ["2 reject user-not-found"],
        "anna is somebody of the other site"
    );
    assert_eq!(
        rows[0]["issues"][0]["suggestion"],
        json!(null),
        "and is not even suggested"
    );

    let import = muster
        .applied(
            "create-users",
            PEOPLE
                .replace("email\n", "email,cohort1,course1\n")
                .replace(".com\n", ".com,sales,c1\n"),
        )
        .await;
    assert_eq!(
        counts(&import["outcomes"]),
        "created 1",
        "the same name and address are free here"
    );
    let import = muster
        .ready("add-to-segments", "username,cohort1\nanna,only-other\n")
        .await;
    assert_eq!(
        lines(&muster.rows(id(&import), "").await, "action"),
        ["2 reject segment-not-found"]
    );
    assert_eq!(other.lms().await, before);
    let lms = muster.lms().await;
    assert!(
        lms.contains("anna in segment sales by import 8\n") && !lms.contains("only-other"),
        "{lms}"
    );
}

#[tokio::test]
async fn no_membership_leads_from_one_site_to_another() {
    let muster = Muster::start().await;
    let other = muster.site("other").await;
    for site in [&*muster, &other] {
        site.applied("create-segments", "idnumber,name\nsales,Sales\n")
            .await;
        site.applied("create-courses", "shortname,fullname\nc1,Course\n")
            .await;
        site.applied("create-users", PEOPLE).await;
    }
    for (table, columns, objects) in [
        ("segment_members", "segment_id", "segments"),
        ("enrolments", "course_id", "courses"),
        ("role_assignments", "role_id, course_id", "courses"),
    ] {
        let object = if columns == "role_id, course_id" {
            "1, o.id"
        } else {
            "o.id"
        };
        for site in ["u.site_id", "o.site_id"] {
            let statement = format!(
                "INSERT INTO lms.{table} (site_id, user_id, {columns}) SELECT {site}, u.id, {object}
                   FROM lms.users u JOIN lms.{objects} o ON o.site_id <> u.site_id LIMIT 1"
            );
            let refused = sqlx::query(sqlx::AssertSqlSafe(statement))
                .execute(muster.sql())
                .await
                .expect_err("it is refused");
            let code = refused
                .as_database_error()
                .and_then(|error| error.code().map(std::borrow::Cow::into_owned));
            assert_eq!(
                code.as_deref(),
                Some("23503"),
                "{table} of {site}: {refused}"
            );
        }
    }
}

#[tokio::test]
async fn lists_show_ones_own_site_only() {
    let muster = Muster::start().await;
    let other = muster.site("other").await;
    other.applied("create-users", PEOPLE).await;
    other
        .applied("create-segments", "idnumber,name\nsales,Sales\n")
        .await;
    other
        .applied("create-courses", "shortname,fullname\nc1,Course\n")
        .await;
    for list in ["imports", "users", "segments", "courses"] {
        assert_eq!(
            muster.list(&format!("/{list}"), list).await.len(),
            0,
            "{list}"
        );
        assert!(
            !other.list(&format!("/{list}"), list).await.is_empty(),
            "{list}"
        );
    }
    let _ = muster.get("/users/anna").await.expect(404);
    assert_eq!(
        other.get("/users/anna").await.expect(200).json()["email"],
        "anna@example.com"
    );
    let intruder = muster.client();
    for rest in [
        "",
        "/imports",
        "/users",
        "/users/anna",
        "/segments",
        "/courses",
    ] {
        let answer = intruder
            .get(&format!("/api/v1/sites/other{rest}"))
            .await
            .expect("the api is up");
        assert_eq!(
            answer.status, 404,
            "for somebody without a role in it, the site does not exist: {rest}"
        );
    }
    let sites = intruder
        .get("/api/v1/sites")
        .await
        .expect("the api is up")
        .expect(200)
        .json();
    let slugs: Vec<_> = sites["sites"]
        .as_array()
        .expect("sites")
        .iter()
        .map(|site| site["slug"].clone())
        .collect();
    assert_eq!(slugs, [json!("acme")]);
}

#[tokio::test]
async fn each_role_may_do_what_it_says() {
    let muster = Muster::start().await;
    let (viewer, uploader) = (muster.seen_by(Role::Viewer), muster.seen_by(Role::Uploader));
    let import = uploader.ready("create-users", PEOPLE).await;
    let path = format!("/imports/{}", id(&import));
    for rest in [
        path.clone(),
        format!("{path}/rows"),
        format!("{path}/issues"),
        "/users".to_owned(),
        "/imports".to_owned(),
    ] {
        let _ = viewer.get(&rest).await.expect(200);
    }
    assert_eq!(
        viewer
            .send(Order::new("create-users", PEOPLE))
            .await
            .expect(403)
            .json()["code"],
        "forbidden"
    );
    for (site, rest, status) in [
        (&viewer, "preview", 403),
        (&viewer, "apply", 403),
        (&viewer, "cancel", 403),
        (&uploader, "apply", 403),
        (&uploader, "preview", 202),
    ] {
        let answer = site
            .post(
                &format!("{path}/{rest}"),
                Some(&json!({})).filter(|_| rest == "preview"),
            )
            .await;
        assert_eq!(answer.status, status, "{rest}: {}", answer.text());
    }
    uploader.wait_for(id(&import), "ready").await;
    muster.apply(id(&import)).await;
    muster.wait_for(id(&import), "applied").await;
    let second = uploader.ready("create-users", PEOPLE).await;
    uploader.cancel(id(&second)).await;
    uploader.wait_for(id(&second), "cancelled").await;
    let operator = muster.command(&[
        "create-token",
        "--account",
        "ops@example.com",
        "--system-admin",
    ]);
    assert_eq!(
        muster
            .with_token(Some(&operator))
            .get("/imports")
            .await
            .status,
        404,
        "managing sites is no role in one"
    );
    let made = muster
        .client()
        .post(
            "/api/v1/sites",
            Some(&json!({"slug": "mine", "name": "Mine"})),
        )
        .await
        .expect("the api is up");
    assert_eq!(made.status, 403, "a site's administrator makes no sites");
}

#[tokio::test]
async fn who_may_not_apply_may_not_stop_what_is_applied() {
    let muster = Muster::start().await;
    let uploader = muster.seen_by(Role::Uploader);
    let import = uploader.ready("create-users", PEOPLE).await;
    let ask = async |site: &Site, request: &str| {
        site.post(&format!("/imports/{}/{request}", id(&import)), None)
            .await
    };
    let assert_refused = async |request: &str, status: &str| {
        let problem = ask(&uploader, request).await.expect(403).json();
        assert_eq!(
            (&problem["code"], &problem["detail"]),
            (
                &json!("forbidden"),
                &json!("It takes the role `admin` in this site.")
            )
        );
        assert_eq!(
            muster.import(id(&import)).await["status"],
            status,
            "{request}"
        );
    };
    // Without a worker it stays where it is.
    muster.worker(0).kill9();
    assert_refused("pause", "ready").await;
    let _ = ask(&muster, "apply").await.expect(202);
    assert_refused("pause", "applying").await;
    assert_refused("cancel", "applying").await;
    let _ = ask(&muster, "pause").await.expect(202);
    assert_refused("cancel", "pausing").await;
    assert_refused("resume", "pausing").await;
    let _ = ask(&muster, "cancel").await.expect(202);
    assert_refused("cancel", "cancelling").await;
}

async fn change(who: &Client, change: &Value) -> Answer {
    who.send(
        who.request(reqwest::Method::PATCH, "/api/v1/sites/acme")
            .json(change),
    )
    .await
    .expect("the api is up")
}

#[tokio::test]
async fn the_limits_of_a_site_are_the_system_administrators() {
    let muster = Muster::with().workers(0).start().await;
    let shown = async || muster.get("").await.expect(200).json();
    let (admin, system_admin, before) = (muster.client(), muster.system_admin(), shown().await);
    assert_eq!(
        before["settings"]["limits"]["lines_of_one_subject"], 1_000,
        "a site's admin sees them"
    );
    for limits in [
        json!({"record_bytes": 16 << 20}),
        json!({"lines": 1}),
        json!({"lines_of_one_subject": 10_000, "columns": null}),
    ] {
        let problem = change(
            admin,
            &json!({"name": "Other", "settings": {"limits": limits}}),
        )
        .await
        .expect(403)
        .json();
        assert_eq!(
            (&problem["code"], &problem["detail"]),
            (
                &json!("forbidden"),
                &json!("It takes a system administrator.")
            ),
            "{limits}"
        );
    }
    assert_eq!(shown().await, before, "nothing of it was changed");

    let mut settings = before["settings"].clone();
    settings["keeping"]["undo_days"] = json!(7);
    let changed = change(admin, &json!({"name": "Other", "settings": settings}))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&changed["name"], &changed["settings"]),
        (&json!("Other"), &settings),
        "limits may be sent back as they are"
    );
    let _ = change(admin, &json!({"settings": {"limits": null}}))
        .await
        .expect(200);

    let stranger = muster.command(&[
        "create-token",
        "--account",
        "ops@example.com",
        "--system-admin",
    ]);
    let lines = json!({"settings": {"limits": {"lines": 5}}});
    assert_eq!(
        change(&admin.with_token(Some(&stranger)), &lines)
            .await
            .status,
        404,
        "managing sites is no role in one"
    );
    let changed = change(system_admin, &lines).await.expect(200).json();
    assert_eq!(changed["settings"]["limits"]["lines"], 5);
    assert_eq!(
        change(admin, &json!({"settings": {"limits": null}}))
            .await
            .status,
        403,
        "to take it back is a change too"
    );
    assert_eq!(shown().await["settings"]["limits"]["lines"], 5);
}

#[tokio::test]
async fn a_token_that_has_ended_is_none() {
    let muster = Muster::with().workers(0).start().await;
    let token = muster.token(Role::Admin);
    let _ = muster
        .with_token(Some(&token))
        .get("/imports")
        .await
        .expect(200);
    sqlx::query("UPDATE muster.tokens SET expires_at = now() - interval '1 second'")
        .execute(muster.sql())
        .await
        .expect("a statement");
    assert_eq!(
        muster.with_token(Some(&token)).get("/imports").await.status,
        401
    );
}

#[tokio::test]
async fn problems_are_problems_everywhere() {
    let muster = Muster::with().workers(0).start().await;
    let unknown = "00000000-0000-7000-8000-000000000000";
    for (path, status) in [
        ("/nowhere".to_owned(), 404),
        (muster.path("/nowhere"), 404),
        (muster.path(&format!("/imports/{unknown}")), 404),
        (muster.path("/imports/nonsense"), 404),
        (muster.path("/imports?stauts=ready"), 400),
        (muster.path("/users/nobody"), 404),
    ] {
        let answer = muster.client().get(&path).await.expect("the api is up");
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (status, Some("application/problem+json")),
            "{path}"
        );
        assert!(
            answer.json()["title"].is_string()
                && answer.json()["type"]
                    .as_str()
                    .is_some_and(|urn| urn.starts_with("urn:muster:problem:"))
        );
    }
    let request = muster
        .client()
        .request(reqwest::Method::DELETE, &muster.path("/imports"));
    let answer = muster
        .client()
        .send(request)
        .await
        .expect("the api is up")
        .expect(405);
    assert!(
        answer
            .header("allow")
            .is_some_and(|allow| allow.contains("GET") && allow.contains("POST"))
    );
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
    for probe in ["/livez", "/readyz"] {
        let _ = muster
            .client()
            .with_token(None)
            .get(probe)
            .await
            .expect("the api is up")
            .expect(200);
    }
}
