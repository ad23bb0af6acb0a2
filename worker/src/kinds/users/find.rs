//! What the site knows about the people of some rows: one query a table, whatever the number of
//! rows.
//!
//! Each asks with `= ANY`, never with a join: whatever the planner believes of a table that nobody
//! has analysed, it can at worst read it once, while a join of five thousand keys with the people
//! of a new site took four seconds a batch.

use super::{EMAIL_CLAIM, Rules, field, memberships, row::Row};
use crate::{error::StageError, kinds};
use muster_shared::{
    model::{
        ids::{ImportNo, SiteId},
        settings::{ExistingDetails, Mode},
        suggest::Lexicon,
    },
    plan::{MembershipKey, MembershipTerms},
};
use sqlx::PgConnection;
use std::collections::{BTreeMap, HashMap, HashSet};

/// So many unknown people of a batch are looked for under another spelling.
const MAX_SUGGESTIONS: usize = 100;

/// A person who exists.
#[derive(Clone)]
pub(super) struct Person {
    pub(super) id: i64,
    pub(super) version: i64,
    /// By position in a plan's fields; empty where no line can write details.
    pub(super) fields: Vec<Option<String>>,
}

/// What the site knows about the people of some rows.
#[derive(Default)]
pub(super) struct Snapshot {
    /// By username.
    pub(super) people: HashMap<String, Person>,
    /// Who has an address.
    pub(super) emails: HashMap<String, Vec<i64>>,
    /// What people belong to of what rows name.
    pub(super) memberships: HashMap<(i64, MembershipKey), MembershipTerms>,
    /// Ids for people who would be created.
    pub(super) ids: std::vec::IntoIter<i64>,
    /// Usernames like those that are unknown.
    pub(super) suggestions: HashMap<String, String>,
}

/// Looks all of it up. `repeated`: usernames that several rows have. `comparisons`: characters that
/// may still be compared.
pub(super) async fn find(
    conn: &mut PgConnection,
    site: SiteId,
    rules: Rules,
    rows: &[Row<'_>],
    repeated: &HashSet<String>,
    comparisons: &mut u64,
) -> Result<Snapshot, StageError> {
    let keys = distinct(rows.iter().filter_map(|row| row.key.clone()));
    let people = if rules.write_details() {
        people_whole(conn, site, &keys).await?
    } else {
        people_brief(conn, site, &keys).await?
    };
    let unknown: Vec<String> = keys
        .into_iter()
        .filter(|key| !people.contains_key(key))
        .collect();
    let mut found = Snapshot {
        people,
        ..Snapshot::default()
    };
    if rules.write_details() {
        let asked = rows
            .iter()
            .filter(|row| may_write_email(rules, row, &found.people, repeated));
        let emails = distinct(asked.filter_map(|row| row.details[field::EMAIL_KEY].clone()));
        found.emails = holders(conn, site, &emails).await?;
    }
    if rules.mode == Mode::UpdateOnly {
        found.suggestions = suggestions(
            conn,
            site,
            &unknown[..unknown.len().min(MAX_SUGGESTIONS)],
            comparisons,
        )
        .await?;
    } else {
        found.ids = kinds::reserve_ids(conn, "lms.users", unknown.len())
            .await?
            .into_iter();
    }
    found.memberships = named_memberships(conn, rows, &found.people).await?;
    Ok(found)
}

/// Who keeps an address that several people of a file have: the first line that names it and would
/// write it. By the first line that names it, whoever writes; remembered for the stage.
#[derive(Debug, Default)]
pub(super) struct Keepers(HashMap<i32, Option<Keeper>>);

/// A line, and whom it is about.
#[derive(Debug)]
struct Keeper {
    line: i32,
    key: Option<String>,
}

/// So many lines that name an address are asked whether they would write it. Past that whoever
/// takes it first has it.
const MAX_ASKED: i64 = 1_000;
/// So many are remembered.
const MAX_KEEPERS: usize = 100_000;

impl Keepers {
    /// Corrects the lines by which rows are told that their address is somebody else's.
    pub(super) async fn settle(
        &mut self,
        conn: &mut PgConnection,
        import: ImportNo,
        site: SiteId,
        rules: Rules,
        rows: &mut [Row<'_>],
    ) -> Result<(), StageError> {
        let Some(of_existing) = rules.write_details_of_existing() else {
            return Ok(());
        };
        let asked = distinct(
            rows.iter()
                .filter_map(|row| row.email_named_on)
                .filter(|line| !self.0.contains_key(line)),
        );
        if !asked.is_empty() {
            self.look_up(conn, import, site, of_existing, &asked)
                .await?;
        }
        for row in rows {
            let Some(first) = row.email_named_on else {
                continue;
            };
            let keeper = self
                .0
                .get(&first)
                .and_then(Option::as_ref)
                .filter(|keeper| keeper.key.is_none() || keeper.key != row.key);
            row.email_named_on = keeper
                .map(|keeper| keeper.line)
                .filter(|line| *line < row.line);
        }
        Ok(())
    }

    async fn look_up(
        &mut self,
        conn: &mut PgConnection,
        import: ImportNo,
        site: SiteId,
        of_existing: bool,
        first_lines: &[i32],
    ) -> Result<(), StageError> {
        let rows = sqlx::query!(
            r#"SELECT f.line AS "first_line!", k.line AS "line!", k.key
                 FROM unnest($3::integer[]) f (line)
                CROSS JOIN LATERAL (
                      SELECT r.line, r.key
                        FROM (SELECT f.line
                               UNION ALL
                             (SELECT c.line FROM muster.import_clashes c
                               WHERE c.import_no = $2 AND c.claim = $4 AND c.first_line = f.line
                               ORDER BY c.line LIMIT $6)) named (line)
                        JOIN muster.import_rows r ON r.import_no = $2 AND r.line = named.line
                       WHERE r.key IS NULL
                          OR $5 = EXISTS (SELECT FROM lms.users u WHERE u.site_id = $1 AND u.username = r.key AND u.deleted_at IS NULL)
                       ORDER BY r.line
                       LIMIT 1) k"#,
            site.0,
            import.0,
            first_lines,
            EMAIL_CLAIM,
            of_existing,
            MAX_ASKED,
        )
        .fetch_all(conn)
        .await?;
        if self.0.len() > MAX_KEEPERS {
            self.0.clear();
        }
        self.0.extend(first_lines.iter().map(|&line| (line, None)));
        self.0.extend(rows.into_iter().map(|row| {
            (
                row.first_line,
                Some(Keeper {
                    line: row.line,
                    key: row.key,
                }),
            )
        }));
        Ok(())
    }
}

/// Each once and in order, as the indexes have them.
pub(super) fn distinct<T: Ord>(values: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut values = Vec::from_iter(values);
    values.sort_unstable();
    values.dedup();
    values
}

/// Might the row give somebody an address that they do not have? Of several rows about one person
/// each sees what those before it would leave, so any may.
fn may_write_email(
    rules: Rules,
    row: &Row<'_>,
    people: &HashMap<String, Person>,
    repeated: &HashSet<String>,
) -> bool {
    let Some(key) = &row.key else { return false };
    let Some(person) = people.get(key) else {
        return true;
    };
    rules.details == ExistingDetails::Override
        && (repeated.contains(key)
            || person.fields[field::EMAIL_KEY] != row.details[field::EMAIL_KEY])
}

/// Only what memberships need.
async fn people_brief(
    conn: &mut PgConnection,
    site: SiteId,
    keys: &[String],
) -> Result<HashMap<String, Person>, StageError> {
    let rows = sqlx::query!(
        "SELECT id, version, username FROM lms.users WHERE site_id = $1 AND username = ANY ($2) AND deleted_at IS NULL",
        site.0,
        keys,
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| {
            (
                row.username,
                Person {
                    id: row.id,
                    version: row.version,
                    fields: Vec::new(),
                },
            )
        })
        .collect())
}

async fn people_whole(
    conn: &mut PgConnection,
    site: SiteId,
    keys: &[String],
) -> Result<HashMap<String, Person>, StageError> {
    let rows = sqlx::query!(
        "SELECT id, version, username, firstname, lastname, email, email_key, idnumber, institution, department, city, country
           FROM lms.users WHERE site_id = $1 AND username = ANY ($2) AND deleted_at IS NULL",
        site.0,
        keys,
    )
    .fetch_all(conn)
    .await?;
    let person = rows.into_iter().map(|row| {
        let mut fields = vec![None; field::COUNT];
        fields[field::USERNAME] = Some(row.username.clone());
        fields[field::FIRSTNAME] = Some(row.firstname);
        fields[field::LASTNAME] = Some(row.lastname);
        fields[field::EMAIL] = row.email;
        fields[field::EMAIL_KEY] = row.email_key;
        fields[field::IDNUMBER] = row.idnumber;
        fields[field::INSTITUTION] = Some(row.institution);
        fields[field::DEPARTMENT] = Some(row.department);
        fields[field::CITY] = Some(row.city);
        fields[field::COUNTRY] = Some(row.country);
        (
            row.username,
            Person {
                id: row.id,
                version: row.version,
                fields,
            },
        )
    });
    Ok(person.collect())
}

async fn holders(
    conn: &mut PgConnection,
    site: SiteId,
    emails: &[String],
) -> Result<HashMap<String, Vec<i64>>, StageError> {
    if emails.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = sqlx::query!(
        r#"SELECT email_key AS "email_key!", id FROM lms.users WHERE site_id = $1 AND email_key = ANY ($2) AND deleted_at IS NULL"#,
        site.0,
        emails,
    )
    .fetch_all(conn)
    .await?;
    let mut holders: HashMap<String, Vec<i64>> = HashMap::with_capacity(rows.len());
    for row in rows {
        holders.entry(row.email_key).or_default().push(row.id);
    }
    Ok(holders)
}

async fn named_memberships(
    conn: &mut PgConnection,
    rows: &[Row<'_>],
    people: &HashMap<String, Person>,
) -> Result<HashMap<(i64, MembershipKey), MembershipTerms>, StageError> {
    let who_are_there = rows
        .iter()
        .filter(|row| !row.memberships.is_empty())
        .filter_map(|row| Some((people.get(row.key.as_ref()?)?.id, row)));
    let (ids, named): (Vec<i64>, Vec<&[MembershipKey]>) = who_are_there
        .map(|(id, row)| (id, &row.memberships[..]))
        .unzip();
    memberships::held_of_these(conn, ids, named.into_iter().flatten()).await
}

/// Who was probably meant: somebody whose username begins alike and is near, or whose address it
/// is.
async fn suggestions(
    conn: &mut PgConnection,
    site: SiteId,
    unknown: &[String],
    comparisons: &mut u64,
) -> Result<HashMap<String, String>, StageError> {
    let rows = sqlx::query!(
        r#"SELECT k.key AS "key!", u.username AS "username!", u.email_key = k.key AS "is_address!"
             FROM unnest($2::text[]) k (key)
            CROSS JOIN LATERAL (
                  SELECT username, coalesce(email_key, '') AS email_key FROM lms.users
                   WHERE site_id = $1 AND deleted_at IS NULL AND email_key = k.key
                   UNION
                  (SELECT username, coalesce(email_key, '') FROM lms.users
                    WHERE site_id = $1 AND deleted_at IS NULL
                      AND username >= left(k.key, greatest(2, length(k.key) / 2))
                      AND username < left(k.key, greatest(2, length(k.key) / 2)) || U&'\FFFD'
                    ORDER BY username LIMIT 100)) u"#,
        site.0,
        unknown,
    )
    .fetch_all(conn)
    .await?;
    let mut candidates: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut suggestions = HashMap::new();
    for row in rows {
        if row.is_address {
            suggestions.insert(row.key, row.username);
        } else {
            candidates.entry(row.key).or_default().push(row.username);
        }
    }
    for (key, usernames) in candidates {
        if let Some(near) = Lexicon::of(usernames).nearest(&key, comparisons) {
            suggestions.entry(key).or_insert_with(|| near.to_owned());
        }
    }
    Ok(suggestions)
}
