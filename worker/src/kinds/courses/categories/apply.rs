//! What apply does about categories: makes those that are missing, looks whether the others are
//! still there, and takes away in an undo what the import made.

use crate::{
    error::StageError,
    kinds::{courses::CATEGORY_ID, turn::SubjectRange},
};
use muster_shared::{
    model::ids::{ImportNo, SiteId},
    plan::DonePlan,
};
use sqlx::PgConnection;
use std::collections::{BTreeSet, HashMap};

/// Makes the reserved categories, those nearer to the root first; how many. Where somebody else was
/// quicker theirs is taken. What belongs into a category that is gone is not made; the courses that
/// would go there are held.
pub(in crate::kinds::courses) async fn make(
    conn: &mut PgConnection,
    site: SiteId,
    import: ImportNo,
    source: ImportNo,
) -> Result<i64, StageError> {
    let depths = sqlx::query_scalar!(
        "SELECT DISTINCT depth FROM muster.import_makes WHERE import_no = $1 AND what = 'category' ORDER BY depth",
        import.0
    )
    .fetch_all(&mut *conn)
    .await?;
    sqlx::query!(
        "SELECT id FROM lms.categories
          WHERE site_id = $2 AND id IN (SELECT scope FROM muster.import_makes WHERE import_no = $1 AND what = 'category')
          ORDER BY id FOR KEY SHARE",
        import.0,
        site.0,
    )
    .fetch_all(&mut *conn)
    .await?;
    // Else each of them would be compared with all categories of the site.
    sqlx::query!("SET LOCAL enable_hashjoin = on")
        .execute(&mut *conn)
        .await?;
    let mut made = 0;
    for depth in depths {
        let inserted = sqlx::query!(
            "INSERT INTO lms.categories (id, site_id, parent_id, name, source)
             SELECT m.reserved_id, $2, nullif(coalesce(p.actual_id, m.scope), 0), m.key, $4
               FROM muster.import_makes m
               LEFT JOIN muster.import_makes p ON p.import_no = m.import_no AND p.what = m.what AND p.reserved_id = m.scope
              WHERE m.import_no = $1 AND m.what = 'category' AND m.depth = $3
                AND (m.scope = 0 OR EXISTS (SELECT FROM lms.categories c WHERE c.id = coalesce(p.actual_id, m.scope) AND c.site_id = $2))
              ORDER BY m.key
                 ON CONFLICT DO NOTHING",
            import.0,
            site.0,
            depth,
            source.0,
        )
        .execute(&mut *conn)
        .await?;
        made += inserted.rows_affected() as i64;
        sqlx::query!(
            "UPDATE muster.import_makes m SET actual_id = c.id, is_ours = c.id = m.reserved_id
               FROM lms.categories c
              WHERE m.import_no = $1 AND m.what = 'category' AND m.depth = $3 AND c.site_id = $2 AND c.name = m.key
                AND coalesce(c.parent_id, 0) = coalesce((SELECT p.actual_id FROM muster.import_makes p
                                                          WHERE p.import_no = $1 AND p.what = 'category' AND p.reserved_id = m.scope), m.scope)",
            import.0,
            site.0,
            depth,
        )
        .execute(&mut *conn)
        .await?;
    }
    Ok(made)
}

/// Courses whose plans put them into a category that is gone, or that could not be made. Those that
/// are there are locked against removal, in the order of their ids.
pub(in crate::kinds::courses) async fn of_what_is_gone(
    conn: &mut PgConnection,
    range: SubjectRange,
) -> Result<Vec<i64>, StageError> {
    let named = sqlx::query!(
        r#"SELECT p.subject AS "course!", coalesce(m.actual_id, p.after[5]::bigint) AS category
             FROM muster.plans_of($1, $2, $3) p
             LEFT JOIN muster.import_makes m ON m.import_no = p.import_no AND m.reserved_id = p.after[5]::bigint
            WHERE p.action::text IN ('c', 'u') AND p.mask & 16 <> 0"#,
        range.import_no.0,
        range.low,
        range.high,
    )
    .fetch_all(&mut *conn)
    .await?;
    let ids: BTreeSet<i64> = named.iter().filter_map(|plan| plan.category).collect();
    let there = sqlx::query_scalar!(
        "SELECT id FROM lms.categories WHERE id = ANY ($1) AND site_id = $2 ORDER BY id FOR KEY SHARE",
        &Vec::from_iter(ids),
        range.site.0,
    )
    .fetch_all(conn)
    .await?;
    let is_there =
        |category: Option<i64>| category.is_some_and(|id| there.binary_search(&id).is_ok());
    Ok(named
        .into_iter()
        .filter(|plan| !is_there(plan.category))
        .map(|plan| plan.course)
        .collect())
}

/// Plans that name the categories which an import made by their reserved ids, with those that they
/// really have.
pub(in crate::kinds::courses) async fn with_actual_ids(
    conn: &mut PgConnection,
    import: ImportNo,
    plans: &[DonePlan],
) -> Result<Vec<DonePlan>, StageError> {
    let others = sqlx::query!(
        r#"SELECT reserved_id, actual_id AS "actual_id!" FROM muster.import_makes
            WHERE import_no = $1 AND what = 'category' AND actual_id <> reserved_id"#,
        import.0,
    )
    .fetch_all(conn)
    .await?;
    let actual: HashMap<String, String> = others
        .into_iter()
        .map(|row| (row.reserved_id.to_string(), row.actual_id.to_string()))
        .collect();
    let mut plans = plans.to_vec();
    let changes = plans
        .iter_mut()
        .filter_map(|plan| plan.write.changes.of_mut(CATEGORY_ID));
    for id in changes
        .flat_map(|change| [&mut change.before, &mut change.after])
        .flatten()
    {
        if let Some(actual) = actual.get(id.as_str()) {
            id.clone_from(actual);
        }
    }
    Ok(plans)
}

/// Takes away the categories that the undone import made, the deepest first, but those that were
/// renamed or moved or on which something hangs; how many. They are locked against new courses and
/// categories before anybody looks.
pub(in crate::kinds::courses) async fn remove(
    conn: &mut PgConnection,
    site: SiteId,
    import: ImportNo,
) -> Result<i64, StageError> {
    sqlx::query!(
        "SELECT id FROM lms.categories
          WHERE site_id = $2 AND id IN (SELECT reserved_id FROM muster.import_makes WHERE import_no = $1 AND removes)
          ORDER BY id FOR UPDATE",
        import.0,
        site.0,
    )
    .fetch_all(&mut *conn)
    .await?;
    let depths = sqlx::query_scalar!(
        "SELECT DISTINCT depth FROM muster.import_makes WHERE import_no = $1 AND removes ORDER BY depth DESC",
        import.0
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut removed = 0;
    for depth in depths {
        let gone = sqlx::query!(
            "WITH gone AS (
                DELETE FROM lms.categories c
                 USING muster.import_makes m
                 WHERE m.import_no = $1 AND m.removes AND m.depth = $3 AND c.id = m.reserved_id AND c.site_id = $2 AND c.name = m.key
                   AND coalesce(c.parent_id, 0) = m.scope
                   AND NOT EXISTS (SELECT FROM lms.courses WHERE category_id = c.id)
                   AND NOT EXISTS (SELECT FROM lms.categories WHERE parent_id = c.id)
                RETURNING c.id)
             UPDATE muster.import_makes m SET actual_id = m.reserved_id, is_ours = true
               FROM gone WHERE m.import_no = $1 AND m.reserved_id = gone.id",
            import.0,
            site.0,
            depth,
        )
        .execute(&mut *conn)
        .await?;
        removed += gone.rows_affected() as i64;
    }
    Ok(removed)
}
