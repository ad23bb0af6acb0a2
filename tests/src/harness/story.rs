//! The story of an import as text: its statuses, batches and plans, and what the LMS holds. Ids and
//! times that differ from run to run are left out, so that two stories can be compared.

use sqlx::{PgPool, Row, postgres::PgRow};
use std::collections::HashMap;

/// The most plans and issues that are told.
const LINES: i64 = 60;

/// Imports by number, in the order in which they were made.
const BY: &str = "CASE WHEN x.source IS NULL THEN ' by hand' ELSE (SELECT ' by import ' || count(*) FROM muster.imports o WHERE o.no <= x.source) END";

/// All that happened to an import, and what its site's LMS holds now.
pub async fn story(pool: &PgPool, id: &str) -> String {
    let import = sqlx::query(
        "SELECT i.no, i.recipe, i.kind, i.fields, s.slug, i.failure::text, i.rejected::text
           FROM muster.imports i JOIN muster.sites s ON s.id = i.site_id WHERE i.id = $1::uuid",
    )
    .bind(id)
    .fetch_optional(pool)
    .await
    .expect("the database is up");
    let Some(import) = import else {
        return format!("there is no import {id}");
    };
    let (no, slug): (i64, String) = (import.get("no"), import.get("slug"));
    let mut story = format!(
        "{} of {}: {}\n",
        text(&import, "recipe"),
        text(&import, "kind"),
        statuses(pool, no).await
    );
    for column in ["rejected", "failure"] {
        if let Some(reason) = import.get::<Option<String>, _>(column) {
            story.push_str([column, ": ", &reason, "\n"].concat().as_str());
        }
    }
    for part in [
        batches(pool, no).await,
        plans(pool, no, &import.get::<Vec<String>, _>("fields")).await,
        issues(pool, no).await,
    ] {
        story.push_str(&part);
    }
    story + &outcomes(pool, no).await + &lms(pool, &slug).await
}

/// What the LMS of a site holds, one line for each thing, in the order of their names.
pub async fn lms(pool: &PgPool, site: &str) -> String {
    let mut all = String::new();
    for statement in [users(), segments(), members(), courses(), enrolments()] {
        all.push_str(&lines(pool, &statement, site).await);
    }
    all
}

fn users() -> String {
    format!(
        "SELECT format('user %s%s: %s | %s | %s | %s | %s | %s | %s | %s%s%s%s', x.username, CASE WHEN x.deleted_at IS NOT NULL THEN ' (deleted)' END,
                       x.firstname, x.lastname, x.email, x.idnumber, x.institution, x.department, x.city, x.country,
                       CASE WHEN x.email_share <> 0 THEN ' (shares the address)' END, ' v' || x.version, {BY})
           FROM lms.users x WHERE x.site_id = (SELECT id FROM muster.sites WHERE slug = $1) ORDER BY x.username, x.id"
    )
}

fn segments() -> String {
    format!(
        "SELECT format('segment %s: %s | %s | %s v%s%s', x.idnumber, x.name, x.description, x.visible, x.version, {BY})
           FROM lms.segments x WHERE x.site_id = (SELECT id FROM muster.sites WHERE slug = $1) ORDER BY x.idnumber"
    )
}

fn members() -> String {
    format!(
        "SELECT format('%s in segment %s%s', u.username, s.idnumber, {BY})
           FROM lms.segment_members x JOIN lms.users u ON u.id = x.user_id JOIN lms.segments s ON s.id = x.segment_id
          WHERE s.site_id = (SELECT id FROM muster.sites WHERE slug = $1) OR u.site_id = (SELECT id FROM muster.sites WHERE slug = $1)
          ORDER BY u.username, s.idnumber"
    )
}

fn courses() -> String {
    format!(
        "WITH RECURSIVE tree AS (
           SELECT id, name AS path FROM lms.categories WHERE parent_id IS NULL
            UNION ALL
           SELECT c.id, t.path || ' / ' || c.name FROM lms.categories c JOIN tree t ON t.id = c.parent_id)
         SELECT format('course %s: %s | %s | %s | %s | %s | %s | %s v%s%s', x.shortname, x.fullname, x.idnumber, t.path, x.summary, x.visible,
                       x.startdate, x.enddate, x.version, {BY})
           FROM lms.courses x JOIN tree t ON t.id = x.category_id
          WHERE x.site_id = (SELECT id FROM muster.sites WHERE slug = $1) ORDER BY x.shortname"
    )
}

/// An enrolment starts on the day of its preview, which apply may follow after midnight.
fn enrolments() -> String {
    format!(
        "SELECT format('%s in course %s: %s, %s%s%s%s', u.username, c.shortname, CASE x.status WHEN 0 THEN 'active' ELSE 'suspended' END,
                       CASE WHEN x.starts_at IS NULL THEN 'no start'
                            WHEN x.starts_at = date_trunc('day', x.starts_at) AND x.created_at - x.starts_at < '2 days' THEN 'from that day'
                            ELSE 'from ' || x.starts_at END,
                       ' to ' || x.ends_at, {BY},
                       (SELECT string_agg(', ' || r.shortname || {BY_ROLE}, '' ORDER BY r.id)
                          FROM lms.role_assignments a JOIN lms.roles r ON r.id = a.role_id
                         WHERE a.user_id = x.user_id AND a.course_id = x.course_id))
           FROM lms.enrolments x JOIN lms.users u ON u.id = x.user_id JOIN lms.courses c ON c.id = x.course_id
          WHERE c.site_id = (SELECT id FROM muster.sites WHERE slug = $1) OR u.site_id = (SELECT id FROM muster.sites WHERE slug = $1)
          ORDER BY u.username, c.shortname"
    )
}

const BY_ROLE: &str = "CASE WHEN a.source IS NULL THEN ' by hand' ELSE (SELECT ' by import ' || count(*) FROM muster.imports o WHERE o.no <= a.source) END";

async fn lines(pool: &PgPool, statement: &str, site: &str) -> String {
    let rows: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(statement.to_owned()))
        .bind(site)
        .fetch_all(pool)
        .await
        .unwrap_or_else(|error| panic!("{error}: {statement}"));
    rows.into_iter().map(|row| row + "\n").collect()
}

async fn statuses(pool: &PgPool, no: i64) -> String {
    let statuses: Vec<String> = sqlx::query_scalar(
        "SELECT status FROM muster.import_history WHERE import_no = $1 ORDER BY version",
    )
    .bind(no)
    .fetch_all(pool)
    .await
    .expect("history");
    statuses.join(" → ")
}

async fn batches(pool: &PgPool, no: i64) -> String {
    let rows: Vec<String> = sqlx::query_scalar(
        "SELECT format('batch %s %s: %s, %s lines, %s %s', stage, number, state, lines,
                       (SELECT string_agg(g.key || ' ' || c.key || ' ' || c.value, ', ' ORDER BY g.key, c.key)
                          FROM jsonb_each(tally) g CROSS JOIN LATERAL jsonb_each_text(CASE jsonb_typeof(g.value) WHEN 'object' THEN g.value ELSE '{}' END) c
                         WHERE c.value <> '0'),
                       (SELECT string_agg(key || ' ' || value, ', ' ORDER BY key) FROM jsonb_each_text(effects) WHERE value <> '0'))
           FROM muster.import_batches WHERE import_no = $1 ORDER BY array_position('{validate,preview,apply}', stage), number",
    )
    .bind(no)
    .fetch_all(pool)
    .await
    .expect("batches");
    rows.into_iter()
        .map(|row| row.trim_end().to_owned() + "\n")
        .collect()
}

async fn plans(pool: &PgPool, no: i64, fields: &[String]) -> String {
    let names = names(pool).await;
    let plans = sqlx::query(
        "SELECT p.line, p.action::text AS action, p.seq, p.mask, p.before, p.after, p.membership_what, p.membership_does, p.membership_id, p.membership_role, r.key
           FROM muster.import_plans p JOIN muster.imports i ON i.no = p.import_no
           LEFT JOIN muster.import_rows r ON r.import_no = coalesce(i.lines_of, i.no) AND r.line = p.line WHERE p.import_no = $1 ORDER BY p.line LIMIT $2",
    )
    .bind(no)
    .bind(LINES)
    .fetch_all(pool)
    .await
    .expect("plans");
    plans
        .iter()
        .map(|plan| plan_line(plan, fields, &names))
        .collect()
}

fn plan_line(plan: &PgRow, fields: &[String], names: &Names) -> String {
    let (line, turn, mask): (i32, i16, i64) = (plan.get("line"), plan.get("seq"), plan.get("mask"));
    let (before, after): (Cells, Cells) = (plan.get("before"), plan.get("after"));
    let mut parts = vec![format!(
        "plan of line {line} {}: {}, turn {turn}",
        text(plan, "key"),
        action(&text(plan, "action"))
    )];
    // Ids are another matter in each run; what they stand for is told by the field beside.
    for (at, field) in fields
        .iter()
        .enumerate()
        .filter(|(at, field)| mask & (1 << at) != 0 && !field.ends_with("_id"))
    {
        let cell = |cells: &Cells| {
            cells
                .as_ref()
                .and_then(|cells| cells.get(at).cloned().flatten())
        };
        parts.push(format!(
            "{field} {:?} → {:?}",
            cell(&before).unwrap_or_default(),
            cell(&after).unwrap_or_default()
        ));
    }
    parts.extend(memberships(plan, names));
    parts.join("; ") + "\n"
}

/// What becomes of memberships; of a course in one with its first role.
fn memberships(plan: &PgRow, names: &Names) -> Vec<String> {
    let letters = |column: &str| plan.get::<Option<String>, _>(column).unwrap_or_default();
    let (what, does) = (letters("membership_what"), letters("membership_does"));
    let ids: Vec<i64> = plan
        .get::<Option<_>, _>("membership_id")
        .unwrap_or_default();
    let roles: Vec<Option<i32>> = plan
        .get::<Option<_>, _>("membership_role")
        .unwrap_or_default();
    let mut enrolments: HashMap<i64, char> = HashMap::new();
    let mut parts = Vec::new();
    for (at, ((what, does), id)) in what.chars().zip(does.chars()).zip(ids).enumerate() {
        let role = || {
            roles
                .get(at)
                .copied()
                .flatten()
                .map_or_else(String::new, |role| {
                    name(&names.roles, i64::from(role)).to_owned()
                })
        };
        let told = match (what, does) {
            ('s', 's') => continue,
            ('s', does) => format!(
                "{} {}",
                if does == 'j' { "joins" } else { "leaves" },
                name(&names.segments, id)
            ),
            ('e', does) => {
                enrolments.insert(id, does);
                continue;
            }
            (_, does) => {
                let what = match (enrolments.remove(&id).unwrap_or('s'), does) {
                    ('s', 's') => "is",
                    ('j', 's') => "enrols as",
                    ('s', 'j') => "adds",
                    ('j', 'j') => "enrols and adds",
                    ('l', 's') => "is no longer enrolled as",
                    ('s', 'l') => "loses",
                    ('l', 'l') => "is no longer enrolled and loses",
                    _ => "does something unknown as",
                };
                format!("{what} {} in {}", role(), name(&names.courses, id))
            }
        };
        parts.push(told);
    }
    let without_role = enrolments.into_iter().filter(|(_, does)| *does != 's');
    let mut without_role: Vec<_> = without_role
        .map(|(course, does)| format!("enrolment in {}: {does}", name(&names.courses, course)))
        .collect();
    without_role.sort();
    parts.extend(without_role);
    parts
}

/// Values of fields, in their positions.
type Cells = Option<Vec<Option<String>>>;

struct Names {
    segments: HashMap<i64, String>,
    courses: HashMap<i64, String>,
    roles: HashMap<i64, String>,
}

async fn names(pool: &PgPool) -> Names {
    let load = async |statement: &'static str| -> HashMap<i64, String> {
        let rows: Vec<(i64, String)> = sqlx::query_as(statement)
            .fetch_all(pool)
            .await
            .expect("names");
        rows.into_iter().collect()
    };
    Names {
        segments: load("SELECT id, idnumber FROM lms.segments").await,
        courses: load("SELECT id, shortname FROM lms.courses").await,
        roles: load("SELECT id::bigint, shortname FROM lms.roles").await,
    }
}

fn name(names: &HashMap<i64, String>, id: i64) -> &str {
    names
        .get(&id)
        .map_or("something that is gone", String::as_str)
}

fn action(letter: &str) -> &str {
    match letter {
        "c" => "create",
        "u" => "update",
        "n" => "unchanged",
        "s" => "skip",
        "d" => "delete",
        "r" => "reject",
        other => other,
    }
}

async fn issues(pool: &PgPool, no: i64) -> String {
    let rows: Vec<String> = sqlx::query_scalar(
        "SELECT format('issue of line %s: %s %s %s %s', line, code, severity, column_name, value)
           FROM muster.import_issues WHERE import_no = $1 ORDER BY line, nth LIMIT $2",
    )
    .bind(no)
    .bind(LINES)
    .fetch_all(pool)
    .await
    .expect("issues");
    rows.into_iter()
        .map(|row| row.trim_end().to_owned() + "\n")
        .collect()
}

async fn outcomes(pool: &PgPool, no: i64) -> String {
    let rows: Vec<String> = sqlx::query_scalar(
        "SELECT format('line %s came out as %s: %s', line, outcome, code) FROM muster.import_outcomes WHERE import_no = $1 ORDER BY line LIMIT $2",
    )
    .bind(no)
    .bind(LINES)
    .fetch_all(pool)
    .await
    .expect("outcomes");
    rows.into_iter().map(|row| row + "\n").collect()
}

fn text(row: &PgRow, column: &str) -> String {
    row.get::<Option<String>, _>(column).unwrap_or_default()
}
