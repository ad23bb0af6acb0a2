//! The site on which the benchmark works: people, segments, courses and who belongs where, made
//! once and copied for every run.

use super::{
    names::{COURSES, SCATTER_SQL, SEGMENTS},
    server::{Database, Server},
};
use crate::{
    harness,
    make::names::{FIRST, LAST, TOWNS, plain},
};
use sqlx::PgConnection;

/// The site's name in addresses. A second one works beside it.
pub(super) const SITE: &str = "bench";
pub(super) const OTHER_SITE: &str = "other";

/// Makes a database with a site of so many people, each in a segment and, as a student, in a
/// course.
pub(super) async fn make(server: &Server, users: u64) -> anyhow::Result<Database> {
    let database = server.make(&format!("site_{users}")).await?;
    harness::migrate(&database.url());
    let mut conn = database.connect().await?;
    sqlx::raw_sql(SCATTER_SQL).execute(&mut conn).await?;
    sites(&mut conn).await?;
    people(&mut conn, users as i64).await?;
    memberships(&mut conn).await?;
    sqlx::raw_sql("VACUUM (FREEZE, ANALYZE)")
        .execute(&mut conn)
        .await?;
    Ok(database)
}

async fn sites(conn: &mut PgConnection) -> anyhow::Result<()> {
    sqlx::query("INSERT INTO muster.sites (slug, name) VALUES ($1, $1), ($2, $2)")
        .bind(SITE)
        .bind(OTHER_SITE)
        .execute(&mut *conn)
        .await?;
    sqlx::query(
        "INSERT INTO lms.segments (site_id, idnumber, name)
         SELECT s.id, 'seg-' || lpad(n::text, 3, '0'), 'Segment ' || n FROM muster.sites s, generate_series(0, $1 - 1) n",
    )
    .bind(SEGMENTS as i64)
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "INSERT INTO lms.categories (site_id, name) SELECT id, 'General' FROM muster.sites",
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "INSERT INTO lms.courses (site_id, shortname, fullname, category_id)
         SELECT c.site_id, 'c-' || lpad(n::text, 4, '0'), 'Course ' || n, c.id FROM lms.categories c, generate_series(0, $1 - 1) n",
    )
    .bind(COURSES as i64)
    .execute(conn)
    .await?;
    Ok(())
}

/// The second site has 10 000 people, whatever the first one has.
async fn people(conn: &mut PgConnection, users: i64) -> anyhow::Result<()> {
    let plain_of = |names: &[&str]| names.iter().map(|name| plain(name)).collect::<Vec<_>>();
    let (towns, countries): (Vec<&str>, Vec<&str>) = TOWNS.iter().copied().unzip();
    for (site, count) in [(SITE, users), (OTHER_SITE, 10_000)] {
        sqlx::query(
            "INSERT INTO lms.users (site_id, username, firstname, lastname, email, email_key, city, country, idnumber)
             SELECT s.id, username, firsts[first], lasts[last], username || '@example.com', username || '@example.com',
                    ($6::text[])[town], ($7::text[])[town], lpad(n::text, 8, '0')
               FROM muster.sites s
              CROSS JOIN (SELECT $2::text[] AS firsts, $3::text[] AS plain_firsts, $4::text[] AS lasts, $5::text[] AS plain_lasts) names
              CROSS JOIN generate_series(1, $8::bigint) n
              CROSS JOIN LATERAL (
                    SELECT 1 + (pg_temp.scatter(n, 1) % cardinality(firsts))::integer AS first,
                           1 + (pg_temp.scatter(n, 2) % cardinality(lasts))::integer AS last,
                           1 + (pg_temp.scatter(n, 3) % cardinality($6::text[]))::integer AS town) chosen
              CROSS JOIN LATERAL (SELECT plain_firsts[first] || '.' || plain_lasts[last] || n AS username) named
              WHERE s.slug = $1
              ORDER BY n",
        )
        .bind(site)
        .bind(FIRST)
        .bind(plain_of(FIRST))
        .bind(LAST)
        .bind(plain_of(LAST))
        .bind(&towns)
        .bind(&countries)
        .bind(count)
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

async fn memberships(conn: &mut PgConnection) -> anyhow::Result<()> {
    let numbered = "SELECT u.id, u.site_id, row_number() OVER (PARTITION BY u.site_id ORDER BY u.id) AS n FROM lms.users u";
    let of = |what: &str, name: &str, key: &str| {
        format!("JOIN lms.{what} o ON o.site_id = u.site_id AND o.{name} = {key} ORDER BY u.id")
    };
    let segments = of(
        "segments",
        "idnumber",
        &format!("'seg-' || lpad((pg_temp.scatter(n, 4) % {SEGMENTS})::text, 3, '0')"),
    );
    let courses = of(
        "courses",
        "shortname",
        &format!("'c-' || lpad((pg_temp.scatter(n, 5) % {COURSES})::text, 4, '0')"),
    );
    for statement in [
        format!(
            "INSERT INTO lms.segment_members (site_id, user_id, segment_id) SELECT u.site_id, u.id, o.id FROM ({numbered}) u {segments}"
        ),
        format!(
            "INSERT INTO lms.enrolments (site_id, user_id, course_id, starts_at) SELECT u.site_id, u.id, o.id, now() FROM ({numbered}) u {courses}"
        ),
        "INSERT INTO lms.role_assignments (site_id, user_id, course_id, role_id) SELECT site_id, user_id, course_id, 1 FROM lms.enrolments"
            .to_owned(),
    ] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut *conn).await?;
    }
    Ok(())
}
