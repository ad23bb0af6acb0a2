//! An import and its undo, step by step, on a site of their own; in one of the steps the worker may
//! be a doomed one.

use muster_tests::harness::{Muster, Order, Site};
use serde_json::json;
use std::os::unix::process::ExitStatusExt;

/// What is asked for; each sets the workers going until the import rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Upload,
    Apply,
    Undo,
    ApplyUndo,
}

const STEPS: [Step; 4] = [Step::Upload, Step::Apply, Step::Undo, Step::ApplyUndo];

/// Files of a kind with something for every statement.
#[derive(Debug, Clone, Copy)]
pub(super) enum File {
    People,
    Courses,
}

impl File {
    fn order(self) -> Order {
        let settings = json!({"mode": "create-and-update"});
        match self {
            Self::People => {
                let file = "username,firstname,lastname,email,city,cohort1,course1,role1\n\
                            anna,Anne,,,Oslo,sales,c1,\n\
                            dora,Dora,Dale,dora@example.com,,sales,c1,teacher\n\
                            nobody,,,,,,,\n\
                            dora,,,,Bergen,,,\n\
                            eve,Eve,Elm,eve@example.com,,,,\n";
                Order::new("create-or-update-users", file)
            }
            Self::Courses => {
                let file = "shortname,fullname,category_path\nc1,First,Science / Physics\nc9,Ninth,Science / Waves\n,None,\n";
                Order::new("custom", file)
                    .with("kind", "courses")
                    .settings(&settings)
            }
        }
    }
}

/// A Muster whose one worker is always the last that was started, and which gets over a lost one
/// soon.
pub(super) async fn muster() -> Muster {
    Muster::with()
        .setting("MUSTER_LEASE_SECONDS", "2")
        .setting("MUSTER_LANES", "1")
        .setting("MUSTER_EXPRESS_LANES", "1")
        .start()
        .await
}

/// The stories of an import and of its undo, the way there disturbed in one step or not.
pub(super) async fn story(
    muster: &Muster,
    nth: usize,
    file: File,
    disturbed: Option<(Step, &str)>,
) -> [String; 2] {
    let site = muster.site(&format!("site-{nth}")).await;
    site.applied("create-segments", "idnumber,name\nsales,Sales\n")
        .await;
    site.applied("create-courses", "shortname,fullname\nc1,Course 1\n")
        .await;
    site.applied(
        "create-users",
        "username,firstname,lastname,email\nanna,Anna,Ash,anna@example.com\n",
    )
    .await;
    let (mut import, mut undo) = (String::new(), String::new());
    for step in STEPS {
        let doomed = match disturbed {
            Some((at, point)) if at == step => {
                stop_worker(muster).await;
                Some(muster.start_doomed_worker(point))
            }
            _ => None,
        };
        match step {
            Step::Upload => import = site.order(file.order()).await,
            Step::Apply => site.apply(&import).await,
            Step::Undo => {
                let made = site
                    .post(&format!("/imports/{import}/undo"), None)
                    .await
                    .expect(202)
                    .json();
                made["id"].as_str().expect("an id").clone_into(&mut undo);
            }
            Step::ApplyUndo => site.apply(&undo).await,
        }
        if let Some(doomed) = doomed {
            assert_eq!(
                doomed.exit().await.signal(),
                Some(9),
                "it comes to {disturbed:?}"
            );
            muster.start_worker().await;
        }
        match step {
            Step::Upload => site.wait_for(&import, "ready").await,
            Step::Apply => site.wait_for(&import, "applied").await,
            Step::Undo => site.wait_for(&undo, "ready").await,
            Step::ApplyUndo => site.wait_for(&undo, "applied").await,
        };
    }
    [
        told(muster, &site, &import).await,
        told(muster, &site, &undo).await,
    ]
}

async fn stop_worker(muster: &Muster) {
    let last = muster.newest_worker();
    last.sigterm();
    last.exit().await;
}

/// Imports are numbered over all sites: here from the first of this one.
async fn told(muster: &Muster, site: &Site, import: &str) -> String {
    let before: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM muster.imports WHERE no < (SELECT min(no) FROM muster.imports i JOIN muster.sites s ON s.id = i.site_id WHERE s.slug = $1)",
    )
    .bind(site.slug())
    .fetch_one(muster.sql())
    .await
    .expect("a count");
    let story = site.story(import).await;
    let mut parts = story.split("by import ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |told, part| {
        let digits = part
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(part.len());
        let number: i64 = part[..digits].parse().expect("a number");
        format!("{told}by import {}{}", number - before, &part[digits..])
    })
}
