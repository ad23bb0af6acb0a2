//! What the command line does besides serving: migrate, make a site, make a token.

pub(crate) mod cell;

use crate::{auth, v1::sites};
use anyhow::{Context, bail};
use chrono::{TimeDelta, Utc};
use muster_shared::model::{access::Role, ids::SiteId};
use sqlx::{Connection, PgConnection, migrate::Migrator, postgres::PgConnectOptions};
use std::{io::Write, str::FromStr};

/// The story of the data, built into the program.
pub(crate) static MIGRATIONS: Migrator = sqlx::migrate!("../migrations");

/// A connection of its own: a migration may take longer than the statements of a request, and
/// whoever types a command wants to hear at once why there is none. sqlx's own table stays in one
/// fixed schema: by default the schema that is named like the user comes first as soon as it
/// exists, which for a user `muster` is after the first migration.
async fn connect(database_url: &str) -> anyhow::Result<PgConnection> {
    let options =
        PgConnectOptions::from_str(database_url).context("MUSTER_DATABASE_URL cannot be used")?;
    let options = options
        .application_name("muster-api command")
        .options([("search_path", "public")]);
    PgConnection::connect_with(&options)
        .await
        .context("the database does not answer")
}

/// Brings the tables up to this version, and has them numbered from the range of a cell if one is
/// given.
pub(crate) async fn migrate(database_url: &str, cell: Option<i64>) -> anyhow::Result<()> {
    let mut connection = connect(database_url).await?;
    MIGRATIONS.run(&mut connection).await?;
    if let Some(cell) = cell {
        cell::settle(&mut connection, cell)
            .await
            .with_context(|| format!("this database cannot be that of cell {cell}"))?;
    }
    let made = sqlx::query_scalar!(r#"SELECT muster.make_partitions() AS "made!""#)
        .fetch_one(&mut connection)
        .await?;
    tracing::info!(partitions = made, "the database is up to date");
    Ok(())
}

/// Makes a site with default settings.
pub(crate) async fn create_site(database_url: &str, slug: &str, name: &str) -> anyhow::Result<()> {
    let mut connection = connect(database_url).await?;
    let mut tx = connection.begin().await?;
    let faults = sites::faults(slug, name);
    if let Some(fault) = faults.first() {
        bail!("{}", fault.detail);
    }
    match sites::insert(&mut tx, slug, name, &serde_json::json!({})).await {
        Err(sqlx::Error::Database(error)) if error.constraint() == Some("sites_slug") => {
            bail!("there is a site {slug} already")
        }
        made => made?,
    };
    tx.commit().await?;
    tracing::info!(site.slug = slug, "the site was made");
    Ok(())
}

/// For whom a token is made.
#[derive(Debug, clap::Args)]
pub(crate) struct TokenArguments {
    /// E-mail address of the account; it is made if it is not there
    #[arg(long)]
    account: String,
    /// Slug of a site in which the account gets a role
    #[arg(long, requires = "role")]
    site: Option<String>,
    /// The role: viewer, uploader or admin
    #[arg(long, requires = "site")]
    role: Option<Role>,
    /// Lets the account manage sites
    #[arg(long)]
    system_admin: bool,
    /// Days until the token ends; without it, it does not
    #[arg(long, value_parser = clap::value_parser!(i64).range(1..=36_500))]
    expires: Option<i64>,
}

/// Makes a token and prints it, and nothing else, on standard output.
pub(crate) async fn create_token(
    database_url: &str,
    arguments: TokenArguments,
) -> anyhow::Result<()> {
    let email = arguments.account.trim().to_lowercase();
    if !email.contains('@') {
        bail!("--account is an e-mail address");
    }
    let mut connection = connect(database_url).await?;
    let mut tx = connection.begin().await?;
    let role = match arguments.site.zip(arguments.role) {
        Some((slug, role)) => Some((site_of(&mut tx, &slug).await?, role)),
        None => None,
    };
    let expires_at = arguments
        .expires
        .map(|days| Utc::now() + TimeDelta::days(days));
    let grant = auth::Grant {
        email,
        role,
        is_system_admin: arguments.system_admin,
        expires_at,
    };
    let token = auth::grant(&mut tx, &grant).await?;
    tx.commit().await?;
    writeln!(std::io::stdout(), "{}", token.reveal())?;
    Ok(())
}

async fn site_of(conn: &mut PgConnection, slug: &str) -> anyhow::Result<SiteId> {
    let id = sqlx::query_scalar!("SELECT id FROM muster.sites WHERE slug = $1", slug)
        .fetch_optional(conn)
        .await?;
    id.map(SiteId)
        .with_context(|| format!("there is no site {slug}"))
}
