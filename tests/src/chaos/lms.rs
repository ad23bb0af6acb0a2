//! What a site really holds, and what is left lying about, read from the database itself.

use super::model::Rows;
use anyhow::Context;
use sqlx::{Connection, PgConnection, Row};
use std::{collections::HashMap, time::Duration};

/// Each gives what a row is about, what it says, and the number of the import that made it.
const QUERIES: &[&str] = &[
    "SELECT 'person ' || username || CASE WHEN deleted_at IS NULL THEN '' ELSE ' (deleted) ' || id END AS what,
            concat_ws(' | ', firstname, lastname, coalesce(email, ''), coalesce(idnumber, ''), institution, department, city, country)
              || CASE WHEN suspended OR auth <> 'manual' THEN ' suspended' ELSE '' END
              || CASE WHEN email_key IS DISTINCT FROM lower(email) OR email_share <> 0 THEN ' with another address ' || email_key ELSE '' END
              || ' v' || version AS row, source
       FROM lms.users WHERE site_id = $1",
    "SELECT 'segment ' || idnumber AS what, concat_ws(' | ', name, description, visible::text) || ' v' || version AS row, source
       FROM lms.segments WHERE site_id = $1",
    "WITH RECURSIVE tree AS (
        SELECT id, name AS path FROM lms.categories WHERE site_id = $1 AND parent_id IS NULL
         UNION ALL
        SELECT c.id, t.path || ' / ' || c.name FROM lms.categories c JOIN tree t ON t.id = c.parent_id)
     SELECT 'course ' || shortname AS what,
            concat_ws(' | ', fullname, idnumber, t.path, summary, visible::text, coalesce(startdate::text, ''), coalesce(enddate::text, ''))
              || ' v' || version AS row, source
       FROM lms.courses c LEFT JOIN tree t ON t.id = c.category_id WHERE site_id = $1",
    "WITH RECURSIVE tree AS (
        SELECT id, name AS path, source FROM lms.categories WHERE site_id = $1 AND parent_id IS NULL
         UNION ALL
        SELECT c.id, t.path || ' / ' || c.name, c.source FROM lms.categories c JOIN tree t ON t.id = c.parent_id)
     SELECT 'category ' || path AS what, '' AS row, source FROM tree",
    "SELECT 'member ' || u.username || ' of ' || s.idnumber AS what, '' AS row, m.source
       FROM lms.segment_members m JOIN lms.users u ON u.id = m.user_id JOIN lms.segments s ON s.id = m.segment_id
      WHERE u.site_id = $1 OR s.site_id = $1",
    "SELECT 'enrolment ' || u.username || ' in ' || c.shortname AS what,
            CASE e.status WHEN 0 THEN 'active' ELSE 'suspended' END || ' from '
              || CASE WHEN e.ends_at IS NULL AND e.starts_at > now() - interval '3 days' AND e.starts_at <= now()
                       AND date_trunc('day', e.starts_at AT TIME ZONE z.zone) = e.starts_at AT TIME ZONE z.zone
                      THEN 'midnight' ELSE e.starts_at || ' to ' || e.ends_at END AS row, e.source
       FROM lms.enrolments e JOIN lms.users u ON u.id = e.user_id JOIN lms.courses c ON c.id = e.course_id
      CROSS JOIN (SELECT coalesce(settings ->> 'time_zone', 'UTC') AS zone FROM muster.sites WHERE id = $1) z
      WHERE u.site_id = $1 OR c.site_id = $1",
    "SELECT 'role ' || u.username || ' in ' || coalesce(c.shortname, '(the site)') || ' as ' || r.shortname AS what, '' AS row, a.source
       FROM lms.role_assignments a JOIN lms.users u ON u.id = a.user_id JOIN lms.roles r ON r.id = a.role_id
       LEFT JOIN lms.courses c ON c.id = a.course_id WHERE u.site_id = $1 OR c.site_id = $1",
];

/// Every row of a site; `imports`: ids of its imports in the order of the model.
pub(super) async fn rows(
    conn: &mut PgConnection,
    site: &str,
    imports: &[String],
) -> anyhow::Result<Rows> {
    let site: i32 = sqlx::query_scalar("SELECT id FROM muster.sites WHERE slug = $1")
        .bind(site)
        .fetch_one(&mut *conn)
        .await?;
    let numbers: Vec<(i64, String)> =
        sqlx::query_as("SELECT no, id::text FROM muster.imports WHERE site_id = $1")
            .bind(site)
            .fetch_all(&mut *conn)
            .await?;
    let place = |id: &String| imports.iter().position(|known| known == id);
    let sources: HashMap<i64, String> = numbers
        .into_iter()
        .map(|(no, id)| {
            (
                no,
                place(&id).map_or_else(
                    || format!("the unknown import {id}"),
                    |place| place.to_string(),
                ),
            )
        })
        .collect();
    let mut rows = Rows::new();
    for query in QUERIES {
        for row in sqlx::query(*query).bind(site).fetch_all(&mut *conn).await? {
            let (what, text, source): (String, String, Option<i64>) =
                (row.get("what"), row.get("row"), row.get("source"));
            let source = source.map_or("hand".to_owned(), |no| {
                sources
                    .get(&no)
                    .cloned()
                    .unwrap_or_else(|| format!("number {no}"))
            });
            let text = format!("{text} by {source}").trim_start().to_owned();
            if let Some(other) = rows.insert(what.clone(), text) {
                rows.insert(format!("{what}, a second time"), other);
            }
        }
    }
    Ok(rows)
}

/// Imports by status, of all sites.
pub(super) async fn statuses(conn: &mut PgConnection) -> sqlx::Result<Vec<(String, i64)>> {
    sqlx::query_as("SELECT status, count(*) FROM muster.imports GROUP BY status ORDER BY status")
        .fetch_all(conn)
        .await
}

/// What contradicts itself, whatever the sites hold: one line for each.
pub(super) async fn contradictions(conn: &mut PgConnection) -> anyhow::Result<Vec<String>> {
    let queries = [
        "SELECT format('batch %s %s of import %s is claimed', stage, number, import_no) FROM muster.import_batches WHERE state = 'claimed'",
        "SELECT format('import %s is %s', no, status) FROM muster.imports
          WHERE status IN ('validating', 'previewing', 'applying', 'pausing', 'cancelling', 'failed')",
        "SELECT format('import %s is applied, and its batch %s of %s is %s', b.import_no, b.number, b.stage, b.state)
           FROM muster.import_batches b JOIN muster.imports i ON i.no = b.import_no WHERE i.status = 'applied' AND b.state <> 'done'",
        "SELECT format('the session %s has been in a transaction for %s', pid, now() - xact_start)
           FROM pg_stat_activity WHERE datname = current_database() AND now() - xact_start > interval '1 minute'",
    ];
    let mut found = Vec::new();
    for query in queries {
        let more: Vec<String> = sqlx::query_scalar(query)
            .fetch_all(&mut *conn)
            .await
            .context(query)?;
        found.extend(more);
    }
    Ok(found)
}

/// What is left to be done of an import, in words.
pub(super) async fn open_batches(database: &str, id: &str) -> String {
    let query = "SELECT coalesce(string_agg(format('batch %s of %s is %s, tried %s times and put off %s times, held for %s more', b.number, b.stage, b.state,
                                                    b.attempts, b.retries, b.expires_at - clock_timestamp()), '; '), 'and has no open batch')
                   FROM muster.import_batches b JOIN muster.imports i ON i.no = b.import_no WHERE i.id = $1::uuid AND b.state <> 'done'";
    let told = async {
        let mut conn = PgConnection::connect(database).await?;
        sqlx::query_scalar(query)
            .bind(id)
            .fetch_one(&mut conn)
            .await
    };
    told.await
        .unwrap_or_else(|error: sqlx::Error| format!("and nobody can look: {error}"))
}

/// Waits until a worker holds a batch, of apply or of any stage; not for long, since perhaps nobody
/// has anything to do.
pub(super) async fn until_at_work(database: &str, at_apply: bool) {
    let query = "SELECT EXISTS (SELECT FROM muster.import_batches WHERE state = 'claimed' AND (stage = 'apply' OR NOT $1))";
    let wait = async {
        let mut conn = PgConnection::connect(database).await?;
        while !sqlx::query_scalar(query)
            .bind(at_apply)
            .fetch_one(&mut conn)
            .await?
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok::<_, sqlx::Error>(())
    };
    // Whether it came to that or not: now is as good as any other moment.
    let _ = tokio::time::timeout(Duration::from_secs(3), wait).await;
}

/// The keys of all stored files.
pub(super) async fn files(conn: &mut PgConnection) -> sqlx::Result<Vec<String>> {
    sqlx::query_scalar("SELECT file_key FROM muster.imports WHERE file_key IS NOT NULL")
        .fetch_all(conn)
        .await
}
