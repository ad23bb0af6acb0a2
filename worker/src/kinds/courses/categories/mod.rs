//! Categories: paths such as `Science / Physics`. Those that are missing get reserved ids at
//! preview and are made by apply's prerequisites, unless somebody else was quicker. A site may have
//! many, and so may a file: only those are looked up that courses are in or that lines name.

mod apply;
mod count;

use super::{CATEGORY_ID, CATEGORY_PATH};
use crate::{error::StageError, kinds::cells::Cell};
use muster_shared::{
    model::{
        ids::{ImportNo, SiteId},
        issue::{Code, Issue},
        text::trimmed,
    },
    plan::{Plan, Work, Write},
};
use sqlx::{PgConnection, PgPool};
use std::collections::{BTreeSet, HashMap};

pub(super) use apply::{make, of_what_is_gone, remove, with_actual_ids};
pub(super) use count::{count_to_make, count_to_remove};

/// Between the names of a path.
const SEPARATOR: &str = " / ";
/// The most characters of one name.
const MAX_NAME: usize = 255;
/// The most names of one path. Each level of a file's paths is a statement of preview and one of
/// apply, and nobody finds a course below so many.
const MAX_DEPTH: usize = 10;

/// A path with its names trimmed; an issue if one of them is empty or too long, or if there are too
/// many.
pub(super) fn standard_path(cell: &Cell<'_>) -> Result<String, Issue> {
    let names: Vec<&str> = cell.text.split(SEPARATOR).map(trimmed).collect();
    if names.len() <= MAX_DEPTH && names.iter().copied().all(is_name) {
        return Ok(names.join(SEPARATOR));
    }
    let message = format!(
        "`{}` is a path such as Science / Physics, of at most {MAX_DEPTH} names with at most {MAX_NAME} characters, none of them empty.",
        cell.heading
    );
    Err(cell.issue(Issue::error(Code::BadValue, message)))
}

/// A separator at an end of the path was trimmed, and is left as a slash: the name beyond it is
/// empty.
fn is_name(name: &str) -> bool {
    let has_slash_at_end =
        |slash: Option<&str>| slash.is_some_and(|rest| rest.is_empty() || trimmed(rest) != rest);
    let is_half =
        has_slash_at_end(name.strip_prefix('/')) || has_slash_at_end(name.strip_suffix('/'));
    !name.is_empty() && !is_half && name.chars().count() <= MAX_NAME
}

/// Categories of a site, with those that this import makes.
pub(super) struct Categories {
    import_no: ImportNo,
    site: SiteId,
    /// By parent (0: none) and name.
    ids: HashMap<(i64, String), i64>,
    /// By id: parent, name.
    names: HashMap<i64, (i64, String)>,
}

impl Categories {
    /// None yet.
    pub(super) fn new(site: SiteId, import_no: ImportNo) -> Self {
        Self {
            import_no,
            site,
            ids: HashMap::new(),
            names: HashMap::new(),
        }
    }

    /// These and all above them. What this import makes goes by its reserved id, made already or
    /// not, as in the plans.
    pub(super) async fn look_up(
        &mut self,
        conn: &mut PgConnection,
        ids: impl Iterator<Item = i64>,
    ) -> Result<(), StageError> {
        let ids = Vec::from_iter(ids.collect::<BTreeSet<_>>());
        if ids.is_empty() {
            return Ok(());
        }
        let rows = sqlx::query!(
            r#"WITH RECURSIVE known AS NOT MATERIALIZED (
                    SELECT id, coalesce(parent_id, 0) AS parent, name FROM lms.categories WHERE site_id = $1
                     UNION ALL
                    SELECT reserved_id, scope, key FROM muster.import_makes WHERE import_no = $2 AND what = 'category'),
               upwards AS (
                    SELECT id, parent, name FROM known WHERE id = ANY ($3)
                     UNION
                    SELECT k.id, k.parent, k.name FROM upwards u JOIN known k ON k.id = u.parent)
               SELECT id AS "id!", parent AS "parent!", name AS "name!" FROM upwards"#,
            self.site.0,
            self.import_no.0,
            &ids,
        )
        .fetch_all(conn)
        .await?;
        self.names
            .extend(rows.into_iter().map(|row| (row.id, (row.parent, row.name))));
        Ok(())
    }

    /// The path of a category.
    pub(super) fn path(&self, id: i64) -> String {
        let mut names = Vec::new();
        let mut next = id;
        // Nothing keeps the LMS from hanging a category below itself.
        while let Some((parent, name)) = self
            .names
            .get(&next)
            .filter(|_| names.len() < self.names.len())
        {
            names.push(name.as_str());
            next = *parent;
        }
        names.reverse();
        names.join(SEPARATOR)
    }

    /// The plans, if the categories into which courses would go back are there.
    pub(super) fn check(&self, plans: Vec<Plan>) -> Result<Vec<Plan>, Issue> {
        let gone = |id: &str| {
            id.parse()
                .is_ok_and(|id: i64| !self.names.contains_key(&id))
        };
        let mut written = plans
            .iter()
            .filter_map(Plan::written)
            .filter_map(|write| write.changes.after(CATEGORY_ID));
        match written.find(|id| gone(id)) {
            Some(_) => Err(Issue::warning(
                Code::TargetChanged,
                "The category that it was in is gone.",
            )),
            None => Ok(plans),
        }
    }

    /// Puts the ids of the categories into the plans that write a path, reserving those that are
    /// missing. `places`: where each course is, and then is: by id, since a name may hold what
    /// stands between names.
    ///
    /// Reserving goes over `control`, a statement for each level: inside the long transaction of a
    /// batch two lanes that reserve the same names in another order would wait for each other.
    pub(super) async fn put_ids(
        &mut self,
        conn: &mut PgConnection,
        control: &PgPool,
        plans: &mut [Plan],
        places: &mut HashMap<i64, Option<String>>,
    ) -> Result<(), StageError> {
        let written: BTreeSet<String> = plans
            .iter()
            .filter_map(|plan| plan.written()?.changes.after(CATEGORY_PATH))
            .map(str::to_owned)
            .collect();
        let ids = self.ids_of(conn, control, &written).await?;
        for write in plans.iter_mut().filter_map(writing) {
            let Some(path) = write.changes.after(CATEGORY_PATH) else {
                continue;
            };
            let after = ids.get(path).map(ToString::to_string);
            let before = places.insert(write.subject, after.clone()).flatten();
            write
                .changes
                .write(CATEGORY_ID, before.as_deref(), after.as_deref());
        }
        Ok(())
    }

    /// The ids of categories by their paths, level by level: those above are known by then. Those
    /// that are missing are reserved.
    async fn ids_of<'a>(
        &mut self,
        conn: &mut PgConnection,
        control: &PgPool,
        paths: &'a BTreeSet<String>,
    ) -> Result<HashMap<&'a str, i64>, StageError> {
        let mut ids = HashMap::new();
        let mut steps: Vec<Step<'a>> = paths.iter().map(|path| Step::to(path)).collect();
        for depth in 0.. {
            let (level, whole): (Vec<_>, Vec<_>) =
                steps.into_iter().partition(|step| !step.names.is_empty());
            ids.extend(whole.iter().map(|step| (step.path, step.parent)));
            if level.is_empty() {
                break;
            }
            let keys = level.iter().map(Step::key).collect();
            self.find_level(conn, &keys).await?;
            self.reserve_level(control, &keys, depth).await?;
            steps = level
                .into_iter()
                .filter_map(|step| Some(step.on(*self.ids.get(&step.key())?)))
                .collect();
        }
        Ok(ids)
    }

    /// Looks up those of one level that are there.
    async fn find_level(
        &mut self,
        conn: &mut PgConnection,
        level: &BTreeSet<(i64, String)>,
    ) -> Result<(), StageError> {
        let (parents, names) = self.unknown(level);
        if parents.is_empty() {
            return Ok(());
        }
        let rows = sqlx::query!(
            r#"SELECT c.id AS "id!", n.parent AS "parent!", n.name AS "name!", false AS is_made_here
                 FROM unnest($2::bigint[], $3::text[]) n (parent, name)
                 JOIN lms.categories c ON c.site_id = $1 AND c.name = n.name AND c.parent_id IS NOT DISTINCT FROM nullif(n.parent, 0)
                UNION ALL
               SELECT m.reserved_id, m.scope, m.key, true
                 FROM unnest($2::bigint[], $3::text[]) n (parent, name)
                 JOIN muster.import_makes m ON m.import_no = $4 AND m.what = 'category' AND m.scope = n.parent AND m.key = n.name
                ORDER BY is_made_here"#,
            self.site.0,
            &parents,
            &names,
            self.import_no.0,
        )
        .fetch_all(conn)
        .await?;
        // What this import makes comes last: plans name it by its reserved id, made already or not.
        self.ids
            .extend(rows.into_iter().map(|row| ((row.parent, row.name), row.id)));
        Ok(())
    }

    /// Reserves what is missing of one level.
    async fn reserve_level(
        &mut self,
        control: &PgPool,
        level: &BTreeSet<(i64, String)>,
        depth: i16,
    ) -> Result<(), StageError> {
        let (parents, names) = self.unknown(level);
        if parents.is_empty() {
            return Ok(());
        }
        sqlx::query!(
            "INSERT INTO muster.import_makes (import_no, what, scope, key, depth, reserved_id)
             SELECT $1, 'category', m.parent, m.name, $4, nextval(pg_get_serial_sequence('lms.categories', 'id'))
               FROM unnest($2::bigint[], $3::text[]) m (parent, name)
              ORDER BY m.parent, m.name
                 ON CONFLICT DO NOTHING",
            self.import_no.0,
            &parents,
            &names,
            depth,
        )
        .execute(control)
        .await?;
        let reserved = sqlx::query!(
            "SELECT m.scope, m.key, m.reserved_id
               FROM unnest($2::bigint[], $3::text[]) n (parent, name)
               JOIN muster.import_makes m ON m.import_no = $1 AND m.what = 'category' AND m.scope = n.parent AND m.key = n.name",
            self.import_no.0,
            &parents,
            &names,
        )
        .fetch_all(control)
        .await?;
        self.ids.extend(
            reserved
                .into_iter()
                .map(|make| ((make.scope, make.key), make.reserved_id)),
        );
        Ok(())
    }

    /// Parents and names of those that are not known yet.
    fn unknown(&self, level: &BTreeSet<(i64, String)>) -> (Vec<i64>, Vec<String>) {
        level
            .iter()
            .filter(|key| !self.ids.contains_key(*key))
            .cloned()
            .unzip()
    }
}

fn writing(plan: &mut Plan) -> Option<&mut Write> {
    match &mut plan.work {
        Work::Write(write) => Some(write),
        Work::Skip | Work::Reject => None,
    }
}

/// On the way to a category, from the root.
struct Step<'a> {
    path: &'a str,
    parent: i64,
    /// That are still to be followed.
    names: Vec<&'a str>,
}

impl<'a> Step<'a> {
    fn to(path: &'a str) -> Self {
        Self {
            path,
            parent: 0,
            names: path.split(SEPARATOR).collect(),
        }
    }

    /// Parent and name of the next one.
    fn key(&self) -> (i64, String) {
        (
            self.parent,
            self.names.first().copied().unwrap_or_default().to_owned(),
        )
    }

    /// Goes on below the one that was found.
    fn on(&self, parent: i64) -> Self {
        Self {
            parent,
            names: self.names[1..].to_vec(),
            ..*self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn names_are_not_empty_at_the_ends_of_a_path_either() {
        for name in ["Science", "A/B testing", "and/or", "/etc", "TCP/"] {
            assert!(is_name(name), "{name:?}");
        }
        for name in ["", "/", "x /", "/ x", "x\u{a0}/", "/\u{200b}x"] {
            assert!(!is_name(name), "{name:?}");
        }
        assert!(is_name(&"é".repeat(255)) && !is_name(&"é".repeat(256)));
    }
}
