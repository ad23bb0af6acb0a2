//! The programs that are tested: built by cargo as these tests were, once a process, so that they
//! are never stale.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The folder with `muster-api` and `muster-worker`.
///
/// `cargo test` builds no binaries of other crates, so they are built here. All binaries of the
/// workspace are, since then cargo takes the features of dependencies, and with them what it built
/// for the tests, as they are. `MUSTER_TEST_BINARIES` names a folder where somebody has put them
/// already.
pub(super) fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| match std::env::var_os("MUSTER_TEST_BINARIES") {
        Some(given) => PathBuf::from(given),
        None => build(),
    })
}

/// `target/debug`, of `target/debug/deps/e2e-…` or `target/debug/muster-local`.
fn build() -> PathBuf {
    let this = std::env::current_exe().expect("a program has a path");
    let is_profile = |folder: &&Path| !folder.ends_with("deps");
    let folder = this
        .ancestors()
        .skip(1)
        .find(is_profile)
        .expect("cargo puts tests into target/profile/deps")
        .to_owned();
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") => "dev",
        Some(name) => name,
        None => panic!("{} is no place for a test", this.display()),
    };
    let output = cargo()
        .args([
            "build",
            "--quiet",
            "--workspace",
            "--bins",
            "--profile",
            profile,
            "--target-dir",
        ])
        .arg(
            folder
                .parent()
                .expect("a profile's folder is in the target folder"),
        )
        .output()
        .expect("cargo started this test, so it is there");
    assert!(
        output.status.success(),
        "the binaries cannot be built\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    folder
}

/// Cargo, in the workspace, without the variables that it sets for a test: some build scripts would
/// run again because of them.
fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    for (name, _) in std::env::vars_os() {
        let set_by_cargo = name.to_str().is_some_and(|name| {
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
        });
        if set_by_cargo {
            command.env_remove(name);
        }
    }
    command
}
