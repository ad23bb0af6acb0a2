//! Whatever the LMS holds belongs to one site, and says so in a column of its own: so a record can
//! never be of two sites, and a site can be moved as a whole.

use crate::sources::{assert_none, with_ending};

/// Tables of `lms` without `site_id`, and why.
const OF_NO_SITE: &[(&str, &str)] = &[("roles", "constants, the same for all sites")];

/// A table of `lms`, after all migrations.
#[derive(Debug, PartialEq, Eq)]
struct Table {
    name: String,
    has_site: bool,
}

/// What the statements of the migrations, in their order, make of the tables of `lms`.
fn tables<'a>(migrations: impl IntoIterator<Item = &'a str>) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    for migration in migrations {
        for statement in without_comments(migration).split(';') {
            let words: Vec<_> = statement.split_whitespace().collect();
            let Some((what, name)) = about_a_table(&words) else {
                continue;
            };
            match what {
                "CREATE" => tables.push(Table {
                    name,
                    has_site: has_column(statement),
                }),
                "DROP" => tables.retain(|table| table.name != name),
                _ => {
                    let adds = statement.split("ADD COLUMN").skip(1).any(|added| {
                        is_site(added.trim_start().trim_start_matches("IF NOT EXISTS"))
                    });
                    tables
                        .iter_mut()
                        .filter(|table| table.name == name)
                        .for_each(|table| table.has_site |= adds);
                }
            }
        }
    }
    tables
}

/// Statements hold no semicolon of their own where a table is made or changed.
fn without_comments(sql: &str) -> String {
    sql.lines()
        .map(|line| line.split("--").next().unwrap_or_default())
        .flat_map(|line| [line, "\n"])
        .collect()
}

/// The first word of a statement about a table of `lms`, and the table's name.
fn about_a_table<'a>(words: &[&'a str]) -> Option<(&'a str, String)> {
    let at = words.iter().position(|&word| word == "TABLE")?;
    let first = *words
        .first()
        .filter(|first| at == 1 && matches!(**first, "CREATE" | "ALTER" | "DROP"))?;
    let name = words[2..]
        .iter()
        .find_map(|word| word.strip_prefix("lms."))?;
    let is_named_first = words[2..]
        .iter()
        .take_while(|word| !word.starts_with("lms."))
        .all(|word| ["IF", "NOT", "EXISTS", "ONLY"].contains(word));
    let name: String = name
        .chars()
        .take_while(|char| char.is_ascii_alphanumeric() || *char == '_')
        .collect();
    is_named_first.then_some((first, name))
}

/// Does it make a table with the column?
fn has_column(statement: &str) -> bool {
    statement
        .split_once('(')
        .is_some_and(|(_, columns)| columns.split([',', '\n']).any(is_site))
}

/// Is this about the column?
fn is_site(definition: &str) -> bool {
    definition
        .split_whitespace()
        .take(2)
        .eq(["site_id", "integer"])
}

#[test]
fn every_table_of_the_lms_has_a_site_or_a_reason() {
    let files = with_ending("migrations", "sql");
    let tables = tables(files.iter().map(|file| file.text.as_str()));
    assert!(tables.len() >= 9, "the tables were not found: {tables:?}");
    let is_listed = |table: &&Table| OF_NO_SITE.iter().any(|(name, _)| *name == table.name);
    let without: Vec<_> = tables
        .iter()
        .filter(|table| !table.has_site && !is_listed(table))
        .map(|table| table.name.clone())
        .collect();
    assert_none("these have no site_id", &without);
    let is_stale = |(name, reason): &&(&str, &str)| {
        reason.is_empty()
            || !tables
                .iter()
                .any(|table| table.name == *name && !table.has_site)
    };
    let stale: Vec<_> = OF_NO_SITE
        .iter()
        .filter(is_stale)
        .map(|(name, _)| (*name).to_owned())
        .collect();
    assert_none("these are listed and have one, or no reason", &stale);
}

#[test]
fn what_all_migrations_make_is_what_counts() {
    let first = "CREATE TABLE lms.a (\n  id bigint,\n  site_id integer NOT NULL -- of; whom\n);\nCREATE TABLE lms.b (id bigint, site_id_of bigint);
                 CREATE TABLE lms.c (user_id bigint REFERENCES lms.a);\nCREATE TABLE muster.d (site_id integer, a bigint REFERENCES lms.a);";
    let has = |site: &[(&str, bool)]| -> Vec<_> {
        site.iter()
            .map(|&(name, has_site)| Table {
                name: name.to_owned(),
                has_site,
            })
            .collect()
    };
    assert_eq!(
        tables([first]),
        has(&[("a", true), ("b", false), ("c", false)])
    );
    let second = "ALTER TABLE lms.b\n  ALTER COLUMN id SET NOT NULL,\n  ADD COLUMN site_id integer;\nALTER TABLE ONLY lms.c ADD COLUMN x text;";
    assert_eq!(
        tables([first, second]),
        has(&[("a", true), ("b", true), ("c", false)])
    );
    assert_eq!(
        tables([first, second, "DROP TABLE lms.c;"]),
        has(&[("a", true), ("b", true)])
    );
}
