//! What the preview of an undo says of categories: how many its apply would make and take away, by
//! the rules of [`super::apply`].

use crate::error::StageError;
use muster_shared::model::ids::{ImportNo, SiteId};
use sqlx::PgConnection;

/// Categories that would be made: those whose parent is there, or would be, and that are not there
/// themselves.
pub(in crate::kinds::courses) async fn count_to_make(
    conn: &mut PgConnection,
    site: SiteId,
    import: ImportNo,
) -> Result<i64, StageError> {
    Ok(sqlx::query_scalar!(
        r#"WITH RECURSIVE named AS (
            SELECT reserved_id, scope, key FROM muster.import_makes WHERE import_no = $1 AND what = 'category' AND NOT removes),
         grounded AS (
            SELECT n.reserved_id, c.id AS found
              FROM named n
              LEFT JOIN lms.categories c ON c.site_id = $2 AND c.parent_id IS NOT DISTINCT FROM nullif(n.scope, 0) AND c.name = n.key
             WHERE n.scope = 0 OR EXISTS (SELECT FROM lms.categories p WHERE p.site_id = $2 AND p.id = n.scope)
             UNION
            SELECT n.reserved_id, c.id
              FROM grounded parent
              JOIN named n ON n.scope = parent.reserved_id
              LEFT JOIN lms.categories c ON c.site_id = $2 AND c.parent_id = parent.found AND c.name = n.key)
         SELECT count(*) AS "count!" FROM grounded g
          WHERE found IS NULL AND NOT EXISTS (SELECT FROM lms.categories c WHERE c.id = g.reserved_id)"#,
        import.0,
        site.0,
    )
    .fetch_one(conn)
    .await?)
}

/// Categories that would be taken away: those that are as the undone import made them, and on which
/// nothing hangs but what goes too.
pub(in crate::kinds::courses) async fn count_to_remove(
    conn: &mut PgConnection,
    site: SiteId,
    import: ImportNo,
) -> Result<i64, StageError> {
    Ok(sqlx::query_scalar!(
        r#"WITH RECURSIVE made AS (
            SELECT c.id, c.parent_id, c.name = m.key AND coalesce(c.parent_id, 0) = m.scope AS is_as_made
              FROM muster.import_makes m
              JOIN lms.categories c ON c.site_id = $2 AND c.id = m.reserved_id
             WHERE m.import_no = $1 AND m.what = 'category' AND m.removes),
         used AS (
            SELECT c.category_id AS id
              FROM lms.courses c JOIN made m ON m.id = c.category_id
             WHERE c.site_id = $2 AND NOT EXISTS (
                   SELECT FROM muster.plans_of($1, 0, 9223372036854775807) p
                    WHERE p.subject = c.id AND (p.action::text = 'd' OR p.action::text = 'u' AND p.mask & 16 <> 0))
             UNION
            SELECT c.parent_id
              FROM lms.categories c JOIN made m ON m.id = c.parent_id
             WHERE NOT EXISTS (SELECT FROM made child WHERE child.id = c.id)),
         kept AS (
            SELECT m.id, m.parent_id FROM made m WHERE NOT m.is_as_made OR EXISTS (SELECT FROM used u WHERE u.id = m.id)
             UNION
            SELECT m.id, m.parent_id FROM kept k JOIN made m ON m.id = k.parent_id)
         SELECT count(*) AS "count!" FROM made m WHERE NOT EXISTS (SELECT FROM kept k WHERE k.id = m.id)"#,
        import.0,
        site.0,
    )
    .fetch_one(conn)
    .await?)
}
