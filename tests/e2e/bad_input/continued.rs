//! Requests to go on with what an import left that cannot be answered.

use muster_shared::model::access::Role;
use muster_tests::harness::{Muster, Order};
use serde_json::json;

const FILE: &str = "username,cohort1\nanna,sales\n";

#[tokio::test]
async fn at_the_wrong_time() {
    let muster = Muster::with().workers(0).start().await;
    let id = muster.upload("add-to-segments", FILE).await;
    let path = format!("/imports/{id}/continue");
    let become_ = async |status: &str, is_applied: bool| {
        let statement = "UPDATE muster.imports
                            SET status = $1, stage_failed = CASE WHEN $1 = 'failed' THEN 'apply' END, rejected = '[]',
                                applied_at = CASE WHEN $2 THEN now() END";
        sqlx::query(statement)
            .bind(status)
            .bind(is_applied)
            .execute(muster.sql())
            .await
            .expect("a statement");
    };
    let left = [
        "validating",
        "rejected",
        "previewing",
        "ready",
        "applying",
        "pausing",
        "paused",
        "cancelling",
        "failed",
    ];
    for (status, is_applied) in left
        .map(|status| (status, true))
        .into_iter()
        .chain([("cancelled", false)])
    {
        become_(status, is_applied).await;
        let as_they_are = muster.post(&path, Some(&json!({}))).await;
        for answer in [
            as_they_are,
            muster.send_corrected(&id, Order::corrected(FILE)).await,
        ] {
            let problem = answer.expect(409).json();
            assert_eq!(
                (&problem["code"], &problem["import_status"]),
                (&json!("wrong-status"), &json!(status))
            );
            assert!(
                problem["can"]
                    .as_array()
                    .is_some_and(|can| !can.contains(&json!("continue"))),
                "{problem}"
            );
        }
    }
    for status in ["applied", "cancelled"] {
        become_(status, true).await;
        assert_eq!(
            muster
                .post(&path, Some(&json!({})))
                .await
                .expect(409)
                .json()["code"],
            "nothing-to-continue"
        );
    }
    sqlx::query("UPDATE muster.imports SET pruned_at = now()")
        .execute(muster.sql())
        .await
        .expect("a statement");
    for answer in [
        muster.post(&path, None).await,
        muster.send_corrected(&id, Order::corrected(FILE)).await,
    ] {
        assert!(
            answer.status == 409 || answer.status == 410,
            "{}",
            answer.text()
        );
    }
    assert_eq!(muster.list("/imports", "imports").await.len(), 1);
}

#[tokio::test]
async fn in_words_that_are_not_understood() {
    let muster = Muster::start().await;
    let id = muster.applied("add-to-segments", FILE).await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let path = format!("/imports/{id}/continue");
    for (body, pointer, code, suggestion) in [
        (
            json!({"outcomes": ["held", "rejectet"]}),
            "/outcomes/1",
            "unknown-value",
            json!("rejected"),
        ),
        (
            json!({"outcomes": ["updated"]}),
            "/outcomes/0",
            "unknown-value",
            json!(null),
        ),
        (
            json!({"outcomes": []}),
            "/outcomes",
            "invalid-value",
            json!(null),
        ),
        (
            json!({"outcome": ["held"]}),
            "/outcome",
            "unknown-member",
            json!("outcomes"),
        ),
    ] {
        let fault = muster.post(&path, Some(&body)).await.expect(400).json()["errors"][0].clone();
        assert_eq!(
            (&fault["pointer"], &fault["code"], &fault["suggestion"]),
            (&json!(pointer), &json!(code), &suggestion),
            "{body}"
        );
    }
    let _ = muster
        .post(&format!("{path}?outcomes=held"), Some(&json!({})))
        .await
        .expect(400);
    for (parameter, value, code, suggestion) in [
        (
            "recipe",
            "create-users",
            "fixed-value",
            json!("add-to-segments"),
        ),
        (
            "recipe",
            "ad-to-segments",
            "unknown-value",
            json!("add-to-segments"),
        ),
        ("kind", "courses", "fixed-value", json!("users")),
        (
            "settings",
            r#"{"mode":"create-only"}"#,
            "fixed-setting",
            json!(null),
        ),
        (
            "mapping",
            r#"{"x":"chort1"}"#,
            "unknown-column",
            json!("cohort"),
        ),
    ] {
        let order = Order::corrected(FILE).with(parameter, value);
        let fault = muster.send_corrected(&id, order).await.expect(400).json()["errors"][0].clone();
        assert_eq!(
            (&fault["parameter"], &fault["code"], &fault["suggestion"]),
            (&json!(parameter), &json!(code), &suggestion),
            "{value}"
        );
    }
    let form = Order::corrected(FILE).content_type("application/x-www-form-urlencoded");
    let problem = muster.send_corrected(&id, form).await.expect(415).json();
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("--data-binary")),
        "{problem}"
    );
    assert_eq!(muster.import(&id).await["children"], json!([]));
}

#[tokio::test]
async fn by_others_and_of_others() {
    let muster = Muster::start().await;
    let other = muster.site("other").await;
    let of_other = other.applied("add-to-segments", FILE).await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let of_ours = muster.applied("add-to-segments", FILE).await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let outcomes = json!({"outcomes": ["rejected"]});
    for (site, id, status) in [
        (muster.seen_by(Role::Viewer), &of_ours, 403),
        (muster.with_token(None), &of_ours, 401),
        (muster.seen_by(Role::Admin), &of_other, 404),
        (other.clone(), &of_ours, 404),
    ] {
        let path = format!("/imports/{id}/continue");
        assert_eq!(site.post(&path, Some(&outcomes)).await.status, status);
        assert_eq!(
            site.send_corrected(id, Order::corrected(FILE)).await.status,
            status
        );
    }
    let foreign = muster.with_token(Some(&muster.token(Role::Admin)));
    let path = format!("/api/v1/sites/other/imports/{of_other}/continue");
    assert_eq!(
        foreign
            .client()
            .post(&path, Some(&outcomes))
            .await
            .expect("the api is up")
            .status,
        404,
        "the site does not exist for them"
    );
    for site in [&*muster, &other] {
        assert_eq!(site.list("/imports", "imports").await.len(), 1);
    }
    let child = muster
        .seen_by(Role::Uploader)
        .carry_on(&of_ours, &["rejected"])
        .await;
    assert_eq!(muster.wait_for(&child, "ready").await["file"]["rows"], 1);
    assert_eq!(other.rows(&of_other, "").await[0]["continued"], json!(null));
}

#[tokio::test]
async fn lines_of_another_site_are_not_carried_even_if_somebody_points_there() {
    let muster = Muster::start().await;
    let other = muster.site("other").await;
    let of_other = other.applied("add-to-segments", FILE).await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let of_ours = muster.applied("add-to-segments", FILE).await["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    muster.worker(0).sigterm();
    muster.worker(0).exit().await;
    let child = muster.carry_on(&of_ours, &["rejected"]).await;
    let statement = "UPDATE muster.imports SET parent_id = $2::uuid WHERE id = $1::uuid";
    sqlx::query(statement)
        .bind(&child)
        .bind(&of_other)
        .execute(muster.sql())
        .await
        .expect("a statement");
    muster.start_worker().await;
    assert_eq!(
        muster.wait_for(&child, "failed").await["failed"]["stage"],
        "validate"
    );
    assert_eq!(muster.rows(&child, "").await.len(), 0);
    assert_eq!(other.rows(&of_other, "").await[0]["continued"], json!(null));
}

#[tokio::test]
async fn headings_that_the_report_guards_are_understood_when_it_comes_back() {
    let muster = Muster::start().await;
    muster
        .applied("create-segments", "idnumber,name\nsales,Sales\n")
        .await;
    let mapping = json!({"=x": "firstname", "-username": "username", "+email": "email", "'a": "lastname", "@b": "cohort1"});
    let file = "-username,=x,'a,+email,@b\nanna,Anna,Ash,anna@example.com,nowhere\nbo,=Bo,'Birch,bo@example.com,sales\n";
    let parent = muster
        .applied_order(Order::new("create-users", file).with("mapping", &mapping.to_string()))
        .await;
    assert_eq!(
        (
            &parent["outcomes"]["created"],
            &parent["outcomes"]["rejected"]
        ),
        (&json!(1), &json!(1))
    );
    let parent = parent["id"].as_str().expect("an id");
    let report = muster
        .get(&format!("/imports/{parent}/report.csv?outcome=rejected"))
        .await
        .expect(200)
        .text();
    assert!(
        report.starts_with("\u{feff}'-username,'=x,''a,'+email,'@b,_line,"),
        "no spreadsheet runs them: {report}"
    );

    let corrected = report.replace("nowhere", "sales");
    let child = muster
        .send_corrected(parent, Order::corrected(corrected.clone()))
        .await
        .expect(202)
        .json();
    let child = muster
        .wait_for(child["id"].as_str().expect("an id"), "ready")
        .await;
    assert_eq!(
        (&child["mapping"], &child["actions"]["create"]),
        (&mapping, &json!(1))
    );
    // Said again, it is the same.
    let order = Order::corrected(corrected).with("mapping", &mapping.to_string());
    let again = muster
        .send_corrected(parent, order)
        .await
        .expect(202)
        .json();
    let again = again["id"].as_str().expect("an id");
    muster.wait_for(again, "ready").await;
    let second = muster
        .get(&format!("/imports/{again}/report.csv"))
        .await
        .expect(200)
        .text();
    assert!(
        second.starts_with("\u{feff}'-username,'=x,''a,'+email,'@b,_line,"),
        "nothing is guarded twice: {second}"
    );
    muster.apply(again).await;
    muster.wait_for(again, "applied").await;
    let lms = muster.lms().await;
    assert!(
        lms.contains("user anna: Anna | Ash | anna@example.com |")
            && lms.contains("user bo: =Bo | 'Birch |"),
        "{lms}"
    );
    assert!(lms.contains("anna in segment sales"), "{lms}");
}
