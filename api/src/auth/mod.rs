//! Who are you, and what may you do. The answer is a type in the handler's signature: [`Caller`], [`SystemAdmin`], or
//! [`Access`] with the role that it takes. A site in which an account has no role does not exist for it.

mod token;

use crate::{
    problem::{Needs, Problem},
    request::path::part,
    state::App,
};
use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
use muster_shared::{
    model::{
        access::Role,
        ids::{AccountId, SiteId},
        site::Site,
    },
    store::{StoreError, sites},
};
use std::marker::PhantomData;

pub(crate) use token::{Grant, Token, give_role, grant};

/// A person who works with Muster.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account {
    /// Who.
    pub(crate) id: AccountId,
    /// Manages sites. No role in any follows from it.
    pub(crate) is_system_admin: bool,
}

/// Anybody with a token.
pub(crate) struct Caller(pub(crate) Account);

/// A caller who manages sites.
pub(crate) struct SystemAdmin(pub(crate) Account);

/// A caller with the role `R`, or one that includes it, in the site of the address.
pub(crate) struct Access<R> {
    /// Who.
    pub(crate) account: Account,
    /// Where.
    pub(crate) site: Site,
    /// What they are there.
    pub(crate) role: Role,
    permission: PhantomData<R>,
}

/// A role as a type.
pub(crate) trait Permission {
    /// The role.
    const ROLE: Role;
}

/// Reads.
pub(crate) struct Viewer;
/// Uploads, previews and cancels.
pub(crate) struct Uploader;
/// Applies and manages.
pub(crate) struct Admin;

impl Permission for Viewer {
    const ROLE: Role = Role::Viewer;
}
impl Permission for Uploader {
    const ROLE: Role = Role::Uploader;
}
impl Permission for Admin {
    const ROLE: Role = Role::Admin;
}

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let header = parts.headers.get(header::AUTHORIZATION);
        let header = header.ok_or(Problem::Unauthenticated("Send a token: `Authorization: Bearer mst_…`."))?;
        let token = header.to_str().ok().and_then(Token::of_header).ok_or(Problem::Unauthenticated("This is no token of Muster."))?;
        let account = sqlx::query!(
            "SELECT a.id, a.is_system_admin
               FROM muster.tokens t
               JOIN muster.accounts a ON a.id = t.account_id
              WHERE t.hash = $1 AND (t.expires_at IS NULL OR t.expires_at > now())",
            &token.hash(),
        )
        .fetch_optional(&app.pool)
        .await?;
        let account = account.ok_or(Problem::Unauthenticated("This token is unknown or has expired."))?;
        Ok(Self(Account { id: AccountId(account.id), is_system_admin: account.is_system_admin }))
    }
}

impl FromRequestParts<App> for SystemAdmin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Caller(account) = Caller::from_request_parts(parts, app).await?;
        if account.is_system_admin { Ok(Self(account)) } else { Err(Problem::Forbidden(Needs::SystemAdmin)) }
    }
}

impl<R: Permission> FromRequestParts<App> for Access<R> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        const ABSENT: Problem = Problem::NotFound("There is no such site.");
        let Caller(account) = Caller::from_request_parts(parts, app).await?;
        let slug = part(parts, "site").await.ok_or(ABSENT)?;
        let (site, role) = membership(app, account.id, &slug).await?.ok_or(ABSENT)?;
        tracing::Span::current().record("site.id", site.id.0);
        if role < R::ROLE {
            return Err(Problem::Forbidden(Needs::Role(R::ROLE)));
        }
        Ok(Self { account, site, role, permission: PhantomData })
    }
}

async fn membership(app: &App, account: AccountId, slug: &str) -> Result<Option<(Site, Role)>, StoreError> {
    let found = sqlx::query!(
        "SELECT s.id, s.slug, s.name, s.settings, r.role
           FROM muster.sites s
           JOIN muster.site_roles r ON r.site_id = s.id AND r.account_id = $1
          WHERE s.slug = $2",
        account.0,
        slug,
    )
    .fetch_optional(&app.pool)
    .await?;
    found
        .map(|row| {
            let role = row.role.parse().map_err(|_| StoreError::inconsistent("site_roles.role", &row.role))?;
            Ok((Site { id: SiteId(row.id), slug: row.slug, name: row.name, settings: sites::settings(row.settings)? }, role))
        })
        .transpose()
}
