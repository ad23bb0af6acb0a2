//! Categories: paths such as `Science / Physics`. Those that are missing get reserved ids at preview and are made by apply's
//! batch 0, unless somebody else was quicker.

use super::{CATEGORY_ID, CATEGORY_PATH, FIELDS};
use crate::{
    error::StageError,
    kinds::{
        cells::Cell,
        importer::{Piece, Plan},
    },
};
use muster_shared::model::{
    ids::{ImportNo, SiteId},
    issue::{Code, Issue},
};
use sqlx::{PgConnection, PgPool};
use std::collections::{BTreeSet, HashMap};

/// Between the names of a path.
const SEPARATOR: &str = " / ";
/// The most characters of one name.
const MAX_NAME: usize = 255;

/// A path with its names trimmed; an issue if one of them is empty or too long.
pub(super) fn standard_path(cell: &Cell<'_>) -> Result<String, Issue> {
    let names: Vec<&str> = cell.text.split(SEPARATOR).map(str::trim).collect();
    if names.iter().any(|name| name.is_empty() || name.chars().count() > MAX_NAME) {
        let message = format!("`{}` is a path such as Science / Physics, of names with at most {MAX_NAME} characters.", cell.heading);
        return Err(cell.issue(Issue::error(Code::BadValue, message)));
    }
    Ok(names.join(SEPARATOR))
}

/// The categories of a site, with those that this import makes.
pub(super) struct Categories {
    import_no: ImportNo,
    /// By parent (0: none) and name.
    ids: HashMap<(i64, String), i64>,
    /// By id: parent, name.
    names: HashMap<i64, (i64, String)>,
}

impl Categories {
    /// Loads them. What this import makes goes by its reserved id, made already or not, as in the plans.
    pub(super) async fn load(conn: &mut PgConnection, site: SiteId, import_no: ImportNo) -> Result<Self, StageError> {
        let rows = sqlx::query!(
            r#"SELECT id AS "id!", coalesce(parent_id, 0) AS "parent!", name AS "name!" FROM lms.categories WHERE site_id = $1"#,
            site.0
        )
        .fetch_all(&mut *conn)
        .await?;
        let mut categories = Self { import_no, ids: HashMap::new(), names: HashMap::new() };
        for row in rows {
            categories.put(row.id, row.parent, row.name);
        }
        let makes =
            sqlx::query!("SELECT scope, key, reserved_id FROM muster.import_makes WHERE import_no = $1 AND what = 'category'", import_no.0)
                .fetch_all(conn)
                .await?;
        for make in makes {
            categories.put(make.reserved_id, make.scope, make.key);
        }
        Ok(categories)
    }

    fn put(&mut self, id: i64, parent: i64, name: String) {
        self.names.insert(id, (parent, name.clone()));
        self.ids.insert((parent, name), id);
    }

    /// The path of a category.
    pub(super) fn path(&self, id: i64) -> String {
        let mut names = Vec::new();
        let mut next = id;
        while let Some((parent, name)) = self.names.get(&next) {
            names.push(name.as_str());
            next = *parent;
        }
        names.reverse();
        names.join(SEPARATOR)
    }

    /// The plans, if the categories into which courses would go back are there.
    pub(super) fn check(&self, plans: Vec<Plan>) -> Result<Vec<Plan>, Issue> {
        let gone = |id: &&String| id.parse().is_ok_and(|id: i64| !self.names.contains_key(&id));
        let written = plans.iter().filter(|plan| plan.changes.mask & (1 << CATEGORY_ID) != 0);
        match written.filter_map(|plan| plan.changes.after[CATEGORY_ID].as_ref()).find(gone) {
            Some(_) => Err(Issue::warning(Code::TargetChanged, "The category that it was in is gone.")),
            None => Ok(plans),
        }
    }

    fn find(&self, path: &str) -> Option<i64> {
        path.split(SEPARATOR).try_fold(0, |parent, name| self.ids.get(&(parent, name.to_owned())).copied())
    }

    /// Puts the ids of the categories into the plans that write a path, reserving those that are missing.
    ///
    /// Reserving goes over `control`, a statement for each level: inside the long transaction of a batch two lanes that reserve
    /// the same names in another order would wait for each other.
    pub(super) async fn put_ids(&mut self, control: &PgPool, plans: &mut [Plan]) -> Result<(), StageError> {
        let writes = |plan: &&mut Plan| plan.changes.mask & (1 << CATEGORY_PATH) != 0;
        let paths: BTreeSet<&str> = plans
            .iter()
            .filter(|plan| plan.changes.mask & (1 << CATEGORY_PATH) != 0)
            .filter_map(|plan| plan.changes.after[CATEGORY_PATH].as_deref())
            .collect();
        let paths: Vec<Vec<String>> = paths.into_iter().map(|path| path.split(SEPARATOR).map(str::to_owned).collect()).collect();
        for depth in 0..paths.iter().map(Vec::len).max().unwrap_or(0) {
            self.reserve_level(control, &paths, depth).await?;
        }
        for plan in plans.iter_mut().filter(writes) {
            let id = |path: &Option<String>| path.as_deref().and_then(|path| self.find(path)).map(|id| id.to_string());
            let (before, after) = (id(&plan.changes.before[CATEGORY_PATH]), id(&plan.changes.after[CATEGORY_PATH]));
            plan.changes.write(CATEGORY_ID, FIELDS, before.as_deref(), after.as_deref());
        }
        Ok(())
    }

    /// Reserves what is missing of one level; the levels above are all known.
    async fn reserve_level(&mut self, control: &PgPool, paths: &[Vec<String>], depth: usize) -> Result<(), StageError> {
        let parent_and_name = |path: &Vec<String>| {
            let name = path.get(depth)?;
            let parent = if depth == 0 { 0 } else { self.find(&path[..depth].join(SEPARATOR))? };
            Some((parent, name.clone())).filter(|key| !self.ids.contains_key(key))
        };
        let missing: BTreeSet<(i64, String)> = paths.iter().filter_map(parent_and_name).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let (parents, names): (Vec<i64>, Vec<String>) = missing.into_iter().unzip();
        sqlx::query!(
            "INSERT INTO muster.import_makes (import_no, what, scope, key, depth, reserved_id)
             SELECT $1, 'category', m.parent, m.name, $4, nextval(pg_get_serial_sequence('lms.categories', 'id'))
               FROM unnest($2::bigint[], $3::text[]) m (parent, name)
              ORDER BY m.parent, m.name
                 ON CONFLICT DO NOTHING",
            self.import_no.0,
            &parents,
            &names,
            depth as i16,
        )
        .execute(control)
        .await?;
        let reserved = sqlx::query!(
            "SELECT scope, key, reserved_id FROM muster.import_makes WHERE import_no = $1 AND what = 'category' AND depth = $2",
            self.import_no.0,
            depth as i16,
        )
        .fetch_all(control)
        .await?;
        for make in reserved {
            self.put(make.reserved_id, make.scope, make.key);
        }
        Ok(())
    }
}

/// Makes the reserved categories, those nearer to the root first; how many. Where somebody else was quicker theirs is taken. What
/// belongs into a category that is gone is not made; the courses that would go there are held.
pub(super) async fn make(conn: &mut PgConnection, site: SiteId, import: ImportNo) -> Result<i64, StageError> {
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
    sqlx::query!("SET LOCAL enable_hashjoin = on").execute(&mut *conn).await?;
    let mut made = 0;
    for depth in depths {
        let inserted = sqlx::query!(
            "INSERT INTO lms.categories (id, site_id, parent_id, name, source)
             SELECT m.reserved_id, $2, nullif(coalesce(p.actual_id, m.scope), 0), m.key, $1
               FROM muster.import_makes m
               LEFT JOIN muster.import_makes p ON p.import_no = m.import_no AND p.what = m.what AND p.reserved_id = m.scope
              WHERE m.import_no = $1 AND m.what = 'category' AND m.depth = $3
                AND (m.scope = 0 OR EXISTS (SELECT FROM lms.categories c WHERE c.id = coalesce(p.actual_id, m.scope) AND c.site_id = $2))
              ORDER BY m.key
                 ON CONFLICT DO NOTHING",
            import.0,
            site.0,
            depth,
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

/// Courses whose plans put them into a category that is gone, or that could not be made. Those that are there are locked against
/// removal, in the order of their ids.
pub(super) async fn of_what_is_gone(conn: &mut PgConnection, piece: Piece) -> Result<Vec<i64>, StageError> {
    let named = sqlx::query!(
        r#"SELECT p.subject AS "course!", coalesce(m.actual_id, p.after[5]::bigint) AS "category!"
             FROM muster.plans_of($1, $2, $3) p
             LEFT JOIN muster.import_makes m ON m.import_no = p.import_no AND m.reserved_id = p.after[5]::bigint
            WHERE p.action::text IN ('c', 'u') AND p.mask & 16 <> 0"#,
        piece.import_no.0,
        piece.low,
        piece.high,
    )
    .fetch_all(&mut *conn)
    .await?;
    let ids: BTreeSet<i64> = named.iter().map(|plan| plan.category).collect();
    let there = sqlx::query_scalar!(
        "SELECT id FROM lms.categories WHERE id = ANY ($1) AND site_id = $2 ORDER BY id FOR KEY SHARE",
        &Vec::from_iter(ids),
        piece.site.0,
    )
    .fetch_all(conn)
    .await?;
    Ok(named.into_iter().filter(|plan| there.binary_search(&plan.category).is_err()).map(|plan| plan.course).collect())
}

/// Plans that name the categories which an import made by their reserved ids, with those that they really have.
pub(super) async fn with_actual_ids(conn: &mut PgConnection, import: ImportNo, plans: &[Plan]) -> Result<Vec<Plan>, StageError> {
    let others = sqlx::query!(
        r#"SELECT reserved_id, actual_id AS "actual_id!" FROM muster.import_makes
            WHERE import_no = $1 AND what = 'category' AND actual_id <> reserved_id"#,
        import.0,
    )
    .fetch_all(conn)
    .await?;
    let actual: HashMap<String, String> = others.into_iter().map(|row| (row.reserved_id.to_string(), row.actual_id.to_string())).collect();
    let mut plans = plans.to_vec();
    let ids = plans.iter_mut().flat_map(|plan| [plan.changes.before.get_mut(CATEGORY_ID), plan.changes.after.get_mut(CATEGORY_ID)]);
    for id in ids.flatten().flatten() {
        if let Some(actual) = actual.get(id.as_str()) {
            id.clone_from(actual);
        }
    }
    Ok(plans)
}

/// Takes away the categories that the undone import made, the deepest first, but those that were renamed or on which something
/// hangs; how many. They are locked against new courses and categories before anybody looks.
pub(super) async fn remove(conn: &mut PgConnection, site: SiteId, import: ImportNo) -> Result<i64, StageError> {
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
