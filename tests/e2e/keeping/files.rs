//! Files that belong to no import.

use super::{SEGMENTS, has_file, id, with_a_quick_pruner};
use muster_tests::harness::eventually;
use sqlx::PgPool;
use std::{
    fs::File,
    path::Path,
    time::{Duration, SystemTime},
};

pub(super) const OLD: Duration = Duration::from_hours(25);

/// Puts a file there, or what is half of one.
pub(super) fn put(file: &Path, age: Duration) {
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
    File::create(file).expect("a file");
    age_to(file, age);
}

/// It was last written so long ago.
pub(super) fn age_to(file: &Path, age: Duration) {
    let file = File::options().write(true).open(file).expect("a file");
    file.set_modified(SystemTime::now() - age).expect("a time");
}

/// Has the database know a file's key, whole or half, as of an upload that began so long ago.
pub(super) async fn know(sql: &PgPool, file: &Path, age: Duration) {
    let part = |path: &Path| {
        path.file_name()
            .expect("a name")
            .to_str()
            .expect("UTF-8")
            .to_owned()
    };
    let (site, name) = (part(file.parent().expect("a folder")), part(file));
    let import = name.trim_end_matches("#1");
    let statement = "INSERT INTO muster.uploads (key, site_id, import_id, begun_at)
                     VALUES ($1 || '/' || $2, $1::integer, $2::uuid, now() - make_interval(secs => $3))";
    sqlx::query(statement)
        .bind(&site)
        .bind(import)
        .bind(age.as_secs_f64())
        .execute(sql)
        .await
        .expect("a new key");
}

/// Is the key of the file known?
async fn is_known(sql: &PgPool, file: &Path) -> bool {
    let name = file
        .file_name()
        .expect("a name")
        .to_str()
        .expect("UTF-8")
        .trim_end_matches("#1")
        .to_owned();
    let statement = "SELECT EXISTS (SELECT FROM muster.uploads WHERE split_part(key, '/', 2) = $1)";
    sqlx::query_scalar(statement)
        .bind(name)
        .fetch_one(sql)
        .await
        .expect("the database is up")
}

#[tokio::test]
async fn those_of_no_import_go_when_they_are_old_and_known() {
    let muster = with_a_quick_pruner().start().await;
    let other = muster.site("other").await;
    let import = id(&muster.ready("create-segments", SEGMENTS).await);
    let _ = other.upload("create-segments", SEGMENTS).await;
    let folders: Vec<_> = std::fs::read_dir(muster.files())
        .expect("files")
        .map(|site| site.expect("a site").path())
        .collect();
    assert_eq!(folders.len(), 2);
    let name = || uuid::Uuid::now_v7().to_string();
    let (mut old, mut young, mut unknown, mut begun) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for folder in &folders {
        old.extend([folder.join(name()), folder.join(name() + "#1")]);
        young.extend([folder.join(name()), folder.join(name() + "#1")]);
        unknown.extend([
            folder.join(name()),
            folder.join(name() + "#1"),
            folder.join("somebody-else"),
        ]);
        // The file of one that began just now is never that old, but a clock may be wrong.
        begun.extend([folder.join(name()), folder.join(name() + "#1")]);
    }
    for (files, age) in [(&young, OLD.mul_f64(0.9)), (&unknown, OLD), (&begun, OLD)] {
        for file in files {
            put(file, age);
        }
    }
    let of_import = folders
        .iter()
        .map(|folder| folder.join(&import))
        .find(|file| file.exists())
        .expect("the import's file");
    age_to(&of_import, OLD);
    sqlx::query("UPDATE muster.uploads SET begun_at = now() - interval '25 hours'")
        .execute(muster.sql())
        .await
        .expect("two keys");
    for file in &old {
        put(file, OLD);
    }
    // What began and was killed before a byte came is a key, and nothing else.
    old.push(folders[0].join(name()));
    for (files, age) in [(&young, OLD), (&begun, OLD.mul_f64(0.9)), (&old, OLD)] {
        for file in files {
            know(muster.sql(), file, age).await;
        }
    }
    for file in &old {
        eventually("the old ones are gone", async || {
            (!file.exists() && !is_known(muster.sql(), file).await).then_some(())
        })
        .await;
    }
    let told = "old files that this database does not know are left alone files=4";
    eventually("what nobody knows is counted", async || {
        muster.worker(0).log().contains(told).then_some(())
    })
    .await;
    assert!(
        [&young, &unknown, &begun]
            .into_iter()
            .flatten()
            .all(|file| file.exists())
    );
    for file in young.iter().chain(&begun) {
        assert!(is_known(muster.sql(), file).await);
    }
    assert!(
        has_file(&muster, &import),
        "an import keeps its file, however old"
    );
    assert!(is_known(muster.sql(), &of_import).await);
}
