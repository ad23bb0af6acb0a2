//! The sources of the workspace, as text.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// A source file.
pub(crate) struct Source {
    /// From the root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    /// What is not a comment. Tests count.
    pub(crate) fn code(&self) -> String {
        let is_code = |line: &&str| !line.trim_start().starts_with("//");
        self.text
            .lines()
            .filter(is_code)
            .map(|line| format!("{line}\n"))
            .collect::<Vec<_>>()
            .concat()
    }

    /// The room of its crate that it is in: the folder or file below `src`.
    pub(crate) fn room(&self) -> &str {
        let below = self.path.split("/src/").nth(1).unwrap_or_default();
        below.split(['/', '.']).next().unwrap_or_default()
    }

    /// The rooms of its crate that it names.
    pub(crate) fn rooms_used(&self) -> BTreeSet<String> {
        let code = self.code();
        code.split("crate::")
            .skip(1)
            .flat_map(|rest| match rest.strip_prefix('{') {
                Some(group) => first_names(group),
                None => vec![first_name(rest)],
            })
            .collect()
    }
}

/// The identifier with which a path begins.
fn first_name(path: &str) -> String {
    path.trim_start()
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect()
}

/// The identifiers with which the paths of a group begin, up to its closing brace.
fn first_names(group: &str) -> Vec<String> {
    let (mut depth, mut begins, mut names) = (0, true, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            c if begins && !c.is_whitespace() => {
                names.push(first_name(&group[at..]));
                begins = false;
            }
            _ => {}
        }
    }
    names
}

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate is in the workspace")
        .to_owned()
}

/// The text of a file.
pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every Rust file of the four crates.
pub(crate) fn rust() -> Vec<Source> {
    let all: Vec<_> = ["api", "worker", "shared", "tests"]
        .into_iter()
        .flat_map(|folder| with_ending(folder, "rs"))
        .collect();
    assert!(all.len() > 100, "the sources were not found");
    all
}

/// Every file below `folder` whose name ends so, in the order of their paths.
pub(crate) fn with_ending(folder: &str, ending: &str) -> Vec<Source> {
    let mut folders = vec![root().join(folder)];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == ending)
            {
                found.push(source(&path));
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn source(path: &Path) -> Source {
    let short = path
        .strip_prefix(root())
        .expect("it is below the root")
        .to_string_lossy()
        .replace('\\', "/");
    Source {
        text: read(&short),
        path: short,
    }
}

/// Fails with the list, if there is one.
#[track_caller]
pub(crate) fn assert_none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}
