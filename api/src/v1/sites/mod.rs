//! Sites: those one sees, and what a system administrator makes.

pub(crate) mod change;
pub(crate) mod create;
pub(crate) mod list;
pub(crate) mod show;

use crate::problem::{Fault, Problem};
use crate::request::body::{typed, unknown_members};
use muster_shared::{
    model::{
        access::Role,
        ids::SiteId,
        site::{Site, SiteSettings},
    },
    store::{imports::to_json, sites},
};
use serde::Serialize;
use serde_json::{Map, Value};
use sqlx::PgConnection;

/// The most characters of a site's name.
const NAME_CHARS: usize = 200;

/// A site as it is shown, with all its settings.
#[derive(Debug, Serialize)]
pub(crate) struct View {
    slug: String,
    name: String,
    role: Role,
    settings: SiteSettings,
}

impl View {
    pub(crate) fn new(site: Site, role: Role) -> Self {
        Self {
            slug: site.slug,
            name: site.name,
            role,
            settings: site.settings,
        }
    }
}

/// What is wrong with a slug or a name.
pub(crate) fn faults(slug: &str, name: &str) -> Vec<Fault> {
    let (first, rest) = (slug.bytes().next(), slug.bytes().skip(1));
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_slug = slug.len() <= 63
        && first.is_some_and(is_plain)
        && rest.into_iter().all(|byte| is_plain(byte) || byte == b'-');
    let mut faults = Vec::new();
    if !is_slug {
        let detail = "A slug is 1 to 63 small letters, digits and hyphens, and begins with none of the last.";
        faults.push(Fault::new("body", "invalid-value", detail).at("/slug"));
    }
    faults.extend(name_fault(name));
    faults
}

/// What is wrong with a name.
fn name_fault(name: &str) -> Option<Fault> {
    let is_name = !name.trim().is_empty() && name.chars().count() <= NAME_CHARS;
    (!is_name).then(|| {
        Fault::new(
            "body",
            "invalid-value",
            format!("A name has 1 to {NAME_CHARS} characters."),
        )
        .at("/name")
    })
}

/// Writes a new site. A slug that is taken violates `sites_slug`.
pub(crate) async fn insert(
    conn: &mut PgConnection,
    slug: &str,
    name: &str,
    settings: &Value,
) -> Result<SiteId, sqlx::Error> {
    let id = sqlx::query_scalar!(
        "INSERT INTO muster.sites (slug, name, settings) VALUES ($1, $2, $3) RETURNING id",
        slug,
        name.trim(),
        settings,
    )
    .fetch_one(conn)
    .await?;
    Ok(SiteId(id))
}

/// A member that is a text.
fn text<'a>(body: &'a Map<String, Value>, name: &str, faults: &mut Vec<Fault>) -> Option<&'a str> {
    let value = body.get(name)?;
    if value.as_str().is_none() {
        faults.push(
            Fault::new("body", "invalid-value", format!("`{name}` is a text."))
                .at(format!("/{name}")),
        );
    }
    value.as_str()
}

/// Settings with what is given put over them (RFC 7396: `null` takes a setting back to its
/// default), or what is wrong with it.
fn merged(settings: &SiteSettings, given: Option<&Value>) -> Result<SiteSettings, Vec<Fault>> {
    let members = match given {
        None | Some(Value::Null) => return Ok(settings.clone()),
        Some(Value::Object(members)) => members,
        Some(_) => {
            return Err(vec![
                Fault::new("body", "invalid-value", "`settings` is an object.").at("/settings"),
            ]);
        }
    };
    let unknown = unknown_members(
        "body",
        "/settings",
        members,
        &to_json(&SiteSettings::default()),
    );
    if !unknown.is_empty() {
        return Err(unknown);
    }
    let mut merged = to_json(settings);
    merge(&mut merged, &Value::Object(members.clone()));
    let settings: SiteSettings = typed("body", "/settings", merged).map_err(|fault| vec![fault])?;
    let too_much = settings.limits.beyond().into_iter().map(|(name, highest)| {
        Fault::new(
            "body",
            "invalid-value",
            format!("`{name}` is {highest} at most."),
        )
        .at(format!("/settings/limits/{name}"))
    });
    let faults: Vec<_> = too_much.collect();
    if faults.is_empty() {
        Ok(settings)
    } else {
        Err(faults)
    }
}

fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(members) = target else {
        return;
    };
    for (name, value) in patch {
        if value.is_null() {
            members.remove(name);
        } else {
            merge(members.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

/// What is stored of settings: only what differs from the defaults.
fn stored(settings: &SiteSettings) -> Value {
    difference(&to_json(settings), &to_json(&SiteSettings::default()))
        .unwrap_or_else(|| Value::Object(Map::new()))
}

fn difference(value: &Value, default: &Value) -> Option<Value> {
    match (value, default) {
        (Value::Object(members), Value::Object(defaults)) => {
            let differing = members.iter().filter_map(|(name, value)| {
                let default = defaults.get(name).unwrap_or(&Value::Null);
                difference(value, default).map(|value| (name.clone(), value))
            });
            let differing: Map<String, Value> = differing.collect();
            (!differing.is_empty()).then_some(Value::Object(differing))
        }
        _ => (value != default).then(|| value.clone()),
    }
}

/// The site of that id, as stored.
async fn of_id(conn: &mut PgConnection, id: SiteId) -> Result<Site, Problem> {
    Ok(sites::of_id(conn, id).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_differs_is_stored() {
        let settings = merged(
            &SiteSettings::default(),
            Some(&json!({"limits": {"lines": 5, "columns": 500}})),
        )
        .unwrap();
        assert_eq!(
            (settings.limits.lines, stored(&settings)),
            (5, json!({"limits": {"lines": 5}}))
        );
        let settings = merged(
            &settings,
            Some(&json!({"limits": {"lines": null, "columns": 7}})),
        )
        .unwrap();
        assert_eq!(stored(&settings), json!({"limits": {"columns": 7}}));
        assert_eq!(
            stored(&merged(&settings, Some(&json!({"limits": null}))).unwrap()),
            json!({})
        );
    }

    #[test]
    fn wrong_settings_are_told_with_their_place() {
        for (given, pointer) in [
            (json!({"limts": {}}), "/settings/limts"),
            (json!({"limits": {"linse": 1}}), "/settings/limits/linse"),
            (
                json!({"limits": {"lines": "many"}}),
                "/settings/limits/lines",
            ),
            (
                json!({"limits": {"lines_of_one_subject": 10_001}}),
                "/settings/limits/lines_of_one_subject",
            ),
            (
                json!({"limits": {"record_bytes": 8_000_000_000_u64}}),
                "/settings/limits/record_bytes",
            ),
            (
                json!({"limits": {"file_bytes": u64::MAX}}),
                "/settings/limits/file_bytes",
            ),
            (json!({"limits": 5}), "/settings/limits"),
            (
                json!({"keeping": {"undo_days": 0}}),
                "/settings/keeping/undo_days",
            ),
            (json!([]), "/settings"),
        ] {
            let faults = merged(&SiteSettings::default(), Some(&given)).unwrap_err();
            assert_eq!(faults[0].pointer.as_deref(), Some(pointer), "{given}");
        }
    }

    #[test]
    fn slugs_are_checked_as_the_table_does() {
        for (slug, fits) in [
            ("acme", true),
            ("a-1", true),
            ("", false),
            ("-a", false),
            ("Acme", false),
            ("a_b", false),
        ] {
            assert_eq!(faults(slug, "A").is_empty(), fits, "{slug}");
        }
        assert!(!faults("a", " ").is_empty());
    }
}
