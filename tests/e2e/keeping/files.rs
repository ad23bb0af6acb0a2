//! Files that belong to no import.

use super::{SEGMENTS, has_file, id, with_a_quick_pruner};
use muster_tests::harness::eventually;
use std::{
    fs::File,
    path::Path,
    time::{Duration, SystemTime},
};

const OLD: Duration = Duration::from_hours(25);

fn put(file: &Path, age: Duration) {
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
    let file = File::create(file).expect("a file");
    file.set_modified(SystemTime::now() - age).expect("a time");
}

#[tokio::test]
async fn those_of_no_import_go_when_they_are_old() {
    let muster = with_a_quick_pruner().start().await;
    let other = muster.site("other").await;
    let import = id(&muster.ready("create-segments", SEGMENTS).await);
    let _ = other.upload("create-segments", SEGMENTS).await;
    let folders: Vec<_> = std::fs::read_dir(muster.files()).expect("files").map(|site| site.expect("a site").path()).collect();
    assert_eq!(folders.len(), 2);
    let name = || uuid::Uuid::now_v7().to_string();
    let (mut old, mut young) = (Vec::new(), Vec::new());
    for folder in &folders {
        old.extend([folder.join(name()), folder.join(name() + "#1")]);
        young.extend([folder.join(name()), folder.join(name() + "#1"), folder.join("somebody-else")]);
    }
    for file in &young {
        put(file, OLD.mul_f64(if file.ends_with("somebody-else") { 1.0 } else { 0.9 }));
    }
    let of_import = folders.iter().map(|folder| folder.join(&import)).find(|file| file.exists()).expect("the import's file");
    let written = File::options().write(true).open(&of_import).expect("the import's file");
    written.set_modified(SystemTime::now() - OLD).expect("a time");
    for file in &old {
        put(file, OLD);
    }
    eventually("the old ones are gone", async || old.iter().all(|file| !file.exists()).then_some(())).await;
    assert!(young.iter().all(|file| file.exists()));
    assert!(has_file(&muster, &import), "an import keeps its file, however old");
}
