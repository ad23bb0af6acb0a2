//! The site on which the files were tried, as far as they name it.

use muster_tests::harness::Muster;
use std::collections::BTreeMap;

/// Username → field → value; `segments` and `courses` (with roles) are lists.
pub(super) type People = BTreeMap<String, BTreeMap<String, String>>;

/// ID number, name, managed by a rule.
pub(super) const SEGMENTS: &[(&str, &str, bool)] = &[
    ("seg001", "Segment 001", false),
    ("seg002", "Segment 002", false),
    ("seg003", "Segment 003", false),
    ("extseg", "External segment", true),
    ("777", "Numeric idnumber segment", false),
    ("catseg", "Category segment", false),
];

/// Puts people, segments and courses into a site.
pub(super) async fn fill(muster: &Muster, slug: &str) {
    let people = "INSERT INTO lms.users (site_id, username, firstname, lastname, email, email_key, idnumber)
                  SELECT s.id, 'exist' || n, 'Ex' || n, 'Ist' || n, 'exist' || n || '@example.com', 'exist' || n || '@example.com', 'E' || n
                    FROM muster.sites s CROSS JOIN generate_series(1, 10) n WHERE s.slug = $1";
    let segments = "INSERT INTO lms.segments (site_id, idnumber, name, is_managed)
                    SELECT s.id, g.idnumber, g.name, g.managed
                      FROM muster.sites s CROSS JOIN unnest($2::text[], $3::text[], $4::boolean[]) g (idnumber, name, managed) WHERE s.slug = $1";
    let courses = "WITH c AS (INSERT INTO lms.categories (site_id, name) SELECT id, 'General' FROM muster.sites WHERE slug = $1 RETURNING id, site_id)
                   INSERT INTO lms.courses (site_id, shortname, fullname, category_id)
                   SELECT c.site_id, 'c00' || n, 'Course ' || n, c.id FROM c CROSS JOIN generate_series(1, 3) n";
    let column =
        |of: fn(&(&str, &str, bool)) -> String| SEGMENTS.iter().map(of).collect::<Vec<_>>();
    let managed: Vec<bool> = SEGMENTS.iter().map(|segment| segment.2).collect();
    for statement in [people, courses] {
        sqlx::query(statement)
            .bind(slug)
            .execute(muster.sql())
            .await
            .expect("a statement");
    }
    let segments = sqlx::query(segments)
        .bind(slug)
        .bind(column(|s| s.0.to_owned()))
        .bind(column(|s| s.1.to_owned()))
        .bind(managed);
    segments.execute(muster.sql()).await.expect("a statement");
}

/// The people of a site, with their segments and courses.
pub(super) async fn people(muster: &Muster, slug: &str) -> People {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT u.username, jsonb_build_object('firstname', firstname, 'lastname', lastname, 'email', email, 'idnumber', coalesce(idnumber, ''),
                  'institution', institution, 'department', department, 'city', city, 'country', country,
                  'segments', coalesce((SELECT string_agg(g.idnumber, ',' ORDER BY g.idnumber)
                                          FROM lms.segment_members m JOIN lms.segments g ON g.id = m.segment_id WHERE m.user_id = u.id), ''),
                  'courses', coalesce((SELECT string_agg(c.shortname || ':' || coalesce(r.shortname, 'no role'), ',' ORDER BY c.shortname, r.shortname)
                                         FROM lms.enrolments e JOIN lms.courses c ON c.id = e.course_id
                                         LEFT JOIN lms.role_assignments a ON a.user_id = e.user_id AND a.course_id = e.course_id
                                         LEFT JOIN lms.roles r ON r.id = a.role_id
                                        WHERE e.user_id = u.id AND e.status = 0), ''))::text
           FROM lms.users u JOIN muster.sites s ON s.id = u.site_id WHERE s.slug = $1 AND u.deleted_at IS NULL",
    )
    .bind(slug)
    .fetch_all(muster.sql())
    .await
    .expect("people");
    let fields = |json: String| serde_json::from_str(&json).expect("an object of texts");
    rows.into_iter()
        .map(|(username, json)| (username, fields(json)))
        .collect()
}

/// How many segments a site has.
pub(super) async fn segments(muster: &Muster, slug: &str) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM lms.segments WHERE site_id = (SELECT id FROM muster.sites WHERE slug = $1)")
        .bind(slug)
        .fetch_one(muster.sql())
        .await
        .expect("a count")
}
