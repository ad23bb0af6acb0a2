//! The floor: what the best script does that somebody could write by hand, in one session of psql,
//! with foreign keys on. It checks nothing, shows nothing beforehand, cannot be stopped and cannot
//! be undone.

use super::{
    ground::SITE,
    loads::Load,
    report::Cost,
    server::{Database, Server},
};
use anyhow::Context;
use std::path::Path;

const PROLOGUE: &str = include_str!("floor/prologue.sql");
const PEOPLE: &str = include_str!("floor/people.sql");
const SEGMENTS: &str = include_str!("floor/segments.sql");
const COURSES: &str = include_str!("floor/courses.sql");

/// Runs the script of a load on its file; what it took and cost.
pub(super) async fn run(
    server: &Server,
    database: &Database,
    load: Load,
    file: &Path,
) -> anyhow::Result<(f64, Cost)> {
    let site: i32 = sqlx::query_scalar("SELECT id FROM muster.sites WHERE slug = $1")
        .bind(SITE)
        .fetch_one(&mut database.connect().await?)
        .await?;
    let script = match load {
        Load::W1 | Load::W4 | Load::W5 => PEOPLE,
        Load::W2 => SEGMENTS,
        Load::W3 => COURSES,
    };
    let name = file
        .file_name()
        .and_then(|name| name.to_str())
        .context("a file has a name")?;
    let script = [PROLOGUE, script]
        .concat()
        .replace("{file}", name)
        .replace("{site}", &site.to_string());
    let before = Cost::of_server(server).await?;
    let took = database
        .psql(&script, file.parent().context("a file lies in a folder")?)
        .await?;
    Ok((
        took.as_secs_f64(),
        Cost::of_server(server).await?.since(before),
    ))
}
